#include "pipe/lines.h"

#include <stdlib.h>

#include "base/err.h"

#define READ_BYTES ((size_t)256 << 10)
#define READ_MORE  ((size_t)32 << 10) /* when the guess fell short: little is read in vain */

enum mode { LINES, ARRAY, ARRAY_DONE };

struct oc_lines {
	struct oc_files *files;
	uint64_t max;
	bool arrays;

	char *buf; /* a window of the current file: [start, end) is not used yet */
	char *own; /* (own_cap) the window without an arena, and of records too long for one */
	size_t own_cap;
	struct oc_arena *arena; /* where records belong, or NULL */
	size_t taken, guess;    /* bytes the records of this batch took, and those of the last */
	size_t start, end, cap;
	uint64_t offset; /* of buf[start] in the current file */
	uint64_t before; /* bytes of the files before it */
	uint64_t line;   /* line of buf[start], from 1 */
	bool open;       /* a file is being read */
	bool file_end;   /* and nothing more comes from it */
	enum mode mode;

	bool unread;
	struct oc_line last; /* what is unread */
	struct oc_buf kept;  /* its text between two batches */
};

struct oc_lines *oc_lines_new(struct oc_files *files, uint64_t max_len, bool arrays)
{
	struct oc_lines *l = oc_zalloc(1, sizeof *l);

	l->files = files;
	l->max = max_len;
	l->arrays = arrays;
	l->cap = l->own_cap = 4 * READ_BYTES;
	l->buf = l->own = oc_alloc(l->cap);
	l->guess = READ_BYTES;
	return l;
}

void oc_lines_free(struct oc_lines *l)
{
	if (!l)
		return;
	free(l->own);
	oc_buf_fini(&l->kept);
	free(l);
}

void oc_lines_unread(struct oc_lines *l, const struct oc_line *last)
{
	l->last = *last;
	l->unread = true;
}

static bool in_arena(const struct oc_lines *l)
{
	return l->buf != l->own;
}

/* A new window in the arena, with room for `more` bytes behind what is not used yet. */
static void move_window(struct oc_lines *l, size_t more)
{
	size_t have = l->end - l->start;
	char *buf = oc_arena_alloc(l->arena, have + more);

	memcpy(buf, l->buf + l->start, have);
	l->buf = buf;
	l->cap = have + more;
	l->start = 0;
	l->end = have;
}

static void move_home(struct oc_lines *l)
{
	size_t have = l->end - l->start;

	if (l->own_cap < have) {
		free(l->own);
		l->own_cap = 2 * have;
		l->own = oc_alloc(l->own_cap);
	}
	memcpy(l->own, l->buf + l->start, have);
	l->buf = l->own;
	l->cap = l->own_cap;
	l->start = 0;
	l->end = have;
}

void oc_lines_into(struct oc_lines *l, struct oc_arena *arena)
{
	if (l->arena) {
		if (l->unread) {
			l->kept.len = 0;
			oc_buf_str(&l->kept, l->last.text);
		}
		if (in_arena(l))
			move_home(l);
		l->guess = l->taken < OC_BATCH_BYTES ? l->taken : OC_BATCH_BYTES;
	}
	l->arena = arena;
	l->taken = 0;
	if (!arena)
		return;
	size_t have = l->end - l->start;
	move_window(l, (l->guess > have ? l->guess - have : 0) + 2 * READ_MORE);
	if (l->unread && l->last.text.len) {
		l->last.text = oc_arena_str(arena, oc_buf_view(&l->kept));
		l->last.newline = NULL;
	}
}

/* Makes room behind `end`. Returns how many bytes are worth reading. */
static size_t make_room(struct oc_lines *l)
{
	size_t have = l->end - l->start, want = READ_BYTES;

	if (in_arena(l) && have > OC_BATCH_BYTES)
		move_home(l);
	if (in_arena(l)) {
		/* The records before `start` stay where they are. */
		want = l->guess > l->taken + have ? l->guess - l->taken - have : 0;
		if (want < READ_MORE)
			want = READ_MORE;
		if (l->cap - l->end < READ_MORE)
			move_window(l, want + have);
		return l->cap - l->end < want ? l->cap - l->end : want;
	}
	if (l->cap - l->end < want) {
		memmove(l->buf, l->buf + l->start, have);
		l->end = have;
		l->start = 0;
		if (l->cap - l->end < want) {
			l->cap = l->own_cap = 2 * l->own_cap + want;
			l->buf = l->own = oc_realloc(l->own, l->cap);
		}
	}
	return want;
}

/* Where a record of the window stays when the window goes on. */
static struct oc_str place(struct oc_lines *l, const char *p, size_t n)
{
	struct oc_str text = {p, n};

	return l->arena && !in_arena(l) ? oc_arena_str(l->arena, text) : text;
}

/* Reads more of the file behind `end`. Sets file_end when there is none. */
static int more(struct oc_lines *l, struct oc_err *err)
{
	size_t want = make_room(l);
	ssize_t n = oc_files_read(l->files, l->buf + l->end, want, err);

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
	l->taken += n;
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
	l->end = l->start;
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
	*out = (struct oc_line){.offset = l->offset,
	                        .len = n,
	                        .number = l->line,
	                        .input = oc_files_current(l->files),
	                        .too_long = n > l->max,
	                        .array = l->mode != LINES};
	if (!out->too_long)
		out->text = place(l, l->buf + l->start, n);
	take(l, n + skip);
	out->after = l->before + l->offset;
	return 1;
}

/* A line that is longer than the maximum: its bytes are counted and let go. */
static int pass_long_line(struct oc_lines *l, struct oc_line *out, struct oc_err *err)
{
	uint64_t len = 0;
	size_t keep = l->start; /* before it lie records that were given out */
	bool cr = false;        /* the last byte seen */

	*out = (struct oc_line){.offset = l->offset,
	                        .number = l->line,
	                        .input = oc_files_current(l->files),
	                        .too_long = true};
	for (;;) {
		const char *at = l->buf + l->start;
		const char *nl = memchr(at, '\n', l->end - l->start);
		size_t n = nl ? (size_t)(nl - at) : l->end - l->start;
		len += n;
		cr = n ? at[n - 1] == '\r' : cr;
		take(l, n + (nl != NULL));
		len -= nl && cr;
		if (nl || l->file_end)
			break;
		l->end = l->start = keep;
		if (more(l, err))
			return -1;
		keep = l->start;
	}
	out->len = len;
	out->after = l->before + l->offset;
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
			*out = (struct oc_line){.offset = l->offset,
			                        .len = n - cr,
			                        .number = l->line++,
			                        .input = oc_files_current(l->files),
			                        .too_long = n - cr > l->max};
			if (!out->too_long) {
				out->text = place(l, at, n - cr);
				if (in_arena(l) && !cr)
					out->newline = nl;
			}
			l->start += n + 1;
			l->offset += n + 1;
			l->taken += n + 1;
			out->after = l->before + l->offset;
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
