#include "clocks.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "system.h"

enum { NANOSECONDS = 1000000000 };

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* Reads utime and stime, fields 14 and 15 of /proc/PID/stat, in clock ticks. */
static void read_ticks(pid_t pid, double *user, double *system)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file) {
        die(path);
    }
    char line[1024];
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    /* The second field is the program's name and may itself hold blanks and parentheses. */
    const char *after_name = strrchr(line, ')');
    if (!after_name
        || sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", user, system)
               != 2) {
        die("/proc/PID/stat");
    }
}

struct cpu_reading read_cpu(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0) {
        die("process CPU clock");
    }
    struct cpu_reading reading = {.total = (double)used.tv_sec + (double)used.tv_nsec / NANOSECONDS};
    read_ticks(pid, &reading.user_ticks, &reading.system_ticks);
    return reading;
}

struct cpu_time cpu_time_between(struct cpu_reading earlier, struct cpu_reading later)
{
    double total = later.total - earlier.total;
    double user_ticks = later.user_ticks - earlier.user_ticks;
    double ticks = user_ticks + later.system_ticks - earlier.system_ticks;
    double user = ticks > 0 ? total * user_ticks / ticks : total;
    return (struct cpu_time){.user = user, .system = total - user};
}
