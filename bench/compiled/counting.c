/* Requests to callgrind: from where to where it counts, and what the count is called. Elsewhere they do nothing. */
#include <valgrind/callgrind.h>

void start_counting(void) {
    CALLGRIND_START_INSTRUMENTATION; /* once is enough: what it has translated stays */
    CALLGRIND_ZERO_STATS;
}

void end_counting(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
