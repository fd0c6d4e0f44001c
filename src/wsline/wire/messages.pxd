cimport cython
from libc.stdint cimport int64_t

from .deflate cimport Inflater
from .frames cimport FrameReader, FrameWriter
from .kernels cimport Assembly, Output, take_bytes, take_text, unmask, utf8_size, write_bytes


cdef unsigned _CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _FIN, _RSV1
cdef int64_t _UNLIMITED, _DIRECT


cdef class Ping:
    cdef readonly bytes payload


cdef class Pong(Ping):
    cdef public list answered


@cython.final
cdef class MessageReader:
    cdef readonly FrameReader frames
    cdef readonly bint finished
    cdef public bint saw_control
    cdef readonly int64_t messages, bytes_read, pings
    cdef readonly object splitter
    cdef int64_t _max_payload, _max_whole, _max_fragments, _max_chunks
    cdef bint _lenient
    cdef unsigned _opcode
    cdef Assembly _assembly
    cdef int64_t _fragments, _chunks
    cdef bint _in_frame
    cdef int64_t _missing
    cdef unsigned _phase
    cdef bytes _leftover
    cdef Inflater _inflater
    cdef bint _is_deflated

    cpdef inflate_by(self, Inflater inflater)
    @cython.locals(data="unsigned char *", at=Py_ssize_t, payload=Py_ssize_t)
    cpdef void receive(self, buffer, Py_ssize_t start, Py_ssize_t end, list events) except *
    cpdef Assembly window(self)
    cpdef Py_ssize_t window_room(self) except -1
    cpdef void receive_window(self, Py_ssize_t n, list events) except *
    cdef Py_ssize_t _put_back(self, unsigned char *data, Py_ssize_t at) except -1
    @cython.locals(frames=FrameReader)
    cdef bint _is_whole_message(self, Py_ssize_t available) noexcept
    @cython.locals(n=Py_ssize_t)
    cdef Py_ssize_t _receive_message(self, unsigned char *data, Py_ssize_t at, list events) except -1
    @cython.locals(n=Py_ssize_t)
    cdef Py_ssize_t _receive_control(self, unsigned char *data, Py_ssize_t at, list events) except -1
    @cython.locals(frames=FrameReader, known=int64_t)
    cdef int _begin_frame(self, Py_ssize_t available) except -1
    @cython.locals(n=Py_ssize_t)
    cdef Py_ssize_t _receive_payload(self, unsigned char *data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t _inflate(self, unsigned char *data, Py_ssize_t at, Py_ssize_t n) except -1
    @cython.locals(inflater=Inflater)
    cdef int _inflate_piece(self, bytes piece, bint last) except -1
    cdef int _advance(self, Py_ssize_t n) except -1
    cdef int _count_chunk(self, list events) except -1
    @cython.locals(is_text=cython.bint, fin=cython.bint, is_taken=cython.bint)
    cdef void _end_frame(self, list events) except *
    cpdef split(self)
    cpdef list stream_next(self)
    cpdef drop(self)


@cython.final
cdef class MessageWriter:
    cdef readonly FrameWriter frames
    cdef public bint is_open

    @cython.locals(n=Py_ssize_t)
    cpdef int write_text(self, str text, bint fin) except -1
    cpdef int write_binary(self, bytes data, bint fin) except -1
    @cython.locals(first=cython.uint)
    cpdef int write_payload(self, unsigned opcode, bytes payload, bint fin, bint deflated) except -1
    cdef unsigned _first(self, unsigned opcode, bint fin) noexcept
    cpdef int write_control(self, opcode, bytes payload) except -1
