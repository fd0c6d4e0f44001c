cimport cython
from libc.stdint cimport int64_t

from .kernels cimport Assembly


cdef Py_ssize_t _SLACK, _WORST
cdef bytes _TAIL, _EMPTY, _PROBE, _LAST


@cython.final
cdef class Ledger:
    cdef public Py_ssize_t total


cdef Ledger ledger


@cython.final
cdef class Lease:
    cdef Py_ssize_t size


@cython.final
cdef class Deflater:
    cdef readonly object settings
    cdef readonly Py_ssize_t threshold
    cdef bint _keeps_context
    cdef Py_ssize_t _least, _size
    cdef object _zlib
    cdef object _compressor
    cdef Lease _lease
    cdef bytes _dictionary

    cpdef bint wants(self, Py_ssize_t n) noexcept
    cpdef begin(self)
    @cython.locals(head=bytes, rest=bytes)
    cpdef bytes encode(self, bytes data, bint fin)
    cpdef end(self)
    @cython.locals(encoded=bytes)
    cpdef bytes deflate(self, bytes data, bint fin)
    cpdef follow(self, bytes tail)
    cpdef drop(self)


@cython.final
cdef class DeflateJob:
    cdef readonly unsigned opcode
    cdef readonly bint fin
    cdef readonly Py_ssize_t size
    cdef readonly bytes result
    cdef readonly object error
    cdef Deflater _deflater
    cdef bytes _data

    cpdef run(self)
    cpdef end(self)


@cython.final
cdef class Inflater:
    cdef object _implementation, _zlib
    cdef int _window_bits
    cdef bint _keeps_context
    cdef int64_t _max_payload, _chunk_size
    cdef object _decompressor
    cdef Lease _lease
    cdef int64_t _taken, _given

    cpdef void inflate(self, bytes data, bint last, Assembly assembly) except *
    @cython.locals(out=bytes, room=int64_t, most=int64_t, n=Py_ssize_t)
    cdef void _feed(self, bytes data, Assembly assembly) except *
    @cython.locals(out=bytes)
    cdef bytes _decode(self, bytes data, Py_ssize_t most)
    @cython.locals(out=bytes, at_end=bint)
    cdef void _finish(self) except *
    cdef void _begin(self) except *
    cdef void _drop_decompressor(self) except *
