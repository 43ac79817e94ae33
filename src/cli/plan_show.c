#include "cli/plan_show.h"

#include <math.h>

#include "cli/progress.h"
#include "data/row.h"
#include "report/report.h"
#include "run/stage_facts.h"

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

/* What the sources hold, as far as was looked. */
static struct oc_outlook outlook(const struct oc_plan_checked *c)
{
	struct oc_outlook o = {.size = sizeof o, .rows = (double)c->forecast.rows};
	double seen = 0, bytes = 0;

	for (unsigned i = 0; i < c->plan->source_n; i++) {
		o.rows += c->plan->sources[i].seeds_only ? 0 : c->looks[i].estimate;
		seen += (double)c->looks[i].rows;
		bytes += (double)c->looks[i].row_bytes;
	}
	o.row_bytes = seen > 0 ? bytes / seen : 0;
	return o;
}

static int steps_forecast(struct oc_plan_checked *c, const struct oc_outlook *look,
                          const struct oc_plan_step *steps, unsigned n, struct oc_err *err)
{
	for (unsigned i = 0; i < n; i++) {
		size_t before = c->steps.len;
		if (before > 1)
			oc_buf_putc(&c->steps, ',');
		int rc = steps[i].def ? oc_stage_forecast(steps[i].def, steps[i].name,
		                                          steps[i].opts, look, &c->steps, err)
		                      : 0;
		if (rc < 0)
			return -1;
		if (rc == 0)
			c->steps.len = before;
	}
	return 0;
}

int oc_plan_steps(struct oc_plan_checked *c, struct oc_err *err)
{
	struct oc_outlook look = outlook(c);

	oc_buf_putc(&c->steps, '[');
	if (steps_forecast(c, &look, c->plan->verify, c->plan->verify_n, err) ||
	    steps_forecast(c, &look, c->plan->curate, c->plan->curate_n, err))
		return -1;
	oc_buf_putc(&c->steps, ']');
	return 0;
}

static void print_steps_forecast(struct oc_buf *b, const struct oc_plan_checked *c)
{
	struct oc_err ignored = {0};

	if (c->steps.len <= 2)
		return;
	oc_buf_puts(b, "\nwhat steps will find and cost\n");
	oc_report_stages(b, oc_json_parse(c->plan->arena, oc_buf_view(&c->steps), &ignored), false);
}

static void print_notes(struct oc_buf *b, const struct oc_plan_checked *c)
{
	struct oc_err ignored = {0};
	yyjson_val *note;
	size_t i, n;

	yyjson_arr_foreach(oc_json_parse(c->plan->arena, oc_buf_view(&c->notes), &ignored), i, n,
	                   note)
	{
		oc_buf_printf(b, "%s%.*s\n", i ? "           " : "note       ",
		              OC_ARG(oc_json_str(note)));
	}
}

static void print_forecast(struct oc_buf *b, const struct oc_plan_checked *c)
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
		if (s->context)
			oc_buf_printf(
				b,
				"  %-16s a prompt has about %s tokens and does not fit the "
				"context of %u: raise `context:` of model %s, or show fewer "
				"rows\n",
				"",
				oc_human_count(s->need.prompt_tokens / (double)s->need.requests,
			                       n[0]),
				s->context, s->step->model->name);
	}
	if (f->partial)
		oc_buf_puts(b,
		            "  Only the first rows of the sources were looked at: recipes that use "
		            "every row once ask more.\n");
	if (cap > 0 && f->money > cap)
		oc_buf_printf(
			b, "  That is more than `budget: money` (%.2f): the run will stop there.\n",
			cap);
	oc_buf_puts(b, "  Replies that were paid for before cost nothing.");
	if (c->rate > 0)
		oc_buf_printf(b, " About %s, at the %.3g replies a second of %s.\n",
		              oc_human_seconds((double)f->requests / c->rate, n[0]), c->rate,
		              c->rate_of);
	else
		oc_buf_puts(b, " Time: not measured yet (--trial 5 measures it).\n");
}

/* Every line of a text behind the same margin. */
static void print_block(struct oc_buf *b, const char *label, struct oc_str text)
{
	size_t at = 0;

	do {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;
		oc_buf_printf(b, "  %-7s| %.*s\n", at ? "" : label, (int)len, text.p + at);
		at += len + 1;
	} while (at < text.len);
}

static void print_request(struct oc_buf *b, const struct oc_trial_request *q)
{
	oc_buf_printf(b, "\n%s, request %llu: %u + %u tokens, %.2f s", q->step->name,
	              (unsigned long long)q->number + 1, q->usage.prompt_tokens,
	              q->usage.completion_tokens, q->seconds);
	if (q->cost > 0)
		oc_buf_printf(b, ", %.6f paid", q->cost);
	oc_buf_putc(b, '\n');
	print_block(b, "prompt", q->prompt);
	if (q->error.len)
		print_block(b, "failed", q->error);
	else
		print_block(b, "reply", q->reply);
	for (size_t i = 0; i < q->row_n; i++) {
		const struct oc_trial_row *r = &q->rows[i];
		if (r->raw.len) /* else it is the reply, unreadable */
			oc_buf_printf(b, "  %-7s| %.*s\n", "row", OC_ARG(r->raw));
		oc_buf_printf(b, "  %-7s> %s", "", r->fate);
		if (r->rule.len)
			oc_buf_printf(b, " by %.*s%s%.*s", OC_ARG(r->rule), r->why.len ? " " : "",
			              OC_ARG(r->why));
		oc_buf_putc(b, '\n');
	}
}

static void print_trial_step(struct oc_buf *b, const struct oc_trial_step *s)
{
	char n[5][32];

	oc_buf_printf(b, "  %-16s %llu requests, %llu failed, %llu rows made, %llu kept: ",
	              s->step->name, (unsigned long long)s->requests, (unsigned long long)s->failed,
	              (unsigned long long)s->made, (unsigned long long)s->kept);
	if (s->requests == 0 || s->need_requests < 0) {
		oc_buf_puts(b, "too little to forecast from\n");
		return;
	}
	oc_buf_printf(b, "%.2f rows a request\n", (double)s->kept / (double)s->requests);
	oc_buf_printf(b, "  %-16s about %s requests", "",
	              oc_human_count(ceil(s->need_requests), n[0]));
	if (s->wanted > 0)
		oc_buf_printf(b, " for %s rows", oc_human_count(s->wanted, n[1]));
	oc_buf_printf(b, ", %s prompt and %s completion tokens",
	              oc_human_short(s->need_prompt, n[2]),
	              oc_human_short(s->need_completion, n[3]));
	if (s->need_money > 0)
		oc_buf_printf(b, ", %.4f at list price", s->need_money);
	oc_buf_printf(b, ", %s with %u in flight\n", oc_human_seconds(s->need_seconds, n[4]),
	              s->at_once);
}

static void print_trial(struct oc_buf *b, const struct oc_plan_checked *c)
{
	const struct oc_trial *t = c->trial;
	double cap = oc_json_get_num(c->plan->budget, "money", 0), money = 0;

	oc_buf_printf(b,
	              "\ntrial: %llu requests were sent, %llu replies were in the store already\n",
	              (unsigned long long)t->sent, (unsigned long long)t->cached);
	for (size_t i = 0; i < t->request_n; i++)
		print_request(b, &t->requests[i]);
	oc_buf_puts(b, "\nforecast, from the trial\n");
	for (unsigned i = 0; i < t->step_n; i++) {
		print_trial_step(b, &t->steps[i]);
		money += t->steps[i].need_money;
	}
	if (cap > 0 && money > cap)
		oc_buf_printf(
			b, "  That is more than `budget: money` (%.2f): the run will stop there.\n",
			cap);
	oc_buf_puts(b, "  The run finds the trial's replies in the store and does not pay for them "
	               "again.\n");
}

/* What the caps are, and how much of what the mix takes. */
static void print_budget(struct oc_buf *b, yyjson_val *budget)
{
	static const char *const caps[] = {"money", "tokens", "requests", "hours"};
	bool any = false;

	for (size_t i = 0; i < 4; i++)
		if (oc_json_get(budget, caps[i])) {
			oc_buf_printf(b, "%s%s %.10g", any ? ", " : "budget     at most ", caps[i],
			              oc_json_get_num(budget, caps[i], 0));
			any = true;
		}
	oc_buf_puts(b, any ? "\n" : "");
}

static void print_mix(struct oc_buf *b, yyjson_val *mix)
{
	double rows = oc_json_get_num(mix, "rows", 0), tokens = oc_json_get_num(mix, "tokens", 0);
	yyjson_val *key, *part;
	size_t i, n;
	char text[32];

	if (rows > 0 || tokens > 0)
		oc_buf_printf(b, "mix        %s %s", oc_human_count(rows > 0 ? rows : tokens, text),
		              rows > 0 ? "rows" : "tokens");
	else
		oc_buf_puts(b, "mix        all rows");
	yyjson_obj_foreach(oc_json_get(mix, "shares"), i, n, key, part)
	{
		oc_buf_printf(b, ", %s ", yyjson_get_str(key));
		oc_json_write(b, part);
	}
	oc_buf_printf(b, ", %.*s", OC_ARG(oc_json_get_str(mix, "mode")));
	if (oc_json_get_int(mix, "repeat", 1) > 1)
		oc_buf_printf(b, ", a row at most %lld times",
		              (long long)oc_json_get_int(mix, "repeat", 1));
	if (oc_json_get_num(mix, "real_floor", 0) > 0)
		oc_buf_printf(b, ", at least %g real", oc_json_get_num(mix, "real_floor", 0));
	if (oc_json_get(mix, "depth_cap"))
		oc_buf_printf(b, ", no deeper than %lld",
		              (long long)oc_json_get_int(mix, "depth_cap", 0));
	if (oc_json_get_int(mix, "min_founders", 0) > 0)
		oc_buf_printf(b, ", at least %lld founders",
		              (long long)oc_json_get_int(mix, "min_founders", 0));
	oc_buf_putc(b, '\n');
}

void oc_plan_show(struct oc_buf *b, const struct oc_plan_checked *c)
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
	if (p->mix)
		print_mix(b, p->mix);
	if (p->rehearse)
		oc_buf_puts(b,
		            "rehearse   models are trained on models, on the rows of this plan\n");
	print_budget(b, p->budget);
	print_notes(b, c);
	print_steps_forecast(b, c);
	if (c->trial)
		print_trial(b, c);
	else
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

static void json_request(struct oc_buf *b, const struct oc_trial_request *q)
{
	oc_buf_puts(b, "{\"step\":");
	oc_buf_json(b, oc_str(q->step->name));
	oc_buf_printf(b, ",\"key\":\"%s\",\"prompt\":", q->key);
	oc_buf_json(b, q->prompt);
	oc_buf_puts(b, q->error.len ? ",\"error\":" : ",\"reply\":");
	oc_buf_json(b, q->error.len ? q->error : q->reply);
	oc_buf_printf(b, ",\"prompt_tokens\":%u,\"completion_tokens\":%u,\"money\":",
	              q->usage.prompt_tokens, q->usage.completion_tokens);
	oc_buf_double(b, q->cost);
	oc_buf_printf(b, ",\"seconds\":%.3f,\"rows\":[", q->seconds);
	for (size_t i = 0; i < q->row_n; i++) {
		const struct oc_trial_row *r = &q->rows[i];
		oc_buf_printf(b, "%s{\"fate\":\"%s\",\"rule\":", i ? "," : "", r->fate);
		oc_buf_json(b, r->rule);
		if (r->why.len) {
			oc_buf_puts(b, ",\"evidence\":");
			oc_buf_str(b, r->why);
		}
		oc_buf_puts(b, ",\"row\":");
		if (r->raw.len && r->raw.p[0] == '{')
			oc_buf_str(b, r->raw);
		else
			oc_buf_puts(b, "null");
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, "]}");
}

static void json_number(struct oc_buf *b, const char *key, double value)
{
	oc_buf_printf(b, ",\"%s\":", key);
	if (value < 0)
		oc_buf_puts(b, "null");
	else
		oc_buf_double(b, value);
}

static void json_trial(struct oc_buf *b, const struct oc_trial *t)
{
	oc_buf_printf(b, ",\"trial\":{\"sent\":%llu,\"cached\":%llu,\"requests\":[",
	              (unsigned long long)t->sent, (unsigned long long)t->cached);
	for (size_t i = 0; i < t->request_n; i++) {
		if (i)
			oc_buf_putc(b, ',');
		json_request(b, &t->requests[i]);
	}
	oc_buf_puts(b, "],\"forecast\":[");
	for (unsigned i = 0; i < t->step_n; i++) {
		const struct oc_trial_step *s = &t->steps[i];
		oc_buf_puts(b, i ? ",{\"step\":" : "{\"step\":");
		oc_buf_json(b, oc_str(s->step->name));
		json_number(b, "kept", (double)s->kept);
		json_number(b, "made", (double)s->made);
		json_number(b, "requests", s->need_requests);
		json_number(b, "prompt_tokens", s->need_prompt);
		json_number(b, "completion_tokens", s->need_completion);
		json_number(b, "money", s->need_money);
		json_number(b, "seconds", s->need_seconds);
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, "]}");
}

void oc_plan_show_json(struct oc_buf *b, const struct oc_plan_checked *c)
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
	oc_buf_printf(b, ",\"partial\":%s,\"seconds\":", c->forecast.partial ? "true" : "false");
	if (c->rate > 0)
		oc_buf_double(b, (double)c->forecast.requests / c->rate);
	else
		oc_buf_puts(b, "null");
	oc_buf_putc(b, '}');
	oc_buf_puts(b, ",\"notes\":");
	oc_buf_str(b, oc_buf_view(&c->notes));
	oc_buf_puts(b, ",\"steps\":");
	oc_buf_str(b, oc_buf_view(&c->steps));
	if (c->trial)
		json_trial(b, c->trial);
	oc_buf_puts(b, "}\n");
}
