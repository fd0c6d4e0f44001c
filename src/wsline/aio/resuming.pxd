cimport cython

from .coroutines cimport run_in, step_in


cdef object _FINISHED


@cython.final
@cython.freelist(64)
cdef class Waiter:
    cdef public bint _asyncio_future_blocking
    cdef object _loop, _callback, _context, _cancel_message
    cdef Resumable _resumable
    cdef bint _is_done, _is_cancelled

    cdef _cancelled_error(self)
    cpdef bint done(self) noexcept
    cpdef int wake(self, bint now) except -1
    @cython.locals(resumable=Resumable)
    cdef int _step(self) except -1
    cpdef int set_resumable(self, Resumable resumable) except -1
    cdef int _call_soon(self) except -1


@cython.final
cdef class Resumable:
    cdef object _coroutine, _loop, _task
    cdef bint _has_news
    cdef object _yielded, _raised

    cdef bint resume(self, Waiter waiter, context) except -1
    cpdef send(self, value)
    cdef tuple _take_news(self)
    cdef _expect(self, yielded)
