/* Calling without the objects that Cython and Python would make. */
#ifndef WSLINE_COROUTINES_H
#define WSLINE_COROUTINES_H

#include <Python.h>

static inline int wsline_call(PyObject *function, PyObject *argument)
{
    PyObject *result = PyObject_CallOneArg(function, argument);
    if (result == NULL)
        return -1;
    Py_DECREF(result);
    return 0;
}

static inline int wsline_run_in(PyObject *context, PyObject *callback, PyObject *argument)
{
    if (PyContext_Enter(context) < 0)
        return -1;
    int result = wsline_call(callback, argument);
    return PyContext_Exit(context) < 0 ? -1 : result;
}

#endif
