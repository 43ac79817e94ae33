/* verb_status.c: `outcross status RUN`: how far a run is, from its status.json. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/verb.h"
#include "data/json.h"
#include "run/lookup.h"

#define STATUS_MAX ((size_t)16 << 20)

static void line(struct oc_buf *b, const char *name, yyjson_val *obj, const char *key)
{
	char text[32];

	if (oc_json_get_num(obj, key, 0) > 0)
		oc_buf_printf(b, "  %-10s %s\n", name,
		              oc_human_count(oc_json_get_num(obj, key, 0), text));
}

static void show(struct oc_buf *b, const char *dir, yyjson_val *s)
{
	yyjson_val *rows = oc_json_get(s, "rows"), *asked = oc_json_get(s, "requests"), *key, *n;
	struct oc_str state = oc_json_get_str(s, "state"), phase = oc_json_get_str(s, "phase");
	struct oc_str note = oc_json_get_str(s, "note");
	yyjson_obj_iter it;
	char a[32], c[32];

	oc_buf_printf(b, "%s: %.*s, %.*s, %s\n", dir, OC_ARG(state), OC_ARG(phase),
	              oc_human_seconds(oc_json_get_num(s, "seconds", 0), a));
	line(b, "read", rows, "in");
	line(b, "made", rows, "made");
	line(b, "train", rows, "train");
	line(b, "test", rows, "test");
	line(b, "held", rows, "held");
	line(b, "unused", rows, "unused");
	line(b, "rejected", rows, "rejected_total");
	it = yyjson_obj_iter_with(oc_json_get(rows, "rejected"));
	while ((key = yyjson_obj_iter_next(&it))) {
		n = yyjson_obj_iter_get_val(key);
		oc_buf_printf(b, "    %-30s %s\n", yyjson_get_str(key),
		              oc_human_count(yyjson_get_num(n), a));
	}
	oc_buf_printf(b, "  requests   %s sent, %s from the store, %lld failed, %lld in flight\n",
	              oc_human_count(oc_json_get_num(asked, "sent", 0), a),
	              oc_human_count(oc_json_get_num(asked, "cached", 0), c),
	              (long long)oc_json_get_int(asked, "failed", 0),
	              (long long)oc_json_get_int(asked, "in_flight", 0));
	oc_buf_printf(b, "  money      %.4f\n", oc_json_get_num(s, "money", 0));
	if (note.len)
		oc_buf_printf(b, "  %.*s\n", OC_ARG(note));
	if (oc_json_get_int(s, "waiting_for_people", 0))
		oc_buf_printf(b, "  %lld rows wait for people: outcross review %s\n",
		              (long long)oc_json_get_int(s, "waiting_for_people", 0), dir);
}

/* Whoever runs holds the lock of the folder until its end, whatever that is. */
static bool is_held(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/lock", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true; /* nobody knows */
	bool held = flock(fd, LOCK_SH | LOCK_NB) < 0;
	close(fd);
	return held;
}

static int once(struct oc_cli *cli, const char *path, bool *running, struct oc_err *err)
{
	/* First, for a run that ends in between writes its last word before it lets go. */
	bool held = is_held(cli->operands[0]);
	struct oc_arena *arena = oc_arena_new();
	struct oc_buf text = {0}, out = {0};
	yyjson_val *s;
	int rc = -1;

	if (oc_file_read(path, STATUS_MAX, &text, err) ||
	    !(s = oc_json_parse(arena, oc_buf_view(&text), err))) {
		oc_fail_in(err, path);
		goto out;
	}
	*running = oc_str_is(oc_json_get_str(s, "state"), "running");
	if (cli->json)
		oc_buf_str(&out, oc_buf_view(&text));
	else
		show(&out, cli->operands[0], s);
	if (*running && !held) {
		*running = false;
		if (!cli->json)
			oc_buf_puts(&out, "  it was killed; the same command goes on\n");
	}
	rc = oc_cli_out(&out, err);
out:
	oc_buf_fini(&text);
	oc_buf_fini(&out);
	oc_arena_free(arena);
	return rc;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	char path[PATH_MAX];
	bool running = true;

	if (oc_lookup_check(cli->operands[0], err))
		return -1;
	snprintf(path, sizeof path, "%s/status.json", cli->operands[0]);
	for (;;) {
		if (once(cli, path, &running, err))
			return -1;
		if (!oc_arg_bool(cli, "watch") || !running || oc_cancelled(cli->ctx))
			return 0;
		nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	}
}

static const struct oc_flag flags[] = {
	{.name = "watch",
         .letter = 'w',
         .type = OC_OPT_BOOL,
         .help = "every two seconds, until the run ends"},
	{0},
};

const struct oc_verb oc_verb_status = {
	.name = "status",
	.help = "how far a run is",
	.usage = "RUN [--watch] [--json]",
	.doc = "RUN is the run folder (runs/NAME). --json prints status.json as it is: rows, "
	       "requests, "
	       "tokens, money, state.\n\n"
	       "Requests are those of all sittings: sent = replied + failed + lost + in_flight. "
	       "Lost ones were in flight when the run was stopped or killed; they are asked again. "
	       "Cached ones were not sent: another run had paid for their replies. Replies that "
	       "this run paid for are not counted again when a later sitting reads them.",
	.flags = flags,
	.operand_min = 1,
	.operand_max = 1,
	.run = run,
};
