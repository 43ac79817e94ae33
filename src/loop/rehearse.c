#include "loop/rehearse.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "loop/loop.h"
#include "pipe/parquet_lines.h"

/* Texts of one split of a run's out/. */
struct split {
	glob_t files; /* data files in order */
	size_t at;
	FILE *data, *lineage; /* of file at - 1; lineage NULL: every row counts */
	bool real_only;
	char *line;
	size_t line_cap;
	struct oc_str field; /* empty: all strings */
	struct oc_arena *arena;
	struct oc_buf text;
};

static void close_files(struct split *s)
{
	if (s->data)
		fclose(s->data);
	if (s->lineage)
		fclose(s->lineage);
	s->data = s->lineage = NULL;
}

static void split_fini(struct split *s)
{
	close_files(s);
	globfree(&s->files);
	free(s->line);
	oc_arena_free(s->arena);
	oc_buf_fini(&s->text);
}

static int split_init(struct split *s, const char *dir, const char *name, bool real_only,
                      struct oc_str field, struct oc_err *err)
{
	char pattern[300];

	*s = (struct split){.real_only = real_only, .field = field, .arena = oc_arena_new()};
	if (snprintf(pattern, sizeof pattern, "out/data/%s-*", name) >= (int)sizeof pattern)
		return oc_fail(err, OC_IO, dir, "the split's name is too long");
	int rc = oc_glob(dir, pattern, 0, &s->files);
	return rc && rc != GLOB_NOMATCH ? oc_fail(err, OC_IO, dir, "cannot list the files") : 0;
}

/* 1: the next data file is open; 0: there is none. */
static int next_file(struct split *s, struct oc_err *err)
{
	char path[PATH_MAX];

	close_files(s);
	if (s->at == s->files.gl_pathc)
		return 0;
	const char *data = s->files.gl_pathv[s->at++];
	if (!(s->data = oc_rows_open(data, err)))
		return -1;
	if (!s->real_only)
		return 1;
	if (!oc_rows_lineage(data, path) || !(s->lineage = oc_rows_open(path, err)))
		return -1;
	return 1;
}

static void add_strings(struct oc_buf *b, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *key, *member;

	if (yyjson_is_str(v)) {
		if (b->len)
			oc_buf_putc(b, ' ');
		oc_buf_str(b, oc_json_str(v));
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, member) add_strings(b, member);
	} else if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, key, member) add_strings(b, member);
	}
}

/* One line as JSON in the arena, or NULL: at the end (err untouched) or broken. */
static yyjson_val *read_line(struct split *s, FILE *f, struct oc_err *err)
{
	ssize_t len = getline(&s->line, &s->line_cap, f);

	if (len < 0) {
		if (ferror(f))
			oc_fail_errno(err, s->files.gl_pathv[s->at - 1], "cannot read");
		return NULL;
	}
	yyjson_val *v = oc_json_parse(s->arena, (struct oc_str){s->line, (size_t)len}, err);
	if (!v)
		oc_fail_in(err, s->files.gl_pathv[s->at - 1]);
	return v;
}

static int next_text(void *user, struct oc_str *text, struct oc_err *err)
{
	struct split *s = user;

	for (;;) {
		oc_arena_reset(s->arena);
		yyjson_val *row = s->data ? read_line(s, s->data, err) : NULL;
		if (!row && err->code)
			return -1;
		if (!row) {
			int more = next_file(s, err);
			if (more <= 0)
				return more;
			continue;
		}
		if (s->real_only) {
			yyjson_val *ped = read_line(s, s->lineage, err);
			if (!ped)
				return err->code ? -1
				                 : oc_fail(err, OC_INPUT,
				                           s->files.gl_pathv[s->at - 1],
				                           "has more lines than its lineage");
			if (!oc_str_is(oc_json_get_str(ped, "origin"), "real"))
				continue;
		}
		s->text.len = 0;
		add_strings(&s->text, s->field.len ? oc_json_path(row, s->field) : row);
		if (!s->text.len)
			continue;
		*text = oc_buf_view(&s->text);
		return 1;
	}
}

/* Whether the split has a text at all; it starts again from the front. */
static int any(struct split *s, bool *there, struct oc_err *err)
{
	struct oc_str text;
	int got = next_text(s, &text, err);

	*there = got > 0;
	close_files(s);
	s->at = 0;
	return got < 0 ? -1 : 0;
}

int oc_rehearse_run(void *user, struct oc_ctx *ctx, const char *dir, yyjson_val *opts,
                    uint64_t seed, struct oc_buf *facts, struct oc_err *err)
{
	struct oc_str field = oc_json_get_str(opts, "field");
	struct split real = {0}, held = {0};
	struct oc_loop_result *result = NULL;
	bool some_real, some_held;
	int rc = -1;

	(void)user;
	if (split_init(&real, dir, "train", true, field, err) ||
	    split_init(&held, dir, "test", false, field, err) || any(&real, &some_real, err) ||
	    any(&held, &some_held, err))
		goto out;
	if (!some_real || !some_held) {
		oc_buf_printf(facts, "{\"verdict\":\"Not rehearsed: there are no %s rows%s.\"}",
		              some_real ? "held-out" : "real",
		              field.len ? " with the field that `rehearse` names" : "");
		rc = 0;
		goto out;
	}
	const struct oc_texts learn = {&real, next_text}, judge = {&held, next_text};
	if (oc_loop_run(&result, ctx, opts, seed, &learn, &judge, err))
		goto out;
	oc_loop_json(facts, result);
	rc = 0;
out:
	oc_loop_free(result);
	split_fini(&real);
	split_fini(&held);
	return rc;
}
