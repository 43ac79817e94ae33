#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "data/opts.h"
#include "data/yaml.h"
#include "plan/registry.h"

int oc_driven_open(struct oc_driven *d, const char *stage, const char *options, uint64_t memory,
                   struct oc_err *err)
{
	char dir[] = "/tmp/outcross-test-XXXXXX";
	yyjson_val *given, *opts;

	*d = (struct oc_driven){.def = oc_stage_find(oc_str(stage))};
	assert_non_null(d->def);
	assert_non_null(mkdtemp(dir));
	d->dir = oc_strdup(dir);
	d->ctx = oc_ctx_new(2, 0);
	d->arena = oc_arena_new();
	given = oc_yaml_parse(d->arena, oc_str(options), "options", NULL, err);
	opts = given ? oc_opts_resolve(d->arena, d->def->options, given, stage, NULL, NULL, err)
	             : NULL;
	if (opts && d->def->as)
		d->def = d->def->as(opts);
	struct oc_env env = {.size = sizeof env,
	                     .ctx = d->ctx,
	                     .name = stage,
	                     .base_dir = d->dir,
	                     .work_dir = d->dir,
	                     .seed = 1,
	                     .memory = memory};
	if (!opts || d->def->open(&d->self, &env, opts, err)) {
		d->self = NULL;
		oc_driven_close(d);
		return -1;
	}
	d->scratch = d->def->scratch_new ? d->def->scratch_new(d->self) : NULL;
	return 0;
}

void oc_driven_close(struct oc_driven *d)
{
	struct oc_err err = {0};

	if (d->scratch)
		d->def->scratch_free(d->scratch);
	if (d->self && d->def->close)
		d->def->close(d->self);
	if (d->dir)
		oc_remove_tree(d->dir, &err);
	free(d->dir);
	oc_buf_fini(&d->state);
	oc_arena_free(d->arena);
	oc_ctx_free(d->ctx);
	*d = (struct oc_driven){0};
}

struct oc_row *oc_driven_row(struct oc_batch *b, const char *json, uint64_t number,
                             enum oc_origin origin)
{
	struct oc_err err = {0};
	struct oc_row *row = oc_batch_add(b);

	assert_non_null(row);
	row->raw = oc_arena_str(b->arena, oc_str(json));
	row->number = number;
	row->ped.key = oc_arena_printf(b->arena, "s:%llu", (unsigned long long)number);
	row->ped.origin = origin;
	assert_int_equal(oc_row_parse(row, &err), 0);
	if (!row->root)
		fail_msg("not a row: %s", json);
	return row;
}

void oc_driven_run(struct oc_driven *d, struct oc_row *row)
{
	struct oc_err err = {0};
	int rc;

	if (d->def->kind == OC_STAGE_ROW) {
		rc = d->def->row(d->self, d->scratch, row, &err);
	} else {
		void *note = NULL;
		rc = d->def->prepare ? d->def->prepare(d->self, d->scratch, row, &note, &err) : 0;
		if (!rc)
			rc = d->def->ordered(d->self, row, note, &d->state, &err);
	}
	if (rc)
		fail_msg("%s", err.msg);
}

const char *oc_last_rule(const struct oc_row *row)
{
	static char text[256];

	text[0] = 0;
	if (row->verdict_n)
		snprintf(text, sizeof text, "%.*s", OC_ARG(row->verdicts[row->verdict_n - 1].rule));
	return text;
}

const char *oc_last_evidence(const struct oc_row *row)
{
	static char text[4096];

	text[0] = 0;
	if (row->verdict_n)
		snprintf(text, sizeof text, "%.*s",
		         OC_ARG(row->verdicts[row->verdict_n - 1].evidence));
	return text;
}

bool oc_shared(const char *name, char out[4096])
{
	const char *root = getenv("OUTCROSS_SHARED");

	snprintf(out, 4096, "%s/data/%s", root && *root ? root : "../shared", name);
	return access(out, R_OK) == 0;
}

static unsigned long long status_of(const char *name)
{
	char line[256];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), " %llu", &kib);
	if (f)
		fclose(f);
	return kib * 1024;
}

void oc_driven_resolve_within(struct oc_driven *d, struct oc_spill *spill, uint64_t held,
                              uint64_t resident)
{
	struct oc_err err = {0};
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child) {
		unsigned long long now = status_of("VmData:"), before;
		struct rlimit limit = {now + held, now + held};
		FILE *f = fopen("/proc/self/clear_refs", "w");
		if (!now || setrlimit(RLIMIT_DATA, &limit))
			_exit(3);
		/* the peak counts from here, where the kernel lets it */
		bool peak = f && fputs("5", f) >= 0 && fclose(f) == 0;
		before = status_of("VmRSS:");
		if (d->def->resolve(d->self, spill, &err))
			_exit(2);
		uint64_t grown = status_of("VmHWM:") - before;
		if (peak)
			fprintf(stderr, "%.1f MB more resident\n", (double)grown / 1e6);
		_exit(peak && resident && grown > resident ? 4 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
