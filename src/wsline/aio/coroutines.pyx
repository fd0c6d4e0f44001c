"""Hand-made coroutines, in C. `coroutines.py` is the same in Python, and says what each one does."""

from asyncio.tasks import _enter_task, _leave_task

from cpython.contextvars cimport PyContext_Enter, PyContext_Exit
from cpython.ref cimport Py_INCREF, PyObject

cdef extern from "steps.h":
    ctypedef PyObject *(*wsline_step)(PyObject *awaitable, int *is_over) except NULL
    void wsline_set_slots(object kind, wsline_step take_step)
    object wsline_step_coroutine(object coroutine)

__all__ = ["Awaitable", "accelerate", "call", "run_in", "step_in"]


cdef class Awaitable:
    cpdef step(self):
        raise NotImplementedError

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return self.send(None)

    cpdef send(self, value):
        outcome = self.step()
        if self.is_over:
            raise StopIteration(outcome)
        return outcome

    def throw(self, kind, value=None, traceback=None):
        self.close()
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        raise value if traceback is None else value.with_traceback(traceback)

    cpdef close(self):
        pass


cdef PyObject *take_step(PyObject *awaitable, int *is_over) except NULL:
    cdef object outcome = (<Awaitable>awaitable).step()
    is_over[0] = (<Awaitable>awaitable).is_over
    Py_INCREF(outcome)
    return <PyObject *>outcome


def accelerate(kind):
    wsline_set_slots(kind, take_step)


cdef object enter_task = _enter_task
cdef object leave_task = _leave_task


cpdef step_in(context, loop, task, coroutine):
    PyContext_Enter(context)
    try:
        enter_task(loop, task)
        try:
            return wsline_step_coroutine(coroutine)
        finally:
            leave_task(loop, task)
    finally:
        PyContext_Exit(context)
