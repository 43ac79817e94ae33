/* facts.c: what a recipe can say of itself when it is done. */
#include <stdlib.h>

#include "base/err.h"
#include "generate/recipe_in.h"

void oc_recipe_count_rule(struct oc_recipe *r, struct oc_str stage, struct oc_str rule)
{
	struct oc_str own = oc_str(r->name);
	struct oc_buf name = {0};

	/* "sums.math: different" is "math: different" here, "sums: unreadable" is "unreadable" */
	if (stage.len >= own.len && memcmp(stage.p, own.p, own.len) == 0) {
		size_t skip = stage.len == own.len ? own.len : own.len + 1;
		stage.p += skip;
		stage.len -= skip;
	}
	oc_buf_str(&name, stage);
	oc_buf_puts(&name, stage.len ? ": " : "");
	oc_buf_str(&name, rule);
	for (size_t i = 0; i < r->rule_n; i++) {
		if (!oc_str_eq(r->rule[i].name, oc_buf_view(&name)))
			continue;
		r->rule[i].n++;
		oc_buf_fini(&name);
		return;
	}
	r->rule = oc_realloc(r->rule, (r->rule_n + 1) * sizeof *r->rule);
	r->rule[r->rule_n++] =
		(struct oc_rule_count){oc_arena_str(r->arena, oc_buf_view(&name)), 1};
	oc_buf_fini(&name);
}

static void write_cell(const struct oc_recipe *r, const struct oc_cell *c, struct oc_buf *b)
{
	for (size_t i = 0; i < r->cell_field_n; i++) {
		oc_buf_puts(b, i ? ", " : "");
		oc_buf_str(b, r->cell_field[i]);
		oc_buf_putc(b, ' ');
		oc_value_text(b, oc_json_path(c->value, r->cell_field[i]));
	}
}

void oc_recipe_facts(struct oc_recipe *r, struct oc_buf *out)
{
	uint64_t rejected = 0;

	for (size_t i = 0; i < r->rule_n; i++)
		rejected += r->rule[i].n;
	oc_buf_puts(out, "{\"recipe\":");
	oc_buf_json(out, r->recipe);
	oc_buf_puts(out, ",\"step\":");
	oc_buf_json(out, oc_str(r->name));
	const struct {
		const char *name;
		uint64_t n;
	} counts[] = {{"wanted", r->rows},
	              {"rounds", r->count.rounds},
	              {"requests", r->count.requests},
	              {"replies", r->count.replies},
	              {"failed", r->count.failed},
	              {"not_sent", r->count.not_sent},
	              {"cut", r->count.cut},
	              {"asked_again", r->count.raised},
	              {"prompt_tokens", r->count.prompt_tokens},
	              {"completion_tokens", r->count.completion_tokens},
	              {"seed_rows", oc_seeder_rows(r->seeder)},
	              {"made", r->count.made},
	              {"readable", r->count.readable},
	              {"kept", r->count.kept},
	              {"held", r->count.held},
	              {"unused", r->count.unused},
	              {"rejected", rejected}};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		oc_buf_printf(out, ",\"%s\":%llu", counts[i].name, (unsigned long long)counts[i].n);
	oc_buf_puts(out, ",\"rules\":{");
	for (size_t i = 0; i < r->rule_n; i++) {
		oc_buf_puts(out, i ? "," : "");
		oc_buf_json(out, r->rule[i].name);
		oc_buf_printf(out, ":%llu", (unsigned long long)r->rule[i].n);
	}
	oc_buf_puts(out, "}");
	if (r->why)
		oc_buf_printf(out, ",\"ended_by\":\"%s\"", r->why);
	if (r->cell_n) {
		oc_buf_puts(out, ",\"cells\":[");
		for (size_t i = 0; i < r->cell_n; i++) {
			struct oc_buf name = {0};
			write_cell(r, &r->cell[i], &name);
			oc_buf_puts(out, i ? ",{\"cell\":" : "{\"cell\":");
			oc_buf_json(out, oc_buf_view(&name));
			oc_buf_printf(out, ",\"quota\":%llu,\"kept\":%llu}",
			              (unsigned long long)r->cell[i].quota,
			              (unsigned long long)r->cell[i].kept);
			oc_buf_fini(&name);
		}
		oc_buf_putc(out, ']');
	}
	if (r->sums) {
		oc_buf_puts(out, ",\"sums\":");
		oc_sums_write(r->sums, r->asked_digits, out);
	}
	oc_buf_putc(out, '}');
}

int oc_recipe_verdict(struct oc_recipe *r, struct oc_err *err)
{
	const char *how = "";
	struct oc_buf cells = {0};
	int rc = 0;

	if (r->stopped)
		return oc_fail(err, r->stopped, r->name, "%s%.*s",
		               r->stopped == OC_NET ? "one request after the other failed: " : "",
		               OC_ARG(r->stopped_by));
	/* a plan's trial asks for less on purpose */
	if (!r->why || strcmp(r->why, "rows") == 0 || strcmp(r->why, "limit") == 0)
		return 0;
	if (strcmp(r->why, "max_requests") == 0)
		how = "raise `max_requests`, ask for something easier, or take a better model";
	else if (strcmp(r->why, "max_rounds") == 0)
		how = "raise `max_rounds`";
	else
		how = "give it more seeds, or ask for fewer rows";
	for (size_t i = 0; i < r->cell_n; i++) {
		const struct oc_cell *c = &r->cell[i];
		if (c->kept >= c->quota)
			continue;
		oc_buf_puts(&cells, cells.len ? "; " : "");
		write_cell(r, c, &cells);
		oc_buf_printf(&cells, ": %llu of %llu", (unsigned long long)c->kept,
		              (unsigned long long)c->quota);
	}
	if (cells.len)
		rc = oc_fail(
			err, OC_SHORTAGE, r->name,
			"the quotas of `stratify` are not filled after %llu requests (%.500s): "
			"%s",
			(unsigned long long)r->count.requests, oc_buf_cstr(&cells), how);
	else if (r->exact && oc_recipe_done(r) < r->rows)
		rc = oc_fail(err, OC_SHORTAGE, r->name,
		             "%llu of %llu rows were kept after %llu requests: %s, or set "
		             "`amount: up_to`",
		             (unsigned long long)r->count.kept, (unsigned long long)r->rows,
		             (unsigned long long)r->count.requests, how);
	else if (oc_recipe_done(r) < r->rows && strcmp(r->why, "stopped") != 0)
		oc_log(r->env.ctx, OC_LOG_WARN,
		       "%s: %llu of %llu rows were kept after %llu requests: %s", r->name,
		       (unsigned long long)r->count.kept, (unsigned long long)r->rows,
		       (unsigned long long)r->count.requests, how);
	oc_buf_fini(&cells);
	return rc;
}
