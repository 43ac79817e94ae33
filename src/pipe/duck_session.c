/* duck_session.c: the parent's end of a DuckDB child. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "pipe/duck_abi.h"
#include "pipe/duck_child.h"

#define START_DEADLINE 20.0 /* seconds until the child says hello */
#define LOOK_UP_MS     100  /* between looks at the cancel flag */

struct oc_duck_session {
	struct oc_ctx *ctx;
	struct oc_helper *helper;
};

int oc_duck_session_open(struct oc_duck_session **out, struct oc_ctx *ctx, uint64_t memory,
                         struct oc_err *err)
{
	struct oc_duck_session *s = oc_zalloc(1, sizeof *s);
	struct oc_buf settings = {0};
	struct oc_frame f;
	char library[512];
	int rc = -1;

	s->ctx = ctx;
	if (oc_duck_find(library, err) ||
	    oc_helper_spawn(&s->helper, ctx, "duckdb", START_DEADLINE, err))
		goto out;
	oc_buf_puts(&settings, "{\"library\":");
	oc_buf_json(&settings, oc_str(library));
	oc_buf_printf(&settings, ",\"memory\":%llu}", (unsigned long long)memory);
	if (oc_duck_session_send(s, OC_DUCK_OPEN, oc_buf_view(&settings), err) ||
	    oc_duck_session_next(s, &f, err))
		goto out;
	rc = 0;
out:
	oc_buf_fini(&settings);
	if (rc)
		oc_duck_session_close(s);
	else
		*out = s;
	return rc;
}

void oc_duck_session_close(struct oc_duck_session *s)
{
	if (!s)
		return;
	oc_helper_close(s->helper);
	free(s);
}

int oc_duck_session_send(struct oc_duck_session *s, uint32_t type, struct oc_str json,
                         struct oc_err *err)
{
	return oc_helper_send(s->helper, type, json, (struct oc_str){0}, err);
}

int oc_duck_session_try(struct oc_duck_session *s, struct oc_frame *f, struct oc_err *err)
{
	return oc_helper_recv(s->helper, f, 0, err);
}

int oc_duck_session_next(struct oc_duck_session *s, struct oc_frame *f, struct oc_err *err)
{
	int got;

	while ((got = oc_helper_recv(s->helper, f, LOOK_UP_MS, err)) == 0)
		if (oc_cancelled(s->ctx))
			return oc_fail(err, OC_CANCELLED, NULL, "interrupted");
	if (got < 0)
		return -1;
	if (f->type == OC_DUCK_FAILED && f->data.len >= sizeof(int32_t)) {
		int32_t code;
		memcpy(&code, f->data.p, sizeof code);
		return oc_fail(err, code, NULL, "%.*s", (int)(f->data.len - sizeof code),
		               f->data.p + sizeof code);
	}
	if (f->type != OC_DUCK_ROWS && f->type != OC_DUCK_DONE)
		return oc_fail(err, OC_INTERNAL, "duckdb", "a message of type %u came out of turn",
		               f->type);
	return 0;
}
