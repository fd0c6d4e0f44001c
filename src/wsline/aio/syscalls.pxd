cimport cython

cdef extern from "syscalls.h" nogil:
    const int WSLINE_HAS_EPOLL
    const int WSLINE_MOST_READY
    const int EPOLL_CTL_ADD
    const int EPOLL_CTL_DEL
    const int EPOLL_CTL_MOD
    ctypedef struct wsline_event:
        pass
    Py_ssize_t wsline_receive(int fd, void *to, size_t n)
    Py_ssize_t wsline_send(int fd, const void *data, size_t n)
    bint wsline_try_again(Py_ssize_t result)
    int wsline_epoll_create()
    int wsline_epoll_control(int epoll, int operation, int fd, unsigned events)
    int wsline_epoll_wait(int epoll, wsline_event *ready, int most)
    int wsline_event_fd(const wsline_event *event)
    unsigned wsline_event_mask(const wsline_event *event)

cdef int check(Py_ssize_t result) except -2

cpdef inline Py_ssize_t receive(int fd, unsigned char *buffer, Py_ssize_t at, Py_ssize_t n) except -2:
    cdef Py_ssize_t got = wsline_receive(fd, buffer + at, n)
    if got < 0:
        return check(got)
    return got

cpdef inline Py_ssize_t send(int fd, const unsigned char *buffer, Py_ssize_t at, Py_ssize_t n) except -2:
    cdef Py_ssize_t taken = wsline_send(fd, buffer + at, n)
    if taken < 0:
        return check(taken)
    return taken


@cython.final
cdef class Poller:
    cdef int _epoll
    cdef wsline_event _ready[256]

    cdef int control(self, int operation, int fd, unsigned events) except -1
    cpdef int fileno(self) noexcept
    cpdef int add(self, int fd, unsigned events) except -1
    cpdef int change(self, int fd, unsigned events) except -1
    cpdef int remove(self, int fd) except -1
    cpdef int wait(self, int most) except -1
    cpdef int fd_at(self, int i) noexcept
    cpdef unsigned events_at(self, int i) noexcept
    cpdef int close(self) except -1
