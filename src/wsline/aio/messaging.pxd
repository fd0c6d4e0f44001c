from .session cimport Session


cdef class Messaging:
    cdef public Session _session
