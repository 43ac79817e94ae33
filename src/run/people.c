#include "run/people.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"

#define LOG_MAX ((size_t)1 << 30)

struct oc_people {
	struct oc_arena *arena;
	char path[PATH_MAX];
	struct oc_decision *events;
	size_t n, cap;
	size_t *in_force; /* indexes of events that hold, sorted by key */
	size_t force_n;
	uint64_t last_seq;
	size_t valid_len; /* of the log: up to the last whole line */
	size_t line_n;    /* whole lines read */
};

static const char *const names[] = {"accept", "reject", "edit", "skip", "undo"};

const char *oc_decision_name(enum oc_decision_kind kind)
{
	return names[kind];
}

static void add(struct oc_people *p, const struct oc_decision *event)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->events = oc_realloc(p->events, p->cap * sizeof *p->events);
	}
	p->events[p->n++] = *event;
	if (event->seq > p->last_seq)
		p->last_seq = event->seq;
}

static int by_key(const void *a, const void *b, void *user)
{
	const struct oc_people *p = user;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int c = oc_str_cmp(p->events[x].key, p->events[y].key);
	return c ? c : (x > y) - (x < y);
}

/* The last event of a row that was not taken back decides. */
static void settle(struct oc_people *p)
{
	bool *undone = oc_zalloc(p->n, 1);
	size_t k = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->events[i].kind == OC_UNDO)
			for (size_t j = i; j-- > 0;)
				if (p->events[j].seq == p->events[i].of) {
					undone[j] = true;
					break;
				}
	p->in_force = oc_realloc(p->in_force, p->n * sizeof *p->in_force);
	for (size_t i = 0; i < p->n; i++)
		if (!undone[i] && p->events[i].kind != OC_UNDO)
			p->in_force[k++] = i;
	qsort_r(p->in_force, k, sizeof *p->in_force, by_key, p);
	p->force_n = 0;
	for (size_t i = 0; i < k; i++)
		if (i + 1 == k ||
		    !oc_str_eq(p->events[p->in_force[i]].key, p->events[p->in_force[i + 1]].key))
			p->in_force[p->force_n++] = p->in_force[i];
	free(undone);
}

static struct oc_str member(struct oc_people *p, yyjson_val *line, const char *key)
{
	struct oc_buf text = {0};
	yyjson_val *v = oc_json_get(line, key);
	struct oc_str s = {0};

	if (!v)
		return s;
	if (yyjson_is_str(v))
		return oc_json_str(v);
	oc_json_write(&text, v);
	s = oc_arena_str(p->arena, oc_buf_view(&text));
	oc_buf_fini(&text);
	return s;
}

static int read_line(struct oc_people *p, struct oc_str text, size_t number, struct oc_err *err)
{
	yyjson_val *line = oc_json_parse(p->arena, text, err);
	struct oc_decision e = {0};
	char where[PATH_MAX + 32];

	snprintf(where, sizeof where, "%s:%zu", p->path, number);
	if (!line)
		return oc_fail_in(err, where);
	struct oc_str kind = oc_json_get_str(line, "decision");
	while (e.kind <= OC_UNDO && !oc_str_is(kind, names[e.kind]))
		e.kind++;
	if (e.kind > OC_UNDO)
		return oc_fail(err, OC_INPUT, where, "unknown decision \"%.*s\"", OC_ARG(kind));
	e.seq = (uint64_t)oc_json_get_int(line, "seq", 0);
	e.of = (uint64_t)oc_json_get_int(line, "of", 0);
	e.ms = (uint64_t)oc_json_get_int(line, "ms", 0);
	e.key = member(p, line, "key");
	e.hash = member(p, line, "hash");
	e.by = member(p, line, "by");
	e.reason = member(p, line, "reason");
	e.time = member(p, line, "time");
	e.before = member(p, line, "before");
	e.after = member(p, line, "after");
	e.against = member(p, line, "against");
	add(p, &e);
	return 0;
}

/* Takes in what lies behind the lines read so far. A torn last line was confirmed to nobody. */
static int read_more(struct oc_people *p, struct oc_str text, struct oc_err *err)
{
	size_t at = 0;

	while (at < text.len) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		if (!end)
			break;
		size_t len = (size_t)(end - text.p) - at;
		if (read_line(p, (struct oc_str){text.p + at, len}, ++p->line_n, err))
			return -1;
		at += len + 1;
	}
	p->valid_len += at;
	settle(p);
	return 0;
}

int oc_people_open(struct oc_people **out, const char *dir, struct oc_err *err)
{
	struct oc_people *p = oc_zalloc(1, sizeof *p);
	struct oc_buf text = {0};
	int rc = -1;

	p->arena = oc_arena_new();
	snprintf(p->path, sizeof p->path, "%s/reviews.jsonl", dir);
	if (oc_file_exists(p->path) && oc_file_read(p->path, LOG_MAX, &text, err))
		goto out;
	if (read_more(p, oc_buf_view(&text), err))
		goto out;
	*out = p;
	p = NULL;
	rc = 0;
out:
	oc_buf_fini(&text);
	oc_people_close(p);
	return rc;
}

void oc_people_close(struct oc_people *p)
{
	if (!p)
		return;
	oc_arena_free(p->arena);
	free(p->events);
	free(p->in_force);
	free(p);
}

const struct oc_decision *oc_people_events(const struct oc_people *p, size_t *n)
{
	*n = p->n;
	return p->events;
}

const struct oc_decision *oc_people_find(const struct oc_people *p, struct oc_str key,
                                         struct oc_str raw)
{
	size_t lo = 0, hi = p->force_n;
	char hex[33];

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct oc_decision *d = &p->events[p->in_force[mid]];
		int c = oc_str_cmp(d->key, key);
		if (c == 0) {
			oc_hash128_hex(oc_hash128(raw.p, raw.len), hex);
			return d->kind != OC_SKIP && oc_str_is(d->hash, hex) ? d : NULL;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct oc_decision *oc_people_last(const struct oc_people *p, struct oc_str by,
                                         uint64_t below)
{
	const struct oc_decision *last = NULL;

	for (size_t i = 0; i < p->force_n; i++) {
		const struct oc_decision *d = &p->events[p->in_force[i]];
		if (d->kind != OC_SKIP && d->seq < below && oc_str_eq(d->by, by) &&
		    (!last || d->seq > last->seq))
			last = d;
	}
	return last;
}

int oc_people_apply(const struct oc_people *p, struct oc_row *row, struct oc_err *err)
{
	const struct oc_decision *d = oc_people_find(p, row->ped.key, row->raw);

	if (!d)
		return 0;
	struct oc_buf note = {0};
	oc_buf_puts(&note, "{\"by\":");
	oc_buf_json(&note, d->by);
	oc_buf_printf(&note, ",\"decision\":\"%s\",\"seq\":%llu", oc_decision_name(d->kind),
	              (unsigned long long)d->seq);
	if (d->against.len) {
		oc_buf_puts(&note, ",\"against\":");
		oc_buf_json(&note, d->against);
	}
	oc_buf_putc(&note, '}');
	row->ped.review = oc_arena_str(row->arena, oc_buf_view(&note));
	oc_buf_fini(&note);
	row->fate = OC_LIVE;
	if (d->kind == OC_REJECT) {
		struct oc_buf why = {0};
		oc_buf_json(&why, d->reason);
		oc_row_reject(row, "review", "rejected_by_person", oc_buf_view(&why));
		oc_buf_fini(&why);
	} else if (d->kind == OC_EDIT) {
		row->raw = oc_arena_str(row->arena, d->after);
		row->root = NULL;
		row->view = NULL;
		row->changed = true;
		if (oc_row_parse(row, err))
			return -1;
		oc_row_edited(row, d->by, OC_LIT("edited in review"));
	}
	return 1;
}

static void write_event(struct oc_buf *b, const struct oc_decision *e)
{
	oc_buf_printf(b, "{\"seq\":%llu,\"time\":\"%.*s\",\"key\":", (unsigned long long)e->seq,
	              OC_ARG(e->time));
	oc_buf_json(b, e->key);
	oc_buf_printf(b, ",\"hash\":\"%.*s\",\"by\":", OC_ARG(e->hash));
	oc_buf_json(b, e->by);
	oc_buf_printf(b, ",\"decision\":\"%s\"", oc_decision_name(e->kind));
	if (e->kind == OC_UNDO)
		oc_buf_printf(b, ",\"of\":%llu", (unsigned long long)e->of);
	if (e->reason.len) {
		oc_buf_puts(b, ",\"reason\":");
		oc_buf_json(b, e->reason);
	}
	if (e->before.len) {
		oc_buf_puts(b, ",\"before\":");
		oc_buf_str(b, e->before);
	}
	if (e->after.len) {
		oc_buf_puts(b, ",\"after\":");
		oc_buf_str(b, e->after);
	}
	if (e->against.len) {
		oc_buf_puts(b, ",\"against\":");
		oc_buf_json(b, e->against);
	}
	oc_buf_printf(b, ",\"ms\":%llu}\n", (unsigned long long)e->ms);
}

/* Locks the log and takes in what other reviewers appended since it was read; the descriptor. */
static int lock_log(struct oc_people *p, struct oc_err *err)
{
	int fd = open(p->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	struct oc_buf text = {0};
	struct stat st;

	if (fd < 0)
		return oc_fail_errno(err, p->path, "cannot open the review log");
	if (flock(fd, LOCK_EX) || fstat(fd, &st)) {
		oc_fail_errno(err, p->path, "cannot lock the review log");
		goto out;
	}
	if ((size_t)st.st_size > p->valid_len) {
		size_t more = (size_t)st.st_size - p->valid_len;
		oc_buf_reserve(&text, more);
		ssize_t got = pread(fd, text.p, more, (off_t)p->valid_len);
		if (got < 0) {
			oc_fail_errno(err, p->path, "cannot read the review log");
			goto out;
		}
		if (read_more(p, (struct oc_str){text.p, (size_t)got}, err))
			goto out;
		if ((size_t)st.st_size > p->valid_len && ftruncate(fd, (off_t)p->valid_len)) {
			oc_fail_errno(err, p->path, "cannot cut the torn last line");
			goto out;
		}
	}
	oc_buf_fini(&text);
	return fd;
out:
	oc_buf_fini(&text);
	close(fd);
	return -1;
}

int oc_people_append(struct oc_people *p, struct oc_decision *event, struct oc_err *err)
{
	struct oc_buf line = {0};
	char stamp[32];
	struct tm tm;
	time_t now = time(NULL);
	int fd = lock_log(p, err), rc;

	if (fd < 0)
		return -1;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	event->seq = p->last_seq + 1;
	event->time = oc_arena_str(p->arena, oc_str(stamp));
	write_event(&line, event);
	rc = oc_write_all(fd, line.p, line.len, p->path, err);
	if (!rc && fsync(fd))
		rc = oc_fail_errno(err, p->path, "cannot sync");
	close(fd);
	if (rc)
		goto out;
	p->valid_len += line.len;
	p->line_n++;
	struct oc_decision kept = *event;
	struct oc_str *texts[] = {&kept.key,    &kept.hash,  &kept.by,     &kept.reason,
	                          &kept.before, &kept.after, &kept.against};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = oc_arena_str(p->arena, *texts[i]);
	add(p, &kept);
	settle(p);
out:
	oc_buf_fini(&line);
	return rc;
}

void oc_people_seen(const struct oc_people *p, uint64_t *seen, uint64_t *defects)
{
	*seen = *defects = 0;
	for (size_t i = 0; i < p->force_n; i++) {
		enum oc_decision_kind kind = p->events[p->in_force[i]].kind;
		*seen += kind != OC_SKIP;
		*defects += kind == OC_REJECT || kind == OC_EDIT;
	}
}
