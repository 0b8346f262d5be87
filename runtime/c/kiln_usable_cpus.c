/* kiln_usable_cpus.c: how many threads are worth starting in this process. */
#define _GNU_SOURCE
#include "kiln_internal.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int affinity_cpus(void) {
    union {
        cpu_set_t set;
        unsigned char bytes[1024]; /* 8,192 CPUs: the kernel refuses a mask shorter than its own */
    } mask;
    memset(&mask, 0, sizeof mask);
    int count = 0;
    if (sched_getaffinity(0, sizeof mask, &mask.set) == 0)
        for (size_t i = 0; i < sizeof mask; i++) count += __builtin_popcount(mask.bytes[i]);
    if (count == 0) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? count : 1;
}

/* Reads `count` numbers from a control file; "max" and unreadable files give false. */
static bool read_numbers(const char *path, double *numbers, int count) {
    FILE *file = fopen(path, "re");
    if (!file) return false;
    int got = 0;
    while (got < count && fscanf(file, "%lf", &numbers[got]) == 1) got++;
    fclose(file);
    return got == count;
}

/* CPUs' worth of time that the control group grants per period (version 2, then version 1); 0 without a
 * limit. */
static double quota_cpus(void) {
    double v2[2], quota, period;
    if (read_numbers("/sys/fs/cgroup/cpu.max", v2, 2)) return v2[0] / v2[1];
    if (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", &quota, 1) && quota > 0 &&
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", &period, 1))
        return quota / period;
    return 0;
}

int kiln_usable_cpus(void) {
    int cpus = affinity_cpus();
    double quota = quota_cpus();
    int granted = (int)(quota + 0.999); /* half a CPU still runs one thread */
    return granted > 0 && granted < cpus ? granted : cpus;
}
