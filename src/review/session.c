#include "review/session.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"

struct line {
	struct oc_str text;
	bool skipped; /* in this session */
};

struct done {
	size_t row;
	struct oc_decision event;
};

struct oc_review {
	struct oc_people *people;
	struct oc_recheck *checks; /* NULL: edits are not looked at */
	struct oc_arena *arena;
	struct oc_str by;
	char path[PATH_MAX];
	char *map;
	size_t map_len;
	struct line *lines;
	size_t line_n, waiting;
	struct done *done; /* this session's decisions, newest last */
	size_t done_n, reopened;
};

/* The key in a line of the queue, cut out without parsing the row; empty when there is none. */
static struct oc_str key_of(struct oc_str line, struct oc_arena *a)
{
	struct oc_err ignored = {0};
	struct oc_str key;

	if (!oc_json_member(line, OC_LIT("key"), &key))
		return (struct oc_str){0};
	struct oc_str wrapped = oc_arena_printf(a, "[%.*s]", OC_ARG(key));
	return oc_json_str(yyjson_arr_get_first(oc_json_parse(a, wrapped, &ignored)));
}

/* The decision in force. */
static const struct oc_decision *decision(struct oc_review *r, size_t i)
{
	struct oc_arena *a = oc_arena_new();
	const struct oc_decision *d = NULL;
	struct oc_str raw;

	if (oc_json_member(r->lines[i].text, OC_LIT("row"), &raw))
		d = oc_people_find(r->people, key_of(r->lines[i].text, a), raw);
	oc_arena_free(a);
	return d;
}

static int map_queue(struct oc_review *r, const char *dir, struct oc_err *err)
{
	struct stat st;
	size_t cap = 0;
	int fd;

	snprintf(r->path, sizeof r->path, "%s/review-queue.jsonl", dir);
	fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return oc_fail(err, OC_INPUT, dir,
		               "has no review-queue.jsonl: it is not a run folder, or the run has "
		               "not come to its output yet (outcross status %s)",
		               dir);
	if (fstat(fd, &st)) {
		close(fd);
		return oc_fail_errno(err, r->path, "cannot read");
	}
	r->map_len = (size_t)st.st_size;
	if (r->map_len) {
		void *map = mmap(NULL, r->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED) {
			close(fd);
			return oc_fail_errno(err, r->path, "cannot read");
		}
		r->map = map;
	}
	close(fd);
	for (size_t at = 0; at < r->map_len;) {
		char *end = memchr(r->map + at, '\n', r->map_len - at);
		size_t len = end ? (size_t)(end - r->map) - at : r->map_len - at;
		if (r->line_n == cap) {
			cap = cap ? cap * 2 : 256;
			r->lines = oc_realloc(r->lines, cap * sizeof *r->lines);
		}
		r->lines[r->line_n++] = (struct line){{r->map + at, len}, false};
		at += len + 1;
	}
	return 0;
}

int oc_review_open(struct oc_review **out, const char *dir, const char *by, struct oc_err *err)
{
	struct oc_review *r = oc_zalloc(1, sizeof *r);

	r->arena = oc_arena_new();
	r->by = oc_arena_str(r->arena, oc_str(by));
	if (map_queue(r, dir, err) || oc_people_open(&r->people, dir, err)) {
		oc_review_close(r);
		return -1;
	}
	for (size_t i = 0; i < r->line_n; i++)
		r->waiting += !decision(r, i);
	*out = r;
	return 0;
}

void oc_review_close(struct oc_review *r)
{
	if (!r)
		return;
	if (r->map)
		munmap(r->map, r->map_len);
	oc_people_close(r->people);
	oc_arena_free(r->arena);
	free(r->lines);
	free(r->done);
	free(r);
}

size_t oc_review_rows(const struct oc_review *r)
{
	return r->line_n;
}

size_t oc_review_waiting(const struct oc_review *r)
{
	return r->waiting;
}

struct oc_str oc_review_line(const struct oc_review *r, size_t i)
{
	return r->lines[i].text;
}

/* What the verdict that holds the row says. */
static struct oc_str evidence(struct oc_arena *a, const struct oc_review_item *item)
{
	struct oc_buf text = {0};
	struct oc_str out = {0};
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach(oc_json_get(item->lineage, "verdicts"), i, n, v)
	{
		yyjson_val *e = oc_json_get(v, "evidence");
		if (!e || !oc_str_eq(oc_json_get_str(v, "stage"), item->step) ||
		    !oc_str_eq(oc_json_get_str(v, "rule"), item->rule))
			continue;
		text.len = 0;
		oc_json_write(&text, e);
		out = oc_arena_str(a, oc_buf_view(&text));
	}
	oc_buf_fini(&text);
	return out;
}

int oc_review_item(struct oc_review *r, size_t i, struct oc_arena *a, struct oc_review_item *item,
                   struct oc_err *err)
{
	yyjson_val *v = oc_json_parse(a, r->lines[i].text, err), *near;

	*item = (struct oc_review_item){0};
	if (!v)
		return oc_fail_in(err, r->path);
	item->key = oc_json_get_str(v, "key");
	item->hash = oc_json_get_str(v, "hash");
	item->step = oc_json_get_str(v, "step");
	item->rule = oc_json_get_str(v, "rule");
	item->row = oc_json_get(v, "row");
	item->lineage = oc_json_get(v, "lineage");
	oc_json_member(r->lines[i].text, OC_LIT("row"), &item->raw);
	item->evidence = evidence(a, item);
	near = oc_json_get(v, "nearest");
	item->near_key = oc_json_get_str(near, "key");
	item->near_row = oc_json_get(near, "row");
	item->near_rouge = oc_json_get_num(near, "rouge_l", 0);
	item->decision = oc_people_find(r->people, item->key, item->raw);
	return 0;
}

ptrdiff_t oc_review_next(struct oc_review *r, size_t from)
{
	for (size_t k = 1; k <= r->line_n; k++) {
		size_t i = (from + k) % r->line_n;
		if (!r->lines[i].skipped && !decision(r, i))
			return (ptrdiff_t)i;
	}
	return -1;
}

void oc_review_check_with(struct oc_review *r, struct oc_recheck *checks)
{
	r->checks = checks;
}

/* Is it a row at all? */
static int check_edit(struct oc_str after, struct oc_err *err)
{
	struct oc_row row = {.raw = after, .arena = oc_arena_new()};
	int rc = 0;

	if (memchr(after.p, '\n', after.len))
		rc = oc_fail(err, OC_USAGE, "edit", "a row is one line of JSON");
	else if (oc_row_parse(&row, err))
		rc = -1;
	else if (row.fate == OC_REJECTED)
		rc = oc_fail(err, OC_USAGE, "edit", "not a JSON object: %.*s",
		             OC_ARG(row.verdicts[row.verdict_n - 1].evidence));
	oc_arena_free(row.arena);
	return rc;
}

/* What the plan's checks have against an edit, empty = nothing. */
static int objection(struct oc_review *r, size_t i, struct oc_str after, struct oc_arena *a,
                     struct oc_str *against, struct oc_err *err)
{
	struct oc_buf why = {0};
	struct oc_str lineage = {0};

	if (!r->checks)
		return 0;
	oc_json_member(r->lines[i].text, OC_LIT("lineage"), &lineage);
	int rc = oc_recheck_row(r->checks, after, lineage, &why, err);
	*against = oc_arena_str(a, oc_buf_view(&why));
	oc_buf_fini(&why);
	return rc < 0 ? -1 : 0;
}

static int decide(struct oc_review *r, size_t i, enum oc_decision_kind kind, struct oc_str reason,
                  struct oc_str after, bool insist, uint64_t ms, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_str against = {0};
	struct oc_review_item item;
	char hash[33];
	int rc = -1;

	if (oc_review_item(r, i, a, &item, err))
		goto out;
	if (kind == OC_EDIT && (check_edit(after, err) || objection(r, i, after, a, &against, err)))
		goto out;
	if (against.len && !insist) {
		oc_fail(err, OC_GATE, "edit", "%.*s", against.len < 600 ? (int)against.len : 600,
		        against.p);
		goto out;
	}
	/* Of the bytes people see, whatever the queue says of them. */
	oc_hash128_hex(oc_hash128(item.raw.p, item.raw.len), hash);
	struct oc_decision event = {
		.kind = kind,
		.key = item.key,
		.hash = oc_str(hash),
		.by = r->by,
		.reason = reason,
		.before = item.raw,
		.after = kind == OC_EDIT ? after : (struct oc_str){0},
		.against = against,
		.ms = ms,
	};
	bool had = item.decision != NULL;
	if (oc_people_append(r->people, &event, err))
		goto out;
	r->lines[i].skipped = kind == OC_SKIP;
	if (had && kind == OC_SKIP)
		r->waiting++;
	else if (!had && kind != OC_SKIP)
		r->waiting--;
	r->done = oc_realloc(r->done, (r->done_n + 1) * sizeof *r->done);
	event.key = oc_arena_str(r->arena, event.key);
	event.hash = oc_arena_str(r->arena, event.hash);
	event.reason = oc_arena_str(r->arena, event.reason);
	event.before = event.after = event.against = (struct oc_str){0};
	r->done[r->done_n++] = (struct done){i, event};
	rc = 0;
out:
	oc_arena_free(a);
	return rc;
}

int oc_review_decide(struct oc_review *r, size_t i, enum oc_decision_kind kind,
                     struct oc_str reason, struct oc_str after, uint64_t ms, struct oc_err *err)
{
	return decide(r, i, kind, reason, after, false, ms, err);
}

int oc_review_insist(struct oc_review *r, size_t i, struct oc_str after, uint64_t ms,
                     struct oc_err *err)
{
	return decide(r, i, OC_EDIT, OC_LIT(""), after, true, ms, err);
}

/* The row of the queue with this key, or -1. */
static ptrdiff_t row_of(const struct oc_review *r, struct oc_str key)
{
	struct oc_arena *a = oc_arena_new();
	ptrdiff_t row = -1;

	for (size_t i = 0; row < 0 && i < r->line_n; i++) {
		oc_arena_reset(a);
		if (oc_str_eq(key_of(r->lines[i].text, a), key))
			row = (ptrdiff_t)i;
	}
	oc_arena_free(a);
	return row;
}

int oc_review_last(struct oc_review *r, struct oc_review_undone *u)
{
	const struct oc_decision *d;

	if (r->done_n) {
		*u = (struct oc_review_undone){r->done[r->done_n - 1].event,
		                               (ptrdiff_t)r->done[r->done_n - 1].row, false};
		return 1;
	}
	for (uint64_t below = UINT64_MAX; (d = oc_people_last(r->people, r->by, below));
	     below = d->seq) {
		*u = (struct oc_review_undone){*d, row_of(r, d->key), true};
		/* Said of other bytes than those that wait now, it holds for nothing. */
		if (u->row < 0 || decision(r, (size_t)u->row))
			return 1;
	}
	return 0;
}

int oc_review_undo(struct oc_review *r, struct oc_review_undone *u, struct oc_err *err)
{
	if (!oc_review_last(r, u))
		return 0;
	struct line *line = u->row < 0 ? NULL : &r->lines[u->row];
	bool had = line && decision(r, (size_t)u->row);
	struct oc_decision event = {.kind = OC_UNDO,
	                            .key = u->what.key,
	                            .hash = u->what.hash,
	                            .by = r->by,
	                            .of = u->what.seq};
	if (oc_people_append(r->people, &event, err))
		return -1;
	if (u->earlier)
		r->reopened++;
	else
		r->done_n--;
	if (line) {
		line->skipped = false;
		r->waiting += (size_t)had;
		r->waiting -= (size_t)(decision(r, (size_t)u->row) != NULL);
	}
	return 1;
}

size_t oc_review_decided(const struct oc_review *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->done_n; i++)
		n += r->done[i].event.kind != OC_SKIP;
	return n;
}

size_t oc_review_reopened(const struct oc_review *r)
{
	return r->reopened;
}

/* ---------------------------------------------------------------------- reasons */

static const char *const reasons[] = {"wrong",          "not understandable", "nothing new",
                                      "off topic",      "bad style",          "unsafe",
                                      "not our format", "too easy",           "other"};

const char *oc_review_reason(unsigned digit)
{
	return digit >= 1 && digit <= sizeof reasons / sizeof reasons[0] ? reasons[digit - 1]
	                                                                 : NULL;
}

struct oc_str oc_review_reason_of(struct oc_str text)
{
	text = oc_str_trim(text);
	if (text.len == 1 && text.p[0] >= '1' && text.p[0] <= '9') {
		const char *known = oc_review_reason((unsigned)(text.p[0] - '0'));
		return known ? oc_str(known) : text;
	}
	return text;
}
