/* verb_why.c: `outcross why RUN ROW`: a row's whole life, upward. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/rows.h"
#include "cli/verb.h"

static void line(struct oc_buf *b, const char *name, struct oc_str value)
{
	if (value.len)
		oc_buf_printf(b, "  %-9s %.*s\n", name, OC_ARG(value));
}

static void places(struct oc_buf *b, yyjson_val *row, yyjson_val *ped)
{
	yyjson_val *source = oc_json_get(ped, "source"), *bytes = oc_json_get(row, "bytes");
	yyjson_val *depth = oc_json_get(ped, "depth");
	struct oc_str place = oc_json_get_str(row, "place");
	struct oc_buf text = {0};

	oc_buf_printf(b, "  %-9s %.*s", "now", OC_ARG(place));
	if (oc_json_get(row, "step"))
		oc_buf_printf(b, " by %.*s/%.*s", OC_ARG(oc_json_get_str(row, "step")),
		              OC_ARG(oc_json_get_str(row, "rule")));
	oc_buf_printf(b, ", line %lld of %.*s\n", (long long)oc_json_get_int(row, "line", 0),
	              OC_ARG(oc_json_get_str(row, "file")));
	oc_buf_str(&text, oc_json_get_str(ped, "origin"));
	oc_buf_puts(&text, ", depth ");
	if (yyjson_is_str(depth))
		oc_buf_str(&text, oc_json_str(depth));
	else
		oc_json_write(&text, depth);
	line(b, "origin", oc_buf_view(&text));
	line(b, "your id", oc_json_get_str(ped, "id"));
	line(b, "recipe", oc_json_get_str(ped, "recipe"));
	line(b, "model", oc_json_get_str(ped, "model"));
	line(b, "licence", oc_json_get_str(source, "license"));
	if (oc_json_get_str(source, "file").len) {
		long long from = oc_json_get_int(source, "offset", 0);
		long long len = oc_json_get_int(source, "len", 0);
		text.len = 0;
		oc_buf_printf(&text, "%.*s, row %lld, bytes %lld to %lld",
		              OC_ARG(oc_json_get_str(source, "file")),
		              (long long)oc_json_get_int(source, "row", 0) + 1, from, from + len);
		line(b, "source", oc_buf_view(&text));
	}
	if (bytes && oc_json_get(bytes, "note"))
		line(b, "", oc_json_get_str(bytes, "note"));
	else if (oc_json_get_bool(bytes, "same", false))
		line(b, "", OC_LIT("read back: the file still holds these very bytes"));
	else if (bytes) {
		line(b, "", OC_LIT("read back, before it was parsed or edited:"));
		oc_rows_block(b, oc_json_get_str(bytes, "text"), 14, 2000);
	}
	oc_buf_fini(&text);
}

static void lists(struct oc_buf *b, yyjson_val *ped)
{
	static const char *const names[] = {"parents", "founders"};
	yyjson_val *v;
	size_t i, n;

	for (size_t k = 0; k < 2; k++) {
		struct oc_buf text = {0};
		yyjson_arr_foreach(oc_json_get(ped, names[k]), i, n, v)
		{
			oc_buf_printf(&text, "%s%s", i ? ", " : "", yyjson_get_str(v));
		}
		line(b, names[k], oc_buf_view(&text));
		oc_buf_fini(&text);
	}
	yyjson_arr_foreach(oc_json_get(ped, "verdicts"), i, n, v)
	{
		struct oc_buf text = {0};
		oc_rows_verdict(&text, v);
		line(b, i ? "" : "verdicts", oc_buf_view(&text));
		oc_buf_fini(&text);
	}
	yyjson_arr_foreach(oc_json_get(ped, "edits"), i, n, v)
	{
		struct oc_buf text = {0};
		oc_buf_printf(&text, "by %.*s: %.*s", OC_ARG(oc_json_get_str(v, "by")),
		              OC_ARG(oc_json_get_str(v, "what")));
		line(b, i ? "" : "edits", oc_buf_view(&text));
		oc_buf_fini(&text);
	}
}

static void requests(struct oc_buf *b, yyjson_val *row)
{
	yyjson_val *r;
	size_t i, n;

	yyjson_arr_foreach(oc_json_get(row, "requests"), i, n, r)
	{
		line(b, "request", oc_json_get_str(r, "key"));
		if (oc_json_get(r, "note")) {
			line(b, "", oc_json_get_str(r, "note"));
			continue;
		}
		oc_buf_printf(b, "            %lld + %lld tokens, cost %.6g\n    asked\n",
		              (long long)oc_json_get_int(r, "prompt_tokens", 0),
		              (long long)oc_json_get_int(r, "completion_tokens", 0),
		              oc_json_get_num(r, "cost", 0));
		oc_rows_block(b, oc_json_get_str(r, "prompt"), 6, 8000);
		oc_buf_puts(b, "    replied\n");
		oc_rows_block(b, oc_json_get_str(r, "reply"), 6, 8000);
	}
}

static void reviews(struct oc_buf *b, yyjson_val *row)
{
	yyjson_val *e;
	size_t i, n;

	yyjson_arr_foreach(oc_json_get(row, "reviews"), i, n, e)
	{
		struct oc_buf text = {0};
		struct oc_str reason = oc_json_get_str(e, "reason");
		oc_buf_printf(&text, "%.*s %.*s by %.*s", OC_ARG(oc_json_get_str(e, "time")),
		              OC_ARG(oc_json_get_str(e, "decision")),
		              OC_ARG(oc_json_get_str(e, "by")));
		if (reason.len)
			oc_buf_printf(&text, " (%.*s)", OC_ARG(reason));
		line(b, i ? "" : "people", oc_buf_view(&text));
		oc_buf_fini(&text);
	}
}

static void show(struct oc_buf *b, yyjson_val *life)
{
	yyjson_val *row;
	size_t i, n;

	yyjson_arr_foreach(oc_json_get(life, "rows"), i, n, row)
	{
		yyjson_val *ped = oc_json_get(row, "lineage"), *members = oc_json_get(row, "row");
		oc_buf_printf(b, "%s%s%.*s\n", i ? "\n" : "", i ? "ancestor " : "",
		              OC_ARG(oc_json_get_str(row, "key")));
		if (!ped) {
			line(b, "", oc_json_get_str(row, "note"));
			continue;
		}
		if (yyjson_is_obj(members))
			oc_rows_members(b, members, 4);
		places(b, row, ped);
		lists(b, ped);
		requests(b, row);
		reviews(b, row);
	}
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct oc_arena *arena = oc_arena_new();
	struct oc_buf life = {0}, out = {0};
	yyjson_val *v = NULL;
	int rc = oc_lookup_why(&life, cli->ctx, cli->operands[0], cli->operands[1], err);

	if (!rc && cli->json)
		oc_buf_putc(&life, '\n');
	else if (!rc && !(v = oc_json_parse(arena, oc_buf_view(&life), err)))
		rc = -1;
	if (v)
		show(&out, v);
	if (!rc)
		rc = oc_cli_out(cli->json ? &life : &out, err);
	oc_buf_fini(&life);
	oc_buf_fini(&out);
	oc_arena_free(arena);
	return rc;
}

static const struct oc_flag flags[] = {{0}};

const struct oc_verb oc_verb_why = {
	.name = "why",
	.help = "a row's whole life: where it came from and what checked it",
	.usage = "RUN ROW",
	.doc = "ROW is a row's key (gsm8k:17), your own id of it, or its place (train:17 is line "
	       "17 "
	       "of the train split). Shows where the row is now, its pedigree and verdicts, the "
	       "bytes of its source read back from the file, the requests it was made by with "
	       "prompt and reply from the reply store, what people said, and the same of every "
	       "ancestor up to its founders.",
	.flags = flags,
	.operand_min = 2,
	.operand_max = 2,
	.run = run,
};
