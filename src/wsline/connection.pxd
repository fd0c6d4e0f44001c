cimport cython
from libc.stdint cimport int64_t

from .wire.kernels cimport Assembly, Output
from .wire.messages cimport MessageReader, Ping, Pong
from .wire.sender cimport MessageSender


cdef int _OPEN


@cython.final
cdef class Connection:
    cdef readonly object role, options
    cdef readonly Output output
    cdef readonly int state, exit
    cdef readonly object pings
    cdef readonly object cause, sent_close, received_close, initiator
    cdef bint _is_terminated
    cdef readonly int64_t opening_size
    cdef object _clock
    cdef readonly MessageReader reader
    cdef readonly MessageSender sender
    cdef object _keepalive
    cdef bint _heard
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
    cpdef void acknowledge_close(self) except *
    cpdef void check_open(self) except *
    cpdef int send_text(self, str text, bint fin) except -1
    cpdef int send_binary(self, bytes data, bint fin) except -1
    cpdef int send_frame(self, bytes frame) except -1
    cpdef Py_ssize_t pending(self) noexcept
    cpdef void on_blocked(self) except *
    cpdef void on_progress(self) except *
