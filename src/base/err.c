#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int exit;
} codes[] = {
#define X(name, exit, text) {#name, exit},
	OC_ERR_MAP(X)
#undef X
};

const char *oc_err_name(int code)
{
	size_t n = sizeof codes / sizeof codes[0];
	return code >= 0 && (size_t)code < n ? codes[code].name : "UNKNOWN";
}

int oc_err_exit(int code)
{
	size_t n = sizeof codes / sizeof codes[0];
	return code >= 0 && (size_t)code < n ? codes[code].exit : 6;
}

int oc_fail(struct oc_err *err, int code, const char *where, const char *fmt, ...)
{
	va_list args;

	if (err->code != OC_OK)
		return -1;
	err->code = code;
	snprintf(err->where, sizeof err->where, "%s", where ? where : "");
	va_start(args, fmt);
	vsnprintf(err->msg, sizeof err->msg, fmt, args);
	va_end(args);
	return -1;
}

/* "35 MB", never less than it is. */
static const char *rounded_up(uint64_t bytes, char out[32])
{
	bool small = bytes < 10 * 1000 * 1000;
	uint64_t unit = small ? 1000 : 1000 * 1000;

	snprintf(out, 32, "%llu %s", (unsigned long long)((bytes + unit - 1) / unit),
	         small ? "kB" : "MB");
	return out;
}

int oc_fail_memory(struct oc_err *err, const char *where, const char *what, uint64_t need,
                   uint64_t allowed, const char *instead)
{
	char wants[32], may[32];

	return oc_fail(err, OC_MISSING, where,
	               "%s %s of memory, and %s are allowed here: raise `memory:` (--memory of a "
	               "job)%s",
	               what, rounded_up(need, wants), rounded_up(allowed, may), instead);
}

/* What a person can do about the usual causes. */
static const char *advice(int e)
{
	switch (e) {
	case ENOENT: return " (check the path)";
	case EACCES:
	case EPERM: return " (check its permissions)";
	case ENOSPC: return " (free some space, then run the same command again)";
	case EDQUOT:
		return " (your disk quota is used up; free some space, then run the same command)";
	case EROFS: return " (choose a folder that can be written with -o)";
	case EMFILE: return " (raise the limit of open files: ulimit -n)";
	case EISDIR: return " (name a file, not a folder)";
	default: return "";
	}
}

int oc_fail_errno(struct oc_err *err, const char *where, const char *what)
{
	int e = errno;
	return oc_fail(err, OC_IO, where, "%s: %s%s", what, strerror(e), advice(e));
}

int oc_fail_in(struct oc_err *err, const char *context)
{
	char place[sizeof err->where];
	size_t len = strlen(context);

	/* Two floors that name the same part name it once. */
	if (strncmp(err->where, context, len) == 0 && (!err->where[len] || err->where[len] == ':'))
		return -1;
	if (err->where[0])
		snprintf(place, sizeof place, "%s: %.180s", context, err->where);
	else
		snprintf(place, sizeof place, "%s", context);
	memcpy(err->where, place, sizeof place);
	return -1;
}
