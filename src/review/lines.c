/* The door for pipes: one command a line. */
#include <stdlib.h>

#include "base/err.h"
#include "review/card.h"
#include "review/terminal.h"

/* Shows a row as it would stand on the screen. */
static int show(struct oc_review *r, size_t i, FILE *out, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_card_lines card = {.arena = a};
	struct oc_review_item item;
	int rc = oc_review_item(r, i, a, &item, err);

	if (!rc) {
		oc_card_item(&card, &item, 80);
		fprintf(out, "--- row %zu of %zu, %zu wait\n", i + 1, oc_review_rows(r),
		        oc_review_waiting(r));
		for (uint32_t k = 0; k < card.n; k++)
			fprintf(out, "%.*s\n", OC_ARG(card.line[k]));
		fflush(out);
	}
	oc_arena_free(a);
	return rc;
}

static int undo(struct oc_review *r, ptrdiff_t *row, FILE *out, struct oc_err *err)
{
	struct oc_review_undone u;
	struct oc_buf text = {0};
	int rc = oc_review_undo(r, &u, err);

	if (rc < 0)
		return -1;
	if (!rc) {
		fprintf(out, "none of your decisions is left to take back\n");
		return 0;
	}
	oc_card_undone(&text, &u);
	fprintf(out, "taken back: %s%s\n", oc_buf_cstr(&text),
	        u.row < 0 ? "; it waits again when the plan is run" : "");
	oc_buf_fini(&text);
	if (u.row >= 0)
		*row = u.row;
	return 0;
}

/* 1: decided, 0: not, 2: quit. `row` is the row shown, or -1 when none waits. */
static int command(struct oc_review *r, ptrdiff_t *row, struct oc_str line, FILE *out, uint64_t ms,
                   struct oc_err *err)
{
	struct oc_str rest = oc_str_trim((struct oc_str){line.p + 1, line.len - 1});
	struct oc_err mistake = {0};
	struct oc_buf after = {0};
	enum oc_decision_kind kind;
	int rc;

	if (*row < 0 && line.p[0] != 'u')
		return 2;
	switch (line.p[0]) {
	case 'a': kind = OC_ACCEPT; break;
	case 'x': kind = OC_REJECT; break;
	case 's': kind = OC_SKIP; break;
	case 'e':
	case 'E': kind = OC_EDIT; break;
	case 'q': return 2;
	case 'u': return undo(r, row, out, err);
	default:
		fprintf(out, "a accept, x [reason] reject, e JSON edit, E JSON edit all the same, "
		             "s skip, u undo, q quit\n");
		return 0;
	}
	if (kind == OC_EDIT) {
		struct oc_arena *a = oc_arena_new();
		if (oc_json_parse(a, rest, &mistake))
			oc_json_squeeze(&after, rest);
		oc_arena_free(a);
	}
	struct oc_str reason = kind == OC_REJECT ? oc_review_reason_of(rest) : OC_LIT("");
	if (mistake.code)
		rc = -1;
	else if (line.p[0] == 'E')
		rc = oc_review_insist(r, (size_t)*row, oc_buf_view(&after), ms, &mistake);
	else
		rc = oc_review_decide(r, (size_t)*row, kind, reason, oc_buf_view(&after), ms,
		                      &mistake);
	oc_buf_fini(&after);
	if (!rc)
		return 1;
	if (mistake.code == OC_IO)
		return oc_fail(err, OC_IO, mistake.where, "%s", mistake.msg);
	fprintf(out, "not saved: %s%s\n", mistake.msg,
	        mistake.code == OC_GATE ? " (E instead of e saves it all the same)" : "");
	return 0;
}

int oc_review_lines(struct oc_review *r, struct oc_ctx *ctx, FILE *in, FILE *out,
                    struct oc_err *err)
{
	ptrdiff_t row = oc_review_next(r, oc_review_rows(r) - 1);
	char *text = NULL;
	size_t cap = 0;
	ssize_t len;
	int did = 0;

	fprintf(out, "%zu of %zu rows wait\n", oc_review_waiting(r), oc_review_rows(r));
	while (did >= 0 && did != 2) {
		double since = oc_now();
		if (row >= 0 && show(r, (size_t)row, out, err)) {
			did = -1;
		} else if (oc_cancelled(ctx)) {
			did = oc_fail(err, OC_CANCELLED, "review",
			              "interrupted; every decision so far is saved");
		} else if ((len = getline(&text, &cap, in)) < 0) {
			break;
		} else {
			struct oc_str line = oc_str_trim((struct oc_str){text, (size_t)len});
			if (!line.len)
				continue;
			did = command(r, &row, line, out, (uint64_t)((oc_now() - since) * 1000),
			              err);
			if (did == 1)
				row = oc_review_next(r, (size_t)row);
		}
	}
	free(text);
	return did < 0 ? -1 : 0;
}
