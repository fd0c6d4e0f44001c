cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef extern from "kernels.h":
    uint32_t wsline_load_key(const unsigned char *at)
    void wsline_store_key(unsigned char *to, uint32_t key)
    void wsline_mask(unsigned char *to, const unsigned char *at, size_t n, uint32_t key, unsigned phase)
    uint64_t wsline_read_uint(const unsigned char *at, size_t n)
    void wsline_write_uint(unsigned char *to, size_t n, uint64_t value)
    object wsline_text(const unsigned char *s, Py_ssize_t n, bint lenient)
    Py_ssize_t wsline_utf8_prefix(const unsigned char *s, size_t n)

cdef extern from "Python.h":
    object PyBytes_FromStringAndSize(const char *v, Py_ssize_t n)
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *n) except NULL

cpdef inline void unmask(unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, uint32_t key, unsigned phase) noexcept:
    if key != 0:
        wsline_mask(buffer + at, buffer + at, n, key, phase)

cpdef bytes masked(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, uint32_t key, unsigned phase)

cpdef inline uint64_t read_uint(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n) noexcept:
    return wsline_read_uint(buffer + at, n)

cpdef inline void write_uint(unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, uint64_t value) noexcept:
    wsline_write_uint(buffer + at, n, value)

cpdef inline uint32_t read_key(const unsigned char *buffer, Py_ssize_t at) noexcept:
    return wsline_load_key(buffer + at)

cpdef inline void write_key(unsigned char *buffer, Py_ssize_t at, uint32_t key) noexcept:
    wsline_store_key(buffer + at, key)

cpdef int write_bytes(unsigned char *buffer, Py_ssize_t at, bytes data) except -1

cpdef inline bytes take_bytes(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n):
    return PyBytes_FromStringAndSize(<const char *>buffer + at, n)

cpdef inline take_text(const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, bint lenient):
    return wsline_text(buffer + at, n, lenient)

cpdef inline Py_ssize_t utf8_size(str text) except -1:
    cdef Py_ssize_t n
    PyUnicode_AsUTF8AndSize(text, &n)
    return n


@cython.final
cdef class Assembly:
    cdef unsigned char *buffer
    cdef readonly Py_ssize_t length
    cdef Py_ssize_t checked
    cdef Py_ssize_t capacity
    cdef PyObject *data

    cdef int fit(self, Py_ssize_t need) except -1
    cpdef int expect(self, Py_ssize_t n) except -1
    cpdef Py_ssize_t room(self, Py_ssize_t n) except -1
    cpdef int append(
        self, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n, uint32_t key, unsigned phase
    ) except -1
    cpdef void commit(self, Py_ssize_t n, uint32_t key, unsigned phase) noexcept
    cpdef bint is_utf8(self) noexcept
    cpdef bytes take_bytes(self)
    cpdef take_text(self, bint lenient)
    cpdef void clear(self) noexcept


@cython.final
cdef class Output:
    cdef unsigned char *block
    cdef readonly Py_ssize_t start, end
    cdef Py_ssize_t capacity
    cdef readonly object segments
    cdef readonly Py_ssize_t offset, segments_size
    cdef public bint blocked
    cdef readonly int64_t sent

    cpdef inline Py_ssize_t pending(self) noexcept:
        return self.segments_size + self.end - self.start
    cdef Py_ssize_t grow(self, Py_ssize_t n) except -1
    cpdef inline Py_ssize_t reserve(self, Py_ssize_t n) except -1:
        if self.end + n <= self.capacity:
            return self.end
        return self.grow(n)
    cdef int put_segment(self, bytes data) except -1
    cdef inline int copy(self, const unsigned char *data, Py_ssize_t n, bint masking, uint32_t key) except -1
    cdef Py_ssize_t consume_segments(self, Py_ssize_t n) except -1
    cpdef int put(self, bytes data, bint masking, uint32_t key) except -1
    cpdef int put_text(self, str text, Py_ssize_t n, bint masking, uint32_t key) except -1
    cpdef int seal(self) except -1
    cpdef list views(self, Py_ssize_t most)
    cpdef int consume(self, Py_ssize_t n) except -1
    cpdef int settle(self) except -1
    cpdef int clear(self) except -1
    cpdef bytes take(self)
    cdef void release(self) noexcept
