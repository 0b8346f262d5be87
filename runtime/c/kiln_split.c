/* kiln_split.c: see kiln_split.h.
 *
 * A program of many rows takes the least time per row, but a tile takes its time however few of its rows there are, and
 * is one thread's work. Each program may leave what does not fill its tiles, or does not fill one for every thread, to
 * those of fewer rows; these few splits are compared. Where there are fewer tiles than threads, all of these may share
 * the work within each.
 */
#include "kiln_context.h"
#include "kiln_split.h"

#include <float.h>

typedef struct search {
    const kiln_plan *plan;
    const double *shared_seconds;
    int threads;
    kiln_split split; /* the one that is being made */
    kiln_split best;
    double best_seconds;
} search;

/* How long threads take that claim tiles one by one, larger ones first: no less than their even share, nor than the
 * rounds that it takes to begin all tiles of a size. */
static double seconds_of(const search *s) {
    double total = 0;
    int64_t tiles = 0;
    for (uint32_t p = 0; p < s->plan->n_programs; p++) {
        total += s->split.tiles[p] * s->plan->programs[p].seconds;
        tiles += s->split.tiles[p];
    }
    int workers = kiln_workers_for(total, tiles, s->threads);
    double seconds = total / workers;
    tiles = 0;
    for (uint32_t p = 0; p < s->plan->n_programs; p++) {
        if (s->split.tiles[p] == 0) continue;
        tiles += s->split.tiles[p];
        double rounds = (double)((tiles + workers - 1) / workers) * s->plan->programs[p].seconds;
        if (rounds > seconds) seconds = rounds;
    }
    return seconds;
}

/* How long they take if they share the calls of one tile after the other. */
static double shared_seconds_of(const search *s) {
    double seconds = 0;
    for (uint32_t p = 0; p < s->plan->n_programs; p++) seconds += s->split.tiles[p] * s->shared_seconds[p];
    return seconds;
}

static int64_t tiles_of(const search *s, const kiln_split *split) {
    int64_t tiles = 0;
    for (uint32_t p = 0; p < s->plan->n_programs; p++) tiles += split->tiles[p];
    return tiles;
}

/* Of splits that take several threads the same time the one of fewer tiles is taken: threads that claim tiles of one
 * size end together, where those of several sizes seldom come out so evenly. */
static void compare(search *s) {
    double seconds = seconds_of(s);
    bool shares_calls = false;
    if (s->threads > 1 && shared_seconds_of(s) < seconds) {
        seconds = shared_seconds_of(s);
        shares_calls = true;
    }
    if (seconds > s->best_seconds) return;
    if (seconds == s->best_seconds && (s->threads == 1 || tiles_of(s, &s->split) >= tiles_of(s, &s->best))) return;
    s->best_seconds = seconds;
    s->best = s->split;
    s->best.shares_calls = shares_calls;
}

/* Tries the splits of the last `rows` rows over the programs from number `p` on. */
static void split_rest(search *s, uint32_t p, int32_t rows) {
    int32_t *tiles = &s->split.tiles[p];
    int32_t size = s->plan->programs[p].rows, whole = rows / size, rest = rows % size;
    *tiles = whole;
    if (rest == 0) {
        compare(s);
    } else {
        split_rest(s, p + 1, rest);
        *tiles = whole + 1;
        compare(s);
    }
    int32_t even = whole - whole % s->threads;
    if (even != whole && p + 1 < s->plan->n_programs) {
        *tiles = even;
        split_rest(s, p + 1, rows - even * size);
    }
    *tiles = 0;
}

kiln_split kiln_split_rows(const kiln_plan *plan, const double *shared_seconds, int32_t rows, int threads) {
    search s = {.plan = plan,
                .shared_seconds = shared_seconds,
                .threads = plan->same_results ? threads : 1,
                .best_seconds = DBL_MAX};
    split_rest(&s, 0, rows);
    if (s.threads == threads) return s.best;
    s.threads = threads;
    s.split = s.best;
    s.best_seconds = DBL_MAX;
    compare(&s);
    return s.best;
}
