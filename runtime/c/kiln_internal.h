/* kiln_internal.h: what the runtime's own files share. */
#ifndef KILN_INTERNAL_H
#define KILN_INTERNAL_H

#include "kiln.h"
#include "kiln_plan.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Whatever a build's own flags are, model.so shows the functions of kiln.h only. */
#pragma GCC visibility push(hidden)

struct kiln_model {
    const kiln_plan *plan;
    void *mapping; /* weights.bin: header and payload */
    size_t mapping_bytes;
    int cpus;                /* that this process may use, at open */
    atomic_int references;   /* the owner's, and one per context */
    atomic_int busy_threads; /* threads of all contexts that are in a run: tells when spinning is pointless */
};

/* Fills `error` (when not NULL) and returns `status`. */
kiln_status kiln_fail(kiln_error *error, kiln_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* KILN_OK when this machine has all of `features`; otherwise an error that names the missing ones. */
kiln_status kiln_check_cpu(const char *const *features, uint32_t n_features, kiln_error *error);

/* How many threads this process may run at once: its CPU affinity, cut down by the container's CPU quota. */
int kiln_usable_cpus(void);

/* Maps `directory`/weights.bin into `model` and checks it against the plan. */
kiln_status kiln_map_weights(kiln_model *model, const char *directory, kiln_error *error);

/* Drops one reference; the last one frees the model. */
void kiln_release(kiln_model *model);

#pragma GCC visibility pop

#endif
