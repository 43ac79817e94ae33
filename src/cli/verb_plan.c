/* outcross plan: checks everything that costs nothing, and says what a run would do; with --trial
 * it spends a little and says it better. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/plan_show.h"
#include "cli/verb.h"
#include "data/format.h"
#include "data/row.h"
#include "llm/gguf.h"
#include "llm/gguf_file.h"
#include "llm/openai.h"
#include "loop/loop.h"
#include "net/http.h"
#include "run/ready.h"

static const struct oc_flag flags[] = {
	{.name = "expand",
         .type = OC_OPT_BOOL,
         .help = "print the plan in full: every default, recipes as visible steps"},
	{.name = "trial",
         .type = OC_OPT_INT,
         .arg = "N",
         .min = 1,
         .max = 1e6,
         .help = "send N requests of each recipe and pay for them; show what came back, and "
                 "forecast from it"},
	{.name = "connect",
         .type = OC_OPT_BOOL,
         .help = "see whether each endpoint can be reached and takes the key; costs nothing"},
	{0},
};

#define RATE_REPLIES 20 /* fewer say nothing about a rate */

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
	struct oc_str env = oc_json_get_str(m->opts, "base_env");
	struct oc_str base = oc_json_get_str(m->opts, "base");

	if (env.len && !base.len) {
		struct oc_str name = oc_arena_str(plan->arena, env);
		if (!getenv(name.p))
			return oc_fail(err, OC_MISSING, m->name,
			               "the endpoint's address is not set: export %s=http... "
			               "before the run",
			               name.p);
		base = oc_str(getenv(name.p));
	}
	if (m->def == &oc_llm_openai) {
		struct oc_buf shown = {0};
		int rc =
			oc_openai_address(oc_arena_str(plan->arena, base).p, "", NULL, &shown, err);
		oc_buf_fini(&shown);
		if (rc)
			return oc_fail_in(err, m->name);
	}
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

/* A real floor where nothing counts as real. */
static int check_floor(const struct oc_plan *plan, struct oc_err *err)
{
	double floor = oc_json_get_num(plan->mix, "real_floor", 0);

	for (unsigned i = 0; i < plan->source_n; i++)
		if (plan->sources[i].origin == OC_REAL || plan->sources[i].lineage)
			return 0;
	if (!(floor > 0))
		return 0;
	return oc_fail(err, OC_PLAN, "mix",
	               "the real floor of %g cannot be held: no source counts as real. Give one "
	               "`origin: real` and `collected:` before November 2022 or `attest:`, or "
	               "take `real_floor` out",
	               floor);
}

/* More rows than there are, where nothing is made and all of them were counted. */
static int check_total(const struct oc_plan_checked *c, struct oc_err *err)
{
	yyjson_val *mix = c->plan->mix;
	int64_t rows = oc_json_get_int(mix, "rows", 0), repeat = oc_json_get_int(mix, "repeat", 1);
	uint64_t have = 0;

	if (!rows || c->plan->generate_n || oc_str_is(oc_json_get_str(mix, "mode"), "up_to") ||
	    oc_json_get(mix, "shares"))
		return 0;
	for (unsigned i = 0; i < c->plan->source_n; i++) {
		if (!c->looks[i].whole)
			return 0;
		have += c->looks[i].rows - c->looks[i].bad;
	}
	if (have * (uint64_t)repeat >= (uint64_t)rows)
		return 0;
	return oc_fail(err, OC_SHORTAGE, "mix",
	               "%lld rows are asked for and the sources have %llu (each at most %lld times "
	               "in the mix): add rows, raise `repeat`, or write `mode: up_to`",
	               (long long)rows, (unsigned long long)have, (long long)repeat);
}

/* -------------------------------------------------------- fields that are not there */

/* Whether a row of these sources that was looked at has the field; true also when nobody knows. */
static bool has_field(const struct oc_plan_checked *c, struct oc_str path, unsigned from,
                      unsigned to)
{
	const char *dot = memchr(path.p, '.', path.len);
	struct oc_str name = {path.p, dot ? (size_t)(dot - path.p) : path.len};

	for (unsigned i = from; i < to; i++) {
		const struct oc_look *l = &c->looks[i];
		if (l->rows == l->bad || l->field_n == OC_LOOK_FIELDS)
			return true;
		for (unsigned k = 0; k < l->field_n; k++)
			if (oc_str_eq(l->fields[k].name, name) ||
			    oc_str_eq(l->fields[k].name, path))
				return true;
	}
	return false;
}

static void note_field(struct oc_plan_checked *c, const char *who, const char *key,
                       struct oc_str field, unsigned from, unsigned to)
{
	struct oc_str text;

	if (!field.len || memchr(field.p, '/', field.len) || /* STAGE/RULE */
	    has_field(c, field, from, to))
		return;
	text = oc_arena_printf(c->plan->arena,
	                       "%s: no row that was looked at has the field `%.*s` (%s)", who,
	                       OC_ARG(field), key);
	oc_buf_putc(&c->notes, c->notes.len ? ',' : '[');
	oc_buf_json(&c->notes, text);
}

/* Fields that a step of the plan writes, such as a label. */
static bool is_written(const struct oc_plan *p, struct oc_str field)
{
	static const char *const keys[] = {"label", "bucket"};

	for (unsigned i = 0; i < p->verify_n + p->curate_n; i++) {
		const struct oc_plan_step *s =
			i < p->verify_n ? &p->verify[i] : &p->curate[i - p->verify_n];
		for (size_t k = 0; k < 2; k++)
			if (oc_str_eq(oc_json_get_str(s->opts, keys[k]), field))
				return true;
	}
	return false;
}

/* Options of stages that name a member of the rows they see. */
static const struct {
	const char *part, *key; /* part NULL: of any */
} read_by[] = {{NULL, "field"},  {NULL, "by"},           {"semantic", "vector"}, {"math", "answer"},
               {"math", "gold"}, {"math", "expression"}, {"exact", "fields"},    {"pii", "fields"}};

/* Of steps that see sources' rows only: what a recipe makes may have other fields. */
static void note_step(struct oc_plan_checked *c, const struct oc_plan_step *s)
{
	bool rows = oc_str_is(oc_json_get_str(s->opts, "what"), "row"); /* exact needs no `field` */

	if (c->plan->generate_n && s->on != OC_ON_REAL)
		return;
	for (size_t k = rows; k < sizeof read_by / sizeof read_by[0]; k++) {
		const char *key = read_by[k].key;
		yyjson_val *v = oc_json_get(s->opts, key), *item;
		size_t i, n;
		if (read_by[k].part && strcmp(read_by[k].part, s->part) != 0)
			continue;
		if (oc_json_str(v).len && !is_written(c->plan, oc_json_str(v)))
			note_field(c, s->name, key, oc_json_str(v), 0, c->plan->source_n);
		yyjson_arr_foreach(v, i, n, item)
		{
			note_field(c, s->name, key, oc_json_str(item), 0, c->plan->source_n);
		}
	}
}

static void note_fields(struct oc_plan_checked *c)
{
	const struct oc_plan *p = c->plan;
	struct oc_str by = oc_json_get_str(p->holdout, "by");

	for (unsigned i = 0; i < p->source_n; i++)
		note_field(c, p->sources[i].name, "id", p->sources[i].id, i, i + 1);
	if (!oc_str_is(by, "row") && !oc_str_is(by, "document") && !oc_str_is(by, "cluster"))
		note_field(c, "holdout", "by", by, 0, p->source_n);
	for (unsigned i = 0; i < p->verify_n; i++)
		note_step(c, &p->verify[i]);
	for (unsigned i = 0; i < p->curate_n; i++)
		note_step(c, &p->curate[i]);
	oc_buf_puts(&c->notes, c->notes.len ? "]" : "[]");
}

/* Does the endpoint answer? A question with nothing in it is refused by every server: it costs
 * nothing, but shows whether the address and the key are right. */
struct knock {
	int status;
	char why[200];
	bool done;
};

static void knocked(void *user, struct oc_http_reply *reply)
{
	struct knock *k = user;

	k->done = true;
	k->status = reply->fault == OC_HTTP_OK ? reply->status : 0;
	if (reply->fault != OC_HTTP_OK)
		snprintf(k->why, sizeof k->why, "%s", reply->why ? reply->why : "no reply");
}

static struct oc_http_headers *knock_headers(const struct oc_plan *plan,
                                             const struct oc_plan_model *m)
{
	struct oc_http_headers *headers = oc_http_headers_new();
	struct oc_str env = oc_json_get_str(m->opts, "key_env"),
		      header = oc_json_get_str(m->opts, "key_header");
	const char *given = env.len ? getenv(oc_arena_str(plan->arena, env).p) : NULL;
	struct oc_str bare = oc_str_trim(oc_str(given ? given : ""));
	const char *key = bare.len ? oc_arena_str(plan->arena, bare).p : NULL;

	oc_http_headers_add(headers, "Content-Type", "application/json");
	if (key) {
		bool bearer = header.len == 0 || oc_str_is(header, "Authorization");
		oc_http_headers_add(
			headers, header.len ? oc_arena_str(plan->arena, header).p : "Authorization",
			bearer ? oc_arena_printf(plan->arena, "Bearer %s", key).p : key);
	}
	return headers;
}

static int connect_model(struct oc_cli *cli, const struct oc_plan *plan,
                         const struct oc_plan_model *m, struct oc_err *err)
{
	struct oc_str base = oc_json_get_str(m->opts, "base"),
		      env = oc_json_get_str(m->opts, "base_env");
	const char *from_env = env.len ? getenv(oc_arena_str(plan->arena, env).p) : NULL;
	struct oc_http_opts opts = {.max_connections = 1,
	                            .connect_timeout = 10,
	                            .body_cap = 1 << 20,
	                            .agent = "outcross"};
	struct oc_http *http = NULL;
	struct oc_http_headers *headers = knock_headers(plan, m);
	struct oc_buf url = {0}, shown = {0};
	struct knock k = {0};
	int rc = -1;

	if (!base.len && from_env)
		base = oc_str(from_env);
	if (oc_openai_address(oc_arena_str(plan->arena, base).p, "chat/completions", &url, &shown,
	                      err)) {
		oc_fail_in(err, m->name);
		goto out;
	}
	base = oc_buf_view(&shown);
	struct oc_http_request req = {.url = oc_buf_cstr(&url),
	                              .body = OC_LIT("{}"),
	                              .headers = headers,
	                              .timeout = 20,
	                              .done = knocked,
	                              .user = &k};
	if (oc_http_open(&http, &opts, err) < 0 || oc_http_post(http, &req, err) < 0)
		goto out;
	while (!k.done)
		if (oc_http_run(http, 200, err) < 0)
			goto out;
	if (k.status == 0)
		rc = oc_fail(err, OC_NET, m->name, "%.*s cannot be reached: %s", OC_ARG(base),
		             k.why);
	else if (k.status == 401 || k.status == 403)
		rc = oc_fail(err, OC_NET, m->name, "%.*s refuses the key (status %d)", OC_ARG(base),
		             k.status);
	else if (k.status == 404)
		rc = oc_fail(
			err, OC_NET, m->name,
			"%.*s answers, but has no chat/completions (status 404): `base` should "
			"end in /v1 with most servers",
			OC_ARG(base));
	else
		rc = 0;
	if (rc == 0)
		oc_log(cli->ctx, OC_LOG_INFO, "%s: %.*s can be reached", m->name, OC_ARG(base));
out:
	oc_buf_fini(&url);
	oc_buf_fini(&shown);
	oc_http_headers_free(headers);
	oc_http_close(http);
	return rc;
}

/* Replies a second of the newest run of this name that has any. */
static void look_at_runs(struct oc_plan_checked *c)
{
	const char *base = c->plan->base_dir && c->plan->base_dir[0] ? c->plan->base_dir : ".";
	struct oc_err quiet = {0};

	for (unsigned i = 1; i < 10000; i++) {
		struct oc_buf text = {0};
		char dir[sizeof c->rate_of], path[sizeof dir + 16], number[16] = "";
		if (i > 1)
			snprintf(number, sizeof number, "-%u", i);
		snprintf(dir, sizeof dir, "%.3000s/runs/%.900s%s", base, c->plan->name, number);
		snprintf(path, sizeof path, "%s/status.json", dir);
		if (!oc_file_exists(dir))
			return;
		if (oc_file_read(path, 1 << 20, &text, &quiet) == 0) {
			yyjson_val *v = oc_json_parse(c->plan->arena, oc_buf_view(&text), &quiet);
			double replied = oc_json_get_num(oc_json_get(v, "requests"), "replied", 0),
			       seconds = oc_json_get_num(v, "seconds", 0);
			if (replied >= RATE_REPLIES && seconds > 0) {
				c->rate = replied / seconds;
				memcpy(c->rate_of, dir, sizeof dir);
			}
		}
		oc_buf_fini(&text);
	}
}

/* -------------------------------------------------------------------- verb */

static int check(struct oc_cli *cli, struct oc_plan_checked *c, struct oc_err *err)
{
	const struct oc_plan *p = c->plan;

	c->looks = oc_arena_zalloc(p->arena, (p->source_n + 1) * sizeof *c->looks);
	for (unsigned i = 0; i < p->source_n; i++)
		if (check_source(cli, p, &p->sources[i], &c->looks[i], err) < 0)
			return -1;
	if (check_floor(p, err) || check_total(c, err) || oc_ready_mix(cli->ctx, p, err) ||
	    oc_ready_stages(cli->ctx, p, err))
		return -1;
	note_fields(c);
	for (unsigned i = 0; i < p->model_n; i++)
		if (check_model(p, &p->models[i], err) < 0)
			return -1;
	if (oc_arg_bool(cli, "connect"))
		for (unsigned i = 0; i < p->model_n; i++)
			if (p->models[i].def == &oc_llm_openai &&
			    connect_model(cli, p, &p->models[i], err) < 0)
				return -1;
	if (oc_plan_forecast(&c->forecast, cli->ctx, p, err) < 0 || oc_plan_steps(c, err) < 0)
		return -1;
	look_at_runs(c);
	if (!oc_arg_bool(cli, "trial"))
		return 0;
	c->trial = oc_arena_zalloc(p->arena, sizeof *c->trial);
	return oc_plan_trial(c->trial, cli->ctx, p, &c->forecast,
	                     (uint64_t)oc_arg_num(cli, "trial", 1), err);
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_plan_checked c = {0};
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
			oc_plan_show_json(&b, &c);
		else
			oc_plan_show(&b, &c);
	}
	rc = oc_cli_out(&b, err);
out:
	oc_buf_fini(&c.steps);
	oc_buf_fini(&c.notes);
	oc_plan_free(c.plan);
	oc_buf_fini(&b);
	return rc;
}

const struct oc_verb oc_verb_plan = {
	.name = "plan",
	.help = "check a plan, and say what a run would do and cost",
	.usage = "PLAN [--trial N] [--connect] [--expand]",
	.doc = "Reads the plan, the first rows of every source, opens every stage that asks no "
	       "model, and looks for keys, addresses and model files. Fields that no row has are "
	       "noted. A step of verify or curate that can tell from its options what it will "
	       "find and cost says so: near_dup the chance that a pair becomes a candidate, by "
	       "its Jaccard index, and its hash values, comparisons and bytes a row. "
	       "Sends nothing. Exit status 1 when the mix asks for more rows than there are, 2 "
	       "when the plan is wrong, 3 when an input is, 7 when "
	       "something is missing.\n\n"
	       "--trial N sends the first N requests of each recipe, as the run would, shows "
	       "prompt, "
	       "reply and verdict of each, and forecasts the run from them. Their replies are kept "
	       "in the "
	       "reply store: the run does not pay for them again. The plan's budget holds.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
