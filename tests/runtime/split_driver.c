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
    {2147483647, 2, true, {4194304, 0, 0}},
};

static void test_examples(void) {
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        kiln_plan plan = kiln_model_plan;
        plan.same_results = e->same_results;
        const kiln_split split = kiln_split_rows(&plan, e->rows, e->threads);
        if (memcmp(split.tiles, e->tiles, sizeof e->tiles) == 0) continue;
        fprintf(stderr, "%d rows on %d threads: %d, %d, %d\n", e->rows, e->threads, split.tiles[0], split.tiles[1],
                split.tiles[2]);
        exit(1);
    }
}

/* Every row is computed, and no tile is without one. */
static void test_all_rows_are_computed(void) {
    kiln_plan plan = kiln_model_plan;
    plan.same_results = true;
    for (int32_t rows = 1; rows < 3000; rows++)
        for (int threads = 1; threads <= 7; threads++) {
            const kiln_split split = kiln_split_rows(&plan, rows, threads);
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
