cimport cython
from libc.stdint cimport int64_t

from .sending cimport Sending
from .wire.kernels cimport Assembly
from .wire.messages cimport MessageReader, Ping, Pong


cdef int _OPEN, _CLOSED
cdef object _PONG
cdef int64_t _NO_LIMIT


@cython.final
cdef class Connection(Sending):
    cdef readonly int exit
    cdef readonly object deflate
    cdef readonly int64_t opening_size
    cdef object _clock
    cdef readonly MessageReader reader
    cdef object _keepalive, _control_rate, _stalls
    cdef bint _heard, _auto_pong
    cdef double _close_due, _write_due
    cdef object _unacknowledged
    cdef object _held_pong
    cdef Py_ssize_t _held_pongs

    cdef void _move(self, happened) except *
    cpdef list receive(self, buffer, Py_ssize_t start, Py_ssize_t end)
    cpdef Assembly window(self)
    cpdef Py_ssize_t window_room(self) except -1
    cpdef list receive_window(self, Py_ssize_t n)
    cdef void _act_on_control(self, list events) except *
    cdef void _answer_ping(self, bytes payload) except *
    cdef void _leave(self) except *
    cpdef void acknowledge_close(self) except *
    cpdef void on_blocked(self) except *
    cpdef void on_progress(self) except *
