cimport cython

from .kernels cimport Output
from .messages cimport MessageWriter


@cython.final
cdef class MessageSender:
    cdef readonly Py_ssize_t aside
    cdef object _role
    cdef Output _output
    cdef MessageWriter _writer, _later
    cdef list _frames

    cpdef void send_text(self, str text, bint fin) except *
    cpdef void send_binary(self, bytes data, bint fin) except *
    cpdef void send_control(self, opcode, bytes payload) except *
    cpdef void send_frame(self, bytes frame) except *
    cdef MessageWriter _current(self)
    cdef void _settle(self) except *
    cdef void _count(self) except *
