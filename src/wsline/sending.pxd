from libc.stdint cimport int64_t

from .wire.deflate cimport DeflateJob
from .wire.kernels cimport Output
from .wire.sender cimport MessageSender


cdef int _OPEN
cdef int64_t _NO_LIMIT


cdef class Sending:
    cdef readonly object role, options, pings
    cdef readonly int64_t held_above
    cdef object _backlog
    cdef readonly Output output
    cdef readonly int state
    cdef readonly object cause, sent_close, received_close, initiator
    cdef bint _is_terminated, _is_overdue
    cdef int64_t _unsent
    cdef readonly MessageSender sender

    cpdef void check_open(self) except *
    cpdef int send_text(self, str text, bint fin) except -1
    cpdef int send_binary(self, bytes data, bint fin) except -1
    cpdef int send_prepared(self, message, bint compress) except -1
    cpdef bint has_job(self) noexcept
    cpdef DeflateJob take_job(self)
    cpdef Py_ssize_t queued(self) noexcept
    cpdef Py_ssize_t pending(self) noexcept
    cpdef void send_held(self, channel) except *
    cdef void _release(self, int64_t limit) except *
    cdef void _forget_held(self) except *
