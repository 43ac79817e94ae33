/* report.json: the facts of a run; and the papers made from them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/file.h"
#include "pipe/zframes.h"
#include "run/nearest.h"
#include "run/people.h"
#include "run/select.h"
#include "run/stage_facts.h"
#include "report/report.h"
#include "stat/interval.h"
#include "text/utf8.h"

#define FALLEN_EXAMPLES  5
#define FALLEN_BYTES     16384 /* of an example; of a longer row its beginning */
#define WAITING_EXAMPLES 60

static unsigned long long u(uint64_t v)
{
	return v;
}

static void put_name(struct oc_buf *b, const char *name)
{
	oc_buf_putc(b, ',');
	oc_buf_json(b, oc_str(name));
	oc_buf_putc(b, ':');
}

static void put_str(struct oc_buf *b, const char *name, struct oc_str value)
{
	put_name(b, name);
	oc_buf_json(b, value);
}

/* A fact that an earlier phase left in run.db as JSON; false when there is none. */
static bool put_kept(struct oc_run *run, struct oc_buf *b, const char *name, const char *key)
{
	struct oc_buf text = {0};
	struct oc_err err = {0};
	bool there = oc_rundb_get(run->db, key, &text, &err) == 1 && text.len;

	if (there) {
		put_name(b, name);
		oc_buf_str(b, oc_buf_view(&text));
	}
	oc_buf_fini(&text);
	return there;
}

static void head(struct oc_run *run, struct oc_buf *b)
{
	char hex[33], stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	oc_hash128_hex(oc_plan_hash(run->plan), hex);
	oc_buf_puts(b, "{\"program\":\"outcross " OUTCROSS_VERSION "\"");
	put_str(b, "name", oc_str(run->plan->name));
	put_str(b, "created", oc_str(stamp));
	oc_buf_printf(b, ",\"seed\":%llu,\"plan_hash\":\"%s\",\"state\":\"%s\"", u(run->plan->seed),
	              hex, oc_run_state_name(run->state));
	put_str(b, "folder", oc_str(run->dir));
}

static void rows(const struct oc_tally *t, struct oc_buf *b)
{
	oc_buf_printf(
		b,
		",\"rows\":{\"in\":%llu,\"made\":%llu,\"repeated\":%llu,\"train\":%llu,"
		"\"test\":%llu,\"held\":%llu,\"rejected\":%llu,\"merged\":%llu,\"unused\":%llu}",
		u(t->in), u(t->made), u(t->repeated), u(t->train), u(t->test), u(t->held),
		u(t->rejected), u(t->merged), u(t->unused));
}

/* ------------------------------------------------------------------- fallen */

struct fallen_group {
	struct oc_str step, rule, lines[FALLEN_EXAMPLES];
	uint64_t n;
};

struct fallen {
	struct oc_arena *arena;
	struct fallen_group *list;
	unsigned n;
};

/* Step and rule of a line. A good row for which its recipe had no place fell by no rule. */
static void reason(yyjson_val *v, struct oc_str *step_name, struct oc_str *rule)
{
	*step_name = oc_json_get_str(v, "step");
	*rule = oc_json_get_str(v, "rule");
	if (oc_str_is(oc_json_get_str(v, "fate"), "unused")) {
		struct oc_str key = oc_json_get_str(v, "key");
		const char *colon = memchr(key.p, ':', key.len);
		*step_name = (struct oc_str){key.p, colon ? (size_t)(colon - key.p) : key.len};
		*rule = OC_LIT("unused");
	}
}

/* The row, or what else is left of it. */
static void example(struct oc_buf *b, yyjson_val *v)
{
	const char *kind = oc_json_get(v, "row") ? "row" : "base64";
	struct oc_buf text = {0};

	oc_json_write(&text, oc_json_get(v, kind));
	if (text.len <= FALLEN_BYTES) {
		put_name(b, kind);
		oc_buf_str(b, oc_buf_view(&text));
	} else {
		put_str(b, "begins", oc_utf8_cut(oc_buf_view(&text), FALLEN_BYTES));
		oc_buf_printf(b, ",\"bytes\":%zu", text.len);
	}
	oc_buf_fini(&text);
}

static int fallen_line(void *user, struct oc_str line, struct oc_err *err)
{
	struct fallen *f = user;
	struct oc_arena *a = oc_arena_new();
	yyjson_val *v = oc_json_parse(a, line, err);
	unsigned i = 0;

	if (v) {
		struct oc_str s, r;
		reason(v, &s, &r);
		while (i < f->n &&
		       !(oc_str_eq(f->list[i].step, s) && oc_str_eq(f->list[i].rule, r)))
			i++;
		if (i == f->n) {
			f->list = oc_realloc(f->list, (f->n + 1) * sizeof *f->list);
			memset(&f->list[f->n], 0, sizeof *f->list);
			f->list[f->n].step = oc_arena_str(f->arena, s);
			f->list[f->n++].rule = oc_arena_str(f->arena, r);
		}
		if (f->list[i].n++ < FALLEN_EXAMPLES) {
			struct oc_buf b = {0};
			oc_buf_puts(&b, "{\"key\":");
			oc_buf_json(&b, oc_json_get_str(v, "key"));
			example(&b, v);
			oc_buf_putc(&b, '}');
			f->list[i].lines[f->list[i].n - 1] =
				oc_arena_str(f->arena, oc_buf_view(&b));
			oc_buf_fini(&b);
		}
	}
	oc_arena_free(a);
	return v ? 0 : -1;
}

static int fallen_read(struct oc_run *run, struct fallen *f, struct oc_err *err)
{
	glob_t found = {0};
	int rc = 0;

	oc_glob(run->dir, "rejected-*.jsonl.zst", 0, &found);
	for (size_t i = 0; !rc && i < found.gl_pathc; i++)
		rc = oc_zlines_each(found.gl_pathv[i], fallen_line, f, err);
	globfree(&found);
	return rc;
}

static void fallen_write(const struct fallen *f, struct oc_buf *b)
{
	oc_buf_puts(b, ",\"fallen\":[");
	for (unsigned i = 0; i < f->n; i++) {
		oc_buf_puts(b, i ? ",{\"step\":" : "{\"step\":");
		oc_buf_json(b, f->list[i].step);
		put_str(b, "rule", f->list[i].rule);
		oc_buf_printf(b, ",\"n\":%llu,\"examples\":[", u(f->list[i].n));
		for (unsigned k = 0; k < FALLEN_EXAMPLES && k < f->list[i].n; k++) {
			if (k)
				oc_buf_putc(b, ',');
			oc_buf_str(b, f->list[i].lines[k]);
		}
		oc_buf_puts(b, "]}");
	}
	oc_buf_putc(b, ']');
}

static uint64_t fallen_unused(const struct fallen *f, const char *step_name)
{
	for (unsigned i = 0; i < f->n; i++)
		if (oc_str_is(f->list[i].step, step_name) && oc_str_is(f->list[i].rule, "unused"))
			return f->list[i].n;
	return 0;
}

/* -------------------------------------------------------------------- steps */

/* One row of the flow: what came, what fell by which rule, what left it for another place. */
struct flow {
	struct oc_buf *b;
	const struct oc_tally *t;
	uint64_t travelling;
};

static void step(struct flow *f, const char *name, const char *kind, const char *part,
                 uint64_t came, const char *left, uint64_t left_n)
{
	uint64_t fell = 0, undecided = 0, changed = 0, flagged = 0;
	bool any = false, recipe = strcmp(kind, "recipe") == 0; /* its own stages: NAME.STAGE */
	size_t len = strlen(name);
	struct oc_buf *b = f->b;

	oc_buf_puts(b, b->p[b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	oc_buf_json(b, oc_str(name));
	oc_buf_printf(b, ",\"kind\":\"%s\"", kind);
	put_str(b, "part", oc_str(part));
	oc_buf_puts(b, ",\"fell\":[");
	for (unsigned i = 0; i < f->t->line_n; i++) {
		const struct oc_tally_line *l = &f->t->lines[i];
		if (strncmp(l->step, name, len) != 0 ||
		    (l->step[len] && !(recipe && l->step[len] == '.')))
			continue;
		changed += l->result == OC_CHANGED ? l->n : 0;
		flagged += l->result == OC_FLAG ? l->n : 0;
		if (!l->first)
			continue;
		undecided += l->result == OC_UNDECIDED ? l->n : 0;
		if (l->result != OC_DROP)
			continue;
		oc_buf_puts(b, any ? ",{\"rule\":" : "{\"rule\":");
		oc_buf_json(b, oc_str(l->rule));
		put_str(b, "step", oc_str(l->step));
		oc_buf_printf(b, ",\"n\":%llu}", u(l->n));
		fell += l->n;
		any = true;
	}
	uint64_t gone = fell + left_n;
	f->travelling += came;
	f->travelling -= gone < f->travelling ? gone : f->travelling;
	oc_buf_puts(b, "],\"left\":");
	if (left_n)
		oc_buf_printf(b, "{\"to\":\"%s\",\"n\":%llu}", left, u(left_n));
	else
		oc_buf_puts(b, "null");
	oc_buf_printf(b,
	              ",\"came\":%llu,\"went\":%llu,\"undecided\":%llu,\"changed\":%llu,"
	              "\"flagged\":%llu}",
	              u(came), u(f->travelling), u(undecided), u(changed), u(flagged));
}

static bool has_step(const struct oc_tally *t, const char *name)
{
	for (unsigned i = 0; i < t->line_n; i++)
		if (strcmp(t->lines[i].step, name) == 0)
			return true;
	return false;
}

static uint64_t made_by(const struct oc_tally *t, const char *recipe)
{
	for (unsigned i = 0; i < t->line_n; i++)
		if (t->lines[i].result == OC_KEEP && strcmp(t->lines[i].rule, "made") == 0 &&
		    strcmp(t->lines[i].step, recipe) == 0)
			return t->lines[i].n;
	return 0;
}

static void steps(struct oc_run *run, struct oc_buf *b, const struct fallen *fallen)
{
	const struct oc_plan *p = run->plan;
	const struct oc_tally *t = &run->tally;
	struct flow f = {.b = b, .t = t};
	uint64_t unused = t->unused;

	oc_buf_puts(b, ",\"steps\":[");
	step(&f, "read", "source", "sources", t->in, NULL, 0);
	step(&f, "holdout", "holdout", "holdout", 0, "test", t->test);
	for (unsigned i = 0; i < p->generate_n; i++) {
		uint64_t n = fallen_unused(fallen, p->generate[i].name);
		step(&f, p->generate[i].name, "recipe", p->generate[i].part,
		     made_by(t, p->generate[i].name), "unused", n);
		unused -= n < unused ? n : unused;
	}
	if (has_step(t, "retract"))
		step(&f, "retract", "retract", "retract", 0, NULL, 0);
	for (unsigned i = 0; i < p->verify_n; i++)
		step(&f, p->verify[i].name, "verify", p->verify[i].part, 0, NULL, 0);
	for (unsigned i = 0; i < p->curate_n; i++)
		step(&f, p->curate[i].name, "curate", p->curate[i].part, 0, NULL, 0);
	step(&f, "review", "review", "review", 0, "held", t->held);
	if (p->mix)
		step(&f, "mix", "mix", "mix", t->repeated, "unused", unused);
	oc_buf_putc(b, ']');
}

static void sources(struct oc_run *run, struct oc_buf *b)
{
	const struct oc_plan *p = run->plan;

	oc_buf_puts(b, ",\"sources\":[");
	for (unsigned i = 0; i < p->source_n; i++) {
		const struct oc_plan_source *s = &p->sources[i];
		char key[300];
		oc_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		oc_buf_json(b, oc_str(s->name));
		put_str(b, "type", oc_str(s->def->name));
		put_str(b, "origin", oc_str(oc_origin_name(s->origin)));
		put_str(b, "origin_why", oc_str(s->origin_why));
		put_str(b, "license", s->licence);
		put_str(b, "collected", s->collected);
		put_str(b, "attest", s->attest);
		snprintf(key, sizeof key, "inputs:%s", s->name);
		put_kept(run, b, "files", key);
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, "],\"models\":[");
	for (unsigned i = 0; i < p->model_n; i++) {
		const struct oc_plan_model *m = &p->models[i];
		oc_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		oc_buf_json(b, oc_str(m->name));
		put_str(b, "type", oc_str(m->def->name));
		oc_buf_printf(b, ",\"depth\":%u,\"depth_at_least\":%s}", m->depth,
		              m->depth_at_least ? "true" : "false");
	}
	oc_buf_putc(b, ']');
}

static int stage_facts(struct oc_run *run, struct oc_buf *b, struct oc_err *err)
{
	put_name(b, "stages");
	return oc_stage_facts_write(run, b, err);
}

static void spend(struct oc_run *run, struct oc_buf *b)
{
	struct oc_run_status s;

	oc_status_fill(run, &s);
	oc_buf_puts(b, ",\"spend\":{\"money\":");
	oc_buf_double(b, s.money);
	oc_buf_printf(b,
	              ",\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"seconds\":%.1f,"
	              "\"sent\":%llu,\"cached\":%llu,\"failed\":%llu}",
	              u(s.prompt_tokens), u(s.completion_tokens), s.seconds, u(s.sent), u(s.cached),
	              u(s.failed));
	oc_buf_puts(b, ",\"recipes\":{");
	size_t start = b->len;
	for (unsigned i = 0; i < run->plan->generate_n; i++) {
		char key[300];
		snprintf(key, sizeof key, "recipe:%s", run->plan->generate[i].name);
		put_kept(run, b, run->plan->generate[i].name, key);
	}
	if (b->len > start) { /* the first member needs no comma */
		memmove(b->p + start, b->p + start + 1, b->len - start - 1);
		b->len--;
	}
	oc_buf_putc(b, '}');
}

/* The first rows that wait, each beside the nearest real one; closes the object. */
static int waiting(struct oc_run *run, struct oc_buf *b, struct oc_err *err)
{
	struct oc_arena *arena = oc_arena_new();
	char path[PATH_MAX], *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int rc = 0;
	FILE *f = run->waiting ? fopen(oc_run_path(run, path, "review-queue.jsonl"), "re") : NULL;

	oc_buf_puts(b, ",\"rows\":[");
	for (unsigned n = 0; f && n < WAITING_EXAMPLES && (len = getline(&line, &cap, f)) > 0;
	     n++) {
		oc_arena_reset(arena);
		yyjson_val *v = oc_json_parse(arena, (struct oc_str){line, (size_t)len}, err);
		if (!v) {
			rc = oc_fail_in(err, path);
			break;
		}
		oc_buf_puts(b, n ? ",{\"key\":" : "{\"key\":");
		oc_buf_json(b, oc_json_get_str(v, "key"));
		put_str(b, "rule", oc_json_get_str(v, "rule"));
		put_name(b, "row");
		oc_json_write(b, oc_json_get(v, "row"));
		if (oc_json_get(v, "nearest")) {
			put_name(b, "nearest");
			oc_json_write(b, oc_json_get(v, "nearest"));
		}
		oc_buf_putc(b, '}');
	}
	oc_buf_puts(b, "]}");
	if (f)
		fclose(f);
	free(line);
	oc_arena_free(arena);
	return rc;
}

static int review(struct oc_run *run, struct oc_buf *b, struct oc_err *err)
{
	struct oc_people *people;
	uint64_t seen, defects;
	double low, high;

	if (oc_people_open(&people, run->dir, err))
		return -1;
	oc_people_seen(people, &seen, &defects);
	oc_people_close(people);
	oc_share_interval(defects, seen, 0.95, &low, &high);
	oc_buf_puts(b, ",\"review\":{\"mode\":");
	struct oc_str mode = oc_json_get_str(run->plan->review, "mode");
	oc_buf_json(b, mode.len ? mode : OC_LIT("undecided"));
	oc_buf_printf(b, ",\"seen\":%llu,\"defects\":%llu,\"low\":", u(seen), u(defects));
	oc_buf_double(b, low);
	oc_buf_puts(b, ",\"high\":");
	oc_buf_double(b, high);
	oc_buf_printf(b, ",\"confidence\":0.95,\"waiting\":%llu", u(run->waiting));
	return waiting(run, b, err);
}

/* What a reader of the run may want to open. */
static void files(struct oc_run *run, struct oc_buf *b)
{
	static const char *const patterns[] = {"out/*/*-of-*", "rejected-*", "held-*", "unused-*"};
	const char *sep = "";

	oc_buf_puts(b, ",\"files\":[");
	for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
		glob_t found = {0};
		oc_glob(run->dir, patterns[p], 0, &found);
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct stat st;
			if (stat(found.gl_pathv[i], &st))
				continue;
			oc_buf_printf(b, "%s{\"path\":", sep);
			oc_buf_json(b, oc_str(found.gl_pathv[i] + strlen(run->dir) + 1));
			oc_buf_printf(b, ",\"bytes\":%llu}", u((uint64_t)st.st_size));
			sep = ",";
		}
		globfree(&found);
	}
	oc_buf_putc(b, ']');
}

/* The members of what the output pass measured, without the braces. */
static int measures(struct oc_run *run, struct oc_buf *b, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf text = {0};
	yyjson_val *all = NULL, *key, *v;
	size_t i, n;
	int rc = oc_rundb_get(run->db, "measures", &text, err);

	if (rc == 1 && !(all = oc_json_parse(a, oc_buf_view(&text), err)))
		rc = -1;
	yyjson_obj_foreach(all, i, n, key, v)
	{
		put_name(b, yyjson_get_str(key));
		if (!oc_str_is(oc_json_str(key), "examples"))
			oc_json_write(b, v);
		else if (oc_nearest_write(b, run->dir, run->ctx->threads, v, err))
			rc = -1;
	}
	oc_buf_fini(&text);
	oc_arena_free(a);
	return rc < 0 ? -1 : 0;
}

static int rehearse(struct oc_run *run, struct oc_buf *b, struct oc_err *err)
{
	const struct oc_run_hooks *hooks = &run->opts->hooks;
	struct oc_buf facts = {0};
	int rc = 0;

	if (!run->plan->rehearse || !hooks->rehearse)
		return 0;
	run->phase = "rehearse";
	oc_status_write(run, true, err);
	rc = hooks->rehearse(hooks->user, run->ctx, run->dir, run->plan->rehearse, run->plan->seed,
	                     &facts, err);
	if (!rc && facts.len) {
		put_name(b, "rehearsal");
		oc_buf_str(b, oc_buf_view(&facts));
	}
	oc_buf_fini(&facts);
	return rc;
}

static int gather(struct oc_run *run, struct oc_buf *b, struct oc_err *err)
{
	struct fallen fell = {.arena = oc_arena_new()};
	int rc = fallen_read(run, &fell, err);

	head(run, b);
	rows(&run->tally, b);
	steps(run, b, &fell);
	sources(run, b);
	put_kept(run, b, "holdout", "holdout");
	put_kept(run, b, "mix", "mix");
	put_kept(run, b, "retract", "retract");
	put_kept(run, b, "columns", "columns");
	files(run, b);
	if (rc || measures(run, b, err) || stage_facts(run, b, err) || rehearse(run, b, err) ||
	    review(run, b, err))
		rc = -1;
	fallen_write(&fell, b);
	spend(run, b);
	oc_buf_putc(b, '}');
	free(fell.list);
	oc_arena_free(fell.arena);
	return rc;
}

int oc_papers_write(struct oc_run *run, struct oc_err *err)
{
	static const struct {
		const char *name;
		int (*make)(struct oc_buf *out, yyjson_val *facts, struct oc_err *err);
	} papers[] = {
		{"report.html", oc_report_html},
		{"out/README.md", oc_report_card},
		{"out/croissant.json", oc_report_croissant},
	};
	struct oc_arena *arena = oc_arena_new();
	struct oc_buf text = {0};
	char path[PATH_MAX];
	yyjson_val *facts;
	int rc = -1;

	if (gather(run, &text, err) || !(facts = oc_json_parse(arena, oc_buf_view(&text), err)) ||
	    oc_file_write(oc_run_path(run, path, "report.json"), text.p, text.len, err))
		goto out;
	for (size_t i = 0; i < sizeof papers / sizeof papers[0]; i++) {
		text.len = 0;
		if (papers[i].make(&text, facts, err) ||
		    oc_file_write(oc_run_path(run, path, papers[i].name), text.p, text.len, err))
			goto out;
	}
	rc = 0;
out:
	oc_buf_fini(&text);
	oc_arena_free(arena);
	return rc;
}
