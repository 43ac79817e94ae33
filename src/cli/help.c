/*
 * help.c: help texts on the terminal.
 */
#include "base/err.h"
#include "cli/parts.h"
#include "plan/plan.h"
#include "plan/presets.h"

#define WIDTH  92 /* columns of a help text */
#define INDENT 26 /* column at which explanations begin */

/* ------------------------------------------------------------------ pieces */

/* Appends `text` broken at white space; lines after the first begin at column `indent`. */
static void wrap(struct oc_buf *b, const char *text, size_t column, size_t indent)
{
	while (*text) {
		size_t len = strcspn(text, " \n");
		if (column > indent && column + len + 1 > WIDTH) {
			oc_buf_putc(b, '\n');
			column = 0;
		}
		if (column < indent) {
			oc_buf_printf(b, "%*s", (int)(indent - column), "");
			column = indent;
		} else if (column > indent) {
			oc_buf_putc(b, ' ');
			column++;
		}
		oc_buf_add(b, text, len);
		column += len;
		text += len;
		while (*text == ' ' || *text == '\n')
			text++;
	}
	oc_buf_putc(b, '\n');
}

/* A name, then its explanation at column INDENT. */
static void entry(struct oc_buf *b, const char *name, const char *text)
{
	size_t len = strlen(name);

	oc_buf_printf(b, "  %s", name);
	if (len + 4 > INDENT) {
		oc_buf_putc(b, '\n');
		wrap(b, text ? text : "", 0, INDENT);
		return;
	}
	wrap(b, text ? text : "", len + 2, INDENT);
}

/* Paragraphs parted by empty lines. */
static void paragraphs(struct oc_buf *b, const char *doc, size_t indent)
{
	while (doc && *doc) {
		const char *end = strstr(doc, "\n\n");
		size_t len = end ? (size_t)(end - doc) : strlen(doc);
		struct oc_buf one = {0};

		oc_buf_add(&one, doc, len);
		wrap(b, oc_buf_cstr(&one), 0, indent);
		oc_buf_fini(&one);
		doc += len;
		while (*doc == '\n')
			doc++;
		if (*doc)
			oc_buf_putc(b, '\n');
	}
}

static void flag_entries(struct oc_buf *b, const struct oc_flag *f)
{
	for (; f && f->name; f++) {
		struct oc_buf name = {0}, text = {0};
		if (!f->letter)
			oc_buf_puts(&name, "    ");
		oc_flag_name(&name, f);
		oc_flag_text(&text, f);
		entry(b, oc_buf_cstr(&name), oc_buf_cstr(&text));
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

static void option_entries(struct oc_buf *b, const struct oc_option *o, const char *prefix)
{
	for (; o && o->key; o++) {
		struct oc_buf name = {0}, text = {0};
		oc_buf_printf(&name, "%s%s", prefix, o->key);
		oc_option_text(&text, o);
		entry(b, oc_buf_cstr(&name), oc_buf_cstr(&text));
		if (o->table) {
			oc_buf_puts(&name, o->type == OC_OPT_MAP ? ".NAME." : ".");
			option_entries(b, o->table, oc_buf_cstr(&name));
		}
		oc_buf_fini(&name);
		oc_buf_fini(&text);
	}
}

/* ------------------------------------------------------------------- parts */

static void part_help(struct oc_buf *b, int kind, const struct oc_part *p)
{
	oc_buf_printf(b, "%s (%s): %s\n", p->name, oc_part_kinds[kind].one, p->help ? p->help : "");
	if (p->doc) {
		oc_buf_putc(b, '\n');
		paragraphs(b, p->doc, 0);
	}
	if (p->options && p->options->key) {
		oc_buf_puts(b, "\nOptions:\n");
		option_entries(b, p->options, "");
	}
}

static void part_list(struct oc_buf *b, struct oc_arena *a, int kind)
{
	struct oc_part p;

	oc_buf_printf(b, "%s:\n", oc_part_kinds[kind].title);
	for (size_t i = 0; oc_part_at(a, kind, i, &p); i++)
		entry(b, p.name, p.help);
}

/* What a part's text says behind these words: to the end of the sentence, or of the paragraph. */
static struct oc_str said(const char *doc, const char *words, bool sentence)
{
	const char *p = doc ? strstr(doc, words) : NULL, *end;

	if (!p)
		return (struct oc_str){NULL, 0};
	p += strlen(words);
	for (end = p; *end && *end != '\n' && !(sentence && end[0] == '.' && end[1] == ' '); end++)
		;
	return (struct oc_str){p, (size_t)(end - p) - (end > p && end[-1] == '.')};
}

void oc_help_stages(struct oc_buf *b)
{
	static const char *const kinds_of_stage[] = {[OC_STAGE_ROW] = "row",
	                                             [OC_STAGE_ORDERED] = "ordered",
	                                             [OC_STAGE_CALL] = "call",
	                                             [OC_STAGE_WHOLE] = "whole"};

	oc_buf_puts(b, "Stages, and what each kind costs:\n");
	entry(b, "row", "one row at a time, on all threads");
	entry(b, "ordered", "rows in their order, on one thread");
	entry(b, "call", "asks a model about each row");
	entry(b, "whole", "sees every row before it decides: two passes, within --memory");
	oc_buf_putc(b, '\n');
	for (size_t i = 0; oc_stages[i]; i++) {
		const struct oc_stage_def *d = oc_stages[i];
		struct oc_buf text = {0};
		struct oc_str cost = said(d->doc, "Cost: ", true);
		struct oc_str source = said(d->doc, "Source: ", false);
		oc_buf_printf(&text, "(%s) %s", kinds_of_stage[d->kind], d->help);
		if (cost.len)
			oc_buf_printf(&text, ". Cost: %.*s", OC_ARG(cost));
		if (source.len)
			oc_buf_printf(&text, ". Source: %.*s", OC_ARG(source));
		entry(b, d->name, oc_buf_cstr(&text));
		oc_buf_fini(&text);
	}
	oc_buf_puts(b, "\nPresets, as --do preset:NAME or `- preset: NAME` in a plan:\n");
	for (size_t i = 0; oc_presets[i].name; i++)
		entry(b, oc_presets[i].name, oc_presets[i].help);
	oc_buf_puts(b, "\n`outcross help STAGE` explains one and its options.\n");
}

/* --------------------------------------------------------------- help texts */

void oc_help_overview(struct oc_buf *b)
{
	oc_buf_puts(
		b,
		"Outcross turns your real rows and a model into a larger training set, shows for "
		"every row\nwhere it came from and what checked it, and shows on held-out real "
		"rows where adding\nmachine-made rows stops helping.\n\n"
		"usage: outcross VERB [options] [files]\n\n");
	for (size_t i = 0; oc_verbs[i]; i++)
		if (!oc_verbs[i]->hidden)
			entry(b, oc_verbs[i]->name, oc_verbs[i]->help);
	oc_buf_puts(
		b,
		"\n`outcross VERB --help` explains a verb; `outcross help plan-keys` the keys of "
		"a plan;\n`outcross help stages` (recipes, sources, llms, models) what can stand "
		"in one, and\n`outcross help trainers` what can be trained.\n");
}

void oc_help_verb(struct oc_buf *b, const struct oc_verb *verb)
{
	oc_buf_printf(b, "outcross %s: %s\n\nusage: outcross %s %s\n", verb->name, verb->help,
	              verb->name, verb->usage);
	if (verb->doc) {
		oc_buf_putc(b, '\n');
		paragraphs(b, verb->doc, 0);
	}
	oc_buf_puts(b, "\nOptions:\n");
	flag_entries(b, verb->flags);
	flag_entries(b, oc_common_flags);
}

static int topic_help(struct oc_buf *b, struct oc_arena *a, const char *topic, struct oc_err *err)
{
	const struct oc_verb *verb = oc_verb_find(oc_str(topic));
	const char *names[512];
	const char *near;
	size_t n = 0, found = 0;
	struct oc_part p;

	if (verb && !verb->hidden) {
		oc_help_verb(b, verb);
		found++;
	}
	for (size_t i = 0; oc_verbs[i] && n < 512; i++)
		if (!oc_verbs[i]->hidden)
			names[n++] = oc_verbs[i]->name;
	if (strcmp(topic, "plan-keys") == 0) {
		oc_buf_puts(b, "Keys of a plan, in the order in which rows travel:\n");
		option_entries(b, oc_plan_options, "");
		return 0;
	}
	for (const struct oc_option *o = oc_plan_options; o->key; o++) {
		names[n++] = o->key;
		if (found || strcmp(topic, o->key) != 0)
			continue;
		oc_buf_printf(b, "%s (key of a plan): %s\n", o->key, o->help);
		if (o->table) {
			struct oc_buf prefix = {0};
			oc_buf_puts(b, "\nOptions:\n");
			oc_buf_printf(&prefix, "%s%s", o->key,
			              o->type == OC_OPT_MAP ? ".NAME." : ".");
			option_entries(b, o->table, oc_buf_cstr(&prefix));
			oc_buf_fini(&prefix);
		}
		found++;
	}
	for (int kind = 0; kind < OC_PART_KINDS; kind++) {
		/* `sources` is a key of the plan, too. */
		if (strcmp(topic, oc_part_kinds[kind].list) == 0) {
			if (found++)
				oc_buf_putc(b, '\n');
			part_list(b, a, kind);
		}
		for (size_t i = 0; oc_part_at(a, kind, i, &p); i++) {
			if (n < 512)
				names[n++] = p.name;
			if (strcmp(p.name, topic) != 0)
				continue;
			if (found++)
				oc_buf_putc(b, '\n');
			part_help(b, kind, &p);
		}
	}
	if (found)
		return 0;
	near = oc_nearest(oc_str(topic), names, n);
	if (near)
		return oc_fail(err, OC_USAGE, "help", "nothing is called `%s`; did you mean `%s`?",
		               topic, near);
	return oc_fail(err, OC_USAGE, "help", "nothing is called `%s`; `outcross help` lists verbs",
	               topic);
}

int oc_help_topic(struct oc_buf *b, const char *topic, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	int rc = topic_help(b, a, topic, err);

	oc_arena_free(a);
	return rc;
}
