/* Wall time and the CPU time that a process has used. */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <stdint.h>
#include <sys/types.h>

struct cpu_time {
    double user;   /* seconds */
    double system; /* seconds */
};

uint64_t now_ns(void);

/*
 * Reads the CPU time of a process, all its threads included. The sum is the scheduler's exact account; how it
 * is split into user and system comes from the kernel's own estimate, which samples at clock ticks.
 */
struct cpu_time process_cpu_time(pid_t pid);

struct cpu_time cpu_time_between(struct cpu_time earlier, struct cpu_time later);

#endif
