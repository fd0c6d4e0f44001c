cimport cython

from ..wire.kernels cimport Assembly, Output
from .channel cimport Channel, Consumer
from .syscalls cimport Poller, receive, send


cdef int _MOST_READY, _FEW, _GROUP, _MOST_READS, _MOST_SEGMENTS, _READABLE, _WRITABLE, _HEADROOM
cdef Py_ssize_t _FLUSH_SIZE, _SIZE


@cython.final
cdef class Reactor:
    cdef readonly object loop
    cdef readonly bytearray buffer
    cdef readonly object deadlines
    cdef public object tls
    cdef Poller _poller
    cdef list _channels, _written
    cdef Py_ssize_t _users

    @cython.locals(poller=Poller, channels=list, served=int, count=int, i=int, channel=SocketChannel, answered=list)
    cpdef void on_ready(self) except *
    @cython.locals(channel=SocketChannel)
    cdef void _flush_all(self, list channels) except *
    cpdef void flush_later(self, SocketChannel channel) except *
    @cython.locals(written=list, channel=SocketChannel)
    cpdef void _flush_written(self) except *


cdef class SocketChannel(Channel):
    cdef readonly int fd
    cdef Reactor _reactor
    cdef object _sock
    cdef bint _direct, _in_turn, _half_closed
    cdef unsigned _events

    cpdef void on_events(self, unsigned events) except *
    cpdef void on_readable(self) except *
    cdef bint has_output(self) noexcept
    cdef void _serve(self) except *
    @cython.locals(consumer=Consumer, window=Assembly, room=Py_ssize_t, n=Py_ssize_t, _=int)
    cdef void _receive(self) except *
    cdef void _receive_eof(self) except *
    cpdef void written(self) except *
    cpdef void end_turn(self) except *
    @cython.locals(output=Output, size=Py_ssize_t, n=Py_ssize_t, progress=bint)
    cpdef void flush(self) except *
    cdef Py_ssize_t _send(self, Output output) except -2
    @cython.locals(output=Output)
    cdef void _on_blocked(self, bint progress) except *
    cdef void _on_drained(self) except *
    cdef void _leave(self) except *
    cpdef void pause_reading(self) except *
    cpdef void resume_reading(self) except *
    cdef void _watch(self, unsigned events) except *
    cpdef void abort(self) except *
    cdef void _close(self, error) except *
