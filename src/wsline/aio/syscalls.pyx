"""The system calls of the hot path over the C library. `syscalls.py` says what each one does."""

import os

cdef extern from "unistd.h":
    int c_close "close" (int fd)

HAS_EPOLL = bool(WSLINE_HAS_EPOLL)

WOULD_BLOCK = -1

READABLE = 0x001
WRITABLE = 0x004


cdef int check(Py_ssize_t result) except -2:
    # Not inline: what is rare is kept out of the way.
    if wsline_try_again(result):
        return -1
    raise OSError(-result, os.strerror(-result))


cdef class Poller:
    def __cinit__(self):
        self._epoll = -1
        self._epoll = wsline_epoll_create()
        if self._epoll < 0:
            check(self._epoll)

    cdef int control(self, int operation, int fd, unsigned events) except -1:
        cdef int result = wsline_epoll_control(self._epoll, operation, fd, events)
        if result < 0:
            check(result)
        return 0

    cpdef int fileno(self) noexcept:
        return self._epoll

    cpdef int add(self, int fd, unsigned events) except -1:
        return self.control(EPOLL_CTL_ADD, fd, events)

    cpdef int change(self, int fd, unsigned events) except -1:
        return self.control(EPOLL_CTL_MOD, fd, events)

    cpdef int remove(self, int fd) except -1:
        return self.control(EPOLL_CTL_DEL, fd, 0)

    cpdef int wait(self, int most) except -1:
        cdef int n = wsline_epoll_wait(self._epoll, self._ready, most)
        if n < 0:
            check(n)
        return n

    cpdef int fd_at(self, int i) noexcept:
        return wsline_event_fd(&self._ready[i])

    cpdef unsigned events_at(self, int i) noexcept:
        return wsline_event_mask(&self._ready[i])

    cpdef int close(self) except -1:
        if self._epoll >= 0:
            os.close(self._epoll)
            self._epoll = -1
        return 0

    def __dealloc__(self):
        # The interpreter may be on its way out: no Python here.
        if self._epoll >= 0:
            c_close(self._epoll)
