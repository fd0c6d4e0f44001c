cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from .kernels cimport Output, read_key, read_uint, write_key, write_uint


@cython.final
cdef class FrameReader:
    cdef public bint expect_mask, allow_rsv1
    cdef readonly bint fin, rsv1
    cdef readonly unsigned opcode
    cdef readonly int64_t length
    cdef readonly uint32_t key

    @cython.locals(first=cython.uint, second=cython.uint, length=uint64_t, size=Py_ssize_t)
    cpdef Py_ssize_t read(self, const unsigned char *data, Py_ssize_t at, Py_ssize_t end) except -1
    cdef int _check(self, unsigned first, unsigned second) except -1
    cdef int _check_control(self, unsigned length) except -1


@cython.final
cdef class MaskingKeys:
    cdef object _random
    cdef bytes _pool
    cdef Py_ssize_t _at

    @cython.locals(pool=bytes, at=Py_ssize_t)
    cpdef uint32_t next(self) except? 0
    cpdef forget(self)


cdef MaskingKeys masking_keys


@cython.final
cdef class FrameWriter:
    cdef readonly Output output
    cdef public bint masking
    cdef readonly object generate_mask

    cpdef uint32_t next_key(self) except? 0
    @cython.locals(output=Output, at=Py_ssize_t, block="unsigned char *", bit=cython.uint)
    cpdef int header(self, unsigned first, Py_ssize_t n, bint masking, uint32_t key) except -1
    @cython.locals(key=uint32_t)
    cpdef int write(self, unsigned first, bytes payload) except -1
    @cython.locals(key=uint32_t)
    cpdef int write_text(self, unsigned first, str text, Py_ssize_t n) except -1
    cpdef int write_control(self, opcode, bytes payload) except -1
