/* job_parts.h: what the files of a job share, and export with them. Not for others. */
#ifndef RUN_JOB_PARTS_H
#define RUN_JOB_PARTS_H

#include <limits.h>

#include "data/opts.h"
#include "pipe/zframes.h"
#include "run/job.h"
#include "plan/registry.h"

/* ------------------------------------------------------ words of the command line (job_words.c) */

struct oc_job_step {
	const struct oc_stage_def *def;
	const char *name; /* the part's, numbered when it repeats */
	yyjson_val *opts;
	void *self;
};

/* `indexing`: the stage makes an index of the rows; it needs nothing to be `against`. */
int oc_job_step_read(struct oc_arena *a, const char *text, bool indexing, struct oc_job_step *step,
                     struct oc_err *err);
/* "{a: 1}", "a: 1" or "a=1,b=[2, 3]" as an object; empty text = an empty one. */
yyjson_val *oc_job_mapping(struct oc_arena *a, struct oc_str text, const char *what,
                           struct oc_err *err);

struct oc_job_source {
	const char *path;
	struct oc_str name; /* the file's, without folder and endings; numbered when it repeats */
	const struct oc_source_def *def;
	yyjson_val *opts;
	void *self;
	enum oc_origin origin;      /* of rows without a lineage */
	struct oc_lineage *lineage; /* a run's lineage lies beside the file */
};

int oc_job_sources_read(struct oc_arena *a, const struct oc_job *job, struct oc_job_source *sources,
                        struct oc_err *err);

/* ------------------------------------------------------- temporary files (job_folder.c) */

/* A new folder in `dir` for what a job keeps on disk while it works. *held is a locked descriptor
 * of it (-1 where the file system has no locks): folders that nobody holds any more, of jobs that
 * were killed, are removed. */
int oc_job_folder_make(int *held, const char *dir, char path[PATH_MAX], struct oc_err *err);

/* ------------------------------------------------------------------- output (job_output.c) */

/* A file that gets its name when it is whole, or standard output, or a device. */
struct oc_sink {
	const char *path;
	struct oc_ctx *ctx;
	char *tmp;
	int fd;
	struct oc_parquet_follower *parquet; /* makes NAME.tmp.made of the rows in NAME.tmp */
	uint64_t len;                        /* bytes of those */
	struct oc_zwriter *z;
	bool open;
};

/* Refuses what exists, unless `force`. Of rows, not of verdicts and the like, a name may end in
 * .parquet: the rows wait as JSON lines in NAME.tmp until the sink is closed. */
int oc_sink_check(const char *path, bool rows, bool force, struct oc_err *err);
int oc_sink_open(struct oc_sink *s, struct oc_ctx *ctx, const char *path, struct oc_err *err);
int oc_sink_add(struct oc_sink *s, struct oc_str bytes, struct oc_err *err);
int oc_sink_close(struct oc_sink *s, struct oc_err *err);
void oc_sink_abandon(struct oc_sink *s);

/* The lines of VERDICTS for a row that will not be seen again. */
void oc_verdict_lines(struct oc_buf *b, const struct oc_row *row, const struct oc_job_step *steps,
                      unsigned step_n, bool name_file);

/* Thresholds met so far, by stage and rule: the header of VERDICTS. */
struct oc_thresholds {
	struct oc_threshold *list;
	unsigned n, cap;
};
void oc_thresholds_see(struct oc_thresholds *t, const struct oc_row *row);
void oc_thresholds_fini(struct oc_thresholds *t);
/* Writes header and body to their place; `body` is the sink's temporary, which goes. */
int oc_verdicts_finish(const char *path, const char *body, const struct oc_thresholds *t,
                       const struct oc_job_step *steps, unsigned step_n, struct oc_err *err);

#endif
