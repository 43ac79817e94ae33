#include "pipe/lines.h"

#include <stdlib.h>

#include "base/err.h"

#define READ_BYTES ((size_t)256 << 10)

enum mode { LINES, ARRAY, ARRAY_DONE };

struct oc_lines {
	struct oc_files *files;
	uint64_t max;
	bool arrays;

	char *buf; /* a window of the current file: [start, end) is not used yet */
	size_t start, end, cap;
	uint64_t offset; /* of buf[start] in the current file */
	uint64_t before; /* bytes of the files before it */
	uint64_t line;   /* line of buf[start], from 1 */
	bool open;       /* a file is being read */
	bool file_end;   /* and nothing more comes from it */
	enum mode mode;

	struct oc_line last;
	bool unread;
};

struct oc_lines *oc_lines_new(struct oc_files *files, uint64_t max_len, bool arrays)
{
	struct oc_lines *l = oc_zalloc(1, sizeof *l);

	l->files = files;
	l->max = max_len;
	l->arrays = arrays;
	l->cap = 4 * READ_BYTES;
	l->buf = oc_alloc(l->cap);
	return l;
}

void oc_lines_free(struct oc_lines *l)
{
	if (!l)
		return;
	free(l->buf);
	free(l);
}

void oc_lines_unread(struct oc_lines *l)
{
	l->unread = true;
}

/* Reads more of the file behind `end`. Sets file_end when there is none. */
static int more(struct oc_lines *l, struct oc_err *err)
{
	if (l->cap - l->end < READ_BYTES) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
		if (l->cap - l->end < READ_BYTES) {
			l->cap *= 2;
			l->buf = oc_realloc(l->buf, l->cap);
		}
	}
	ssize_t n = oc_files_read(l->files, l->buf + l->end, READ_BYTES, err);
	if (n < 0)
		return -1;
	l->file_end = n == 0;
	l->end += (size_t)n;
	return 0;
}

/* Moves `start` by n bytes, counting lines. */
static void take(struct oc_lines *l, size_t n)
{
	const char *p = l->buf + l->start, *end = p + n;

	l->start += n;
	l->offset += n;
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		l->line++;
		p++;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skips white space. 1: something follows, 0: the file ends. */
static int skip_space(struct oc_lines *l, struct oc_err *err)
{
	for (;;) {
		size_t i = l->start;
		while (i < l->end && is_space(l->buf[i]))
			i++;
		bool found = i < l->end;
		take(l, i - l->start);
		if (found)
			return 1;
		if (l->file_end)
			return 0;
		if (more(l, err))
			return -1;
	}
}

/* Opens the next file and finds out what it is. 1, or 0 after the last. */
static int next_file(struct oc_lines *l, struct oc_err *err)
{
	int rc = oc_files_next(l->files, err);

	if (rc <= 0)
		return rc;
	l->before += l->offset;
	l->start = l->end = 0;
	l->offset = 0;
	l->line = 1;
	l->open = true;
	l->file_end = false;
	l->mode = LINES;
	while (l->end - l->start < 3 && !l->file_end)
		if (more(l, err))
			return -1;
	if (l->end - l->start >= 3 && !memcmp(l->buf + l->start, "\xef\xbb\xbf", 3))
		take(l, 3);
	if (!l->arrays)
		return 1;
	rc = skip_space(l, err);
	if (rc > 0 && l->buf[l->start] == '[') {
		l->mode = ARRAY;
		take(l, 1);
	}
	return rc < 0 ? -1 : 1;
}

int oc_lines_skip(struct oc_lines *l, uint64_t offset, struct oc_err *err)
{
	while (l->before + l->offset < offset) {
		size_t have = l->end - l->start;
		uint64_t want = offset - l->before - l->offset;

		if (l->open && have) {
			take(l, have < want ? have : (size_t)want);
			continue;
		}
		if (l->open && !l->file_end) {
			l->start = l->end = 0;
			if (more(l, err))
				return -1;
			continue;
		}
		int rc = next_file(l, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return oc_fail(
				err, OC_INPUT, l->open ? oc_files_current(l->files)->path : NULL,
				"the inputs end before byte %llu, where this run had read on: "
				"they have changed",
				(unsigned long long)offset);
	}
	return 0;
}

/* A record of `n` bytes from start on; then `skip` bytes of ending are passed over. */
static int give(struct oc_lines *l, size_t n, size_t skip, struct oc_line *out)
{
	*out = (struct oc_line){.text = {l->buf + l->start, n},
	                        .offset = l->offset,
	                        .len = n,
	                        .number = l->line,
	                        .input = oc_files_current(l->files)};
	if (n > l->max) {
		out->too_long = true;
		out->text = (struct oc_str){0};
	}
	take(l, n + skip);
	out->after = l->before + l->offset;
	l->last = *out;
	return 1;
}

/* A line that is longer than the maximum: its bytes are counted and let go. */
static int pass_long_line(struct oc_lines *l, struct oc_line *out, struct oc_err *err)
{
	uint64_t len = 0;

	*out = (struct oc_line){.offset = l->offset,
	                        .number = l->line,
	                        .input = oc_files_current(l->files),
	                        .too_long = true};
	for (;;) {
		const char *at = l->buf + l->start;
		const char *nl = memchr(at, '\n', l->end - l->start);
		size_t n = nl ? (size_t)(nl - at) : l->end - l->start;
		len += n;
		take(l, n + (nl != NULL));
		if (nl || l->file_end)
			break;
		l->start = l->end = 0;
		if (more(l, err))
			return -1;
	}
	out->len = len;
	out->after = l->before + l->offset;
	l->last = *out;
	return 1;
}

static int next_line(struct oc_lines *l, struct oc_line *out, struct oc_err *err)
{
	size_t seen = 0;

	for (;;) {
		const char *at = l->buf + l->start;
		const char *nl = memchr(at + seen, '\n', l->end - l->start - seen);
		if (nl) {
			size_t n = (size_t)(nl - at), cr = n && nl[-1] == '\r';
			/* Lines are counted here, not by looking for their ends again. */
			*out = (struct oc_line){.text = {at, n - cr},
			                        .offset = l->offset,
			                        .len = n - cr,
			                        .number = l->line++,
			                        .input = oc_files_current(l->files)};
			if (n - cr > l->max) {
				out->too_long = true;
				out->text = (struct oc_str){0};
			}
			l->start += n + 1;
			l->offset += n + 1;
			out->after = l->before + l->offset;
			l->last = *out;
			return 1;
		}
		seen = l->end - l->start;
		if (l->file_end)
			return seen ? give(l, seen, 0, out) : 0;
		if (seen > l->max)
			return pass_long_line(l, out, err);
		if (more(l, err))
			return -1;
	}
}

/* Looks for the end of an element: a comma or bracket at its own level. */
struct scan {
	size_t at, depth; /* bytes looked at; brackets open within the element */
	bool string, escape;
};

static bool scan_element(struct scan *s, const char *p, size_t len)
{
	while (s->at < len) {
		char c = p[s->at];
		if (s->string) {
			if (s->escape)
				s->escape = false;
			else if (c == '\\')
				s->escape = true;
			else if (c == '"')
				s->string = false;
		} else if (c == '"') {
			s->string = true;
		} else if (c == '{' || c == '[') {
			s->depth++;
		} else if (!s->depth && (c == ',' || c == ']')) {
			return true;
		} else if (s->depth && (c == '}' || c == ']')) {
			s->depth--;
		}
		s->at++;
	}
	return false;
}

static int next_element(struct oc_lines *l, struct oc_line *out, struct oc_err *err)
{
	struct scan s = {0};
	int rc = skip_space(l, err);

	if (rc < 0)
		return -1;
	if (l->mode == ARRAY_DONE && rc == 0)
		return 0;
	if (l->mode == ARRAY && rc > 0 && l->buf[l->start] == ']') {
		take(l, 1);
		l->mode = ARRAY_DONE;
		return next_element(l, out, err);
	}
	for (;;) {
		size_t have = l->end - l->start;
		/* Behind the array nothing is looked for: the rest is one bad record. */
		if (l->mode == ARRAY && scan_element(&s, l->buf + l->start, have))
			break;
		if (l->file_end) {
			give(l, have, 0, out);
			out->bad = l->mode == ARRAY ? "the array is not closed"
			                            : "text follows the end of the array";
			l->mode = ARRAY_DONE;
			l->last = *out;
			return 1;
		}
		if (have > l->max)
			return oc_fail(
				err, OC_INPUT, oc_files_current(l->files)->path,
				"the array's element that begins on line %llu is longer than "
				"max_row (%llu bytes): its end cannot be looked for; raise "
				"max_row or mend the file",
				(unsigned long long)l->line, (unsigned long long)l->max);
		if (more(l, err))
			return -1;
	}
	size_t n = s.at;
	while (n && is_space(l->buf[l->start + n - 1]))
		n--;
	bool comma = l->buf[l->start + s.at] == ',';
	give(l, n, s.at - n, out);
	take(l, comma); /* a bracket is for the next call */
	out->after = l->before + l->offset;
	if (!n)
		out->bad = "an element is missing between two commas";
	l->last = *out;
	return 1;
}

int oc_lines_next(struct oc_lines *l, struct oc_line *out, struct oc_err *err)
{
	if (l->unread) {
		l->unread = false;
		*out = l->last;
		return 1;
	}
	for (;;) {
		int rc = 0;
		if (l->open)
			rc = l->mode == LINES ? next_line(l, out, err) : next_element(l, out, err);
		if (rc == 0)
			l->open = false;
		if (rc)
			return rc;
		rc = next_file(l, err);
		if (rc <= 0)
			return rc;
	}
}
