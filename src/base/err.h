/* err.h: filling struct oc_err. `return oc_fail(err, OC_INPUT, where, "...")` is the usual line. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "outcross.h"

/* As {0}, without touching the kilobyte behind: for errors that live as long as one row. */
static inline void oc_err_clear(struct oc_err *err)
{
	err->code = OC_OK;
	err->where[0] = err->msg[0] = 0;
}

/* Sets the error unless one is set already (the first wins). `where` may be NULL. Returns -1. */
int oc_fail(struct oc_err *err, int code, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* As oc_fail with OC_IO, adding strerror(errno) and, for well-known causes, what to do. */
int oc_fail_errno(struct oc_err *err, const char *where, const char *what);

/* OC_MISSING: "WHAT 12 MB of memory, and 5 MB are allowed here: raise `memory:` (...)INSTEAD". */
int oc_fail_memory(struct oc_err *err, const char *where, const char *what, uint64_t need,
                   uint64_t allowed, const char *instead);

/* Puts "context: " before the place of an error that is set. Returns -1. */
int oc_fail_in(struct oc_err *err, const char *context);

#endif
