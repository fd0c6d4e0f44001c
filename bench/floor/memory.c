#include "memory.h"

#include <stdio.h>
#include <unistd.h>

#include "system.h"

uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "r");
    unsigned long long pages;
    if (!file || fscanf(file, "%*u %llu", &pages) != 1) {
        die(path);
    }
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
