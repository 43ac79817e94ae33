/* pii: the labelled cases (test/data/pii_cases.tsv: a text, and the text with typed masks); spans
 * against brute force over pieces; masks; what the stage leaves of a row; hostile texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "stage.h"
#include "text/pii.h"

static void masked(struct oc_buf *out, struct oc_str text, unsigned what)
{
	struct oc_pii_spans s = {0};
	size_t done = 0;

	oc_pii_find(text, OC_LIT(""), what, &s);
	out->len = 0;
	for (size_t i = 0; i < s.n; i++) {
		assert_true(s.span[i].at >= done && s.span[i].len > 0);
		assert_true(s.span[i].at + s.span[i].len <= text.len);
		oc_buf_add(out, text.p + done, s.span[i].at - done);
		oc_buf_printf(out, "<%s>", oc_pii_names[s.span[i].type]);
		done = s.span[i].at + s.span[i].len;
	}
	oc_buf_add(out, text.p + done, text.len - done);
	oc_pii_fini(&s);
}

static void the_labelled_cases(void **state)
{
	struct oc_buf file = {0}, got = {0};
	struct oc_err err = {0};
	unsigned n = 0, bad = 0;

	(void)state;
	if (oc_file_read("test/data/pii_cases.tsv", 1u << 20, &file, &err))
		fail_msg("%s", err.msg);
	for (char *p = file.p, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1) {
		char *tab = memchr(p, '\t', (size_t)(nl - p));
		if (*p == '#')
			continue;
		assert_non_null(tab);
		struct oc_str text = {p, (size_t)(tab - p)};
		struct oc_str want = {tab + 1, (size_t)(nl - tab - 1)};
		masked(&got, text, OC_PII_ALL);
		n++;
		if (!oc_str_eq(oc_buf_view(&got), want)) {
			print_error("%.*s\n  gives %.*s\n  not   %.*s\n", OC_ARG(text),
			            OC_ARG(oc_buf_view(&got)), OC_ARG(want));
			bad++;
		}
	}
	assert_true(n >= 150);
	assert_int_equal(bad, 0);
	oc_buf_fini(&file);
	oc_buf_fini(&got);
}

static void private_addresses_on_demand(void **state)
{
	static const char *const one[] = {"192.168.1.10",        "127.0.0.1:80", "fe80::1", "::1",
	                                  "fd12:3456:789a:1::1", "2001:db8::1",  "10.0.0.1"};
	struct oc_buf got = {0};

	(void)state;
	for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
		masked(&got, oc_str(one[i]), OC_PII_ALL | OC_PII_PRIVATE_IP);
		if (strncmp(oc_buf_cstr(&got), "<ip>", 4) != 0)
			fail_msg("%s gives %s", one[i], got.p);
	}
	oc_buf_fini(&got);
}

/* Every number that passes the two checksums is found, every neighbour is not. */
static void checksums(void **state)
{
	struct oc_buf got = {0};
	struct oc_rng rng;
	struct oc_draws d;
	unsigned good = 0;

	(void)state;
	oc_rng_init(&rng, 5, "test/pii");
	for (unsigned i = 0; i < 3000; i++) {
		char card[20], iban[32];
		unsigned sum = 0, rest = 0;
		oc_draws_init(&d, &rng, i);
		snprintf(card, sizeof card, "4%05u%05u%05u", (unsigned)oc_draw_below(&d, 100000),
		         (unsigned)oc_draw_below(&d, 100000), (unsigned)oc_draw_below(&d, 100000));
		for (unsigned k = 0; k < 16; k++) { /* Luhn, from the left, as for even lengths */
			unsigned v = (unsigned)(card[k] - '0') * (k % 2 ? 1 : 2);
			sum += v / 10 + v % 10;
		}
		masked(&got, oc_str(card), 1u << OC_PII_CARD);
		good += sum % 10 == 0;
		assert_int_equal(oc_str_is(oc_buf_view(&got), "<card>"), sum % 10 == 0);

		snprintf(iban, sizeof iban, "DE00%09u%09u", (unsigned)oc_draw_below(&d, 1000000000),
		         (unsigned)oc_draw_below(&d, 1000000000));
		for (unsigned k = 4; k < 22; k++)
			rest = (10 * rest + (unsigned)(iban[k] - '0')) % 97;
		rest = (rest * 10000 + 1314) % 97; /* D E behind, as 13 and 14 */
		rest = (rest * 100) % 97;
		unsigned check = 98 - rest;
		iban[2] = (char)('0' + check / 10);
		iban[3] = (char)('0' + check % 10);
		masked(&got, oc_str(iban), OC_PII_ALL);
		assert_true(oc_str_is(oc_buf_view(&got), "<iban>"));
		iban[10] = (char)('0' + (iban[10] - '0' + 1) % 10);
		masked(&got, oc_str(iban), 1u << OC_PII_IBAN);
		assert_true(oc_str_is(oc_buf_view(&got), iban));
	}
	assert_in_range(good, 200, 400);
	oc_buf_fini(&got);
}

/* The digits scanner's eight bytes at a time against one at a time: an address at every place. */
static void at_every_place(void **state)
{
	struct oc_buf text = {0}, got = {0};

	(void)state;
	for (unsigned before = 0; before < 40; before++)
		for (unsigned after = 0; after < 20; after++) {
			text.len = 0;
			for (unsigned i = 0; i < before; i++)
				oc_buf_puts(&text, i % 3 ? " " : &"/:\xC3\xA9"[i % 2]);
			oc_buf_puts(&text, " 93.184.216.34");
			for (unsigned i = 0; i < after; i++)
				oc_buf_putc(&text, ' ');
			masked(&got, oc_buf_view(&text), OC_PII_ALL);
			if (oc_str_find(oc_buf_view(&got), OC_LIT(" <ip>")) < 0)
				fail_msg("%u before, %u behind", before, after);
		}
	oc_buf_fini(&text);
	oc_buf_fini(&got);
}

/* The vectors of the reference implementation: key 00..0f, messages 00, 00 01, ... */
static void siphash_vectors(void **state)
{
	static const uint64_t want[] = {
		0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au, 0x85676696d7fb7e2du,
		0xcf2794e0277187b7u, 0x18765564cd99a68du, 0xcbc9466e58fee3ceu, 0xab0200f58b01d137u,
		0x93f5f5799a932462u, 0x9e0082df0ba9e4b0u};
	const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
	unsigned char m[16];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		m[i] = (unsigned char)i;
		assert_true(oc_siphash(key, m, i) == want[i]);
	}
}

/* --------------------------------------------------------------------- stage */

static const char *judge(struct oc_driven *d, const char *json)
{
	static char out[8192];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(b, json, 0, OC_REAL);

	oc_driven_run(d, row);
	snprintf(out, sizeof out, "%s %s %s %.*s edits %.*s", oc_fate_name(row->fate),
	         oc_result_name(row->verdicts[0].result), oc_last_evidence(row), OC_ARG(row->raw),
	         OC_ARG(row->ped.edits));
	oc_batch_free(b);
	return out;
}

static void says(struct oc_driven *d, const char *json, const char *want)
{
	const char *got = judge(d, json);
	if (!strstr(got, want))
		fail_msg("%s: %s\n lacks %s", json, got, want);
}

static void opened(struct oc_driven *d, const char *options)
{
	struct oc_err err = {0};
	if (oc_driven_open(d, "pii", options, 0, &err))
		fail_msg("%s", err.msg);
}

static void masks_leave_the_rest(void **state)
{
	struct oc_driven d;

	(void)state;
	opened(&d, "{mask: typed}");
	says(&d, "{ \"a\" : 1.50, \"t\":\"to ann@example.org\\u0021\",\"u\\\"\":\"\\u00e9\" }",
	     "{ \"a\" : 1.50, \"t\":\"to <email>!\",\"u\\\"\":\"\\u00e9\" }");
	says(&d,
	     "{\"messages\":[{\"role\":\"u\",\"content\":\"a\\/b\"},{\"role\" :\"v\",\"content\":"
	     "\"x 93.184.216.34 \\\"y\\\"\"}],\"k\":\"\\u0041\"}",
	     "{\"messages\":[{\"role\":\"u\",\"content\":\"a\\/b\"},{\"role\" "
	     ":\"v\",\"content\":\"x "
	     "<ip> \\\"y\\\"\"}],\"k\":\"\\u0041\"}");
	says(&d, "{\"messages\":[{\"content\":\"x ann@example.org\"}]}",
	     "{\"email\":1,\"spans\":[{\"type\":\"email\",\"field\":\"messages.0.content\",\"at\":"
	     "2,"
	     "\"len\":15}]}");
	says(&d, "{\"t\":\"ann@example.org\"}", "edits [{\"by\":\"pii\",\"what\":\"mask\"}]");
	says(&d, "{\"ann@example.org\":\"x\"}", "live keep  {\"ann@example.org\":\"x\"} edits ");
	says(&d, "{\"phone\":\"4155552671\",\"n\":\"4155552671\"}",
	     "{\"phone\":\"<phone>\",\"n\":\"4155552671\"}");
	says(&d, "{\"app_version\":\"12.34.56.78\",\"ip\":\"1.2.3.4\"}",
	     "{\"app_version\":\"12.34.56.78\",\"ip\":\"<ip>\"}");
	says(&d, "{}", "live keep");
	oc_driven_close(&d);
	opened(&d, "{fields: [b], types: [email], mask: typed}");
	says(&d, "{\"a\":\"x@example.org\",\"b\":[\"x@example.org 93.184.216.34\"]}",
	     "{\"a\":\"x@example.org\",\"b\":[\"<email> 93.184.216.34\"]}");
	oc_driven_close(&d);
}

static void one_value_one_mask(void **state)
{
	static const char *const pairs[][2] = {
		{"ann@example.org", "Ann@Example.ORG"},
		{"+1 415 555 2671", "(415) 555-2671"},
		{"4111 1111 1111 1111", "4111111111111111"},
		{"DE89370400440532013000", "de89 3704 0044 0532 0130 00"},
		{"2606:4700:4700::1111", "2606:4700:4700:0:0:0:0:1111"},
	};
	struct oc_driven d, e;
	char json[256], tag[64], first[64], dir[] = "/tmp/test-pii-XXXXXX", path[64];

	(void)state;
	opened(&d, "{digits: 16}");
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		snprintf(json, sizeof json, "{\"a\":\"%s\",\"b\":\"%s\"}", pairs[i][0],
		         pairs[i][1]);
		const char *got = judge(&d, json), *a = strstr(got, "{\"a\":\""),
			   *b = strstr(got, "\"b\":\"");
		assert_non_null(a);
		assert_non_null(b);
		snprintf(tag, sizeof tag, "%.*s", (int)(strcspn(a + 6, ">")), a + 6);
		if (*tag != '<' || strncmp(tag, b + 5, strlen(tag)) != 0)
			fail_msg("%s", got);
	}
	strcpy(first, tag);

	assert_non_null(mkdtemp(dir)); /* another key, other tags */
	snprintf(path, sizeof path, "%s/key", dir);
	struct oc_err err = {0};
	assert_int_equal(oc_file_write(path, "0123456789abcdef", 16, &err), 0);
	snprintf(json, sizeof json, "{digits: 16, key: %s}", path);
	opened(&e, json);
	snprintf(json, sizeof json, "{\"a\":\"%s\"}", pairs[4][0]);
	assert_null(strstr(judge(&e, json), first));
	assert_non_null(strstr(judge(&e, json), "<ip:"));
	assert_non_null(strstr(judge(&d, json), first));
	oc_driven_close(&e);
	assert_int_equal(oc_file_write(path, "short", 5, &err), 0);
	snprintf(json, sizeof json, "{key: %s}", path);
	assert_int_equal(oc_driven_open(&e, "pii", json, 0, &err), -1);
	assert_non_null(strstr(err.msg, "16 bytes"));
	oc_remove_tree(dir, &err);
	oc_driven_close(&d);
}

static void report_and_drop(void **state)
{
	struct oc_driven d;
	struct oc_err err = {0};

	(void)state;
	opened(&d, "{action: report}");
	says(&d, "{\"t\":\"ann@example.org\"}", "live flag {\"email\":1,");
	says(&d, "{\"t\":\"ann@example.org\"}", "{\"t\":\"ann@example.org\"} edits ");
	oc_driven_close(&d);
	opened(&d, "{action: drop, max: 1}");
	says(&d, "{\"t\":\"ann@example.org\"}", "live keep");
	says(&d, "{\"t\":\"ann@example.org\",\"u\":\"+49 30 1234567\"}",
	     "rejected drop {\"email\":1,\"phone\":1,");
	oc_driven_close(&d);
	assert_int_equal(oc_driven_open(&d, "pii", "{types: [name]}", 0, &err), -1);
	assert_non_null(strstr(err.msg, "not `name`"));
}

/* What a mask leaves holds nothing that is found again. */
static void masking_twice_changes_nothing(void **state)
{
	struct oc_driven d;
	struct oc_batch *b = oc_batch_new(2);

	(void)state;
	opened(&d, "{digits: 8}");
	struct oc_row *row = oc_driven_row(
		b,
		"{\"phone\":\"+49 30 1234567\",\"t\":\"ann@example.org tel 030 1234567, "
		"4111 1111 1111 1111 DE89370400440532013000 dns 8.8.8.8\"}",
		0, OC_REAL);
	oc_driven_run(&d, row);
	struct oc_row *again = oc_driven_row(b, oc_arena_str(b->arena, row->raw).p, 1, OC_REAL);
	assert_int_equal(row->verdicts[0].score, 6);
	oc_driven_run(&d, again);
	assert_false(again->changed);
	oc_batch_free(b);
	oc_driven_close(&d);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Worst cases grow as their length: 8 times the bytes in at most 16 times the time. */
static void hostile_texts_are_linear(void **state)
{
	static const char *const units[] = {"a@",
	                                    "a.",
	                                    "1:",
	                                    "a:1",
	                                    "1 ",
	                                    "1-",
	                                    "+1",
	                                    "(1",
	                                    "1.1.",
	                                    "0123456789",
	                                    "DE89",
	                                    "4111 ",
	                                    "a@a.",
	                                    "@",
	                                    "tel 1234567 ",
	                                    "::",
	                                    "\xFF",
	                                    ("\xD7\x90"
	                                     "1"),
	                                    "415-555-2671 ",
	                                    "x@y.zz "};

	(void)state;
	for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
		double t[2] = {1e9, 1e9};
		for (int size = 0; size < 2; size++) {
			struct oc_buf b = {0};
			while (b.len < (size ? 1u << 20 : 1u << 17))
				oc_buf_puts(&b, units[u]);
			for (int k = 0; k < 3; k++) {
				struct oc_pii_spans s = {0};
				double start = seconds();
				oc_pii_find(oc_buf_view(&b), OC_LIT(""), OC_PII_ALL, &s);
				double took = seconds() - start;
				t[size] = took < t[size] ? took : t[size];
				oc_pii_fini(&s);
			}
			oc_buf_fini(&b);
		}
		if (t[1] > 16 * t[0] + 0.02)
			fail_msg("%s: %.4f s, eight times as long %.4f s", units[u], t[0], t[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_labelled_cases),
		cmocka_unit_test(private_addresses_on_demand),
		cmocka_unit_test(checksums),
		cmocka_unit_test(at_every_place),
		cmocka_unit_test(siphash_vectors),
		cmocka_unit_test(masks_leave_the_rest),
		cmocka_unit_test(one_value_one_mask),
		cmocka_unit_test(report_and_drop),
		cmocka_unit_test(masking_twice_changes_nothing),
		cmocka_unit_test(hostile_texts_are_linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
