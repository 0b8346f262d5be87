/* kiln_split.c: see kiln_split.h.
 *
 * A program of many rows takes the least time per row, but a tile takes its time however few of its rows there are, and
 * is one thread's work. Each program may leave what does not fill its tiles, or does not fill one for every thread, to
 * those of fewer rows; these few splits are compared.
 */
#include "kiln_context.h"
#include "kiln_split.h"

#include <float.h>

typedef struct search {
    const kiln_plan *plan;
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

static void compare(search *s) {
    double seconds = seconds_of(s);
    if (seconds >= s->best_seconds) return;
    s->best_seconds = seconds;
    s->best = s->split;
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

kiln_split kiln_split_rows(const kiln_plan *plan, int32_t rows, int threads) {
    search s = {.plan = plan, .threads = plan->same_results ? threads : 1, .best_seconds = DBL_MAX};
    split_rest(&s, 0, rows);
    return s.best;
}
