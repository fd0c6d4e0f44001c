cdef extern from "coroutines.h":
    int wsline_call(object function, object argument) except -1
    int wsline_run_in(object context, object callback, object argument) except -1


cdef class Awaitable:
    cdef public bint is_over

    cpdef step(self)
    cpdef send(self, value)
    cpdef close(self)


cpdef inline int call(function, argument) except -1:
    return wsline_call(function, argument)

cpdef inline int run_in(context, callback, argument) except -1:
    return wsline_run_in(context, callback, argument)

cpdef step_in(context, loop, task, coroutine)
