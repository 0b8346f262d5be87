/* Prints the clock of this core in hertz: operations that wait for each other take a known number of cycles each. */

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS 20
#define CHAIN 1000000

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#define ADD __asm__ volatile(INSTRUCTION : "+r"(x));
#define TEN ADD ADD ADD ADD ADD ADD ADD ADD ADD ADD

#if defined(__x86_64__)
#define INSTRUCTION "imul %0, %0"
#define CYCLES 3
#elif defined(__aarch64__)
#define INSTRUCTION "add %0, %0, #1"
#define CYCLES 1
#else
#define INSTRUCTION "add %0, %0, #1"
#define CYCLES 1
#endif

int main(void) {
    double best = 1e30;
    uintptr_t x = 3;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = seconds();
        for (int i = 0; i < CHAIN / 10; i++) {
            TEN
        }
        double took = seconds() - begin;
        if (took < best) best = took;
    }
    printf("%.0f\n", CYCLES * (double)CHAIN / best);
    return 0;
}
