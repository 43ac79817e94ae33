/* What one run spent, read from the segments it wrote to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "llm/store_pending.h"
#include "llm/store_seg.h"

struct attempts { /* of one key, that left and have no outcome yet */
	struct oc_hash128 key;
	uint64_t n, tokens; /* tokens: of one, at most */
	double cost;
};

struct reckoning {
	uint32_t run;
	struct oc_spent *out;
	struct attempts *e; /* (cap) by key.lo, open addressing; n = 0: settled or free */
	size_t n, cap;
};

static bool is_free(const struct attempts *a)
{
	return !a->key.lo && !a->key.hi;
}

static struct attempts *attempts_of(struct reckoning *r, struct oc_hash128 key)
{
	if (r->n * 2 >= r->cap) {
		struct attempts *old = r->e;
		size_t n = r->cap;
		r->cap = n ? 2 * n : 1024;
		r->e = oc_zalloc(r->cap, sizeof *r->e);
		r->n = 0;
		for (size_t i = 0; i < n; i++)
			if (!is_free(&old[i]))
				*attempts_of(r, old[i].key) = old[i];
		free(old);
	}
	size_t at = key.lo & (r->cap - 1);
	while (!is_free(&r->e[at]) && (r->e[at].key.lo != key.lo || r->e[at].key.hi != key.hi))
		at = (at + 1) & (r->cap - 1);
	if (is_free(&r->e[at])) {
		r->e[at] = (struct attempts){.key = key};
		r->n++;
	}
	return &r->e[at];
}

/* The outcome of a key: `unknown` of its attempts may have been paid for nothing. */
static void settle(struct reckoning *r, struct oc_hash128 key, uint64_t unknown, double cost)
{
	struct attempts *a = attempts_of(r, key);

	r->out->unknown += unknown;
	r->out->unknown_money += cost;
	r->out->unknown_tokens += unknown * a->tokens;
	a->n = 0;
}

/* Whoever asked was killed before it heard: at the upper bound. */
static void lose(struct reckoning *r)
{
	for (size_t i = 0; i < r->cap; i++)
		if (r->e[i].n) {
			r->out->lost++;
			settle(r, r->e[i].key, r->e[i].n, (double)r->e[i].n * r->e[i].cost);
		}
}

static int reckon(void *user, const struct seg_frame *f, uint64_t offset, const char *payload,
                  struct oc_err *err)
{
	struct reckoning *r = user;
	struct seg_intent intent;
	struct seg_drop drop;
	struct seg_sitting sitting;
	struct seg_meta m;

	(void)offset;
	(void)err;
	switch (f->type) {
	case SEG_SITTING:
		if (seg_take(&sitting, sizeof sitting, sizeof sitting, payload, f->len) &&
		    sitting.run == r->run)
			lose(r);
		break;
	case SEG_INTENT:
		if (!seg_take(&intent, sizeof intent, sizeof intent, payload, f->len) ||
		    intent.run != r->run)
			break;
		struct attempts *a = attempts_of(r, f->key);
		a->n++;
		a->tokens = intent.tokens;
		a->cost = intent.cost;
		r->out->requests++;
		break;
	case SEG_DROP:
		if (seg_take(&drop, sizeof drop, sizeof drop, payload, f->len) &&
		    drop.run == r->run) {
			r->out->lost++;
			settle(r, f->key, drop.unknown, drop.cost);
		}
		break;
	case SEG_REPLY:
	case SEG_FAILURE:
		if (!seg_take(&m, sizeof m, sizeof m, payload, f->len) || m.run != r->run)
			break;
		settle(r, f->key, m.unknown, m.unknown_cost);
		if (f->type == SEG_FAILURE) {
			r->out->failed++;
			break;
		}
		r->out->replied++;
		r->out->money += m.cost;
		r->out->prompt_tokens += m.prompt_tokens;
		r->out->completion_tokens += m.completion_tokens;
		break;
	default: break;
	}
	return 0;
}

/* Calls fn for each segment, in order of age. */
static int segments_each(const char *dir,
                         int (*fn)(void *user, const char *path, uint32_t id, struct oc_err *err),
                         void *user, struct oc_err *err)
{
	glob_t found = {0};
	int rc = 0, how = oc_glob(dir, "seg-*.ocr", 0, &found);

	if (how && how != GLOB_NOMATCH)
		return oc_fail(err, OC_IO, dir, "cannot list the reply store");
	for (size_t i = 0; !rc && i < found.gl_pathc; i++) {
		const char *name = strrchr(found.gl_pathv[i], '/') + 1;
		rc = fn(user, found.gl_pathv[i], (uint32_t)strtoul(name + 4, NULL, 10), err);
	}
	globfree(&found);
	return rc;
}

static int mark(void *user, const char *path, uint32_t id, struct oc_err *err)
{
	struct stat st;

	if (stat(path, &st))
		return oc_fail_errno(err, path, "cannot stat");
	oc_buf_printf(user, "%u:%lld ", id, (long long)st.st_size);
	return 0;
}

int oc_store_marks(const char *dir, struct oc_buf *out, struct oc_err *err)
{
	oc_buf_cstr(out);
	return segments_each(dir, mark, out, err);
}

struct scan {
	struct reckoning r;
	const char *marks;
};

/* Where a run began to write to a segment; 0: it is newer than the run. */
static uint64_t mark_of(const char *marks, uint32_t id)
{
	for (char *end; *marks; marks = end + (*end == ' ')) {
		unsigned long long at = 0;
		unsigned long seg = strtoul(marks, &end, 10);
		if (*end == ':')
			at = strtoull(end + 1, &end, 10);
		if (seg == id)
			return at;
		if (end == marks)
			break;
	}
	return 0;
}

static int scan_one(void *user, const char *path, uint32_t id, struct oc_err *err)
{
	struct scan *s = user;
	uint64_t from = mark_of(s->marks, id), skipped = 0;
	struct stat st;
	int rc = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return oc_fail_errno(err, path, "cannot open");
	if (fstat(fd, &st))
		rc = oc_fail_errno(err, path, "cannot stat");
	else if ((uint64_t)st.st_size > from && st.st_size > SEG_HEAD)
		rc = seg_scan(fd, path, from, reckon, &s->r, &skipped, err) < 0 ? -1 : 0;
	close(fd);
	return rc;
}

int oc_store_spent(const char *dir, uint32_t run, struct oc_str marks, struct oc_spent *out,
                   struct oc_err *err)
{
	struct oc_buf text = {0};

	*out = (struct oc_spent){0};
	oc_buf_str(&text, marks);
	struct scan s = {.r = {.run = run, .out = out}, .marks = oc_buf_cstr(&text)};
	int rc = segments_each(dir, scan_one, &s, err);
	lose(&s.r);
	free(s.r.e);
	oc_buf_fini(&text);
	return rc;
}
