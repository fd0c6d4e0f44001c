/* How the interpreter takes a step of a hand-made coroutine: by slots that report the end of it in their
 * return value. Raising StopIteration instead costs more than the message is worth. */
#ifndef WSLINE_STEPS_H
#define WSLINE_STEPS_H

#include <Python.h>

typedef PyObject *(*wsline_step)(PyObject *awaitable, int *is_over);

static wsline_step wsline_take_step;

static PySendResult wsline_send_slot(PyObject *awaitable, PyObject *value, PyObject **result)
{
    int is_over = 0;
    (void)value;
    *result = wsline_take_step(awaitable, &is_over);
    if (*result == NULL)
        return PYGEN_ERROR;
    return is_over ? PYGEN_RETURN : PYGEN_NEXT;
}

/* Sets StopIteration with the value, as generators do it. */
static void wsline_set_stop(PyObject *value)
{
    if (!PyTuple_Check(value) && !PyExceptionInstance_Check(value)) {
        PyErr_SetObject(PyExc_StopIteration, value);
        return;
    }
    /* PyErr_SetObject would take these for the arguments of the exception, or for itself. */
    PyObject *error = PyObject_CallOneArg(PyExc_StopIteration, value);
    if (error != NULL) {
        PyErr_SetObject(PyExc_StopIteration, error);
        Py_DECREF(error);
    }
}

static PyObject *wsline_next_slot(PyObject *awaitable)
{
    int is_over = 0;
    PyObject *result = wsline_take_step(awaitable, &is_over);
    if (result != NULL && is_over) {
        wsline_set_stop(result);
        Py_DECREF(result);
        return NULL;
    }
    return result;
}

/* Steps a coroutine of any kind: what it yields, or StopIteration. */
static inline PyObject *wsline_step_coroutine(PyObject *coroutine)
{
    PyObject *result;
    if (PyIter_Send(coroutine, Py_None, &result) != PYGEN_RETURN)
        return result;
    wsline_set_stop(result);
    Py_DECREF(result);
    return NULL;
}

/* Python 3.11 awaits by am_send, later versions by tp_iternext. */
static inline void wsline_set_slots(PyObject *kind, wsline_step take_step)
{
    PyTypeObject *type = (PyTypeObject *)kind;
    wsline_take_step = take_step;
    if (type->tp_as_async != NULL)
        type->tp_as_async->am_send = wsline_send_slot;
    type->tp_iternext = wsline_next_slot;
    PyType_Modified(type);
}

#endif
