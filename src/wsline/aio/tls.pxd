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

    cdef void _greet(self) except *
    cdef void _shake_hands(self) except *
    @cython.locals(n=Py_ssize_t, _=int)
    cdef void _receive(self) except *
    cdef void _receive_eof(self) except *
    @cython.locals(size=Py_ssize_t)
    cdef void _take(self, Py_ssize_t n) except *
    @cython.locals(shared=Shared, size=Py_ssize_t, got=Py_ssize_t)
    cdef Py_ssize_t _decrypt(self, Py_ssize_t n) except -1
    cdef void _finish(self) except *
    cdef void _send_last(self) except *
    @cython.locals(n=Py_ssize_t, progress=bint)
    cpdef void flush(self) except *
    @cython.locals(output=Output)
    cdef bint _encrypt(self) except -1
    cdef void _encrypt_segments(self, Output output) except *
    cdef void _collect(self) except *
    cdef void _count(self, Py_ssize_t n) except *
    cdef void _leave(self) except *
    cdef void _say_farewell(self) except *
