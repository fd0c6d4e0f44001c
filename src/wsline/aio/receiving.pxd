cimport cython

from ..connection cimport Connection
from ..wire.kernels cimport Assembly
from ..wire.messages cimport Ping, Pong
from .channel cimport Channel, Consumer
from .coroutines cimport call
from .flow cimport Receive, ReceiveQueue, receive

cdef int _OPEN
cdef Py_ssize_t _CLOSING_SIZE


cdef class Receiving(Consumer):
    cdef readonly object loop
    cdef readonly Connection connection
    cdef public Channel channel
    cdef readonly ReceiveQueue queue
    cdef readonly bint is_paused
    cdef public bint tells_control
    cdef object _listener
    cdef int _arity
    cdef bint _pump_due, _has_close, _is_held

    cpdef void on_change(self) except *
    cpdef void receive(self, buffer, Py_ssize_t start, Py_ssize_t end) except *
    cpdef Assembly window(self)
    cpdef Py_ssize_t window_room(self) except -1
    cpdef void receive_window(self, Py_ssize_t n) except *
    cpdef void receive_eof(self) except *
    @cython.locals(queue=ReceiveQueue)
    cdef void _deliver(self, list events) except *
    cdef void _call_listener(self, message) except *
    cdef void _on_other(self, event) except *
    cpdef Receive receive_message(self, convert, bint ends)
