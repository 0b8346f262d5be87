/* kiln_weights.c: maps weights.bin, read-only and shared with every process that runs the same model.
 *
 * The header repeats size and digest of the payload, so that a file that was cut short or belongs to another
 * build is refused without reading 100 MB. Whether the payload itself still has that digest is for the Python
 * loader, which checks it when it unpacks an archive and in --selftest.
 */
#define _GNU_SOURCE
#include "kiln_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(kiln_weights_header) == KILN_ALIGNMENT, "the payload must start aligned");

static kiln_status check_header(const kiln_plan *plan, const kiln_weights_header *header, const char *path,
                                kiln_error *error) {
    if (memcmp(header->magic, KILN_WEIGHTS_MAGIC, sizeof header->magic) != 0)
        return kiln_fail(error, KILN_ERROR_ARTIFACT, "%s: not a weights file", path);
    if (header->payload_bytes != plan->weights_bytes || memcmp(header->sha256, plan->weights_sha256, 32) != 0)
        return kiln_fail(error, KILN_ERROR_ARTIFACT, "%s: the weights of another build of the model", path);
    return KILN_OK;
}

static kiln_status map_file(kiln_model *model, int file, const char *path, kiln_error *error) {
    struct stat info;
    if (fstat(file, &info) != 0) return kiln_fail(error, KILN_ERROR_IO, "%s: %s", path, strerror(errno));
    uint64_t expected = model->plan->weights_bytes + sizeof(kiln_weights_header);
    if (expected > SIZE_MAX)
        return kiln_fail(error, KILN_ERROR_MEMORY, "%s: too large for this machine's address space", path);
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size != expected)
        return kiln_fail(error, KILN_ERROR_ARTIFACT, "%s: truncated or replaced: %llu bytes, expected %llu",
                         path, (unsigned long long)info.st_size, (unsigned long long)expected);
    void *mapping = mmap(NULL, (size_t)expected, PROT_READ, MAP_SHARED, file, 0);
    if (mapping == MAP_FAILED)
        return kiln_fail(error, KILN_ERROR_IO, "%s: cannot map: %s", path, strerror(errno));
    model->mapping = mapping;
    model->mapping_bytes = (size_t)expected;
    return check_header(model->plan, mapping, path, error);
}

kiln_status kiln_map_weights(kiln_model *model, const char *directory, kiln_error *error) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/weights.bin", directory);
    if (length < 0 || (size_t)length >= sizeof path)
        return kiln_fail(error, KILN_ERROR_ARGUMENT, "the directory's name is too long");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return kiln_fail(error, KILN_ERROR_IO, "%s: %s", path, strerror(errno));
    kiln_status status = map_file(model, file, path, error);
    close(file);
    return status;
}
