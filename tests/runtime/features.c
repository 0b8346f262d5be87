/* features.c: prints which of the CPU features named as arguments kiln_cpu.c finds on this machine, one line
 * each: the name and "yes", or the name and the error's message. */
#include "kiln_internal.h"

#include <stdarg.h>
#include <stdio.h>

kiln_status kiln_fail(kiln_error *error, kiln_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        kiln_error error;
        const char *const features[] = {argv[i]};
        kiln_status status = kiln_check_cpu(features, 1, &error);
        printf("%s %s\n", argv[i], status == KILN_OK ? "yes" : error.message);
    }
    return 0;
}
