/* job_output.c: where a job writes: sinks, and the lines of --verdicts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "data/row.h"
#include "pipe/duck_abi.h"
#include "pipe/writer_parquet.h"
#include "run/job_parts.h"

struct oc_threshold {
	char *stage, *rule;
	double value;
};

static bool is_stdout(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

/* A pipe, a terminal, /dev/null: written to as it is. */
static bool is_special(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), m = strlen(with);
	return n > m && strcmp(path + n - m, with) == 0;
}

int oc_sink_check(const char *path, bool rows, bool force, struct oc_err *err)
{
	struct stat st;

	if (is_stdout(path) || is_special(path))
		return 0;
	if (ends(path, ".parquet") && rows) {
		char library[512];
		if (oc_duck_find(library, err))
			return -1;
	} else if (ends(path, ".gz") || ends(path, ".csv") || ends(path, ".parquet")) {
		return oc_fail(err, OC_USAGE, path,
		               "jobs write JSON lines: name it .jsonl or .jsonl.zst%s (`outcross "
		               "export` converts)",
		               rows ? ", or .parquet" : "");
	}
	if (stat(path, &st))
		return 0;
	if (S_ISDIR(st.st_mode))
		return oc_fail(err, OC_USAGE, path, "is a folder: name a file in it");
	if (!force)
		return oc_fail(err, OC_USAGE, path,
		               "exists already: choose another name, or add --force");
	return 0;
}

static const char *made_path(const struct oc_sink *s, struct oc_buf *b)
{
	oc_buf_printf(b, "%s.made", s->tmp);
	return oc_buf_cstr(b);
}

/* The rows become a Parquet file while they are written. */
static int follow(struct oc_sink *s, struct oc_err *err)
{
	struct oc_buf made = {0};
	struct oc_parquet_file file = {s->tmp, made_path(s, &made)};
	int rc = oc_parquet_follow(&s->parquet, s->ctx, &file, err);

	oc_buf_fini(&made);
	return rc;
}

int oc_sink_open(struct oc_sink *s, struct oc_ctx *ctx, const char *path, struct oc_err *err)
{
	*s = (struct oc_sink){
		.path = is_stdout(path) ? "standard output" : path, .ctx = ctx, .fd = 1};
	if (is_stdout(path)) {
		s->open = true;
		return 0;
	}
	if (ends(path, ".zst")) {
		if (oc_zwriter_open(&s->z, path, err))
			return -1;
		s->open = true;
		return 0;
	}
	bool special = is_special(path);
	if (!special) {
		struct oc_buf tmp = {0};
		oc_buf_printf(&tmp, "%s.tmp", path);
		s->tmp = oc_strdup(oc_buf_cstr(&tmp));
		oc_buf_fini(&tmp);
	}
	s->fd = open(special ? path : s->tmp,
	             special ? O_WRONLY | O_CLOEXEC : O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	             0666);
	if (s->fd < 0) {
		free(s->tmp);
		s->tmp = NULL;
		return oc_fail_errno(err, path, "cannot create");
	}
	s->open = true;
	return !special && ends(path, ".parquet") ? follow(s, err) : 0;
}

int oc_sink_add(struct oc_sink *s, struct oc_str bytes, struct oc_err *err)
{
	if (!s->open || !bytes.len)
		return 0;
	if (s->z)
		return oc_zwriter_add(s->z, bytes.p, bytes.len, err);
	if (oc_write_all(s->fd, bytes.p, bytes.len, s->path, err))
		return -1;
	s->len += bytes.len;
	if (s->parquet)
		oc_parquet_grown(s->parquet, s->len);
	return 0;
}

/* The rows written so far become a Parquet file in their place. */
static int make_parquet(struct oc_sink *s, struct oc_err *err)
{
	struct oc_parquet_follower *parquet = s->parquet;
	struct oc_buf made = {0};
	bool anew;

	s->parquet = NULL;
	int rc = oc_parquet_end(parquet, &anew, err);
	if (!rc && anew)
		oc_log(s->ctx, OC_LOG_DEBUG,
		       "%s: later rows had other columns than the first, so it was made twice",
		       s->path);
	if (!rc && rename(made_path(s, &made), s->tmp))
		rc = oc_fail_errno(err, s->path, "cannot rename to");
	oc_buf_fini(&made);
	return rc;
}

int oc_sink_close(struct oc_sink *s, struct oc_err *err)
{
	int rc = 0;

	if (!s->open)
		return 0;
	if (s->z) {
		rc = oc_zwriter_close(s->z, err);
		*s = (struct oc_sink){0};
		return rc;
	}
	if (s->tmp && !s->parquet && fsync(s->fd)) /* rows that wait for Parquet are not kept */
		rc = oc_fail_errno(err, s->path, "cannot sync");
	if (s->fd != 1 && close(s->fd) && !rc)
		rc = oc_fail_errno(err, s->path, "cannot close");
	s->open = false;
	if (s->parquet && !rc)
		rc = make_parquet(s, err);
	oc_parquet_drop(s->parquet);
	if (s->tmp && !rc)
		rc = oc_rename_synced(s->tmp, s->path, err);
	if (s->tmp && rc)
		unlink(s->tmp);
	free(s->tmp);
	s->tmp = NULL;
	return rc;
}

void oc_sink_abandon(struct oc_sink *s)
{
	if (!s->open)
		return;
	oc_zwriter_abandon(s->z);
	oc_parquet_drop(s->parquet);
	if (!s->z && s->fd != 1)
		close(s->fd);
	if (s->tmp)
		unlink(s->tmp);
	free(s->tmp);
	*s = (struct oc_sink){0};
}

/* ---------------------------------------------------------------- verdicts */

static int weight(enum oc_result r)
{
	static const int w[] = {
		[OC_KEEP] = 0, [OC_FLAG] = 1, [OC_CHANGED] = 2, [OC_UNDECIDED] = 3, [OC_DROP] = 4};
	return w[r];
}

/* One line: what stage `name` said of the row; returns how it ended. */
static enum oc_result line(struct oc_buf *b, const struct oc_row *row, struct oc_str name,
                           bool name_file)
{
	enum oc_result worst = OC_KEEP;
	unsigned scores = 0, evidence = 0;

	oc_buf_printf(b, "{\"row\":%llu,", (unsigned long long)row->ped.row);
	if (name_file) {
		oc_buf_puts(b, "\"file\":");
		oc_buf_json(b, row->ped.span.file);
		oc_buf_putc(b, ',');
	}
	oc_buf_puts(b, "\"id\":");
	if (row->ped.id.len)
		oc_buf_json(b, row->ped.id);
	else
		oc_buf_puts(b, "null");
	oc_buf_puts(b, ",\"stage\":");
	oc_buf_json(b, name);
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		if (oc_str_eq(v->stage, name) && weight(v->result) > weight(worst))
			worst = v->result;
	}
	oc_buf_printf(b, ",\"result\":\"%s\"", oc_result_name(worst));
	for (uint32_t i = 0; i < row->verdict_n; i++) /* the rule that decided */
		if (worst != OC_KEEP && row->verdicts[i].result == worst &&
		    oc_str_eq(row->verdicts[i].stage, name)) {
			oc_buf_puts(b, ",\"rule\":");
			oc_buf_json(b, row->verdicts[i].rule);
			break;
		}
	oc_buf_puts(b, ",\"scores\":{");
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		bool again = false;
		for (uint32_t k = 0; k < i; k++) /* a rule met twice: its first score */
			again |= row->verdicts[k].has_score &&
			         oc_str_eq(row->verdicts[k].stage, name) &&
			         oc_str_eq(row->verdicts[k].rule, v->rule);
		if (!v->has_score || again || !oc_str_eq(v->stage, name))
			continue;
		if (scores++)
			oc_buf_putc(b, ',');
		oc_buf_json(b, v->rule);
		oc_buf_putc(b, ':');
		oc_buf_double(b, v->score);
	}
	oc_buf_puts(b, "},\"evidence\":");
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		if (!oc_str_eq(v->stage, name) || !v->evidence.len)
			continue;
		oc_buf_puts(b, evidence++ ? "," : "[");
		oc_buf_puts(b, "{\"rule\":");
		oc_buf_json(b, v->rule);
		oc_buf_puts(b, ",\"what\":");
		oc_buf_str(b, v->evidence);
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, evidence ? "]}\n" : "null}\n");
	return worst;
}

void oc_verdict_lines(struct oc_buf *b, const struct oc_row *row, const struct oc_job_step *steps,
                      unsigned step_n, bool name_file)
{
	/* A row that could not be read was seen by no stage. */
	if (row->fate == OC_REJECTED && row->verdict_n &&
	    oc_str_is(row->verdicts[0].stage, "read")) {
		line(b, row, OC_LIT("read"), name_file);
		return;
	}
	for (unsigned i = 0; i < step_n; i++) {
		enum oc_result r = line(b, row, oc_str(steps[i].name), name_file);
		if (row->fate != OC_LIVE && (r == OC_DROP || r == OC_UNDECIDED))
			return;
	}
}

void oc_thresholds_see(struct oc_thresholds *t, const struct oc_row *row)
{
	for (uint32_t i = 0; i < row->verdict_n; i++) {
		const struct oc_verdict *v = &row->verdicts[i];
		unsigned k = 0;
		if (!v->has_score)
			continue;
		while (k < t->n && !(oc_str_is(v->rule, t->list[k].rule) &&
		                     oc_str_is(v->stage, t->list[k].stage)))
			k++;
		if (k < t->n)
			continue;
		if (t->n == t->cap) {
			t->cap = t->cap ? t->cap * 2 : 16;
			t->list = oc_realloc(t->list, t->cap * sizeof *t->list);
		}
		t->list[t->n++] =
			(struct oc_threshold){strndup(v->stage.p, v->stage.len),
		                              strndup(v->rule.p, v->rule.len), v->threshold};
	}
}

void oc_thresholds_fini(struct oc_thresholds *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		free(t->list[i].stage);
		free(t->list[i].rule);
	}
	free(t->list);
	*t = (struct oc_thresholds){0};
}

static void header(struct oc_buf *b, const struct oc_thresholds *t, const struct oc_job_step *steps,
                   unsigned step_n)
{
	oc_buf_puts(b, "{\"outcross\":\"verdicts\",\"version\":1,\"stages\":[");
	for (unsigned i = 0; i < step_n; i++) {
		unsigned n = 0;
		oc_buf_puts(b, i ? ",{\"stage\":" : "{\"stage\":");
		oc_buf_json(b, oc_str(steps[i].name));
		oc_buf_puts(b, ",\"part\":");
		oc_buf_json(b, oc_str(steps[i].def->name));
		oc_buf_puts(b, ",\"options\":");
		oc_json_write(b, steps[i].opts);
		oc_buf_puts(b, ",\"thresholds\":{");
		for (unsigned k = 0; k < t->n; k++) {
			if (strcmp(t->list[k].stage, steps[i].name) != 0)
				continue;
			if (n++)
				oc_buf_putc(b, ',');
			oc_buf_json(b, oc_str(t->list[k].rule));
			oc_buf_putc(b, ':');
			oc_buf_double(b, t->list[k].value);
		}
		oc_buf_puts(b, "}}");
	}
	oc_buf_puts(b, "]}\n");
}

int oc_verdicts_finish(const char *path, const char *body, const struct oc_thresholds *t,
                       const struct oc_job_step *steps, unsigned step_n, struct oc_err *err)
{
	struct oc_sink sink = {0};
	struct oc_buf b = {0};
	int rc = -1, fd = open(body, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		oc_fail_errno(err, body, "cannot open");
		goto out;
	}
	header(&b, t, steps, step_n);
	if (oc_sink_open(&sink, NULL, path, err) || oc_sink_add(&sink, oc_buf_view(&b), err))
		goto out;
	oc_buf_reserve(&b, 1 << 20);
	for (;;) {
		ssize_t n = read(fd, b.p, 1 << 20);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			oc_fail_errno(err, body, "cannot read");
			goto out;
		}
		if (n == 0)
			break;
		if (oc_sink_add(&sink, (struct oc_str){b.p, (size_t)n}, err))
			goto out;
	}
	rc = oc_sink_close(&sink, err);
out:
	oc_sink_abandon(&sink);
	oc_buf_fini(&b);
	if (fd >= 0)
		close(fd);
	return rc;
}
