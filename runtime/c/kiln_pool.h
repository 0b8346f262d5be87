/* kiln_pool.h: the threads of one context.
 *
 * Fork and join: kiln_pool_run cuts a call into a few contiguous pieces, which the caller and the workers
 * claim one by one. On a busy machine a worker may wake late; the caller then does its pieces too, and never
 * waits for a thread that is not running one. Nothing is queued or allocated. A pool belongs to one calling
 * thread at a time.
 */
#ifndef KILN_POOL_H
#define KILN_POOL_H

#include "kiln_internal.h"

#pragma GCC visibility push(hidden)

typedef struct kiln_pool kiln_pool;

/* `threads` >= 1 counts the caller of kiln_pool_run. */
kiln_status kiln_pool_create(int threads, kiln_pool **pool, kiln_error *error);

/* Ends and joins the threads; NULL is allowed. In a forked child, where they do not exist, only frees. */
void kiln_pool_destroy(kiln_pool *pool);

/* Whether the process has forked since the pool was created, which leaves it without threads. */
bool kiln_pool_orphaned(const kiln_pool *pool);

#define KILN_FEW_PIECES  4  /* enough that one late or slow worker costs a fraction of its share */
#define KILN_MANY_PIECES 64 /* where an iteration takes so long that claiming it is nothing beside it */

/* Runs iterations [0, extent) of `call` on `workers` threads (at most the pool's), in up to `pieces` pieces for each;
 * `spin`: whether a thread that waits may burn a little time before it sleeps, which is right only while no more
 * threads run than there are CPUs. */
void kiln_pool_run(kiln_pool *pool, const kiln_call *call, const kiln_frame *frame, int workers, int pieces, bool spin);

#pragma GCC visibility pop

#endif
