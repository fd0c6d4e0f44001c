"""The loops over bytes, in C. `kernels.py` is the same in Python, and says what each one does."""

from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.ref cimport Py_CLEAR, Py_XDECREF, PyObject
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **data, Py_ssize_t n) except -1
    bytes PyUnicode_AsUTF8String(str text)
    const Py_ssize_t PY_SSIZE_T_MAX
    PyObject *PyBytes_Allocate "PyBytes_FromStringAndSize" (const char *v, Py_ssize_t n) except NULL

COMPILED = True

cdef Py_ssize_t EAGER = 1 << 20
cdef Py_ssize_t BLOCK = 1 << 16
cdef Py_ssize_t SEGMENT = 1 << 15


cpdef bytes masked(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, uint32_t key, unsigned phase):
    cdef bytes result = PyBytes_FromStringAndSize(NULL, n)
    wsline_mask(<unsigned char *>PyBytes_AS_STRING(result), buffer + at, n, key, phase)
    return result


cpdef int write_bytes(unsigned char *buffer, Py_ssize_t at, bytes data) except -1:
    memcpy(buffer + at, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return 0


cdef class Assembly:
    # The payload grows inside the bytes object that becomes the message: no copy at its end.

    def __dealloc__(self):
        Py_XDECREF(self.data)

    cdef int fit(self, Py_ssize_t need) except -1:
        if need <= self.capacity:
            return 0
        need += self.length >> 2
        self.capacity = 0
        self.buffer = NULL
        if self.data == NULL:
            self.data = PyBytes_Allocate(NULL, need)
        else:
            _PyBytes_Resize(&self.data, need)
        self.buffer = <unsigned char *>PyBytes_AS_STRING(<object>self.data)
        self.capacity = need
        return 0

    cpdef int expect(self, Py_ssize_t n) except -1:
        return self.fit(self.length + min(n, max(EAGER, self.length)))

    cpdef Py_ssize_t room(self, Py_ssize_t n) except -1:
        if self.length == self.capacity:
            self.expect(n)
        return min(n, self.capacity - self.length)

    cpdef int append(
        self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, uint32_t key, unsigned phase
    ) except -1:
        self.fit(self.length + n)
        if n == 0:
            return 0
        if key != 0:
            wsline_mask(self.buffer + self.length, buffer + at, n, key, phase)
        else:
            memcpy(self.buffer + self.length, buffer + at, n)
        self.length += n
        return 0

    cpdef void commit(self, Py_ssize_t n, uint32_t key, unsigned phase) noexcept:
        if key != 0:
            wsline_mask(self.buffer + self.length, self.buffer + self.length, n, key, phase)
        self.length += n

    cpdef bint is_utf8(self) noexcept:
        cdef Py_ssize_t used = wsline_utf8_prefix(self.buffer + self.checked, self.length - self.checked)
        if used < 0:
            return False
        self.checked += used
        return True

    cpdef bytes take_bytes(self):
        cdef bytes payload
        if self.length == 0:
            self.clear()
            return b""
        _PyBytes_Resize(&self.data, self.length)
        payload = <bytes>self.data
        self.clear()
        return payload

    cpdef take_text(self, bint lenient):
        cdef object text = wsline_text(self.buffer, self.length, lenient)
        self.clear()
        return text

    cpdef void clear(self) noexcept:
        Py_CLEAR(self.data)
        self.buffer = NULL
        self.capacity = self.length = self.checked = 0


# Blocks are lent to whatever output holds bytes, and come back when it is sent: an idle connection owns
# none, and a busy loop keeps writing into the same hot memory.
cdef unsigned char *spare_blocks[16]
cdef int spare_count = 0


cdef class Output:
    def __cinit__(self):
        self.segments = None

    def __dealloc__(self):
        self.release()

    cdef Py_ssize_t grow(self, Py_ssize_t n) except -1:
        global spare_count
        cdef void *block
        cdef Py_ssize_t capacity
        if self.block == NULL and n <= BLOCK and spare_count > 0:
            spare_count -= 1
            self.block = spare_blocks[spare_count]
            self.capacity = BLOCK
            return 0
        # Moving must set free more than it copies, or a long queue would be moved for each message.
        if self.start > self.end - self.start:
            memmove(self.block, self.block + self.start, self.end - self.start)
            self.end -= self.start
            self.start = 0
        if self.end + n > self.capacity:
            capacity = max(self.end + n + (self.end >> 1), BLOCK)
            block = realloc(self.block, capacity)
            if block == NULL:
                raise MemoryError
            self.block = <unsigned char *>block
            self.capacity = capacity
        return self.end

    cdef void release(self) noexcept:
        global spare_count
        if self.block != NULL:
            if self.capacity == BLOCK and spare_count < 16:
                spare_blocks[spare_count] = self.block
                spare_count += 1
            else:
                free(self.block)
        self.block = NULL
        self.start = self.end = self.capacity = 0

    cpdef int put(self, bytes data, bint masking, uint32_t key) except -1:
        cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
        if n >= SEGMENT and not masking:
            return self.put_segment(data)
        return self.copy(<unsigned char *>PyBytes_AS_STRING(data), n, masking, key)

    cdef int put_segment(self, bytes data) except -1:
        self.seal()
        self.segments.append(data)
        self.segments_size += PyBytes_GET_SIZE(data)
        return 0

    cdef inline int copy(self, const unsigned char *data, Py_ssize_t n, bint masking, uint32_t key) except -1:
        cdef Py_ssize_t at = self.reserve(n)
        if masking:
            wsline_mask(self.block + at, data, n, key, 0)
        else:
            memcpy(self.block + at, data, n)
        self.end = at + n
        return 0

    cpdef int put_text(self, str text, Py_ssize_t n, bint masking, uint32_t key) except -1:
        if n >= SEGMENT and not masking:
            return self.put_segment(PyUnicode_AsUTF8String(text))
        return self.copy(<const unsigned char *>PyUnicode_AsUTF8AndSize(text, &n), n, masking, key)

    cpdef int seal(self) except -1:
        if self.segments is None:
            self.segments = deque()
        if self.end > self.start:
            self.segments.append(PyBytes_FromStringAndSize(<const char *>self.block + self.start,
                                                           self.end - self.start))
            self.segments_size += self.end - self.start
        self.release()
        return 0

    cpdef list views(self, Py_ssize_t most):
        cdef list found = []
        self.seal()
        for segment in self.segments:
            if len(found) == most:
                break
            found.append(memoryview(segment))
        if found and self.offset:
            found[0] = found[0][self.offset:]
        return found

    cpdef int consume(self, Py_ssize_t n) except -1:
        self.sent += n
        if self.segments_size:
            n = self.consume_segments(n)
        self.start += n
        if self.start >= self.end:
            self.release()
        return 0

    cdef Py_ssize_t consume_segments(self, Py_ssize_t n) except -1:
        cdef Py_ssize_t left, taken
        while n > 0 and self.segments_size:
            left = len(self.segments[0]) - self.offset
            taken = min(n, left)
            n -= taken
            self.segments_size -= taken
            self.offset += taken
            if taken == left:
                self.segments.popleft()
                self.offset = 0
        return n

    cpdef int settle(self) except -1:
        cdef Py_ssize_t n = self.end - self.start
        cdef void *block
        if n == 0 or 2 * n >= self.capacity:
            return 0
        block = malloc(n)
        if block == NULL:
            raise MemoryError
        memcpy(block, self.block + self.start, n)
        self.release()
        self.block = <unsigned char *>block
        self.capacity = self.end = n
        return 0

    cpdef int clear(self) except -1:
        self.segments = None
        self.offset = self.segments_size = 0
        self.release()
        return 0

    cpdef bytes take(self):
        cdef bytes data = b"".join(self.views(PY_SSIZE_T_MAX))
        self.clear()
        return data
