/* Runs kernels that were just made, and trusts none of them.
 *
 *     runner KERNELS.so DATA.bin PLAN.txt
 *
 * DATA.bin holds operands and expected results of one task. PLAN.txt says what they are and which functions of
 * KERNELS.so compute them; `protocol.py` writes it and has the grammar. Every kernel runs in a child process with limits
 * of time and memory: first on poisoned results, which are compared with the expected ones, then in turns with the
 * incumbent, the best kernel so far, so that what disturbs the machine disturbs both. Arrays lie between pages that
 * cannot be touched. Lines on the standard output say what happens:
 *
 *     begin INDEX                            kernel INDEX is about to run
 *     kernel INDEX ok NS ... | NS ...        nanoseconds a run of each turn, the kernel's and the incumbent's
 *     kernel INDEX wrong|crashed|timeout|memory TEXT
 *     refused TEXT                           the plan cannot be followed here, at least not further
 *     end                                    all kernels were tried
 */
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
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_COPIES = 64, MOST_TURNS = 32, MOST_RUNS = 10000, CANARY = 0xA5, POISON = 0xFF, NAME = 128 };
enum { EXIT_MEMORY = 77 };
enum { TURNS_BEFORE_GIVING_UP = 4 }; /* a disturbance outlasts a turn or two */

/* An array that begins at a multiple of 64 bytes and ends at most 63 before a page that cannot be touched; another such
 * page lies in front. What is mapped between them and not part of the array holds canaries. */
typedef struct {
    char *data;
    int64_t bytes, mapped;
    char name[32];
} array;

typedef struct {
    array copies[MOST_COPIES]; /* taken in turn, so that a constant that a network reads once a run comes from afar */
    int count;
} operand;

typedef struct {
    char type[4]; /* f2, f4, f8, b2 (bfloat16), or i and bytes: compared bit by bit */
    int64_t elements, bytes, offset, mask;
    double absolute, relative;
    array made;
} result;

typedef void adapter(void (*run)(void), void **arrays, int32_t begin, int32_t end);

typedef struct {
    char symbol[NAME];
    int32_t extent;
    int64_t scratch_bytes;
    array scratch;
    void (*run)(void);
    adapter *call; /* passes so many pointers as the kernel takes; it is in KERNELS.so */
} kernel;

static operand *operands;
static result *results;
static int n_operands, n_results, turns;
static int next_copy; /* of operands, for the next run that is timed: no two in a row use the same one */
static int64_t limit_ns, memory_bytes, turn_ns;
static double hopeless; /* a kernel so many times slower than the incumbent is not worth more turns */
static const char *data;
static int64_t data_bytes, page;
static void *library;

static void refuse(const char *what, const char *why) {
    printf("refused %s: %s\n", what, why);
    exit(2);
}

static void *grown(void *rows, int count, size_t size) {
    rows = realloc(rows, (size_t)(count + 1) * size);
    if (!rows) refuse("plan", strerror(errno));
    memset((char *)rows + (size_t)count * size, 0, size);
    return rows;
}

/* ---- arrays ---- */

static const char *first_page(const array *a) { return a->data + (a->bytes + 63) / 64 * 64 - a->mapped; }

static int protect(const array *a, int how) {
    return a->mapped ? mprotect((void *)first_page(a), (size_t)a->mapped, how) : 0;
}

static int allocate(array *a, int64_t bytes, const char *kind, int index) {
    int64_t used = (bytes + 63) / 64 * 64;
    a->bytes = bytes;
    a->mapped = (used + page - 1) / page * page;
    snprintf(a->name, sizeof a->name, "%s %d", kind, index);
    char *area = mmap(NULL, (size_t)(a->mapped + 2 * page), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) return 0;
    a->data = area + page + a->mapped - used;
    if (protect(a, PROT_READ | PROT_WRITE)) return 0;
    memset(area + page, CANARY, (size_t)a->mapped);
    memset(a->data, POISON, (size_t)bytes);
    return 1;
}

static int canary_gone(const array *a) {
    const char *begin = first_page(a), *end = begin + a->mapped;
    for (const char *p = begin; p < a->data; p++)
        if (*p != (char)CANARY) return 1;
    for (const char *p = a->data + a->bytes; p < end; p++)
        if (*p != (char)CANARY) return 1;
    return 0;
}

/* Whether an address lies in an array's pages or in the two around them. */
static int owns(const array *a, const char *address) {
    return a->data && address >= first_page(a) - page && address < first_page(a) + a->mapped + page;
}

/* ---- a child: one kernel ---- */

static const kernel *candidate, *incumbent; /* of this child; the incumbent may be NULL */
static int answer;                          /* where a child's line goes */

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void call(const kernel *k, int copy, int32_t begin, int32_t end) {
    void *arrays[n_operands + n_results + 1];
    int n = 0;
    for (int i = 0; i < n_operands; i++) arrays[n++] = operands[i].copies[copy % operands[i].count].data;
    for (int i = 0; i < n_results; i++) arrays[n++] = results[i].made.data;
    if (k->scratch_bytes) arrays[n++] = k->scratch.data;
    k->call(k->run, arrays, begin, end);
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

static double element(const result *r, const char *values, int64_t i) {
    if (r->type[0] == 'b') return brain(((const uint16_t *)values)[i]);
    if (r->type[1] == '2') return half(((const uint16_t *)values)[i]);
    return r->type[1] == '4' ? ((const float *)values)[i] : ((const double *)values)[i];
}

static int near(double a, double b, const result *r) {
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= r->absolute + r->relative * fabs(b);
}

static void end_with(const char *line) {
    size_t length = strlen(line);
    _exit(write(answer, line, length) == (ssize_t)length ? 0 : 3);
}

static void check_elements(int index) {
    const result *r = &results[index];
    const char *want = data + r->offset, *mask = data + r->mask;
    int64_t size = r->elements ? r->bytes / r->elements : 1;
    char line[256];
    for (int64_t i = 0; i < r->elements; i++) {
        if (!mask[i]) continue;
        if (r->type[0] == 'i') {
            if (!memcmp(r->made.data + i * size, want + i * size, (size_t)size)) continue;
            snprintf(line, sizeof line, "wrong element %" PRId64 " of result %d differs\n", i, index);
        } else {
            double a = element(r, r->made.data, i), b = element(r, want, i);
            if (near(a, b, r)) continue;
            snprintf(line, sizeof line, "wrong element %" PRId64 " of result %d is %g, expected %g\n", i, index, a, b);
        }
        end_with(line);
    }
}

static void check_canaries(const array *a) {
    char line[256];
    snprintf(line, sizeof line, "wrong it writes beside %s\n", a->name);
    if (canary_gone(a)) end_with(line);
}

/* Ends the child when something is wrong. */
static void check(void) {
    for (int i = 0; i < n_results; i++) {
        check_elements(i);
        check_canaries(&results[i].made);
    }
    check_canaries(&candidate->scratch);
}

static double turn(const kernel *k, int64_t runs) {
    int64_t begin = now();
    for (int64_t i = 0; i < runs; i++, next_copy = (next_copy + 1) % MOST_COPIES) call(k, next_copy, 0, k->extent);
    return (double)(now() - begin) / (double)runs;
}

static int64_t runs_of_a_turn(const kernel *k) {
    double once = turn(k, 1);
    for (int i = 0; i < 2 && once * 4 < (double)turn_ns; i++) once = fmin(once, turn(k, 1));
    double runs = (double)turn_ns / fmax(once, 1);
    return runs < 1 ? 1 : runs > MOST_RUNS ? MOST_RUNS : (int64_t)runs;
}

static int append_times(char *line, int length, int room, const double *times, int count) {
    for (int i = 0; i < count; i++) length += snprintf(line + length, (size_t)(room - length), " %.1f", times[i]);
    return length;
}

static void take_turns(char *line, int room, int64_t deadline) {
    double mine[MOST_TURNS], theirs[MOST_TURNS], best = INFINITY, best_other = INFINITY;
    int64_t runs = runs_of_a_turn(candidate), other_runs = incumbent ? runs_of_a_turn(incumbent) : 0;
    int64_t slow = now() + 4 * turns * turn_ns; /* turns that are single runs, and long ones */
    int taken = 0;
    while (taken < turns) {
        if (incumbent) best_other = fmin(best_other, theirs[taken] = turn(incumbent, other_runs));
        best = fmin(best, mine[taken] = turn(candidate, runs));
        taken++;
        if (taken >= TURNS_BEFORE_GIVING_UP && best > hopeless * best_other) break;
        if (now() > deadline || (2 * taken >= turns && now() > slow)) break;
    }
    int length = append_times(line, snprintf(line, (size_t)room, "ok"), room, mine, taken);
    length += snprintf(line + length, (size_t)(room - length), " |");
    length = append_times(line, length, room, theirs, incumbent ? taken : 0);
    snprintf(line + length, (size_t)(room - length), "\n");
}

static int64_t address_space(void) {
    char text[64] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    int64_t pages = file >= 0 && read(file, text, sizeof text - 1) > 0 ? atoll(text) : 0;
    if (file >= 0) close(file);
    return pages * page;
}

static void blame(const array *a, const char *address) {
    if (!owns(a, address)) return;
    int inside = address >= first_page(a) && address < first_page(a) + a->mapped;
    char line[256];
    snprintf(line, sizeof line, "wrong it %s %s\n", inside ? "writes to" : "reads or writes beside", a->name);
    end_with(line);
}

/* A fault at an array's edge is a wrong index. One of a process that has all the memory it may have is what becomes of
 * those who do not look at what they are given. */
static void on_fault(int number, siginfo_t *info, void *context) {
    (void)context;
    if (number == SIGSEGV) {
        for (int i = 0; i < n_operands; i++)
            for (int j = 0; j < operands[i].count; j++) blame(&operands[i].copies[j], info->si_addr);
        for (int i = 0; i < n_results; i++) blame(&results[i].made, info->si_addr);
        blame(&candidate->scratch, info->si_addr);
    }
    if (memory_bytes && address_space() > memory_bytes - memory_bytes / 8) _exit(EXIT_MEMORY);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_faults(void) {
    static char stack[65536]; /* the kernel's own may be what overflowed */
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER};
    sigaltstack(&alternative, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
}

static void limit_memory(void) {
    if (!memory_bytes) return;
    memory_bytes += address_space(); /* beyond what there is already */
    struct rlimit limit = {(rlim_t)memory_bytes, (rlim_t)memory_bytes};
    setrlimit(RLIMIT_AS, &limit);
}

static void try_kernel(kernel *k, kernel *other) {
    int64_t deadline = now() + limit_ns / 2;
    candidate = k, incumbent = other;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    catch_faults();
    for (int i = 0; i < n_results; i++)
        if (!allocate(&results[i].made, results[i].bytes, "result", i)) _exit(EXIT_MEMORY);
    limit_memory();
    if (!allocate(&k->scratch, k->scratch_bytes, "scratch", 0)) _exit(EXIT_MEMORY);
    if (other && !allocate(&other->scratch, other->scratch_bytes, "scratch", 1)) _exit(EXIT_MEMORY);
    /* In two parts, the second one first: that is a caller's right. */
    call(k, 0, k->extent / 2, k->extent);
    call(k, 0, 0, k->extent / 2);
    check();
    char line[32 * 2 * MOST_TURNS] = "ok |\n";
    if (turns) {
        take_turns(line, sizeof line, deadline);
        check();
    }
    end_with(line);
}

/* ---- the parent ---- */

/* The first line of a child goes to the standard output, or how the child ended. */
static void watch(int index, int from, pid_t child) {
    char text[4096];
    size_t length = 0;
    int64_t deadline = now() + limit_ns;
    int timed_out = 0;
    while (length < sizeof text - 1) {
        int64_t left = deadline - now();
        struct pollfd ready = {.fd = from, .events = POLLIN};
        int found = left > 0 ? poll(&ready, 1, (int)(left / 1000000) + 1) : 0;
        if (found < 0 && errno == EINTR) continue;
        if ((timed_out = found <= 0)) break;
        ssize_t got = read(from, text + length, sizeof text - 1 - length);
        if (got <= 0) break;
        length += (size_t)got;
    }
    kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    text[length] = 0;
    char *end = strchr(text, '\n');
    printf("kernel %d ", index);
    if (end)
        printf("%.*s\n", (int)(end - text), text);
    else if (timed_out)
        printf("timeout after %.1f s\n", (double)limit_ns * 1e-9);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MEMORY)
        printf("memory no more than was allowed\n");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        printf("memory killed, as a system does that runs short\n");
    else if (WIFSIGNALED(status))
        printf("crashed signal %d\n", WTERMSIG(status));
    else
        printf("crashed it ended its process with status %d\n", WEXITSTATUS(status));
    fflush(stdout);
}

static void run_in_child(int index, kernel *k, kernel *other) {
    int ends[2];
    if (pipe(ends)) refuse("pipe", strerror(errno));
    printf("begin %d\n", index);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) refuse("fork", strerror(errno));
    if (child == 0) {
        close(ends[0]);
        answer = ends[1];
        try_kernel(k, other);
    }
    close(ends[1]);
    watch(index, ends[0], child);
    close(ends[0]);
}

static const char *map_file(const char *path, int64_t *bytes) {
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status)) refuse(path, strerror(errno));
    *bytes = status.st_size;
    const char *mapped = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) refuse(path, strerror(errno));
    close(file);
    return mapped;
}

static int in_data(int64_t offset, int64_t bytes) {
    return offset >= 0 && bytes >= 0 && bytes <= data_bytes && offset <= data_bytes - bytes;
}

static void add_operand(const char *line) {
    int64_t offset, bytes;
    operands = grown(operands, n_operands, sizeof *operands);
    operand *o = &operands[n_operands];
    if (sscanf(line, "operand %" SCNd64 " %" SCNd64 " %d", &offset, &bytes, &o->count) != 3 || o->count < 1 ||
        o->count > MOST_COPIES || !in_data(offset, bytes))
        refuse(line, "not in the data, or too many copies");
    for (int i = 0; i < o->count; i++) {
        array *copy = &o->copies[i];
        if (!allocate(copy, bytes, "operand", n_operands)) refuse(line, strerror(errno));
        memcpy(copy->data, data + offset, (size_t)bytes);
        if (protect(copy, PROT_READ)) refuse(line, strerror(errno));
    }
    n_operands++;
}

static void add_result(const char *line) {
    results = grown(results, n_results, sizeof *results);
    result *r = &results[n_results++];
    if (sscanf(line, "result %3s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %lf %lf", r->type, &r->elements,
               &r->bytes, &r->offset, &r->mask, &r->absolute, &r->relative) != 7 ||
        !in_data(r->offset, r->bytes) || !in_data(r->mask, r->elements))
        refuse(line, "not in the data");
}

static void *function(const char *name) {
    void *found = dlsym(library, name);
    if (!found) refuse(name, dlerror());
    return found;
}

static kernel read_kernel(const char *line, const char *format) {
    kernel k = {0};
    if (sscanf(line, format, k.symbol, &k.extent, &k.scratch_bytes) != 3) refuse(line, "not understood");
    char name[32];
    snprintf(name, sizeof name, "kiln_call_%d", n_operands + n_results + (k.scratch_bytes != 0));
    *(void **)&k.run = function(k.symbol);
    *(void **)&k.call = function(name);
    return k;
}

/* On one processor, the last of those allowed: the first ones have more of the system's own work, and where there are
 * big and little ones the big ones come last. */
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

/* Two runners would time each other. */
static void wait_for_others(void) {
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self >= 0) flock(self, LOCK_EX);
}

int main(int count, char **arguments) {
    if (count != 4) refuse("usage", "runner KERNELS.so DATA.bin PLAN.txt");
    wait_for_others();
    page = sysconf(_SC_PAGESIZE);
    data = map_file(arguments[2], &data_bytes);
    FILE *plan = fopen(arguments[3], "r");
    if (!plan) refuse(arguments[3], strerror(errno));
    library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) refuse(arguments[1], dlerror());
    pin();
    char line[512];
    kernel rival, k;
    int index = 0, has_rival = 0;
    while (fgets(line, sizeof line, plan)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "limits ", 7)) {
            if (sscanf(line, "limits %" SCNd64 " %" SCNd64 " %d %" SCNd64 " %lf", &limit_ns, &memory_bytes, &turns,
                       &turn_ns, &hopeless) != 5 || turns > MOST_TURNS)
                refuse(line, "not understood");
        } else if (!strncmp(line, "operand ", 8)) {
            add_operand(line);
        } else if (!strncmp(line, "result ", 7)) {
            add_result(line);
        } else if (!strncmp(line, "incumbent ", 10)) {
            rival = read_kernel(line, "incumbent %127s %" SCNd32 " %" SCNd64);
            has_rival = 1;
        } else if (!strncmp(line, "kernel ", 7)) {
            k = read_kernel(line, "kernel %127s %" SCNd32 " %" SCNd64);
            run_in_child(index++, &k, has_rival ? &rival : NULL);
        } else {
            refuse(line, "not understood");
        }
    }
    puts("end");
    return 0;
}
