/* split_driver.c: which code computes which rows of a dynamic batch, for a plan whose times are those of a forest.
 *
 * Linked with the runtime's sources. Prints "ok" and exits 0 when every expectation held. */
#include "expect.h"
#include "kiln_split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const kiln_program programs[] = {
    {.rows = 512, .seconds = 58e-6}, {.rows = 128, .seconds = 20e-6}, {.rows = 1, .seconds = 1.2e-6}};
/* What tiles take if threads share their calls: as long, where these cannot be cut, or less. */
static const double uncut[] = {58e-6, 20e-6, 1.2e-6}, cut[] = {32e-6, 12e-6, 1.2e-6};
const kiln_plan kiln_model_plan = {.abi = KILN_PLAN_ABI, .programs = programs, .n_programs = 3, .row_tile = 512};

typedef struct example {
    int32_t rows;
    int threads;
    bool same_results;
    int32_t tiles[3];
} example;

static const example examples[] = {
    {1, 1, true, {0, 0, 1}},       {16, 1, true, {0, 0, 16}},     {17, 1, true, {0, 1, 0}},
    {128, 1, true, {0, 1, 0}},     {130, 1, true, {0, 1, 2}},     {256, 1, true, {0, 2, 0}},
    {300, 1, true, {1, 0, 0}},     {512, 1, true, {1, 0, 0}},     {642, 1, true, {1, 1, 2}},
    {10000, 1, true, {20, 0, 0}},  {30, 2, true, {0, 0, 30}},     {30, 2, false, {0, 1, 0}},
    {256, 2, true, {0, 2, 0}},     {384, 2, true, {0, 3, 0}},     {512, 2, true, {0, 4, 0}},
    {512, 2, false, {1, 0, 0}},    {640, 2, true, {1, 1, 0}},     {1000, 2, true, {2, 0, 0}},
    {1536, 2, true, {2, 4, 0}},    {1536, 2, false, {3, 0, 0}},   {10000, 2, true, {20, 0, 0}},
    {9872, 2, true, {20, 0, 0}}, /* as soon done as 19 large tiles and some others */
    {2147483647, 2, true, {4194304, 0, 0}},
};

/* Where threads share calls, and where they would but for other tiles. */
static const example shared[] = {
    {30, 2, true, {0, 1, 0}},  {100, 2, true, {0, 1, 0}}, {128, 2, false, {0, 1, 0}},
    {512, 2, true, {1, 0, 0}}, {600, 2, false, {1, 1, 0}},
};
static const example whole[] = {
    {1, 2, true, {0, 0, 1}}, {16, 2, true, {0, 0, 16}}, {128, 1, true, {0, 1, 0}}, {1024, 2, true, {2, 0, 0}},
};

static void expect_split(const example *e, const double *shared_seconds, bool shares_calls) {
    kiln_plan plan = kiln_model_plan;
    plan.same_results = e->same_results;
    const kiln_split split = kiln_split_rows(&plan, shared_seconds, e->rows, e->threads);
    if (memcmp(split.tiles, e->tiles, sizeof e->tiles) == 0 && split.shares_calls == shares_calls) return;
    fprintf(stderr, "%d rows on %d threads: %d, %d, %d, which %s\n", e->rows, e->threads, split.tiles[0],
            split.tiles[1], split.tiles[2], split.shares_calls ? "share their calls" : "are whole");
    exit(1);
}

static void test_examples(void) {
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) expect_split(&examples[i], uncut, false);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) expect_split(&shared[i], cut, true);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) expect_split(&whole[i], cut, false);
}

/* Every row is computed, and no tile is without one. */
static void test_all_rows_are_computed(void) {
    kiln_plan plan = kiln_model_plan;
    plan.same_results = true;
    for (int32_t rows = 1; rows < 3000; rows++)
        for (int threads = 1; threads <= 7; threads++) {
            const kiln_split split = kiln_split_rows(&plan, rows % 2 ? cut : uncut, rows, threads);
            int32_t computed = 0, last = 0;
            for (int p = 0; p < 3; p++) {
                computed += split.tiles[p] * programs[p].rows;
                if (split.tiles[p]) last = programs[p].rows;
            }
            EXPECT(computed >= rows && computed - rows < last);
        }
}

int main(void) {
    test_examples();
    test_all_rows_are_computed();
    puts("ok");
    return 0;
}
