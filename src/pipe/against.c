#include "pipe/against.h"

#include "base/err.h"
#include "pipe/lines.h"

#define ROW_MAX ((uint64_t)256 << 20)

static bool ends(struct oc_str s, const char *with)
{
	size_t n = strlen(with);
	return s.len > n && memcmp(s.p + s.len - n, with, n) == 0;
}

static bool holds_rows(struct oc_str name)
{
	if (ends(name, ".gz"))
		name.len -= 3;
	else if (ends(name, ".zst"))
		name.len -= 4;
	return ends(name, ".jsonl") || ends(name, ".json");
}

static int each_line(const struct oc_line *line, bool rows, struct oc_arena *a, oc_against_fn *fn,
                     void *user, struct oc_err *err)
{
	struct oc_str file = line->input->name;
	struct oc_row row = {.raw = oc_str_trim(line->text), .arena = a};
	const char *wrong = line->too_long ? "is longer than 256 MB" : line->bad;

	if (!row.raw.len && !wrong)
		return 0;
	row.ped.key =
		oc_arena_printf(a, "%.*s:%llu", OC_ARG(file), (unsigned long long)line->number);
	row.ped.span = (struct oc_span){file, line->offset, line->len, line->number};
	if (rows && !wrong) {
		if (oc_row_parse(&row, err))
			return -1;
		if (!row.root)
			wrong = "is not a JSON object";
	}
	if (wrong)
		return oc_fail(err, OC_INPUT, line->input->path, "line %llu %s",
		               (unsigned long long)line->number, wrong);
	return fn(user, &row, err);
}

int oc_against_each(const struct oc_env *env, yyjson_val *name, oc_against_fn *fn, void *user,
                    struct oc_err *err)
{
	bool rows = holds_rows(oc_json_str(name));
	struct oc_files *files = oc_files_open(env, name, err);
	struct oc_arena *a = oc_arena_new();
	struct oc_lines *lines = NULL;
	struct oc_line line;
	int rc = -1, more;

	if (!files)
		goto out;
	lines = oc_lines_new(files, ROW_MAX, rows);
	while ((more = oc_lines_next(lines, &line, err)) == 1) {
		if (each_line(&line, rows, a, fn, user, err))
			goto out;
		oc_arena_reset(a);
	}
	rc = more;
out:
	oc_lines_free(lines);
	oc_files_close(files);
	oc_arena_free(a);
	return rc;
}
