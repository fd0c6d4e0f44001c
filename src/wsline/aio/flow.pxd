cimport cython

from .coroutines cimport Awaitable
from .resuming cimport Waiter


cdef class Done(Awaitable):
    cpdef step(self)


cdef class Wait(Awaitable):
    cdef object _loop
    cdef Waiter _waiter
    cdef bint _is_done
    cdef object _result, _error

    cpdef step(self)


cdef class PingWait(Wait):
    cdef object _pings


cdef Py_ssize_t _FULL_SIZE, _LOW_SIZE, _MESSAGE_COST


@cython.final
cdef class ReceiveQueue:
    cdef readonly Py_ssize_t size
    cdef public object on_low, form
    cdef readonly object holder
    cdef object _loop
    cdef Py_ssize_t _most
    cdef list _items
    cdef Py_ssize_t _head
    cdef object _end
    cdef object _receiver
    cdef Waiter _waiter, _last

    cpdef int put(self, message) except -1
    cpdef bint has_messages(self) noexcept
    cpdef bint is_full(self) noexcept
    @cython.locals(items=list, head=Py_ssize_t)
    cpdef get(self)
    cpdef void finish(self, error) except *
    @cython.locals(waiter=Waiter)
    cpdef void wake(self, bint now) except *
    cpdef bint has_receiver(self) noexcept
    @cython.locals(waiter=Waiter)
    cpdef Waiter poll(self, receiver)
    cpdef void leave(self, receiver) noexcept
    cpdef void hold(self, holder) noexcept


cdef class Receive(Awaitable):
    cdef ReceiveQueue _queue
    cdef object _convert
    cdef bint _ends

    @cython.locals(waiter=Waiter)
    cpdef step(self)


@cython.locals(wait=Receive)
cpdef Receive receive(ReceiveQueue queue, convert, bint ends)


@cython.final
cdef class MessageIterator:
    cdef ReceiveQueue _queue
