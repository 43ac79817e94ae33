/* outcross plan: checks everything that costs nothing, and says what a run would do. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/verb.h"
#include "data/format.h"
#include "data/row.h"
#include "llm/gguf.h"
#include "llm/gguf_file.h"
#include "loop/loop.h"
#include "plan/forecast.h"
#include "plan/look.h"
#include "plan/plan.h"

static const struct oc_flag flags[] = {
	{.name = "expand",
         .type = OC_OPT_BOOL,
         .help = "print the plan in full: every default, recipes as visible steps"},
	{0},
};

/* What the sources turned out to be. */
struct checked {
	struct oc_plan *plan;
	struct oc_look *looks; /* (plan->source_n) */
	struct oc_forecast_plan forecast;
};

/* Does the first row have the shape the plan says? */
static int check_format(const struct oc_plan *plan, const struct oc_plan_source *s,
                        const struct oc_look *look, struct oc_err *err)
{
	int format = s->format.len ? oc_format_parse(s->format) : -1, fits = 1;
	struct oc_row row = {.root = look->first, .arena = plan->arena};
	struct oc_buf out = {0}, why = {0};

	if (format < 0 || !look->first)
		return 0;
	/* Messages hold whatever the others hold. */
	if (format == OC_FORMAT_MESSAGES)
		fits = oc_format_detect(look->first) == OC_FORMAT_MESSAGES;
	else
		fits = oc_format_convert(&row, (enum oc_format)format, OC_FORMAT_MESSAGES, &out,
		                         &why);
	if (fits != 1)
		oc_fail(err, OC_INPUT, s->name, "the rows are not %s%s%s",
		        oc_format_name((enum oc_format)format), why.len ? ": " : "",
		        oc_buf_cstr(&why));
	oc_buf_fini(&out);
	oc_buf_fini(&why);
	return fits == 1 ? 0 : -1;
}

static int check_source(struct oc_cli *cli, const struct oc_plan *plan,
                        const struct oc_plan_source *s, struct oc_look *look, struct oc_err *err)
{
	yyjson_val *path = oc_json_get(s->opts, "path");

	if (yyjson_is_arr(path))
		path = yyjson_arr_get_first(path);
	/* Looking would use up what the run is to read. */
	if (oc_str_is(oc_json_str(path), "-"))
		return 0;
	if (oc_look(look, plan->arena, cli->ctx, s->def, s->opts, s->name, plan->base_dir, err) < 0)
		return oc_fail_in(err, s->name);
	if (look->rows == 0)
		return oc_fail(err, OC_INPUT, s->name, "there are no rows in it");
	if (look->bad == look->rows)
		return oc_fail(
			err, OC_INPUT, s->name,
			"none of the first %llu rows can be read (%.*s); is `type: %s` right?",
			(unsigned long long)look->rows, OC_ARG(look->first_bad), s->def->name);
	if (look->bad > 0 && plan->on_bad_row == OC_STOP_ON_BAD_ROW)
		return oc_fail(err, OC_INPUT, s->name, "%.*s; and `on_bad_row` is stop",
		               OC_ARG(look->first_bad));
	return check_format(plan, s, look, err);
}

/* A key that is missing, a model file that is not there: better now than after an hour. */
static int check_model(const struct oc_plan *plan, const struct oc_plan_model *m,
                       struct oc_err *err)
{
	struct oc_str key = oc_json_get_str(m->opts, "key_env");

	if (key.len) {
		struct oc_str name = oc_arena_str(plan->arena, key);
		const char *value = getenv(name.p);
		if (!value || !*value)
			return oc_fail(err, OC_MISSING, m->name,
			               "the key is not set: export %s=... before the run", name.p);
	}
	if (m->def == &oc_llm_gguf) {
		struct oc_str library = oc_json_get_str(m->opts, "library");
		struct oc_str path = oc_arena_str(plan->arena, oc_json_get_str(m->opts, "path"));
		char found[512];
		if (oc_gguf_model(path.p, plan->base_dir, found, err) < 0 ||
		    oc_gguf_library(library.len ? oc_arena_str(plan->arena, library).p : NULL,
		                    plan->base_dir, found, err) < 0)
			return oc_fail_in(err, m->name);
	}
	return 0;
}

/* ------------------------------------------------------------------ printing */

static void print_rows(struct oc_buf *b, const struct oc_look *look)
{
	char n[32];

	if (look->rows == 0)
		oc_buf_puts(b, "not looked at");
	else if (look->whole)
		oc_buf_printf(b, "%s rows", oc_human_count((double)look->rows, n));
	else
		oc_buf_printf(b, "about %s rows", oc_human_count(look->estimate, n));
	if (look->bad)
		oc_buf_printf(b, ", %llu of the first %llu bad", (unsigned long long)look->bad,
		              (unsigned long long)look->rows);
}

static void print_source(struct oc_buf *b, const struct oc_plan_source *s,
                         const struct oc_look *look)
{
	oc_buf_printf(b, "  %-16s %-6s %-10s ", s->name, s->def->name,
	              s->lineage ? "lineage" : oc_origin_name(s->origin));
	print_rows(b, look);
	if (s->licence.len)
		oc_buf_printf(b, ", %.*s", OC_ARG(s->licence));
	if (s->origin == OC_REAL && s->attest.len)
		oc_buf_printf(b, ", attested by %.*s", OC_ARG(s->attest));
	else if (s->collected.len)
		oc_buf_printf(b, ", collected %.*s", OC_ARG(s->collected));
	oc_buf_putc(b, '\n');
	if (s->origin_why)
		oc_buf_printf(b, "  %-16s   counts as unknown: %s\n", "", s->origin_why);
	if (look->bad)
		oc_buf_printf(b, "  %-16s   first bad %.*s\n", "", OC_ARG(look->first_bad));
}

static void print_steps(struct oc_buf *b, const char *key, const struct oc_plan_step *steps,
                        unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		oc_buf_printf(b, "%-10s %-16s", i ? "" : key, steps[i].name);
		if (strcmp(steps[i].name, steps[i].part) != 0)
			oc_buf_printf(b, " (%s)", steps[i].part);
		if (steps[i].def)
			oc_buf_printf(b, " %s", steps[i].def->help ? steps[i].def->help : "");
		if (steps[i].model)
			oc_buf_printf(b, "%s model %s", steps[i].def ? "," : " asks",
			              steps[i].model->name);
		oc_buf_putc(b, '\n');
	}
}

static void print_forecast(struct oc_buf *b, const struct checked *c)
{
	const struct oc_forecast_plan *f = &c->forecast;
	double cap = oc_json_get_num(c->plan->budget, "money", 0);
	char n[4][32];

	if (f->step_n == 0) {
		oc_buf_puts(b, "\nNo model is asked: a run costs nothing but time.\n");
		return;
	}
	oc_buf_puts(b, "\nforecast\n");
	for (unsigned i = 0; i < f->step_n; i++) {
		const struct oc_forecast_step *s = &f->steps[i];
		oc_buf_printf(
			b,
			"  %-16s about %s requests, %s prompt and %s completion tokens, up to "
			"%s rows",
			s->step->name, oc_human_count((double)s->need.requests, n[0]),
			oc_human_short(s->need.prompt_tokens, n[1]),
			oc_human_short(s->need.completion_tokens, n[2]),
			oc_human_count((double)s->need.rows, n[3]));
		if (s->money > 0)
			oc_buf_printf(b, ", %.2f at list price", s->money);
		oc_buf_putc(b, '\n');
	}
	if (f->partial)
		oc_buf_puts(b,
		            "  Only the first rows of the sources were looked at: recipes that use "
		            "every row once ask more.\n");
	if (cap > 0 && f->money > cap)
		oc_buf_printf(
			b, "  That is more than `budget: money` (%.2f): the run will stop there.\n",
			cap);
	oc_buf_puts(b,
	            "  Replies that were paid for before cost nothing. Time: not measured yet.\n");
}

static void print_text(struct oc_buf *b, const struct checked *c)
{
	const struct oc_plan *p = c->plan;
	char hash[33];

	oc_hash128_hex(oc_plan_hash(p), hash);
	oc_buf_printf(b, "plan %s is fine (%.12s)\n\nsources\n", p->name, hash);
	for (unsigned i = 0; i < p->source_n; i++)
		print_source(b, &p->sources[i], &c->looks[i]);
	oc_buf_putc(b, '\n');
	if (p->holdout)
		oc_buf_printf(b,
		              "holdout    %g %% of the real rows, at least %lld, at most %.0f %%, "
		              "by %.*s\n",
		              100 * oc_json_get_num(p->holdout, "share", 0),
		              (long long)oc_json_get_int(p->holdout, "min", 0),
		              100 * oc_json_get_num(p->holdout, "max_share", 0),
		              OC_ARG(oc_json_get_str(p->holdout, "by")));
	else
		oc_buf_puts(b, "holdout    none: nothing will be measured on unseen rows\n");
	print_steps(b, "generate", p->generate, p->generate_n);
	print_steps(b, "verify", p->verify, p->verify_n);
	print_steps(b, "curate", p->curate, p->curate_n);
	oc_buf_printf(b, "review     %.*s\n", OC_ARG(oc_json_get_str(p->review, "mode")));
	print_forecast(b, c);
}

static void json_steps(struct oc_buf *b, const char *key, const struct oc_plan_step *steps,
                       unsigned n)
{
	oc_buf_printf(b, ",\"%s\":[", key);
	for (unsigned i = 0; i < n; i++) {
		oc_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		oc_buf_json(b, oc_str(steps[i].name));
		oc_buf_puts(b, ",\"part\":");
		oc_buf_json(b, oc_str(steps[i].part));
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
}

static void print_json(struct oc_buf *b, const struct checked *c)
{
	const struct oc_plan *p = c->plan;
	char hash[33];

	oc_hash128_hex(oc_plan_hash(p), hash);
	oc_buf_puts(b, "{\"name\":");
	oc_buf_json(b, oc_str(p->name));
	oc_buf_printf(b, ",\"hash\":\"%s\",\"sources\":[", hash);
	for (unsigned i = 0; i < p->source_n; i++) {
		const struct oc_plan_source *s = &p->sources[i];
		const struct oc_look *l = &c->looks[i];
		oc_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		oc_buf_json(b, oc_str(s->name));
		oc_buf_printf(b, ",\"type\":\"%s\",\"origin\":\"%s\",\"lineage\":%s,\"rows\":",
		              s->def->name, oc_origin_name(s->origin),
		              s->lineage ? "true" : "false");
		if (l->rows == 0)
			oc_buf_puts(b, "null");
		else
			oc_buf_double(b, (double)(uint64_t)l->estimate);
		oc_buf_printf(b, ",\"exact\":%s,\"looked_at\":%llu,\"bad\":%llu",
		              l->whole ? "true" : "false", (unsigned long long)l->rows,
		              (unsigned long long)l->bad);
		if (s->origin_why) {
			oc_buf_puts(b, ",\"why_unknown\":");
			oc_buf_json(b, oc_str(s->origin_why));
		}
		oc_buf_putc(b, '}');
	}
	oc_buf_putc(b, ']');
	json_steps(b, "generate", p->generate, p->generate_n);
	json_steps(b, "verify", p->verify, p->verify_n);
	json_steps(b, "curate", p->curate, p->curate_n);
	oc_buf_printf(b,
	              ",\"forecast\":{\"requests\":%llu,\"rows\":%llu,\"prompt_tokens\":%.0f,"
	              "\"completion_tokens\":%.0f,\"money\":",
	              (unsigned long long)c->forecast.requests,
	              (unsigned long long)c->forecast.rows, c->forecast.prompt_tokens,
	              c->forecast.completion_tokens);
	oc_buf_double(b, c->forecast.money);
	oc_buf_printf(b, ",\"partial\":%s,\"seconds\":null}}\n",
	              c->forecast.partial ? "true" : "false");
}

/* -------------------------------------------------------------------- verb */

static int check(struct oc_cli *cli, struct checked *c, struct oc_err *err)
{
	const struct oc_plan *p = c->plan;

	c->looks = oc_arena_zalloc(p->arena, (p->source_n + 1) * sizeof *c->looks);
	for (unsigned i = 0; i < p->source_n; i++)
		if (check_source(cli, p, &p->sources[i], &c->looks[i], err) < 0)
			return -1;
	for (unsigned i = 0; i < p->model_n; i++)
		if (check_model(p, &p->models[i], err) < 0)
			return -1;
	return oc_plan_forecast(&c->forecast, cli->ctx, p, err);
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct checked c = {0};
	struct oc_buf b = {0};
	int rc = -1;

	if (oc_plan_read(&c.plan, cli->ctx, cli->operands[0], err) < 0)
		return -1;
	if (oc_plan_rehearse(c.plan, oc_loop_options, err) < 0)
		goto out;
	if (oc_arg_bool(cli, "expand")) {
		oc_plan_write(&b, c.plan);
	} else {
		if (check(cli, &c, err) < 0)
			goto out;
		if (cli->json)
			print_json(&b, &c);
		else
			print_text(&b, &c);
	}
	rc = oc_cli_out(&b, err);
out:
	oc_plan_free(c.plan);
	oc_buf_fini(&b);
	return rc;
}

const struct oc_verb oc_verb_plan = {
	.name = "plan",
	.help = "check a plan without spending anything, and say what a run would do",
	.usage = "PLAN [--expand] [--json]",
	.doc = "Reads the plan, the first rows of every source, and looks for keys and model "
	       "files. "
	       "Sends nothing. Exit status 2 when the plan is wrong, 3 when an input is, 7 when "
	       "something is missing.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
