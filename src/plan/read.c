/* read.c: a plan from its text: the keys of the top, one after the other. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "plan/reader.h"

#define MAX_PLAN ((size_t)16 << 20) /* bytes; a plan is written by hand */

int reader_fail(struct reader *r, yyjson_val *at, const char *fmt, ...)
{
	char place[64], text[700];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	oc_yaml_where(r->marks, at, place);
	return oc_fail(r->err, OC_PLAN, place, "%s", text);
}

const char *reader_where(struct reader *r, yyjson_val *at)
{
	char place[64];
	oc_yaml_where(r->marks, at, place);
	return oc_arena_str(r->arena, oc_str(place)).p;
}

int reader_name(struct reader *r, yyjson_val *at, struct oc_str name, const char *what)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-' || (c == '.' && i > 0)))
			return reader_fail(
				r, at, "`%.*s` cannot name a %s: use letters, digits, _ - and .",
				OC_ARG(name), what);
	}
	if (name.len == 0 || name.len > 64)
		return reader_fail(r, at, "the name of a %s has 1 to 64 characters", what);
	return 0;
}

int reader_resolve(struct reader *r, const struct oc_option *common_table,
                   const struct oc_option *own_table, yyjson_val *given, const char *what,
                   yyjson_val **common, yyjson_val **own)
{
	struct oc_option both[160], part[160];
	size_t n = 0, common_n, own_n = 0;
	yyjson_val *all;
	struct oc_buf b = {0};
	int rc = -1;

	for (const struct oc_option *o = common_table; o->key; o++)
		both[n++] = *o;
	common_n = n;
	for (const struct oc_option *o = own_table; o && o->key && n < 158; o++) {
		/* A part that declares a common key itself owns it. */
		for (size_t i = 0; i < common_n; i++) {
			if (strcmp(both[i].key, o->key) != 0)
				continue;
			memmove(&both[i], &both[i + 1], (n - i - 1) * sizeof both[0]);
			common_n--;
			n--;
		}
		both[n++] = *o;
		part[own_n++] = *o;
	}
	both[n] = (struct oc_option){0};
	part[own_n] = (struct oc_option){0};
	all = oc_opts_resolve(r->arena, both, given, what, oc_yaml_where, r->marks, r->err);
	if (!all)
		return -1;
	for (int half = 0; half < 2; half++) {
		size_t i, k;
		yyjson_val *key, *val;
		bool first = true;
		b.len = 0;
		oc_buf_putc(&b, '{');
		yyjson_obj_foreach(all, i, k, key, val)
		{
			if ((oc_opts_find(part, oc_json_str(key)) != NULL) != (half == 1))
				continue;
			if (!first)
				oc_buf_putc(&b, ',');
			first = false;
			oc_json_write(&b, key);
			oc_buf_putc(&b, ':');
			oc_json_write(&b, val);
		}
		oc_buf_putc(&b, '}');
		*(half ? own : common) = oc_json_parse(r->arena, oc_buf_view(&b), r->err);
		if (!*(half ? own : common))
			goto out;
	}
	rc = 0;
out:
	oc_buf_fini(&b);
	return rc;
}

void reader_members(struct reader *r, const char *type, yyjson_val *common, yyjson_val *own)
{
	yyjson_val *halves[2] = {common, own}, *key, *val;
	bool first = type == NULL;
	size_t i, n;

	oc_buf_putc(&r->resolved, '{');
	if (type) {
		oc_buf_puts(&r->resolved, "\"type\":");
		oc_buf_json(&r->resolved, oc_str(type));
	}
	for (int h = 0; h < 2; h++) {
		yyjson_obj_foreach(halves[h], i, n, key, val)
		{
			if (type && h == 0 && oc_str_is(oc_json_str(key), "type"))
				continue;
			if (!first)
				oc_buf_putc(&r->resolved, ',');
			first = false;
			oc_json_write(&r->resolved, key);
			oc_buf_putc(&r->resolved, ':');
			oc_json_write(&r->resolved, val);
		}
	}
	oc_buf_putc(&r->resolved, '}');
}

/* ------------------------------------------------------------ keys of the top */

static bool is_none(yyjson_val *v)
{
	return oc_str_is(oc_json_str(v), "none") || yyjson_is_false(v);
}

/* review: all | undecided | none | {sample: {confidence, limit}} as one table. */
static yyjson_val *read_review(struct reader *r, const struct oc_option *o, yyjson_val *v)
{
	struct oc_buf b = {0};
	yyjson_val *sample = oc_json_get(v, "sample"), *out = NULL;
	struct oc_str word = is_none(v) ? OC_LIT("none") : oc_json_str(v);

	if (yyjson_is_obj(v) && sample && yyjson_obj_size(v) == 1) {
		if (!yyjson_is_obj(sample) && !yyjson_is_null(sample)) {
			reader_fail(r, sample,
			            "`sample` must be a mapping: {confidence: 0.95, limit: 0.05}");
			return NULL;
		}
		if (yyjson_is_obj(sample) &&
		    oc_opts_check_keys(o->table + 1, sample, "`sample` of `review`", oc_yaml_where,
		                       r->marks, r->err) < 0)
			return NULL;
		sample = oc_opts_resolve(r->arena, o->table, yyjson_is_obj(sample) ? sample : NULL,
		                         "`sample` of `review`", oc_yaml_where, r->marks, r->err);
		if (!sample)
			return NULL;
		oc_buf_printf(&b, "{\"mode\":\"sample\",\"confidence\":%.17g,\"limit\":%.17g}",
		              oc_json_get_num(sample, "confidence", 0),
		              oc_json_get_num(sample, "limit", 0));
		out = oc_json_parse(r->arena, oc_buf_view(&b), r->err);
		oc_buf_fini(&b);
		return out;
	}
	if (yyjson_is_str(v) || is_none(v)) {
		const struct oc_option *mode = &o->table[0];
		yyjson_val *checked = is_none(v) ? v
		                                 : oc_opts_value(r->arena, mode, v, "`review`",
		                                                 oc_yaml_where, r->marks, r->err);
		if (!checked)
			return NULL;
		oc_buf_puts(&b, "{\"mode\":");
		oc_buf_json(&b, word);
		oc_buf_putc(&b, '}');
		v = oc_json_parse(r->arena, oc_buf_view(&b), r->err);
		oc_buf_fini(&b);
		return oc_opts_resolve(r->arena, o->table, v, "`review`", NULL, NULL, r->err);
	}
	return oc_opts_value(r->arena, o, v, "the plan", oc_yaml_where, r->marks, r->err);
}

static int read_name(struct reader *r, yyjson_val *given, const char *file)
{
	struct oc_str name = oc_json_str(given);
	const char *slash = strrchr(file, '/');

	if (given) {
		if (!yyjson_is_str(given))
			return reader_fail(r, given, "`name` of the plan must be a string");
		if (reader_name(r, given, name, "run") < 0)
			return -1;
		r->plan->name = oc_arena_str(r->arena, name).p;
		return 0;
	}
	/* The file's name without folder and extension. */
	file = slash ? slash + 1 : file;
	name = (struct oc_str){file, strcspn(file, ".")};
	r->plan->name = name.len ? oc_arena_str(r->arena, name).p : "run";
	return 0;
}

/* A scalar or a table of options. */
static int read_setting(struct reader *r, const struct oc_option *o, yyjson_val *given)
{
	struct oc_plan *p = r->plan;
	bool holdout = strcmp(o->key, "holdout") == 0;
	yyjson_val *v;

	if (given && holdout && is_none(given)) {
		oc_buf_puts(&r->resolved, "\"none\"");
		return 0;
	}
	if (given && strcmp(o->key, "review") == 0)
		v = read_review(r, o, given);
	else
		v = oc_opts_value(r->arena, o, given, "the plan", oc_yaml_where, r->marks, r->err);
	if (!v)
		return -1;
	oc_json_write(&r->resolved, v);
	if (strcmp(o->key, "outcross") == 0 && yyjson_get_int(v) != 1)
		return reader_fail(r, given,
		                   "this plan is written for version %lld of the plan's language; "
		                   "this program reads version 1",
		                   (long long)yyjson_get_sint(v));
	if (strcmp(o->key, "seed") == 0)
		p->seed = yyjson_get_uint(v);
	else if (strcmp(o->key, "memory") == 0)
		p->memory = yyjson_get_uint(v);
	else if (strcmp(o->key, "max_row") == 0)
		p->max_row = yyjson_get_uint(v);
	else if (strcmp(o->key, "on_bad_row") == 0)
		p->on_bad_row =
			oc_str_is(oc_json_str(v), "stop") ? OC_STOP_ON_BAD_ROW : OC_REJECT_BAD_ROWS;
	else if (strcmp(o->key, "cache") == 0)
		p->cache = oc_json_str(v).p[0] == '/'
		                   ? oc_arena_str(r->arena, oc_json_str(v)).p
		                   : oc_arena_printf(r->arena, "%s/%.*s", p->base_dir,
		                                     OC_ARG(oc_json_str(v)))
		                             .p;
	else if (strcmp(o->key, "max_failed") == 0)
		p->max_failed = yyjson_get_num(v);
	else if (strcmp(o->key, "allow_licenses") == 0)
		p->allow_licenses = v;
	else if (strcmp(o->key, "budget") == 0)
		p->budget = v;
	else if (holdout)
		p->holdout = v;
	else if (strcmp(o->key, "review") == 0)
		p->review = v;
	else if (strcmp(o->key, "mix") == 0)
		p->mix = v;
	else if (strcmp(o->key, "rehearse") == 0)
		p->rehearse = given;
	else if (strcmp(o->key, "report") == 0)
		p->report = v;
	else if (strcmp(o->key, "output") == 0)
		p->output = v;
	return 0;
}

static int read_key(struct reader *r, const struct oc_option *o, yyjson_val *given)
{
	struct oc_plan *p = r->plan;

	if (strcmp(o->key, "models") == 0)
		return read_models(r, given);
	if (strcmp(o->key, "sources") == 0)
		return read_sources(r, given);
	if (strcmp(o->key, "generate") == 0)
		return read_steps(r, given, o->key, &p->generate, &p->generate_n);
	if (strcmp(o->key, "verify") == 0)
		return read_steps(r, given, o->key, &p->verify, &p->verify_n);
	if (strcmp(o->key, "curate") == 0)
		return read_steps(r, given, o->key, &p->curate, &p->curate_n);
	return read_setting(r, o, given);
}

/* Keys of the design whose part is not there: a sentence is better than "unknown key". */
static int refuse_unbuilt(struct reader *r)
{
	static const char *const later[] = {"measure"};

	for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
		yyjson_val *v = oc_json_get(r->root, later[i]);
		if (v && !oc_opts_find(oc_plan_options, oc_str(later[i])))
			return reader_fail(r, v - 1,
			                   "`%s` is not built into this version of Outcross; take "
			                   "the key away to go on without it",
			                   later[i]);
	}
	return 0;
}

/* A cap on money that counts nothing would be believed to hold. */
static int check_prices(struct reader *r)
{
	const struct oc_plan *p = r->plan;
	bool asks = false, priced = false;

	for (unsigned i = 0; i < p->model_n; i++) {
		asks = asks || strcmp(p->models[i].def->name, "openai") == 0;
		priced = priced || p->models[i].price_prompt > 0 ||
		         p->models[i].price_completion > 0;
	}
	if (!asks || priced || oc_json_get_num(p->budget, "money", 0) <= 0)
		return 0;
	return reader_fail(
		r, oc_json_get(oc_json_get(r->root, "budget"), "money"),
		"`money` caps nothing, since no model has a price: give "
		"`price: {prompt: P, completion: C}` (per million tokens) to the models, "
		"or cap `tokens` or `requests`");
}

static int read_all(struct reader *r, const char *name)
{
	bool first = true;

	if (yyjson_is_null(r->root))
		return reader_fail(r, r->root, "the plan is empty; `outcross init` writes one");
	if (!yyjson_is_obj(r->root))
		return reader_fail(r, r->root,
		                   "a plan is a mapping that begins with `outcross: 1`");
	if (refuse_unbuilt(r) < 0 || oc_opts_check_keys(oc_plan_options, r->root, "the plan",
	                                                oc_yaml_where, r->marks, r->err) < 0)
		return -1;
	oc_buf_putc(&r->resolved, '{');
	for (const struct oc_option *o = oc_plan_options; o->key; o++) {
		yyjson_val *given = oc_json_get(r->root, o->key);
		if (given && yyjson_is_null(given))
			given = NULL;
		if (!given && o->required)
			return reader_fail(r, r->root, "the plan needs the key `%s`: %s", o->key,
			                   o->help);
		if (strcmp(o->key, "name") == 0) {
			if (read_name(r, given, name) < 0)
				return -1;
			oc_buf_puts(&r->resolved, ",\"name\":");
			oc_buf_json(&r->resolved, oc_str(r->plan->name));
			continue;
		}
		if (!given && !o->def)
			continue;
		if (!first)
			oc_buf_putc(&r->resolved, ',');
		first = false;
		oc_buf_json(&r->resolved, oc_str(o->key));
		oc_buf_putc(&r->resolved, ':');
		if (read_key(r, o, given) < 0)
			return -1;
	}
	if (check_prices(r) < 0)
		return -1;
	oc_buf_putc(&r->resolved, '}');
	r->plan->resolved = oc_json_parse(r->arena, oc_buf_view(&r->resolved), r->err);
	return r->plan->resolved ? 0 : -1;
}

int oc_plan_parse(struct oc_plan **plan, struct oc_ctx *ctx, struct oc_str yaml, const char *name,
                  const char *base_dir, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct reader r = {.arena = a, .err = err};
	const char *slash = strrchr(name, '/');
	int rc = -1;

	(void)ctx;
	*plan = NULL;
	r.plan = oc_arena_zalloc(a, sizeof *r.plan);
	r.plan->arena = a;
	r.plan->base_dir = oc_arena_str(a, oc_str(base_dir)).p;
	r.root = oc_yaml_parse(a, yaml, slash ? slash + 1 : name, &r.marks, err);
	if (r.root)
		rc = read_all(&r, name);
	oc_buf_fini(&r.resolved);
	if (rc < 0) {
		oc_arena_free(a);
		return -1;
	}
	r.plan->marks = r.marks;
	*plan = r.plan;
	return 0;
}

int oc_plan_rehearse(struct oc_plan *plan, const struct oc_option *table, struct oc_err *err)
{
	if (!plan->rehearse)
		return 0;
	plan->rehearse = oc_opts_resolve(plan->arena, table, plan->rehearse, "`rehearse`",
	                                 oc_yaml_where, plan->marks, err);
	return plan->rehearse ? 0 : -1;
}

int oc_plan_read(struct oc_plan **plan, struct oc_ctx *ctx, const char *path, struct oc_err *err)
{
	struct oc_buf text = {0};
	const char *slash = strrchr(path, '/');
	char *dir = slash ? oc_strdup(path) : oc_strdup(".");
	int rc = -1;

	if (slash)
		dir[slash == path ? 1 : slash - path] = '\0';
	if (oc_file_read(path, MAX_PLAN, &text, err) == 0)
		rc = oc_plan_parse(plan, ctx, oc_buf_view(&text), path, dir, err);
	if (rc == 0)
		(*plan)->path = oc_arena_str((*plan)->arena, oc_str(path)).p;
	free(dir);
	oc_buf_fini(&text);
	return rc;
}
