/* decontaminate: against a judge that compares every word with every other; short items, templates,
 * cuts, places in the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "stage.h"

/* A stage over one benchmark file with these bytes. */
static void open_over(struct oc_driven *d, const char *options, struct oc_str benchmark,
                      const char *tail)
{
	char path[] = "/tmp/test-decontaminate-XXXXXX", given[64];
	struct oc_err err = {0};
	struct oc_buf all = {0};

	assert_non_null(mkdtemp(path));
	snprintf(given, sizeof given, "%s/b%s", path, tail);
	FILE *f = fopen(given, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(benchmark.p, 1, benchmark.len, f), benchmark.len);
	assert_int_equal(fclose(f), 0);
	oc_buf_printf(&all, "{against: [%s], %s}", given, options);
	int rc = oc_driven_open(d, "decontaminate", oc_buf_cstr(&all), 0, &err);
	unlink(given);
	rmdir(path);
	oc_buf_fini(&all);
	if (rc)
		fail_msg("%s", err.msg);
}

static const char *judge(struct oc_driven *d, const char *json)
{
	static char out[2048];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(b, json, 0, OC_SYNTHETIC);

	oc_driven_run(d, row);
	snprintf(out, sizeof out, "%s %s %s %.*s", oc_fate_name(row->fate), oc_last_rule(row),
	         row->verdict_n ? oc_last_evidence(row) : "", OC_ARG(row->raw));
	oc_batch_free(b);
	return out;
}

static void says(struct oc_driven *d, const char *json, const char *want)
{
	const char *got = judge(d, json);
	if (!strstr(got, want))
		fail_msg("%s: %s\n lacks %s", json, got, want);
}

static void every_shared_run_is_found(void **state)
{
	(void)state;
	enum { ITEMS = 40, ROWS = 1500, LONG = 40 };
	static unsigned item[ITEMS][LONG], item_n[ITEMS];
	struct oc_rng rng;
	struct oc_draws d;
	struct oc_driven stage;
	struct oc_buf lines = {0}, json = {0};
	unsigned hits = 0;

	oc_rng_init(&rng, 7, "test/decontaminate");
	for (unsigned i = 0; i < ITEMS; i++) {
		oc_draws_init(&d, &rng, i);
		item_n[i] = 5 + (unsigned)oc_draw_below(&d, LONG - 5);
		for (unsigned k = 0; k < item_n[i]; k++) {
			item[i][k] = (unsigned)oc_draw_below(&d, 4);
			oc_buf_printf(&lines, "w%u%s", item[i][k], k + 1 < item_n[i] ? " " : "\n");
		}
	}
	open_over(&stage, "ngram: 7, max_items: 1000000", oc_buf_view(&lines), ".txt");
	for (unsigned r = 0; r < ROWS; r++) {
		unsigned word[60], n, best = 0;
		char want[64];
		oc_draws_init(&d, &rng, 1000 + r);
		n = (unsigned)oc_draw_below(&d, 60);
		json.len = 0;
		oc_buf_puts(&json, "{\"text\":\"");
		for (unsigned k = 0; k < n; k++) {
			word[k] = (unsigned)oc_draw_below(&d, 4);
			oc_buf_printf(&json, "%sW%u", k ? ", " : "", word[k]);
		}
		oc_buf_puts(&json, "\"}");
		for (unsigned i = 0; i < ITEMS; i++)
			for (unsigned a = 0; a < item_n[i]; a++)
				for (unsigned b = 0; b < n; b++) {
					unsigned k = 0, least = item_n[i] < 7 ? item_n[i] : 7;
					while (a + k < item_n[i] && b + k < n &&
					       item[i][a + k] == word[b + k])
						k++;
					if (k >= least && k > best)
						best = k;
				}
		if (best)
			snprintf(want, sizeof want, "rejected contaminated {");
		else
			snprintf(want, sizeof want, "live ");
		says(&stage, oc_buf_cstr(&json), want);
		if (best) {
			snprintf(want, sizeof want, "\"words\":%u,", best);
			says(&stage, oc_buf_cstr(&json), want);
		}
		hits += best > 0;
	}
	assert_true(hits > ROWS / 20 && hits < ROWS - ROWS / 20);
	oc_buf_fini(&lines);
	oc_buf_fini(&json);
	oc_driven_close(&stage);
}

#define ITEM "Natalia sold clips to 48 of her friends in April, and half as many in May."

static void the_evidence_says_where(void **state)
{
	(void)state;
	struct oc_driven d;

	open_over(&d, "fields: [question], ngram: 8",
	          OC_LIT("{\"task_id\":\"t/1\",\"question\":\"" ITEM "\",\"answer\":\"72\"}\n"),
	          ".jsonl");
	/* U+0130 is longer in lower case: places are those of the text as written */
	says(&d,
	     "{\"text\":\"\xC4\xB0\xC4\xB0 natalia SOLD clips (to 48 of her friends) in april!\"}",
	     "\"item\":\"t/"
	     "1\",\"words\":10,\"of\":16,\"items\":1,\"hits\":1,\"share\":0.3333,\"row_at\":[5,50],"
	     "\"text\":\"natalia SOLD clips (to 48 of her friends) in april\"");
	says(&d, "{\"text\":\"natalia sold clips to 48 of her\"}", "live ");
	says(&d, "{\"text\":\"\"}", "live ");
	oc_driven_close(&d);
	open_over(&d, "fields: [question], ngram: 8, action: cut, field: text",
	          OC_LIT("{\"question\":\"" ITEM "\"}\n"), ".jsonl");
	says(&d, "{\"text\":\"Before. " ITEM " After.\"}", "{\"text\":\"Before. . After.\"}");
	says(&d, "{\"text\":\"" ITEM "\"}", "live contaminated");
	oc_driven_close(&d);
	open_over(&d, "fields: [question], ngram: 8, action: report",
	          OC_LIT("{\"question\":\"" ITEM "\"}\n"), ".jsonl");
	says(&d, "{\"text\":\"" ITEM "\"}", "live contaminated");
	oc_driven_close(&d);
}

static void short_items_need_their_answer(void **state)
{
	(void)state;
	struct oc_driven d;

	open_over(&d, "fields: [q], answer: a, near: 6",
	          OC_LIT("{\"q\":\"What is the capital of Peru?\",\"a\":\"Lima\"}\n"
	                 "{\"q\":\"Of what is the capital?\",\"a\":\"what\"}\n"
	                 "{\"q\":\"Too short\",\"a\":\"yes\"}\n"),
	          ".jsonl");
	says(&d, "{\"text\":\"what is the capital of peru\"}", "live ");
	says(&d, "{\"text\":\"What is the capital of Peru? It is Lima.\"}", "\"item\":\"1\"");
	says(&d, "{\"text\":\"What is the capital of Peru? 1 2 3 4 5 6 7 Lima.\"}", "live ");
	says(&d, "{\"text\":\"of what is the capital\"}", "live ");
	says(&d, "{\"text\":\"Too short? yes\"}", "live ");
	oc_driven_close(&d);
}

static void templates_make_no_hit(void **state)
{
	(void)state;
	struct oc_driven d;
	struct oc_buf lines = {0};

	for (unsigned i = 0; i < 4; i++)
		oc_buf_printf(&lines,
		              "what is printed by the following program number %u%u alpha%u\n", i,
		              i, i);
	open_over(&d, "ngram: 6, max_items: 3", oc_buf_view(&lines), ".txt");
	says(&d, "{\"text\":\"what is printed by the following program\"}", "live ");
	says(&d, "{\"text\":\"printed by the following program number 22\"}", "\"words\":7");
	oc_driven_close(&d);
	oc_buf_fini(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shared_run_is_found),
		cmocka_unit_test(the_evidence_says_where),
		cmocka_unit_test(short_items_need_their_answer),
		cmocka_unit_test(templates_make_no_hit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
