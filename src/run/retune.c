#include "run/retune.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "data/json.h"
#include "pipe/zframes.h"

#define RULES 512

struct rule {
	char *stage, *name;
	double was, is;
	uint64_t low_kept, high_kept, low_fell, high_fell; /* rows below and above the limit */
	uint64_t first_was, first_is;
};

struct retune {
	const char *path;
	struct rule rules[RULES];
	unsigned rule_n;
	bool complete[64]; /* by stage: every rule is asked, whatever fails */
	char *stages[64];
	unsigned stage_n;
	bool looking; /* the first pass */
	uint64_t line;

	/* the row at hand */
	char row[256];
	bool any, fell_was, fell_is, unknown;
	uint64_t rows, kept_was, kept_is, not_known;
};

static struct rule *rule_of(struct retune *r, struct oc_str stage, struct oc_str name)
{
	for (unsigned i = 0; i < r->rule_n; i++)
		if (oc_str_is(name, r->rules[i].name) && oc_str_is(stage, r->rules[i].stage))
			return &r->rules[i];
	return NULL;
}

static char *copy_of(struct oc_str s)
{
	char *copy = oc_alloc(s.len + 1);

	if (s.len)
		memcpy(copy, s.p, s.len);
	copy[s.len] = 0;
	return copy;
}

/* {"outcross":"verdicts","version":1,"stages":[{"stage","part","options","thresholds":{}}]} */
static int read_header(struct retune *r, yyjson_val *v, struct oc_err *err)
{
	size_t i, n, k, m;
	yyjson_val *stage, *key, *limit;

	if (!oc_str_is(oc_json_get_str(v, "outcross"), "verdicts") ||
	    oc_json_get_int(v, "version", 0) != 1)
		return oc_fail(err, OC_INPUT, r->path,
		               "is not what --verdicts of this version wrote");
	yyjson_arr_foreach(oc_json_get(v, "stages"), i, n, stage)
	{
		struct oc_str name = oc_json_get_str(stage, "stage");
		if (r->stage_n == 64)
			return oc_fail(err, OC_INPUT, r->path, "has more than 64 stages");
		r->complete[r->stage_n] =
			oc_json_get_bool(oc_json_get(stage, "options"), "all", false);
		r->stages[r->stage_n++] = copy_of(name);
		yyjson_obj_foreach(oc_json_get(stage, "thresholds"), k, m, key, limit)
		{
			double at = yyjson_get_num(limit);
			if (r->rule_n == RULES)
				return oc_fail(err, OC_INPUT, r->path, "has too many rules");
			r->rules[r->rule_n++] = (struct rule){.stage = copy_of(name),
			                                      .name = copy_of(oc_json_str(key)),
			                                      .was = at,
			                                      .is = at};
		}
	}
	return 0;
}

static bool fell(yyjson_val *v)
{
	struct oc_str result = oc_json_get_str(v, "result");

	return oc_str_is(result, "drop") || oc_str_is(result, "undecided");
}

/* Which side of a limit falls? */
static void learn(struct retune *r, yyjson_val *v)
{
	struct oc_str stage = oc_json_get_str(v, "stage"), reason = oc_json_get_str(v, "rule");
	bool dropped = fell(v);
	size_t i, n;
	yyjson_val *key, *score;

	yyjson_obj_foreach(oc_json_get(v, "scores"), i, n, key, score)
	{
		struct rule *rule = rule_of(r, stage, oc_json_str(key));
		double x = yyjson_get_num(score);
		if (!rule || x == rule->was)
			continue;
		if (!dropped)
			++*(x < rule->was ? &rule->low_kept : &rule->high_kept);
		else if (oc_str_eq(reason, oc_json_str(key)))
			++*(x < rule->was ? &rule->low_fell : &rule->high_fell);
	}
}

/* Is the limit a least? Rows that fell say it, else those that stayed. */
static bool is_least(const struct rule *r)
{
	if (r->low_fell || r->high_fell)
		return r->low_fell > 0;
	return r->high_kept && !r->low_kept;
}

static bool is_known(const struct rule *r)
{
	return r->low_kept || r->high_kept || r->low_fell || r->high_fell;
}

static void row_end(struct retune *r)
{
	if (!r->any)
		return;
	r->rows++;
	r->kept_was += !r->fell_was;
	r->not_known += r->unknown;
	r->kept_is += !r->fell_is && !r->unknown;
	r->any = r->fell_was = r->fell_is = r->unknown = false;
}

/* Does a score fall now? `reason`: the rule at which the row fell; `all`: every rule was asked. */
static bool falls(const struct rule *rule, double score, const struct rule *reason, bool all)
{
	if (rule->is == rule->was && rule == reason)
		return true;
	if ((rule->is == rule->was && !all) || !is_known(rule))
		return false;
	return is_least(rule) ? score < rule->is : score > rule->is;
}

static void judge(struct retune *r, yyjson_val *v)
{
	struct oc_str stage = oc_json_get_str(v, "stage");
	bool dropped = fell(v), last = oc_str_is(stage, r->stages[r->stage_n - 1]), all = false;
	struct rule *reason = dropped ? rule_of(r, stage, oc_json_get_str(v, "rule")) : NULL;
	size_t i, n;
	yyjson_val *key, *score;

	for (unsigned k = 0; k < r->stage_n; k++)
		all |= r->complete[k] && oc_str_is(stage, r->stages[k]);
	r->fell_was |= dropped;
	if (reason)
		reason->first_was++;
	if (r->fell_is || r->unknown)
		return;
	yyjson_obj_foreach(oc_json_get(v, "scores"), i, n, key, score)
	{
		struct rule *rule = rule_of(r, stage, oc_json_str(key));
		if (!rule || !falls(rule, yyjson_get_num(score), reason, all))
			continue;
		rule->first_is++;
		r->fell_is = true;
		return;
	}
	if (dropped && !reason) /* by no score, so it does again */
		r->fell_is = true;
	else if (dropped)
		r->unknown = !all || !last;
}

static int one_line(void *user, struct oc_str text, struct oc_err *err)
{
	struct retune *r = user;
	struct oc_arena *a;
	yyjson_val *v;
	char row[256];
	int rc = 0;

	if (!r->line++ && !r->looking) /* the header, once more */
		return 0;
	a = oc_arena_new();
	v = oc_json_parse(a, text, err);
	if (!v) {
		rc = oc_fail_in(err, r->path);
	} else if (r->line == 1) {
		rc = read_header(r, v, err);
	} else if (r->looking) {
		learn(r, v);
	} else {
		struct oc_str file = oc_json_get_str(v, "file");
		snprintf(row, sizeof row, "%lld %.*s", (long long)oc_json_get_int(v, "row", -1),
		         (int)(file.len < 200 ? file.len : 200), file.p ? file.p : "");
		if (r->any && strcmp(row, r->row) != 0)
			row_end(r);
		memcpy(r->row, row, sizeof row);
		r->any = true;
		judge(r, v);
	}
	oc_arena_free(a);
	return rc;
}

static int each_line(struct retune *r, struct oc_err *err)
{
	size_t len = strlen(r->path), cap = 0;
	char *line = NULL;
	ssize_t n;
	int rc = 0;

	r->line = 0;
	if (len > 4 && strcmp(r->path + len - 4, ".zst") == 0)
		return oc_zlines_each(r->path, one_line, r, err);
	FILE *f = fopen(r->path, "re");
	if (!f)
		return oc_fail_errno(err, r->path, "cannot open");
	while (!rc && (n = getline(&line, &cap, f)) > 0)
		rc = one_line(r, (struct oc_str){line, (size_t)n - (line[n - 1] == '\n')}, err);
	if (!rc && ferror(f))
		rc = oc_fail_errno(err, r->path, "cannot read");
	free(line);
	fclose(f);
	return rc;
}

static int check_header(const struct retune *r, struct oc_err *err)
{
	return r->stage_n ? 0 : oc_fail(err, OC_INPUT, r->path, "names no stage");
}

static int set_limits(struct retune *r, const char *const *limits, unsigned n, struct oc_err *err)
{
	for (unsigned i = 0; i < n; i++) {
		const char *equal = strchr(limits[i], '='), *slash = strchr(limits[i], '/');
		struct oc_str name = {limits[i], equal ? (size_t)(equal - limits[i]) : 0},
			      stage = {0};
		char *end = NULL;
		double value = equal ? strtod(equal + 1, &end) : 0;
		bool found = false;
		if (!equal || end == equal + 1 || *end)
			return oc_fail(err, OC_USAGE, "--limit", "`%s` is not RULE=NUMBER",
			               limits[i]);
		if (slash && slash < equal) {
			stage = (struct oc_str){name.p, (size_t)(slash - name.p)};
			name = (struct oc_str){slash + 1, (size_t)(equal - slash) - 1};
		}
		for (unsigned k = 0; k < r->rule_n; k++) {
			struct rule *rule = &r->rules[k];
			if (!oc_str_is(name, rule->name) ||
			    (stage.p && !oc_str_is(stage, rule->stage)))
				continue;
			rule->is = value;
			found = true;
			if (!is_known(rule))
				return oc_fail(
					err, OC_USAGE, "--limit",
					"%s: no row tells whether the limit is a least or a most",
					limits[i]);
		}
		if (!found)
			return oc_fail(err, OC_USAGE, "--limit",
			               "no rule `%.*s` with a score stands in %s", OC_ARG(name),
			               r->path);
	}
	return 0;
}

static void table(const struct retune *r, struct oc_buf *out)
{
	oc_buf_printf(out, "%-46s %12s %12s %10s %10s\n", "rule, rows by first reason", "limit was",
	              "is", "fell", "fall");
	for (unsigned i = 0; i < r->rule_n; i++) {
		const struct rule *rule = &r->rules[i];
		char name[200];
		if (!rule->first_was && !rule->first_is && rule->is == rule->was)
			continue;
		snprintf(name, sizeof name, "%.90s/%.90s", rule->stage, rule->name);
		oc_buf_printf(out, "%-46s %12g %12g %10llu %10llu\n", name, rule->was, rule->is,
		              (unsigned long long)rule->first_was,
		              (unsigned long long)rule->first_is);
	}
	oc_buf_printf(out, "%llu rows: %llu were kept, %llu would be", (unsigned long long)r->rows,
	              (unsigned long long)r->kept_was, (unsigned long long)r->kept_is);
	if (r->not_known)
		oc_buf_printf(out,
		              ", and of %llu it is not known: they pass where they fell, and what "
		              "lies behind was not asked",
		              (unsigned long long)r->not_known);
	oc_buf_puts(out, "\n");
}

int oc_retune(const char *verdicts, const char *const *limits, unsigned limit_n, struct oc_buf *out,
              struct oc_err *err)
{
	struct retune *r = oc_zalloc(1, sizeof *r);
	int rc = -1;

	r->path = verdicts;
	r->looking = true;
	if (each_line(r, err) || check_header(r, err) || set_limits(r, limits, limit_n, err))
		goto out;
	r->looking = false;
	if (each_line(r, err))
		goto out;
	row_end(r);
	table(r, out);
	rc = 0;
out:
	for (unsigned i = 0; i < r->rule_n; i++) {
		free(r->rules[i].stage);
		free(r->rules[i].name);
	}
	for (unsigned i = 0; i < r->stage_n; i++)
		free(r->stages[i]);
	free(r);
	return rc;
}
