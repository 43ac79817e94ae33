/*
 * bench_pii.c: the scanners of the stage pii over texts of made-up words with an e-mail address, a
 * phone number, a card, an IBAN, an IP address or plain numbers in every eighth line, on one
 * thread, against bare yyjson parsing of the same texts as rows. Prints MB/s and the ratio.
 *
 *   bench_pii [MEGABYTES]     default 32
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yyjson.h>

#include "base/rng.h"
#include "text/pii.h"

/* Processor seconds of this thread: other processes must not count. */
static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put_line(struct oc_buf *b, struct oc_draws *d)
{
	static const char *const parts[] = {"ra", "ten", "mo", "lis", "ka", "ver", "un", "sto"};
	static const char *const data[] = {"ann.b@example.org",
	                                   "+49 30 1234567",
	                                   "4111 1111 1111 1111",
	                                   "GB82 WEST 1234 5698 7654 32",
	                                   "93.184.216.34",
	                                   "in 1987, 42.5 % of 1,200",
	                                   "version 1.2.3.4 of 2021-03-04",
	                                   "(415) 555-2671"};

	for (unsigned words = 0; words < 16; words++) {
		for (uint64_t k = 1 + oc_draw_below(d, 3); k--;)
			oc_buf_puts(b, parts[oc_draw_below(d, 8)]);
		oc_buf_putc(b, ' ');
	}
	if (oc_draw_below(d, 8) == 0)
		oc_buf_puts(b, data[oc_draw_below(d, 8)]);
	oc_buf_putc(b, '.');
}

int main(int argc, char **argv)
{
	size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 32) * 1000000;
	struct oc_buf text = {0}, json = {0};
	struct oc_pii_spans s = {0};
	struct oc_rng rng;
	struct oc_draws d;
	double best = 1e9, bare = 1e9;

	oc_rng_init(&rng, 1, "bench_pii");
	for (uint64_t i = 0; text.len < size; i++) {
		oc_draws_init(&d, &rng, i);
		put_line(&text, &d);
	}
	oc_buf_puts(&json, "[");
	for (size_t at = 0; at < text.len; at += 1000) {
		size_t len = text.len - at < 1000 ? text.len - at : 1000;
		oc_buf_puts(&json, at ? ",{\"text\":" : "{\"text\":");
		oc_buf_json(&json, (struct oc_str){text.p + at, len});
		oc_buf_putc(&json, '}');
	}
	oc_buf_putc(&json, ']');
	for (int i = 0; i < 5; i++) {
		double start = cpu_now(), t;
		s.n = 0;
		for (size_t at = 0; at < text.len; at += 1000) {
			size_t len = text.len - at < 1000 ? text.len - at : 1000;
			oc_pii_find((struct oc_str){text.p + at, len}, OC_LIT("text"), OC_PII_ALL,
			            &s);
		}
		t = cpu_now() - start;
		best = t < best ? t : best;
		start = cpu_now();
		yyjson_doc_free(yyjson_read(json.p, json.len, 0));
		t = cpu_now() - start;
		bare = t < bare ? t : bare;
	}
	printf("%.0f MB, %zu pieces found, 1 thread, best of 5\n", (double)text.len / 1e6, s.n);
	printf("  yyjson  %6.0f MB/s\n  pii     %6.0f MB/s\nratio %.2f\n",
	       (double)text.len / 1e6 / bare, (double)text.len / 1e6 / best, best / bare);
	bool none = s.n == 0;
	oc_pii_fini(&s);
	oc_buf_fini(&text);
	oc_buf_fini(&json);
	return none;
}
