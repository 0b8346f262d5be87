/* Runs kernels that were just made, and trusts none of them.
 *
 *     runner KERNELS.so DATA.bin PLAN.txt
 *
 * DATA.bin holds operands and expected results of one task. PLAN.txt says what they are and which functions of
 * KERNELS.so compute them; `plan.py` writes it and has the grammar. Every kernel runs in a child process with limits
 * of time and memory: once on poisoned results, which are compared with the expected ones, then in turns with the
 * incumbent, the best kernel so far, so that what disturbs the machine disturbs both. One line on the standard output
 * says how each ended:
 *
 *     INDEX ok NS ... | NS ...        nanoseconds a run of each turn, the kernel's and the incumbent's
 *     INDEX wrong TEXT
 *     INDEX crashed TEXT
 *     INDEX timeout
 *     INDEX memory
 *
 * and a line `end` that all of them were tried. Arrays lie between pages that cannot be touched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_ARRAYS = 24, MOST_COPIES = 16, MOST_TURNS = 32, MOST_RUNS = 10000, CANARY = 0xA5, NAME = 128 };
enum { EXIT_MEMORY = 77 };

typedef struct {
    int64_t offset, bytes;
    int copies; /* so that a constant that a network reads once a run is not found in the nearest caches */
    char *data[MOST_COPIES];
} operand;

typedef struct {
    char type[4]; /* f2, f4, f8, b2 (bfloat16), or i and bytes: compared bit by bit */
    int64_t elements, bytes, offset, mask;
    double absolute, relative;
    char *data;
} result;

typedef struct {
    char symbol[NAME];
    int extent;
    int64_t scratch_bytes;
    void (*run)();
} kernel;

static operand operands[MOST_ARRAYS];
static result results[MOST_ARRAYS];
static int n_operands, n_results, turns;
static int64_t limit_ns, memory_bytes, turn_ns;
static double hopeless; /* a kernel so many times slower than the incumbent is not worth more turns */
static const char *data;
static int64_t data_bytes, page;

static void die(const char *what) {
    fprintf(stderr, "runner: %s: %s\n", what, errno ? strerror(errno) : "not understood");
    exit(2);
}

/* Memory that ends at a page that cannot be touched, up to the alignment of 64 bytes, and begins after another. */
static char *guarded(int64_t bytes) {
    int64_t used = (bytes + 63) / 64 * 64, mapped = (used + page - 1) / page * page;
    char *area = mmap(NULL, mapped + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED || mprotect(area + page, mapped, PROT_READ | PROT_WRITE)) return NULL;
    memset(area + page, CANARY, mapped);
    return area + page + mapped - used;
}

static void protect(char *array, int64_t bytes) {
    int64_t used = (bytes + 63) / 64 * 64, mapped = (used + page - 1) / page * page;
    mprotect(array + used - mapped, mapped, PROT_READ);
}

/* The bytes around an array, which a kernel must leave alone. */
static int touched(const char *array, int64_t bytes) {
    int64_t used = (bytes + 63) / 64 * 64, mapped = (used + page - 1) / page * page;
    for (const char *p = array + used - mapped; p < array; p++)
        if (*p != (char)CANARY) return 1;
    for (const char *p = array + bytes; p < array + used; p++)
        if (*p != (char)CANARY) return 1;
    return 0;
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A kernel takes operands, results, scratch if it needs any, and the iterations to do; how many there are is known
 * only here, so it is called through a type without a prototype: pointers and int are passed as they are. */
#define A1 a[0]
#define A2 A1, a[1]
#define A3 A2, a[2]
#define A4 A3, a[3]
#define A5 A4, a[4]
#define A6 A5, a[5]
#define A7 A6, a[6]
#define A8 A7, a[7]
#define A9 A8, a[8]
#define A10 A9, a[9]
#define A11 A10, a[10]
#define A12 A11, a[11]
#define A13 A12, a[12]
#define A14 A13, a[13]
#define A15 A14, a[14]
#define A16 A15, a[15]
#define A17 A16, a[16]
#define A18 A17, a[17]
#define A19 A18, a[18]
#define A20 A19, a[19]
#define A21 A20, a[20]
#define A22 A21, a[21]
#define A23 A22, a[22]
#define A24 A23, a[23]
#define A25 A24, a[24]
#define CASE(n) \
    case n: k->run(A##n, 0, k->extent); return;

static void call(const kernel *k, char *scratch, int copy) {
    void *a[2 * MOST_ARRAYS + 1];
    int n = 0;
    for (int i = 0; i < n_operands; i++) a[n++] = operands[i].data[copy % operands[i].copies];
    for (int i = 0; i < n_results; i++) a[n++] = results[i].data;
    if (k->scratch_bytes) a[n++] = scratch;
    switch (n) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13)
        CASE(14) CASE(15) CASE(16) CASE(17) CASE(18) CASE(19) CASE(20) CASE(21) CASE(22) CASE(23) CASE(24) CASE(25)
    }
    _exit(3); /* the plan was refused if it has more */
}

static float half(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? ldexpf((float)fraction, -24)
                                  : ldexpf((float)(fraction | 1024), exponent - 25);
    return bits >> 15 ? -value : value;
}

static float brain(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
}

static double element(const result *r, const char *array, int64_t i) {
    if (r->type[0] == 'b') return brain(((const uint16_t *)array)[i]);
    if (r->type[1] == '2') return half(((const uint16_t *)array)[i]);
    return r->type[1] == '4' ? ((const float *)array)[i] : ((const double *)array)[i];
}

/* Prints what is wrong and returns 1, or returns 0. */
static int is_wrong(FILE *out, int index, const kernel *k, char *scratch) {
    for (int n = 0; n < n_results; n++) {
        const result *r = &results[n];
        const char *want = data + r->offset, *mask = data + r->mask;
        int64_t size = r->bytes / (r->elements ? r->elements : 1);
        for (int64_t i = 0; i < r->elements; i++) {
            if (!mask[i]) continue;
            if (r->type[0] == 'i') {
                if (!memcmp(r->data + i * size, want + i * size, size)) continue;
                fprintf(out, "%d wrong element %" PRId64 " of result %d\n", index, i, n);
                return 1;
            }
            double a = element(r, r->data, i), b = element(r, want, i);
            if (a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= r->absolute + r->relative * fabs(b)) continue;
            fprintf(out, "%d wrong element %" PRId64 " of result %d is %g, expected %g\n", index, i, n, a, b);
            return 1;
        }
        if (touched(r->data, r->bytes)) {
            fprintf(out, "%d wrong it writes beside result %d\n", index, n);
            return 1;
        }
    }
    if (k->scratch_bytes && touched(scratch, k->scratch_bytes)) {
        fprintf(out, "%d wrong it writes beside its scratch\n", index);
        return 1;
    }
    return 0;
}

static int64_t turn(const kernel *k, char *scratch, int64_t runs) {
    int64_t begin = now();
    for (int64_t i = 0; i < runs; i++) call(k, scratch, (int)(i % MOST_COPIES));
    return (now() - begin) / runs;
}

static int64_t runs_of_a_turn(const kernel *k, char *scratch) {
    int64_t once = turn(k, scratch, 1);
    int64_t runs = turn_ns / (once > 0 ? once : 1);
    return runs < 1 ? 1 : runs > MOST_RUNS ? MOST_RUNS : runs;
}

static void print_times(FILE *out, const int64_t *times, int count) {
    for (int i = 0; i < count; i++) fprintf(out, " %" PRId64 "", times[i]);
}

static void time_turns(FILE *out, int index, const kernel *k, char *scratch, const kernel *other, char *others_scratch) {
    int64_t mine[MOST_TURNS], theirs[MOST_TURNS], best = INT64_MAX, best_other = INT64_MAX;
    int64_t runs = runs_of_a_turn(k, scratch), other_runs = other ? runs_of_a_turn(other, others_scratch) : 0;
    int taken = 0;
    while (taken < turns) {
        if (other) theirs[taken] = turn(other, others_scratch, other_runs);
        mine[taken] = turn(k, scratch, runs);
        if (mine[taken] < best) best = mine[taken];
        if (other && theirs[taken] < best_other) best_other = theirs[taken];
        taken++;
        if (other && taken >= 2 && (double)best > hopeless * (double)best_other) break;
    }
    fprintf(out, "%d ok", index);
    print_times(out, mine, taken);
    fprintf(out, " |");
    if (other) print_times(out, theirs, taken);
    fprintf(out, "\n");
}

/* A kernel that runs out of memory usually follows a null pointer next. */
static void on_fault(int signal_number) {
    char text[64] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    int64_t pages = file >= 0 && read(file, text, sizeof text - 1) > 0 ? atoll(text) : 0;
    if (memory_bytes && pages * page > memory_bytes - memory_bytes / 8) _exit(EXIT_MEMORY);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void limit_memory(void) {
    static char stack[65536];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    char text[64] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0 || !memory_bytes) return;
    close(file);
    memory_bytes += atoll(text) * page; /* beyond what this program has already */
    struct rlimit limit = {(rlim_t)memory_bytes, (rlim_t)memory_bytes};
    setrlimit(RLIMIT_AS, &limit);
}

static void try_kernel(FILE *out, int index, const kernel *k, const kernel *other) {
    limit_memory();
    for (int i = 0; i < n_results; i++)
        if (!(results[i].data = guarded(results[i].bytes))) _exit(EXIT_MEMORY);
    char *scratch = guarded(k->scratch_bytes), *others_scratch = guarded(other ? other->scratch_bytes : 0);
    if (!scratch || !others_scratch) _exit(EXIT_MEMORY);
    call(k, scratch, 0);
    if (!is_wrong(out, index, k, scratch)) {
        if (turns)
            time_turns(out, index, k, scratch, other, others_scratch);
        else
            fprintf(out, "%d ok |\n", index);
    }
    fflush(out);
    _exit(0);
}

/* Copies a child's line to the standard output, or says how the child ended. */
static void watch(int index, int from, pid_t child) {
    char text[4096];
    size_t length = 0;
    int64_t deadline = now() + limit_ns;
    int timed_out = 0;
    for (;;) {
        int64_t left = deadline - now();
        struct pollfd ready = {.fd = from, .events = POLLIN};
        int found = left > 0 ? poll(&ready, 1, (int)(left / 1000000) + 1) : 0;
        if (found < 0 && errno == EINTR) continue;
        if (found <= 0) {
            timed_out = 1;
            break;
        }
        ssize_t got = read(from, text + length, sizeof text - 1 - length);
        if (got <= 0) break;
        length += (size_t)got;
    }
    kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    text[length] = 0;
    if (length && text[length - 1] == '\n')
        fputs(text, stdout);
    else if (timed_out)
        printf("%d timeout\n", index);
    else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        printf("%d crashed signal %d\n", index, WTERMSIG(status));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MEMORY)
        printf("%d memory\n", index);
    else
        printf("%d crashed it ended its process\n", index);
    fflush(stdout);
}

static void run_in_child(int index, const kernel *k, const kernel *other) {
    int ends[2];
    if (pipe(ends)) die("pipe");
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        close(ends[0]);
        try_kernel(fdopen(ends[1], "w"), index, k, other);
    }
    close(ends[1]);
    watch(index, ends[0], child);
    close(ends[0]);
}

static const char *map_file(const char *path, int64_t *bytes) {
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status)) die(path);
    *bytes = status.st_size;
    const char *mapped = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) die(path);
    close(file);
    return mapped;
}

static void add_operand(const char *line) {
    operand *o = &operands[n_operands];
    if (n_operands >= MOST_ARRAYS / 2 || sscanf(line, "operand %" SCNd64 " %" SCNd64 " %d", &o->offset, &o->bytes, &o->copies) != 3 ||
        o->copies < 1 || o->copies > MOST_COPIES || o->offset + o->bytes > data_bytes)
        die(line);
    for (int i = 0; i < o->copies; i++) {
        if (!(o->data[i] = guarded(o->bytes))) die("operands");
        memcpy(o->data[i], data + o->offset, (size_t)o->bytes);
        protect(o->data[i], o->bytes);
    }
    n_operands++;
}

static void add_result(const char *line) {
    result *r = &results[n_results];
    if (n_results >= MOST_ARRAYS / 2 ||
        sscanf(line, "result %3s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %lf %lf", r->type, &r->elements, &r->bytes, &r->offset, &r->mask,
               &r->absolute, &r->relative) != 7 ||
        r->offset + r->bytes > data_bytes || r->mask + r->elements > data_bytes)
        die(line);
    n_results++;
}

static kernel read_kernel(const char *line, const char *format, void *library) {
    kernel k;
    if (sscanf(line, format, k.symbol, &k.extent, &k.scratch_bytes) != 3) die(line);
    *(void **)&k.run = dlsym(library, k.symbol);
    if (!k.run) die(dlerror());
    return k;
}

/* On one processor, the last of those allowed: the first ones have more of the system's own work. */
static void pin(void) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
    for (int i = CPU_SETSIZE - 1; i >= 0; i--)
        if (CPU_ISSET(i, &allowed)) {
            CPU_ZERO(&one);
            CPU_SET(i, &one);
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
}

int main(int count, char **arguments) {
    if (count != 4) die("usage: runner KERNELS.so DATA.bin PLAN.txt");
    page = sysconf(_SC_PAGESIZE);
    data = map_file(arguments[2], &data_bytes);
    int64_t plan_bytes;
    const char *text = map_file(arguments[3], &plan_bytes);
    FILE *plan = fmemopen((void *)text, (size_t)plan_bytes, "r"); /* a child's exit would rewind a file of both */
    if (!plan) die(arguments[3]);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) die(dlerror());
    pin();
    char line[512];
    kernel incumbent, k;
    int index = 0, has_incumbent = 0;
    while (fgets(line, sizeof line, plan)) {
        line[strcspn(line, "\n")] = 0;
        errno = 0;
        if (!strncmp(line, "limits ", 7)) {
            if (sscanf(line, "limits %" SCNd64 " %" SCNd64 " %d %" SCNd64 " %lf", &limit_ns, &memory_bytes, &turns, &turn_ns, &hopeless) != 5 ||
                turns > MOST_TURNS)
                die(line);
        } else if (!strncmp(line, "operand ", 8)) {
            add_operand(line);
        } else if (!strncmp(line, "result ", 7)) {
            add_result(line);
        } else if (!strncmp(line, "incumbent ", 10)) {
            incumbent = read_kernel(line, "incumbent %127s %d %" SCNd64 "", library);
            has_incumbent = 1;
        } else if (!strncmp(line, "kernel ", 7)) {
            k = read_kernel(line, "kernel %127s %d %" SCNd64 "", library);
            run_in_child(index++, &k, has_incumbent ? &incumbent : NULL);
        } else {
            die(line);
        }
    }
    puts("end");
    return 0;
}
