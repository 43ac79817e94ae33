/* str.h: counted strings (struct oc_str) and a growing buffer. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <string.h>

#include "base/arena.h"

#define OC_LIT(s) ((struct oc_str){(s), sizeof(s) - 1})
#define OC_ARG(s) (int)(s).len, (s).p /* for "%.*s" */

static inline struct oc_str oc_str(const char *s)
{
	return (struct oc_str){s, s ? strlen(s) : 0};
}

/* Is it a byte of a UTF-8 sequence behind the first? */
static inline bool oc_utf8_continues(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

static inline bool oc_str_eq(struct oc_str a, struct oc_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool oc_str_is(struct oc_str a, const char *b)
{
	return oc_str_eq(a, oc_str(b));
}

int oc_str_cmp(struct oc_str a, struct oc_str b); /* bytewise, shorter first */
struct oc_str oc_str_trim(struct oc_str s);       /* ASCII white space */
bool oc_str_starts(struct oc_str s, const char *prefix);
/* Position of needle in s, or -1. O(n). */
ptrdiff_t oc_str_find(struct oc_str s, struct oc_str needle);

/* A buffer on the heap. Zero-initialise, release with oc_buf_fini. Growth never fails (oc_oom). */
struct oc_buf {
	char *p;
	size_t len, cap;
};

void oc_buf_fini(struct oc_buf *b);
void oc_buf_reserve(struct oc_buf *b, size_t more);
void oc_buf_printf(struct oc_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void oc_buf_u64(struct oc_buf *b, uint64_t v);
/* A JSON string with quotes; control characters escaped, the rest as it is (must be UTF-8). */
void oc_buf_json(struct oc_buf *b, struct oc_str s);
/* Shortest text that reads back as the same double; "null" for NaN and infinities. */
void oc_buf_double(struct oc_buf *b, double v);
const char *oc_buf_cstr(struct oc_buf *b); /* NUL-terminated view */

static inline void oc_buf_add(struct oc_buf *b, const void *p, size_t len)
{
	if (b->cap - b->len < len)
		oc_buf_reserve(b, len);
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static inline void oc_buf_str(struct oc_buf *b, struct oc_str s)
{
	oc_buf_add(b, s.p, s.len);
}

static inline void oc_buf_puts(struct oc_buf *b, const char *s)
{
	oc_buf_add(b, s, strlen(s));
}

static inline void oc_buf_putc(struct oc_buf *b, char c)
{
	oc_buf_add(b, &c, 1);
}

static inline struct oc_str oc_buf_view(const struct oc_buf *b)
{
	return (struct oc_str){b->p, b->len};
}

#endif
