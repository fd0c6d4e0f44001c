cimport cython
from libc.stdint cimport int64_t

from ..connection cimport Connection
from .channel cimport Channel
from .coroutines cimport Awaitable
from .flow cimport Wait
from .receiving cimport Receiving

cdef Awaitable _DONE


cdef class Session(Receiving):
    cdef readonly bint secure
    cdef public object opening
    cdef readonly object local_address, remote_address, ssl_object
    cdef object _emit, _deadlines
    cdef int64_t _high_water, _held_above
    cdef list _senders, _closers

    @cython.locals(connection=Connection)
    cpdef Awaitable send(self, data, bint fin)
    cpdef Awaitable send_prepared(self, message, bint compress)
    @cython.locals(channel=Channel)
    cdef Awaitable _written(self)
    cdef void _start_job(self) except *
    cdef Awaitable _wait_for_room(self)
    cdef void _send_held(self) except *
    cdef void _wake_senders(self) except *
    cpdef void on_change(self) except *
    cdef void _finish(self) except *
    cdef void _arm(self) except *
    cpdef void on_blocked(self) except *
    cpdef void on_progress(self) except *
    cpdef void on_lost(self, error) except *
    cpdef void on_deadline(self, double now) except *


cdef class SendWait(Awaitable):
    cdef Session _session
    cdef Wait _wait

    cpdef step(self)
