/* Folding and fingerprints against their definitions, each k-gram hashed by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "index/winnow.h"
#include "text/utf8.h"
#include "text/view.h"

/* The least of each window of w places, the last of equals, once each. */
static uint32_t by_definition(const struct oc_winnow *w, struct oc_str t, struct oc_buf *out)
{
	uint32_t found = 0, last = UINT32_MAX;

	for (size_t from = 0; from + w->min_span <= t.len; from++) {
		struct oc_fingerprint f = {0};
		uint64_t least = UINT64_MAX;
		for (size_t at = from; at < from + w->w; at++) {
			uint64_t h = 0;
			for (uint32_t i = 0; i < w->k; i++)
				h = h * 0x9E3779B97F4A7C15u + (unsigned char)t.p[at + i];
			h ^= h >> 32;
			h *= 0xD6E8FEB86659FD93u;
			h ^= h >> 32;
			if (h <= least) {
				least = h;
				f = (struct oc_fingerprint){h * 0x9E3779B97F4A7C15u, (uint32_t)at};
			}
		}
		if (f.at == last)
			continue;
		last = f.at;
		oc_buf_add(out, &f, sizeof f);
		found++;
	}
	return found;
}

static void fingerprints(void **state)
{
	static const uint32_t spans[] = {16, 33, 64, 100, 5000};
	struct oc_rng rng;
	struct oc_draws d;

	(void)state;
	oc_rng_init(&rng, 5, "winnow");
	for (unsigned i = 0; i < 60; i++) {
		struct oc_winnow w;
		struct oc_buf text = {0}, want = {0}, got = {0};
		oc_draws_init(&d, &rng, i);
		oc_winnow_init(&w, spans[i % 5]);
		/* few letters: equal hashes; lengths around the span, the lanes and the steps */
		size_t len = i < 10   ? spans[i % 5] + i / 5 - 1
		             : i < 40 ? oc_draw_below(&d, 600) + i % 5 / 4 * 5000
		                      : 3900 + oc_draw_below(&d, 700);
		for (size_t k = 0; k < len; k++)
			oc_buf_putc(&text, (char)('a' + oc_draw_below(&d, i % 3 ? 26 : 2)));
		uint64_t *room = oc_alloc(oc_winnow_room(&w) * sizeof *room);
		uint32_t n = by_definition(&w, oc_buf_view(&text), &want);
		assert_int_equal(oc_winnow_text(&w, oc_buf_view(&text), room, &got), n);
		assert_int_equal(got.len, want.len);
		if (n)
			assert_memory_equal(got.p, want.p, want.len);
		free(room);
		oc_buf_fini(&text);
		oc_buf_fini(&want);
		oc_buf_fini(&got);
	}
}

static void fold_by_definition(struct oc_str t, struct oc_buf *out)
{
	const char *p = t.p, *end = t.p + t.len;
	bool space = false;

	while (p < end) {
		const char *from = p;
		if (oc_is_space(oc_utf8_next(&p, end))) {
			space = true;
			continue;
		}
		if (space && out->len)
			oc_buf_putc(out, ' ');
		space = false;
		oc_buf_add(out, from, (size_t)(p - from));
	}
}

static void folds(void **state)
{
	static const char *const pieces[] = {
		"a",   "word",   " ",  "  ",     "\n",
		"\t ", "é",      "。", "\u00a0", "\u3000",
		"—",   "\u2009", "ก",  "\x1f",   "some plain words between",
		" \n"};
	struct oc_rng rng;
	struct oc_draws d;

	(void)state;
	oc_rng_init(&rng, 6, "fold");
	for (unsigned i = 0; i < 3000; i++) {
		struct oc_buf text = {0}, want = {0}, got = {0}, shifts = {0};
		oc_draws_init(&d, &rng, i);
		for (uint64_t n = oc_draw_below(&d, 30); n; n--) {
			oc_buf_puts(&text,
			            pieces[oc_draw_below(&d, sizeof pieces / sizeof *pieces)]);
			if (i % 2)
				oc_buf_puts(&text, "and so on ");
		}
		fold_by_definition(oc_buf_view(&text), &want);
		oc_fold_space(oc_buf_view(&text), &got, &shifts);
		assert_int_equal(got.len, want.len);
		if (want.len)
			assert_memory_equal(got.p, want.p, want.len);
		/* every byte that is no space is found where it stood */
		for (uint32_t at = 0; at < got.len; at++) {
			uint64_t from, len;
			oc_fold_back(oc_buf_view(&got), (const void *)shifts.p,
			             (uint32_t)(shifts.len / sizeof(struct oc_shift)), at, 1, &from,
			             &len);
			assert_true(from + len <= text.len);
			if (got.p[at] != ' ')
				assert_int_equal(text.p[from], got.p[at]);
		}
		oc_buf_fini(&text);
		oc_buf_fini(&want);
		oc_buf_fini(&got);
		oc_buf_fini(&shifts);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(folds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
