cimport cython
from libc.stdint cimport int64_t

from .kernels cimport Output
from .messages cimport MessageWriter


@cython.final
cdef class MessageSender:
    cdef readonly Py_ssize_t aside
    cdef readonly int64_t messages
    cdef object _role
    cdef Output _output
    cdef MessageWriter _writer, _later
    cdef list _frames

    cpdef int send_text(self, str text, bint fin) except -1
    cpdef int send_binary(self, bytes data, bint fin) except -1
    cpdef int send_control(self, opcode, bytes payload) except -1
    cpdef int send_frame(self, bytes frame) except -1
    cdef MessageWriter _current(self)
    cdef int _settle(self) except -1
    cdef int _count(self) except -1
