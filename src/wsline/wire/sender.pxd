cimport cython
from libc.stdint cimport int64_t

from .deflate cimport Deflater, DeflateJob
from .kernels cimport Output
from .messages cimport MessageWriter


cdef unsigned _TEXT, _BINARY, _PREPARED
cdef Py_ssize_t _JOB_SIZE
cdef object _EMPTY

cdef _appended(pieces, piece)


@cython.final
cdef class MessageSender:
    cdef readonly Py_ssize_t waiting, aside
    cdef readonly int64_t messages
    cdef readonly DeflateJob job
    cdef Output _output
    cdef MessageWriter _writer
    cdef bint _is_direct, _masking, _job_masking
    cdef Deflater _deflater
    cdef bint _deflates, _is_open, _has_stream, _stream_compress
    cdef DeflateJob _running
    cdef object _queue, _later, _held

    cpdef deflate_by(self, Deflater deflater)
    cpdef int send_text(self, str text, bint fin) except -1
    cpdef int send_binary(self, bytes data, bint fin) except -1
    cpdef int send_prepared(self, message, bint compress) except -1
    cpdef int send_control(self, opcode, bytes payload) except -1
    cpdef int send_control_in_turn(self, opcode, bytes payload) except -1
    cpdef DeflateJob take_job(self)
    cpdef bint is_idle(self) noexcept
    cpdef bint is_fragmented(self) noexcept
    cdef void _leave_direct(self) noexcept
    cdef int _send_piece(self, piece) except -1
    cdef int _settle(self) except -1
    cdef int _end_stream(self) except -1
    cdef int _send(self, unsigned opcode, bytes payload, bint fin) except -1
    cdef int _put_later(self, piece) except -1
    cdef int _put(self, piece) except -1
    cdef int _write(self, piece) except -1
    @cython.locals(writer=MessageWriter, deflater=Deflater, n=Py_ssize_t)
    cdef void _write_message(self, unsigned opcode, bytes payload, bint fin, bint compress) except *
    cdef int _release(self) except -1
    @cython.locals(deflater=Deflater)
    cdef void _write_prepared(self, piece) except *
