/* kiln_split.h: which program of a plan computes which rows of a dynamic batch. */
#ifndef KILN_SPLIT_H
#define KILN_SPLIT_H

#include "kiln_internal.h"

#pragma GCC visibility push(hidden)

/* Tiles of the first program, then of the second, and so on, are computed of the rows in their order. Together they
 * have as many rows as there are, or more: the last tile may be one that is not full. */
typedef struct kiln_split {
    int32_t tiles[KILN_MOST_PROGRAMS];
    bool shares_calls; /* whether threads share each call of one tile after the other, instead of the tiles */
} kiln_split;

/* The split that takes the shortest time on up to `threads` threads, by the plan's estimates, of tiles that take
 * `shared_seconds` where threads share their calls. Where programs differ in their results, the tiles are those that are
 * best for one thread, so that results depend on the number of rows alone. */
kiln_split kiln_split_rows(const kiln_plan *plan, const double *shared_seconds, int32_t rows, int threads);

#pragma GCC visibility pop

#endif
