#include "run/stage_facts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/facts.h"
#include "report/report.h"
#include "run/losses.h"
#include "run/state.h"

/* The object that a stage made (or none), checked, with step and part before it. */
static int put_object(const char *step, const char *part, struct oc_str text, struct oc_buf *out,
                      struct oc_err *err)
{
	struct oc_arena *arena;
	yyjson_val *facts;
	int rc = -1;

	if (!text.len)
		return 0;
	arena = oc_arena_new();
	if ((facts = oc_json_parse(arena, text, err)) && !oc_facts_check(facts, err)) {
		oc_buf_puts(out, "{\"step\":");
		oc_buf_json(out, oc_str(step));
		oc_buf_puts(out, ",\"part\":");
		oc_buf_json(out, oc_str(part));
		oc_buf_putc(out, ',');
		struct oc_str object = oc_str_trim(text);
		oc_json_squeeze(out, (struct oc_str){object.p + 1, object.len - 1});
		rc = 1;
	}
	oc_arena_free(arena);
	return rc;
}

int oc_stage_facts(const struct oc_step_run *step, struct oc_buf *out, struct oc_err *err)
{
	struct oc_buf text = {0};
	int rc;

	if (!step->def->facts)
		return 0;
	rc = step->def->facts(step->self, &text, err) < 0
	             ? -1
	             : put_object(step->name, step->def->name, oc_buf_view(&text), out, err);
	if (rc < 0)
		oc_fail_in(err, step->name);
	oc_buf_fini(&text);
	return rc;
}

int oc_stage_forecast(const struct oc_stage_def *def, const char *step, yyjson_val *opts,
                      const struct oc_outlook *look, struct oc_buf *out, struct oc_err *err)
{
	struct oc_buf text = {0};
	int rc;

	if (!def->forecast)
		return 0;
	rc = def->forecast(opts, look, &text, err) < 0
	             ? -1
	             : put_object(step, def->name, oc_buf_view(&text), out, err);
	if (rc < 0)
		oc_fail_in(err, step);
	oc_buf_fini(&text);
	return rc;
}

void oc_stage_forecast_log(struct oc_ctx *ctx, const struct oc_stage_def *def, const char *step,
                           yyjson_val *opts)
{
	struct oc_outlook nothing = {.size = sizeof nothing};
	struct oc_buf array = {0}, text = {0};
	struct oc_arena *arena;
	struct oc_err ignored = {0};

	if (!def->forecast)
		return;
	arena = oc_arena_new();
	oc_buf_putc(&array, '[');
	if (oc_stage_forecast(def, step, opts, &nothing, &array, &ignored) > 0) {
		oc_buf_putc(&array, ']');
		oc_report_stages(&text, oc_json_parse(arena, oc_buf_view(&array), &ignored), true);
	}
	for (struct oc_str rest = oc_buf_view(&text); rest.len;) {
		const char *end = memchr(rest.p, '\n', rest.len);
		size_t len = end ? (size_t)(end - rest.p) : rest.len;
		oc_log(ctx, OC_LOG_INFO, "%.*s", (int)len, rest.p);
		len += end != NULL;
		rest = (struct oc_str){rest.p + len, rest.len - len};
	}
	oc_buf_fini(&text);
	oc_buf_fini(&array);
	oc_arena_free(arena);
}

void oc_stage_memory_check(struct oc_ctx *ctx, const struct oc_stage_def *def, const char *step,
                           uint64_t memory)
{
	if (def->holds == OC_HOLDS_WITHIN && memory < OC_MEMORY_LEAST)
		oc_log(ctx, OC_LOG_WARN,
		       "%s: %.1f MB of `memory:` are left for it; it may take up to %.0f MB, the "
		       "least it works in",
		       step, (double)memory / 1e6, (double)OC_MEMORY_LEAST / 1e6);
}

const char *oc_stage_facts_key(char key[OC_FACTS_KEY], const char *step)
{
	snprintf(key, OC_FACTS_KEY, "facts:%.280s", step);
	return key;
}

int oc_stage_facts_store(struct oc_run *run, const struct oc_step_run *steps, unsigned step_n,
                         struct oc_err *err)
{
	struct oc_buf text = {0};
	char key[OC_FACTS_KEY];
	int rc = 0;

	for (unsigned i = 0; rc >= 0 && i < step_n; i++) {
		if (steps[i].role != OC_RUN)
			continue;
		text.len = 0;
		rc = oc_stage_facts(&steps[i], &text, err);
		if (rc == 1)
			rc = oc_rundb_set(run->db, oc_stage_facts_key(key, steps[i].name),
			                  oc_buf_view(&text), err);
	}
	oc_buf_fini(&text);
	return rc < 0 ? -1 : 0;
}

/* -------------------------------------------------------------- what is kept */

static unsigned step_count(const struct oc_plan *p)
{
	return p->verify_n + p->curate_n;
}

static const struct oc_plan_step *step_at(const struct oc_plan *p, unsigned i)
{
	return i < p->verify_n ? &p->verify[i] : &p->curate[i - p->verify_n];
}

struct oc_kept *oc_stage_kept_new(const struct oc_run *run)
{
	const struct oc_plan *p = run->plan;
	const char **names = oc_zalloc(step_count(p), sizeof *names);
	unsigned n = 0;

	for (unsigned i = 0; i < step_count(p); i++)
		if (step_at(p, i)->def->facts)
			names[n++] = step_at(p, i)->name;
	struct oc_kept *kept = oc_kept_new(names, n);
	free(names);
	return kept;
}

static const char *kept_key(char key[OC_FACTS_KEY], const char *step)
{
	snprintf(key, OC_FACTS_KEY, "kept:%.280s", step);
	return key;
}

int oc_stage_kept_store(struct oc_run *run, const struct oc_kept *kept, struct oc_err *err)
{
	const struct oc_plan *p = run->plan;
	struct oc_buf text = {0};
	char key[OC_FACTS_KEY];
	int rc = 0;

	for (unsigned i = 0; !rc && i < step_count(p); i++) {
		text.len = 0;
		oc_kept_write(kept, step_at(p, i)->name, &text);
		if (step_at(p, i)->def->facts)
			rc = oc_rundb_set(run->db, kept_key(key, step_at(p, i)->name),
			                  oc_buf_view(&text), err);
	}
	oc_buf_fini(&text);
	return rc;
}

void oc_stage_facts_join(struct oc_buf *out, struct oc_str facts, struct oc_str kept)
{
	oc_buf_add(out, facts.p, facts.len - 1);
	oc_buf_str(out, kept);
	oc_buf_putc(out, '}');
}

/* Do facts show scores beside a threshold? */
static bool has_threshold(struct oc_str facts)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	yyjson_val *h;
	size_t i, n;
	bool found = false;

	yyjson_arr_foreach(oc_json_get(oc_json_parse(a, facts, &err), "histograms"), i, n, h)
	{
		found |= yyjson_is_num(oc_json_get(h, "threshold"));
	}
	oc_arena_free(a);
	return found;
}

/* What is stored of a step. 1 appended, 0 there is nothing; *scores: it shows some. */
static int write_step(struct oc_run *run, const char *name, struct oc_buf *out, const char **sep,
                      bool *scores, struct oc_err *err)
{
	struct oc_buf facts = {0}, kept = {0};
	char key[OC_FACTS_KEY];
	int rc = oc_rundb_get(run->db, oc_stage_facts_key(key, name), &facts, err);

	*scores = false;
	if (rc == 1 && (rc = oc_rundb_get(run->db, kept_key(key, name), &kept, err)) >= 0) {
		oc_buf_puts(out, *sep);
		*sep = ",";
		oc_stage_facts_join(out, oc_buf_view(&facts), oc_buf_view(&kept));
		*scores = has_threshold(oc_buf_view(&facts));
	}
	oc_buf_fini(&facts);
	oc_buf_fini(&kept);
	return rc;
}

int oc_stage_facts_write(struct oc_run *run, struct oc_buf *out, struct oc_err *err)
{
	const struct oc_plan *p = run->plan;
	const char *sep = "";
	bool scores;

	oc_buf_putc(out, '[');
	oc_losses_write_all(run, out, &sep);
	for (unsigned i = 0; i < step_count(p); i++) {
		if (write_step(run, step_at(p, i)->name, out, &sep, &scores, err) < 0)
			return -1;
		oc_losses_write_step(run, i, !scores, out, &sep);
	}
	oc_buf_putc(out, ']');
	return 0;
}
