/* Wall time and the CPU time that a process has used. */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <stdint.h>
#include <sys/types.h>

/* What a process has used up to a moment. */
struct cpu_reading {
    double total; /* seconds */
    double user_ticks;
    double system_ticks;
};

struct cpu_time {
    double user;   /* seconds */
    double system; /* seconds */
};

uint64_t now_ns(void);

/* Reads the CPU time of a process, all its threads included. */
struct cpu_reading read_cpu(pid_t pid);

/*
 * Returns what was used between two readings. The sum is the scheduler's exact account; how it is split into
 * user and system comes from the kernel's own estimate, which samples at clock ticks.
 */
struct cpu_time cpu_time_between(struct cpu_reading earlier, struct cpu_reading later);

#endif
