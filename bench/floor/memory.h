/* Resident memory of a process. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>
#include <sys/types.h>

uint64_t resident_bytes(pid_t pid);

#endif
