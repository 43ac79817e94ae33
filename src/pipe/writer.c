#include "pipe/writer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/behind.h"
#include "pipe/writer_parquet.h"

enum side { DATA, LINEAGE, SIDE_N };

static const char *const folders[] = {"data", "lineage"};

struct oc_writer {
	char dir[PATH_MAX];
	char split[64];
	struct oc_behind *file[SIDE_N]; /* of the open shard, or NULL */
	unsigned shards;                /* begun so far */
	uint64_t bytes;                 /* of data in the open shard */
	bool parquet;                   /* the data is */
};

static const char *tmp_path(const struct oc_writer *w, enum side side, unsigned shard,
                            char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.3800s/%s/.%s-%05u.tmp", w->dir, folders[side], w->split, shard);
	return path;
}

int oc_writer_open(struct oc_writer **out, const char *out_dir, const char *split,
                   struct oc_err *err)
{
	struct oc_writer *w = oc_zalloc(1, sizeof *w);
	char path[PATH_MAX];

	snprintf(w->dir, sizeof w->dir, "%.3800s", out_dir);
	snprintf(w->split, sizeof w->split, "%.60s", split);
	for (enum side s = DATA; s < SIDE_N; s++) {
		snprintf(path, sizeof path, "%.3800s/%s", w->dir, folders[s]);
		if (oc_mkdirs(path, err)) {
			free(w);
			return -1;
		}
	}
	*out = w;
	return 0;
}

static int shard_open(struct oc_writer *w, struct oc_err *err)
{
	char path[PATH_MAX];

	for (enum side s = DATA; s < SIDE_N; s++)
		if (oc_behind_open(&w->file[s], tmp_path(w, s, w->shards, path), err)) {
			oc_behind_abandon(w->file[DATA]);
			w->file[DATA] = NULL;
			return -1;
		}
	w->shards++;
	w->bytes = 0;
	return 0;
}

static int shard_close(struct oc_writer *w, struct oc_err *err)
{
	int rc = 0;

	if (!w->file[DATA])
		return 0;
	for (enum side s = DATA; s < SIDE_N; s++)
		oc_behind_end(w->file[s]);
	for (enum side s = DATA; s < SIDE_N; s++) {
		if (oc_behind_close(w->file[s], err))
			rc = -1;
		w->file[s] = NULL;
	}
	return rc;
}

int oc_writer_add(struct oc_writer *w, const struct oc_str *data, size_t data_n,
                  struct oc_str lineage, struct oc_err *err)
{
	if (w->file[DATA] && w->bytes >= OC_SHARD_BYTES && shard_close(w, err))
		return -1;
	if (!w->file[DATA] && shard_open(w, err))
		return -1;
	for (size_t i = 0; i < data_n; i++) {
		w->bytes += data[i].len;
		if (oc_behind_add(w->file[DATA], data[i].p, data[i].len, err))
			return -1;
	}
	return oc_behind_add(w->file[LINEAGE], lineage.p, lineage.len, err);
}

/* Makes Parquet of the shards of all splits; the temporary names stay. */
static int convert(struct oc_writer **w, unsigned n, struct oc_ctx *ctx,
                   struct oc_parquet_file *files, struct oc_err *err)
{
	char path[PATH_MAX];
	unsigned at = 0;

	for (unsigned i = 0; i < n; i++) {
		if (shard_close(w[i], err))
			return -1;
		for (unsigned s = 0; s < w[i]->shards; s++, at++) {
			struct oc_buf made = {0};
			files[at].rows = oc_strdup(tmp_path(w[i], DATA, s, path));
			oc_buf_printf(&made, "%s.made", path);
			files[at].parquet = oc_buf_cstr(&made);
		}
	}
	if (!at)
		return 0;
	if (oc_parquet_write(ctx, files, at, err))
		return -1;
	for (unsigned i = 0; i < at; i++)
		if (rename(files[i].parquet, files[i].rows))
			return oc_fail_errno(err, files[i].rows, "cannot rename to");
	return 0;
}

int oc_writer_parquet(struct oc_writer **w, unsigned n, struct oc_ctx *ctx, struct oc_err *err)
{
	unsigned shards = 0;

	for (unsigned i = 0; i < n; i++)
		shards += w[i]->shards;
	struct oc_parquet_file *files = oc_zalloc(shards + 1, sizeof *files);
	int rc = convert(w, n, ctx, files, err);
	for (unsigned i = 0; i < shards; i++) {
		free((char *)files[i].rows);
		free((char *)files[i].parquet);
	}
	free(files);
	for (unsigned i = 0; i < n; i++)
		w[i]->parquet = true;
	return rc;
}

static int name_shards(struct oc_writer *w, struct oc_err *err)
{
	char from[PATH_MAX], to[PATH_MAX];

	/* Lineage first: data that can be loaded always has its pedigree beside it. */
	for (int s = LINEAGE; s >= DATA; s--)
		for (unsigned i = 0; i < w->shards; i++) {
			tmp_path(w, (enum side)s, i, from);
			snprintf(to, sizeof to, "%.3800s/%s/%s-%05u-of-%05u.%s", w->dir, folders[s],
			         w->split, i, w->shards,
			         s == DATA && w->parquet ? "parquet" : "jsonl");
			if (oc_rename_synced(from, to, err))
				return -1;
		}
	return 0;
}

int oc_writer_close(struct oc_writer *w, struct oc_err *err)
{
	int rc = shard_close(w, err);

	if (!rc)
		rc = name_shards(w, err);
	if (rc)
		oc_writer_abandon(w);
	else
		free(w);
	return rc;
}

void oc_writer_abandon(struct oc_writer *w)
{
	char path[PATH_MAX];

	if (!w)
		return;
	for (enum side s = DATA; s < SIDE_N; s++)
		oc_behind_abandon(w->file[s]);
	for (unsigned i = 0; i < w->shards; i++)
		for (enum side s = DATA; s < SIDE_N; s++)
			unlink(tmp_path(w, s, i, path));
	free(w);
}
