/* verb_diff.c: `outcross diff RUN_A RUN_B`: what two runs have in common and what not. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/rows.h"
#include "cli/verb.h"
#include "run/compare.h"

#define TEXT_MAX ((size_t)64 << 20)
#define SHOWN    10

static int read_text(const char *dir, const char *name, struct oc_buf *out, struct oc_err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return oc_file_read(path, TEXT_MAX, out, err);
}

static bool next_line(const struct oc_buf *text, size_t *at, struct oc_str *line)
{
	if (*at >= text->len)
		return false;
	char *end = memchr(text->p + *at, '\n', text->len - *at);
	size_t len = end ? (size_t)(end - text->p) - *at : text->len - *at;
	*line = (struct oc_str){text->p + *at, len};
	*at += len + 1;
	return true;
}

static bool has_line(const struct oc_buf *text, struct oc_str wanted)
{
	struct oc_str line;
	size_t at = 0;

	while (next_line(text, &at, &line))
		if (oc_str_eq(line, wanted))
			return true;
	return false;
}

/* Lines of the resolved plans that stand in one only; the same line elsewhere counts as there. */
static void plans(struct oc_buf *b, const struct oc_buf *text, bool json)
{
	bool any = false;

	for (int side = 0; side < 2; side++) {
		struct oc_str line;
		size_t at = 0;
		while (next_line(&text[side], &at, &line)) {
			if (!line.len || line.p[0] == '#' || has_line(&text[!side], line))
				continue;
			if (json) {
				struct oc_buf marked = {0};
				oc_buf_printf(&marked, "%c %.*s", side ? '+' : '-', OC_ARG(line));
				oc_buf_puts(b, any ? "," : "");
				oc_buf_json(b, oc_buf_view(&marked));
				oc_buf_fini(&marked);
			} else {
				oc_buf_printf(b, "%s  %c %.*s\n", any ? "" : "plan:\n",
				              side ? '+' : '-', OC_ARG(line));
			}
			any = true;
		}
	}
	if (!any && !json)
		oc_buf_puts(b, "the same plan\n");
}

struct listing {
	const struct oc_compare *c;
	struct oc_buf *b;
	int side;
	enum oc_compare_result wanted;
	uint64_t shown, max;
	bool json;
};

static int list_row(void *user, const struct oc_found *f, struct oc_err *err)
{
	struct listing *l = user;

	(void)err;
	if (oc_compare_row(l->c, l->side, f->key, f->row) != l->wanted)
		return 0;
	if (l->json) {
		oc_buf_puts(l->b, l->shown ? "," : "");
		oc_buf_json(l->b, f->key);
	} else {
		struct oc_buf text = {0};
		oc_buf_printf(&text, "%.*s  %.*s", OC_ARG(f->key), OC_ARG(f->row));
		oc_rows_block(l->b, oc_buf_view(&text), 4, 160);
		oc_buf_fini(&text);
	}
	return ++l->shown == l->max;
}

static int list(struct oc_buf *b, const struct oc_compare *c, const char *dir, int side,
                enum oc_compare_result wanted, bool json, struct oc_err *err)
{
	struct listing l = {.c = c,
	                    .b = b,
	                    .side = side,
	                    .wanted = wanted,
	                    .json = json,
	                    .max = json ? UINT64_MAX : SHOWN};
	return oc_lookup_each(dir, 1u << OC_TRAIN | 1u << OC_TEST, list_row, &l, err);
}

static void counts(struct oc_buf *b, yyjson_val *const facts[2], bool json)
{
	yyjson_val *key, *v;
	size_t i, n;

	yyjson_obj_foreach(oc_json_get(facts[0], "rows"), i, n, key, v)
	{
		long long x = (long long)yyjson_get_num(v);
		long long y = (long long)oc_json_get_int(oc_json_get(facts[1], "rows"),
		                                         yyjson_get_str(key), 0);
		if (json)
			oc_buf_printf(b, "%s\"%s\":[%lld,%lld]", i ? "," : "", yyjson_get_str(key),
			              x, y);
		else if (x || y)
			oc_buf_printf(b, "  %-10s %12lld %12lld %+12lld\n", yyjson_get_str(key), x,
			              y, y - x);
	}
}

static int write_text(struct oc_buf *b, const char *const dirs[2], const struct oc_compare *c,
                      struct oc_err *err)
{
	oc_buf_printf(b, "rows of out/: %llu the same, %llu with other text",
	              (unsigned long long)c->same, (unsigned long long)c->changed);
	if (c->moved)
		oc_buf_printf(b, " (%llu moved between train and test)",
		              (unsigned long long)c->moved);
	oc_buf_putc(b, '\n');
	for (int side = 0; side < 2; side++) {
		oc_buf_printf(b, "  only in %s: %llu\n", dirs[side],
		              (unsigned long long)c->only[side]);
		if (list(b, c, dirs[side], side, OC_ONLY, false, err))
			return -1;
	}
	for (int side = 0; c->changed && side < 2; side++) {
		oc_buf_printf(b, "  other text in %s:\n", dirs[side]);
		if (list(b, c, dirs[side], side, OC_CHANGED_TEXT, false, err))
			return -1;
	}
	return 0;
}

static int write_json(struct oc_buf *b, const char *const dirs[2], const struct oc_compare *c,
                      struct oc_err *err)
{
	static const char *const names[] = {"\"only_a\":[", "],\"only_b\":["};

	oc_buf_printf(b, ",\"same\":%llu,\"moved\":%llu,", (unsigned long long)c->same,
	              (unsigned long long)c->moved);
	for (int side = 0; side < 2; side++) {
		oc_buf_puts(b, names[side]);
		if (list(b, c, dirs[side], side, OC_ONLY, true, err))
			return -1;
	}
	oc_buf_puts(b, "],\"changed\":[");
	if (list(b, c, dirs[0], 0, OC_CHANGED_TEXT, true, err))
		return -1;
	oc_buf_puts(b, "]}\n");
	return 0;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	const char *const dirs[] = {cli->operands[0], cli->operands[1]};
	struct oc_arena *arena = oc_arena_new();
	struct oc_buf lock[2] = {{0}}, report[2] = {{0}}, out = {0};
	struct oc_compare c = {0};
	yyjson_val *facts[2];
	int rc = -1;

	if (oc_compare_read(&c, dirs[0], dirs[1], err))
		goto out;
	for (int side = 0; side < 2; side++)
		if (read_text(dirs[side], "plan.lock.yaml", &lock[side], err) ||
		    read_text(dirs[side], "report.json", &report[side], err) ||
		    !(facts[side] = oc_json_parse(arena, oc_buf_view(&report[side]), err)))
			goto out;
	if (cli->json)
		oc_buf_puts(&out, "{\"plan\":[");
	plans(&out, lock, cli->json);
	oc_buf_puts(&out, cli->json ? "],\"rows\":{" : "rows:\n");
	counts(&out, facts, cli->json);
	if (cli->json)
		oc_buf_putc(&out, '}');
	rc = cli->json ? write_json(&out, dirs, &c, err) : write_text(&out, dirs, &c, err);
	if (!rc)
		rc = oc_cli_out(&out, err);
out:
	for (int side = 0; side < 2; side++) {
		oc_buf_fini(&lock[side]);
		oc_buf_fini(&report[side]);
	}
	oc_buf_fini(&out);
	oc_compare_fini(&c);
	oc_arena_free(arena);
	return rc;
}

static const struct oc_flag flags[] = {{0}};

const struct oc_verb oc_verb_diff = {
	.name = "diff",
	.help = "what two runs have in common: plans, counts, rows",
	.usage = "RUN_A RUN_B",
	.doc = "Prints the lines in which the resolved plans differ, the ledgers beside each "
	       "other, "
	       "and how many rows of out/ are the same, changed (same key, other bytes) or in one "
	       "run only, with the first ten of each; --json lists all their keys.",
	.flags = flags,
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
