from ..wire.kernels cimport Assembly, Output


cdef class Consumer:
    cdef public double armed_at
    cdef object __weakref__

    cpdef void receive(self, buffer, Py_ssize_t start, Py_ssize_t end) except *
    cpdef Assembly window(self)
    cpdef Py_ssize_t window_room(self) except -1
    cpdef void receive_window(self, Py_ssize_t n) except *
    cpdef void receive_eof(self) except *
    cpdef void on_blocked(self) except *
    cpdef void on_progress(self) except *
    cpdef void on_lost(self, error) except *
    cpdef void on_deadline(self, double now) except *


cdef class Channel:
    cdef readonly object loop
    cdef readonly Output output
    cdef public Consumer consumer
    cdef public bint corked
    cdef public int ending
    cdef public bint closed
    cdef public object local_address, remote_address
    cdef public bint is_ready
    cdef public bint secure
    cdef public object ssl_object

    cpdef void written(self) except *
    cpdef void flush(self) except *
    cpdef void pause_reading(self) except *
    cpdef void resume_reading(self) except *
    cpdef void abort(self) except *
