#include "run/lineage.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/parquet_lines.h"

struct oc_lineage {
	glob_t files; /* data files in order */
	size_t at;
	FILE *in; /* lineage of file number at - 1 */
	char *line;
	size_t line_cap;
	char path[4096];
};

bool oc_lineage_beside(const char *data_path, char out[4096])
{
	return oc_rows_lineage(data_path, out) && oc_file_exists(out);
}

static int add_path(struct oc_lineage *l, struct oc_str path, const char *base_dir)
{
	bool rooted = path.len && path.p[0] == '/';
	char pattern[4096];

	snprintf(pattern, sizeof pattern, "%.*s", OC_ARG(path));
	return oc_glob(rooted     ? ""
	               : base_dir ? base_dir
	                          : ".",
	               pattern + rooted, GLOB_NOCHECK | (l->files.gl_pathc ? GLOB_APPEND : 0),
	               &l->files);
}

int oc_lineage_open(struct oc_lineage **out, yyjson_val *opts, const char *base_dir,
                    struct oc_err *err)
{
	struct oc_lineage *l = oc_zalloc(1, sizeof *l);
	yyjson_val *paths = oc_json_get(opts, "path"), *path;
	size_t i, n;
	int rc = 0;

	if (yyjson_is_str(paths))
		rc = add_path(l, oc_json_str(paths), base_dir);
	yyjson_arr_foreach(paths, i, n, path) if (!rc) rc =
		add_path(l, oc_json_str(path), base_dir);
	if (rc) {
		oc_lineage_close(l);
		return oc_fail(err, OC_IO, NULL, "cannot list the source's files");
	}
	*out = l;
	return 0;
}

int oc_lineage_next(struct oc_lineage *l, struct oc_row *row, struct oc_err *err)
{
	ssize_t len = -1;

	for (;;) {
		if (l->in && (len = getline(&l->line, &l->line_cap, l->in)) > 0)
			break;
		if (l->in)
			fclose(l->in);
		l->in = NULL;
		if (l->at == l->files.gl_pathc)
			return oc_fail(err, OC_INPUT, l->path,
			               "the lineage has fewer lines than the data: it belongs to "
			               "another file");
		if (!oc_lineage_beside(l->files.gl_pathv[l->at++], l->path))
			return oc_fail(
				err, OC_INPUT, l->files.gl_pathv[l->at - 1],
				"has no lineage beside it although others of this source have one");
		if (!(l->in = fopen(l->path, "re")))
			return oc_fail_errno(err, l->path, "cannot open the lineage");
	}
	row->ped.extra = oc_arena_str(row->arena, (struct oc_str){l->line, (size_t)len});
	return 0;
}

void oc_lineage_close(struct oc_lineage *l)
{
	if (!l)
		return;
	if (l->in)
		fclose(l->in);
	globfree(&l->files);
	free(l->line);
	free(l);
}

static void prefix(struct oc_row *row, struct oc_str *names, uint32_t n, const char *source)
{
	for (uint32_t i = 0; i < n; i++)
		names[i] = oc_arena_printf(row->arena, "%s/%.*s", source, OC_ARG(names[i]));
}

static bool ends_in_parquet(struct oc_str s)
{
	static const char end[] = ".parquet";
	size_t n = sizeof end - 1;

	return s.len > n && memcmp(s.p + s.len - n, end, n) == 0;
}

int oc_lineage_apply(struct oc_row *row, const char *source, struct oc_err *err)
{
	struct oc_pedigree mine = row->ped;
	uint32_t old = row->verdict_n;
	struct oc_str raw = row->raw;

	/* Parquet keeps values, not bytes: the hash is of the row as it was before it went there.
	 */
	if (ends_in_parquet(mine.span.file))
		row->raw = (struct oc_str){0};
	int rc = oc_pedigree_read(row, oc_str_trim(mine.extra), err);
	row->raw = raw;
	if (rc)
		return -1;
	row->verdict_n = old; /* what an earlier run said of it stays in that run */
	/* A real row goes on as the founder it was there: its descendants name it so. */
	if (row->ped.origin == OC_REAL && !row->ped.founder_n) {
		row->ped.founders = oc_arena_alloc(row->arena, sizeof *row->ped.founders);
		row->ped.founders[0] = row->ped.key;
		row->ped.founder_n = 1;
	}
	prefix(row, row->ped.parents, row->ped.parent_n, source);
	prefix(row, row->ped.founders, row->ped.founder_n, source);
	row->ped.key = mine.key;
	row->ped.source = mine.source;
	row->ped.row = mine.row;
	row->ped.span = mine.span;
	row->ped.request_n = 0;
	return 0;
}
