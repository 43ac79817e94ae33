/*
 * help_pages.c: man page, completions and the manual's reference.
 */
#include "cli/parts.h"
#include "plan/plan.h"

/* ------------------------------------------------------- man page, completions */

/* roff: a backslash, and a dot or quote at the start of a line, must be escaped. */
static void roff(struct oc_buf *b, const char *text)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			oc_buf_puts(b, "\\&");
		if (*text == '\\')
			oc_buf_puts(b, "\\e");
		else if (*text == '-')
			oc_buf_puts(b, "\\-");
		else
			oc_buf_putc(b, *text);
		start = *text == '\n';
	}
}

static void roff_flags(struct oc_buf *b, const struct oc_flag *f)
{
	for (; f && f->name; f++) {
		struct oc_buf name = {0}, text = {0};
		oc_flag_name(&name, f);
		oc_flag_text(&text, f);
		oc_buf_puts(b, ".TP\n.B ");
		roff(b, oc_buf_cstr(&name));
		oc_buf_putc(b, '\n');
		roff(b, oc_buf_cstr(&text));
		oc_buf_putc(b, '\n');
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

static void roff_options(struct oc_buf *b, const struct oc_option *o, const char *prefix)
{
	for (; o && o->key; o++) {
		struct oc_buf name = {0}, text = {0};
		oc_buf_printf(&name, "%s%s", prefix, o->key);
		oc_option_text(&text, o);
		oc_buf_puts(b, ".TP\n.B ");
		roff(b, oc_buf_cstr(&name));
		oc_buf_putc(b, '\n');
		roff(b, oc_buf_cstr(&text));
		oc_buf_putc(b, '\n');
		if (o->table) {
			oc_buf_puts(&name, o->type == OC_OPT_MAP ? ".NAME." : ".");
			roff_options(b, o->table, oc_buf_cstr(&name));
		}
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

void oc_help_man(struct oc_buf *b)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_part p;

	oc_buf_puts(b,
	            ".TH OUTCROSS 1 \"\" \"outcross " OUTCROSS_VERSION "\"\n"
	            ".SH NAME\noutcross \\- synthetic training data with a pedigree\n"
	            ".SH SYNOPSIS\n.B outcross\n.I VERB\n[options] [files]\n.SH DESCRIPTION\n"
	            "Turns real rows and a model into a larger training set, keeps the pedigree "
	            "of every row,\nand measures on held\\-out real rows where machine\\-made rows "
	            "stop helping.\n.SH VERBS\n");
	for (size_t i = 0; oc_verbs[i]; i++) {
		const struct oc_verb *v = oc_verbs[i];
		if (v->hidden)
			continue;
		oc_buf_printf(b, ".SS ");
		roff(b, v->name);
		oc_buf_puts(b, " ");
		roff(b, v->usage);
		oc_buf_putc(b, '\n');
		roff(b, v->help);
		oc_buf_puts(b, ".\n");
		if (v->doc) {
			oc_buf_puts(b, ".PP\n");
			roff(b, v->doc);
			oc_buf_putc(b, '\n');
		}
		roff_flags(b, v->flags);
	}
	oc_buf_puts(b, ".SH COMMON OPTIONS\n");
	roff_flags(b, oc_common_flags);
	for (int kind = 0; kind < OC_PART_KINDS; kind++) {
		oc_buf_puts(b, ".SH ");
		for (const char *c = oc_part_kinds[kind].list; *c; c++)
			oc_buf_putc(b, (char)(*c - 'a' + 'A'));
		oc_buf_putc(b, '\n');
		for (size_t i = 0; oc_part_at(a, kind, i, &p); i++) {
			oc_buf_puts(b, ".SS ");
			roff(b, p.name);
			oc_buf_putc(b, '\n');
			roff(b, p.help ? p.help : "");
			oc_buf_putc(b, '\n');
			roff_options(b, p.options, "");
		}
	}
	oc_buf_puts(b, ".SH PLAN KEYS\n");
	roff_options(b, oc_plan_options, "");
	oc_buf_puts(b, ".SH EXIT STATUS\n");
#define X(name, status, text) oc_buf_printf(b, ".TP\n.B %d\n%s (%s)\n", status, text, #name);
	OC_ERR_MAP(X)
#undef X
	oc_buf_puts(b, ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colours on the terminal\n");
	oc_arena_free(a);
}

static void words(struct oc_buf *b, const struct oc_flag *f)
{
	for (; f && f->name; f++) {
		oc_buf_printf(b, " --%s", f->name);
		if (f->letter)
			oc_buf_printf(b, " -%c", f->letter);
	}
}

void oc_help_completions(struct oc_buf *b)
{
	struct oc_arena *a = oc_arena_new();
	oc_buf_puts(b, "# bash completion for outcross; made by `outcross help --completions`\n"
	               "_outcross() {\n"
	               "\tlocal word=${COMP_WORDS[COMP_CWORD]} verb= i options=\n"
	               "\tCOMPREPLY=()\n"
	               "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	               "\t\t[[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }\n"
	               "\tdone\n"
	               "\tcase $verb in\n"
	               "\t'') options='");
	for (size_t i = 0; oc_verbs[i]; i++)
		if (!oc_verbs[i]->hidden)
			oc_buf_printf(b, "%s%s", i ? " " : "", oc_verbs[i]->name);
	oc_buf_puts(b, "' ;;\n");
	for (size_t i = 0; oc_verbs[i]; i++) {
		if (oc_verbs[i]->hidden)
			continue;
		oc_buf_printf(b, "\t%s) options='", oc_verbs[i]->name);
		words(b, oc_verbs[i]->flags);
		words(b, oc_common_flags);
		for (size_t k = 0; oc_verbs[i]->part && oc_trainers[k]; k++) {
			oc_buf_printf(b, " %s", oc_trainers[k]->name);
			for (const struct oc_option *o = oc_trainers[k]->options; o->key; o++)
				oc_buf_printf(b, " --%s", o->key);
		}
		if (strcmp(oc_verbs[i]->name, "help") == 0) {
			struct oc_part p;
			for (size_t k = 0; oc_verbs[k]; k++)
				if (!oc_verbs[k]->hidden)
					oc_buf_printf(b, " %s", oc_verbs[k]->name);
			for (int kind = 0; kind < OC_PART_KINDS; kind++)
				for (size_t k = 0; oc_part_at(a, kind, k, &p); k++)
					oc_buf_printf(b, " %s", p.name);
		}
		oc_buf_puts(b, "' ;;\n");
	}
	oc_buf_puts(b, "\tesac\n"
	               "\tif [[ -z $verb || $word == -* || $verb == help ]]; then\n"
	               "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
	               "\tfi\n"
	               "}\n"
	               "complete -o default -F _outcross outcross\n");
	oc_arena_free(a);
}

/* ------------------------------------------------------------------ manual */

/* A cell of a Markdown table. */
static void cell(struct oc_buf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			oc_buf_putc(b, '\\');
		oc_buf_putc(b, *text == '\n' ? ' ' : *text);
	}
}

static void manual_options(struct oc_buf *b, const struct oc_option *o, const char *prefix)
{
	for (; o && o->key; o++) {
		struct oc_buf type = {0}, name = {0};
		oc_option_type(&type, o);
		oc_buf_printf(&name, "%s%s", prefix, o->key);
		oc_buf_printf(b, "| `%s` | ", oc_buf_cstr(&name));
		cell(b, oc_buf_cstr(&type));
		oc_buf_puts(b, " | ");
		if (o->required)
			oc_buf_puts(b, "required");
		else if (oc_option_has_default(o)) {
			oc_buf_putc(b, '`');
			cell(b, o->def);
			oc_buf_putc(b, '`');
		}
		oc_buf_puts(b, " | ");
		cell(b, o->help ? o->help : "");
		oc_buf_puts(b, " |\n");
		if (o->table) {
			oc_buf_puts(&name, o->type == OC_OPT_MAP ? ".NAME." : ".");
			manual_options(b, o->table, oc_buf_cstr(&name));
		}
		oc_buf_fini(&type);
		oc_buf_fini(&name);
	}
}

static void manual_table(struct oc_buf *b, const struct oc_option *o)
{
	if (!o || !o->key)
		return;
	oc_buf_puts(b, "\n| key | value | default | what it does |\n|---|---|---|---|\n");
	manual_options(b, o, "");
}

/* Which stages keep to `memory:` and which say what they need. */
static void manual_memory(struct oc_buf *b)
{
	static const char *const how[] = {[OC_HOLDS_LITTLE] = "little",
	                                  [OC_HOLDS_WITHIN] = "keeps to it",
	                                  [OC_HOLDS_ALL] = "needs, or refuses"};

	oc_buf_printf(b,
	              "\n## Stages and `memory:`\n\n"
	              "A stage that keeps to `memory:` lays the rest on disk, at any size of the "
	              "input, from %llu MB on (less is taken for that: its buffers have a least "
	              "size). One that needs something whole says how much, and ends before it "
	              "takes more than `memory:` allows, with a sentence that names both and what "
	              "to do: as it opens, for a model or a benchmark; when it has seen all rows "
	              "and before it works on them (semantic, sample); by the first thousand rows "
	              "and on from there (novelty). The others hold what their options name and "
	              "the rows under way. Of a job on files, the stages that are not of kind row "
	              "share --memory evenly; in a plan each may take all of it while it "
	              "works. Rows under way take up to 8 MB a thread beside it. "
	              "Compressed inputs are read ahead within a tenth of it. `mix` keeps to it: "
	              "what it shuffles lies on disk.\n\n"
	              "| stage | `memory:` | what it holds |\n|---|---|---|\n",
	              (unsigned long long)(OC_MEMORY_LEAST / 1000000));
	for (int holds = OC_HOLDS_WITHIN; holds <= OC_HOLDS_ALL; holds++)
		for (size_t i = 0; oc_stages[i]; i++)
			if ((int)oc_stages[i]->holds == holds)
				oc_buf_printf(b, "| %s | %s | %s |\n", oc_stages[i]->name,
				              how[holds], oc_stages[i]->held);
	oc_buf_puts(b, "| ");
	for (size_t i = 0, n = 0; oc_stages[i]; i++)
		if (oc_stages[i]->holds == OC_HOLDS_LITTLE)
			oc_buf_printf(b, "%s%s", n++ ? ", " : "", oc_stages[i]->name);
	oc_buf_printf(b, " | %s | what their options name |\n", how[OC_HOLDS_LITTLE]);
}

void oc_help_manual(struct oc_buf *b)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_part p;

	oc_buf_puts(b, "## Verbs\n");
	for (size_t i = 0; oc_verbs[i]; i++) {
		const struct oc_verb *v = oc_verbs[i];
		if (v->hidden)
			continue;
		oc_buf_printf(b, "\n### outcross %s %s\n\n%s.\n", v->name, v->usage, v->help);
		if (v->doc)
			oc_buf_printf(b, "\n%s\n", v->doc);
		if (!v->flags || !v->flags->name)
			continue;
		oc_buf_puts(b, "\n| option | what it does |\n|---|---|\n");
		for (const struct oc_flag *f = v->flags; f->name; f++) {
			struct oc_buf name = {0}, text = {0};
			oc_flag_name(&name, f);
			oc_flag_text(&text, f);
			oc_buf_printf(b, "| `%s` | ", oc_buf_cstr(&name));
			cell(b, oc_buf_cstr(&text));
			oc_buf_puts(b, " |\n");
			oc_buf_fini(&name);
			oc_buf_fini(&text);
		}
	}
	for (int kind = 0; kind < OC_PART_KINDS; kind++) {
		oc_buf_printf(b, "\n## %s\n", oc_part_kinds[kind].title);
		for (size_t i = 0; oc_part_at(a, kind, i, &p); i++) {
			oc_buf_printf(b, "\n### %s\n\n%s\n", p.name, p.help ? p.help : "");
			if (p.doc)
				oc_buf_printf(b, "\n%s\n", p.doc);
			manual_table(b, p.options);
		}
		if (kind == OC_PART_STAGES)
			manual_memory(b);
	}
	oc_buf_puts(b, "\n## Keys of a plan\n");
	manual_table(b, oc_plan_options);
	oc_buf_puts(b, "\n## Exit status\n\n| status | name | meaning |\n|---|---|---|\n");
#define X(name, status, text) oc_buf_printf(b, "| %d | %s | %s |\n", status, #name, text);
	OC_ERR_MAP(X)
#undef X
	oc_arena_free(a);
}
