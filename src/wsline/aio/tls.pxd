cimport cython

from ..wire.kernels cimport Output, take_bytes
from .reactor cimport Reactor, SocketChannel
from .syscalls cimport receive, send


cdef int _MOST_READS, _MOST_SEGMENTS, _READABLE
cdef Py_ssize_t _HEADROOM, _MOST_UNSENT, _PIECE, _ROOM, _SIZE, _SMALL


@cython.final
cdef class Shared:
    cdef object incoming, outgoing, view
    cdef bint is_busy


cdef class TLSChannel(SocketChannel):
    cdef Shared _shared
    cdef object _tls, _fault
    cdef bint _has_ended, _has_said_farewell
    cdef bytes _unsent
    cdef Py_ssize_t _sent, _covered

    cdef int _greet(self) except -1
    cdef void _shake_hands(self) except *
    cdef bint has_output(self) noexcept
    @cython.locals(n=Py_ssize_t, _=int)
    cdef void _receive(self) except *
    cdef void _receive_eof(self) except *
    @cython.locals(size=Py_ssize_t)
    cdef int _take(self, Py_ssize_t n) except -1
    @cython.locals(shared=Shared, size=Py_ssize_t, got=Py_ssize_t)
    cdef Py_ssize_t _decrypt(self, Py_ssize_t n) except -1
    cdef int _finish(self) except -1
    cdef int _send_last(self) except -1
    @cython.locals(n=Py_ssize_t, progress=bint)
    cpdef void flush(self) except *
    @cython.locals(output=Output)
    cdef int _encrypt(self) except -1
    cdef int _encrypt_segments(self, Output output) except -1
    cdef int _collect(self) except -1
    cdef int _count(self, Py_ssize_t n) except -1
    cdef void _leave(self) except *
    cdef int _say_farewell(self) except -1
