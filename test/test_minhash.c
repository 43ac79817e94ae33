/* MinHash: the signature estimates J, AVX2 gives the plain bits, shingles and Jaccard are exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "index/minhash.h"
#include "text/simplify.h"
#include "text/tokens.h"

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Two ascending sets of n values with `both` in common. */
static void make_pair(uint64_t *a, uint64_t *b, uint32_t n, uint32_t both, uint64_t item)
{
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 5, "test/minhash");
	oc_draws_init(&d, &rng, item);
	for (uint32_t i = 0; i < n; i++) {
		a[i] = oc_draw_u64(&d);
		b[i] = i < both ? a[i] : oc_draw_u64(&d);
	}
	qsort(a, n, sizeof *a, by_value);
	qsort(b, n, sizeof *b, by_value);
}

static void gives_the_bits_of_plain_c(enum oc_minhash_kernel kernel)
{
	static const struct {
		uint32_t bands, rows;
	} shapes[] = {{1, 1}, {3, 3}, {20, 6}, {14, 8}, {7, 5}, {25, 10}};
	uint64_t a[300], b[300];
	uint32_t fast[256], plain[256];

	struct oc_minhash *probe = oc_minhash_new(1, 1);
	bool has = oc_minhash_use(probe, kernel);
	oc_minhash_free(probe);
	if (!has)
		skip(); /* counted: this processor lacks the kernel */
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		for (uint32_t n = 0; n < 300; n += 1 + n / 4) {
			struct oc_minhash *mh = oc_minhash_new(shapes[i].bands, shapes[i].rows);
			uint32_t size = shapes[i].bands * shapes[i].rows;
			make_pair(a, b, n ? n : 1, 0, n);
			assert_true(oc_minhash_use(mh, kernel));
			oc_minhash_sign(mh, a, n, fast);
			oc_minhash_use(mh, OC_MINHASH_PLAIN);
			oc_minhash_sign(mh, a, n, plain);
			assert_memory_equal(fast, plain, size * sizeof *fast);
			oc_minhash_free(mh);
		}
}

static void avx2_gives_the_same_bits(void **state)
{
	(void)state;
	gives_the_bits_of_plain_c(OC_MINHASH_AVX2);
}

static void avx512_gives_the_same_bits(void **state)
{
	(void)state;
	gives_the_bits_of_plain_c(OC_MINHASH_AVX512);
}

/* Agreement of signature places is J on average: 200 pairs x 120 places, four deviations. */
static void agreement_estimates_jaccard(void **state)
{
	(void)state;
	enum { N = 200, PAIRS = 200, PERMS = 120 };
	struct oc_minhash *mh = oc_minhash_new(20, 6);
	uint64_t a[N], b[N], band_a[20], band_b[20];
	uint32_t x[PERMS], y[PERMS];

	for (uint32_t both = 20; both <= N; both += 45) {
		double j = (double)both / (2 * N - both), agree = 0, met = 0;
		for (uint32_t pair = 0; pair < PAIRS; pair++) {
			bool meets = false;
			make_pair(a, b, N, both, 1000 * both + pair);
			oc_minhash_sign(mh, a, N, x);
			oc_minhash_sign(mh, b, N, y);
			for (uint32_t i = 0; i < PERMS; i++)
				agree += x[i] == y[i];
			oc_minhash_bands(mh, x, band_a);
			oc_minhash_bands(mh, y, band_b);
			for (uint32_t i = 0; i < 20; i++)
				meets |= band_a[i] == band_b[i];
			met += meets;
		}
		double n = PAIRS * PERMS, p = oc_minhash_chance(j, 20, 6);
		assert_true(fabs(agree / n - j) < 4 * sqrt(j * (1 - j) / n) + 1e-9);
		assert_true(fabs(met / PAIRS - p) < 4 * sqrt(p * (1 - p) / PAIRS) + 0.01);
	}
	oc_minhash_free(mh);
	/* the table of facts: 20 x 6 */
	assert_true(fabs(oc_minhash_chance(0.7, 20, 6) - 0.918) < 0.001);
	assert_true(fabs(oc_minhash_chance(0.8, 20, 6) - 0.998) < 0.001);
	assert_true(fabs(oc_minhash_chance(0.5, 20, 6) - 0.270) < 0.001);
}

static void shingles_are_a_sorted_set(void **state)
{
	(void)state;
	static uint64_t words[90000], out[90000], again[90000], room[90000];
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 1, "words");
	oc_draws_init(&d, &rng, 0);
	for (size_t i = 0; i < 90000; i++)
		words[i] = oc_draw_u64(&d);
	assert_int_equal(oc_shingles(words, 0, 5, out, room), 0);
	assert_int_equal(oc_shingles(words, 3, 5, out, room), 1);
	assert_int_equal(oc_shingles(words, 3, 3, again, room), 1);
	assert_int_equal(out[0], again[0]);
	static const uint32_t sizes[] = {5, 6, 28, 29, 30, 400, 3000, 60000, 90000};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint32_t n = oc_shingles(words, sizes[i], 5, out, room);
		assert_int_equal(n, sizes[i] - 4);
		for (uint32_t k = 1; k < n; k++)
			assert_true(out[k - 1] < out[k]);
	}
	/* a repeated text has the same set, but for the shingles across the joint */
	memcpy(words + 400, words, 400 * sizeof *words);
	assert_int_equal(oc_shingles(words, 800, 5, out, room), 400);
	/* order matters */
	uint64_t turned[5] = {words[4], words[3], words[2], words[1], words[0]};
	oc_shingles(words, 5, 5, out, room);
	oc_shingles(turned, 5, 5, again, room);
	assert_true(out[0] != again[0]);
}

static void jaccard_is_exact_at_the_threshold(void **state)
{
	(void)state;
	uint64_t a[100], b[100];

	make_pair(a, b, 100, 100, 1);
	assert_true(oc_jaccard(a, 100, b, 100, 1) == 1);
	assert_true(oc_jaccard(a, 0, b, 0, 0.5) < 0);
	assert_true(oc_jaccard(a, 0, b, 5, 0.5) < 0);
	for (uint32_t both = 0; both <= 100; both++) {
		make_pair(a, b, 100, both, 7 + both);
		double j = (double)both / (200 - both);
		assert_true(oc_jaccard(a, 100, b, 100, j) == j);
		if (both)
			assert_true(oc_jaccard(a, 100, b, 100, nextafter(j, 2)) == -1);
	}
	/* 7 of 10 is 0.7, not a little less */
	for (uint32_t i = 0; i < 10; i++)
		a[i] = i;
	assert_true(oc_jaccard(a, 10, a, 7, 0.7) == 0.7);
}

/* What datatrove 0.10.1 says of the same words: its first and last permutation, and the smallest
 * values of three texts, printed by its own get_signature. */
static void datatrove_signs_the_same(void **state)
{
	(void)state;
#include "data/datatrove_minhash.inc"
	struct oc_arena *a = oc_arena_new();
	struct oc_minhash *mh = oc_minhash_datatrove(14, 8);
	struct oc_buf joined = {0};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct oc_str text = oc_text_simplify(a, oc_str(texts[i].text));
		struct oc_tokens tokens = oc_text_tokens(a, text);
		uint64_t out[64], room[64], signature[112];
		assert_true(tokens.n < 64);
		uint32_t n = oc_shingles_joined(tokens.word, tokens.n, 5, &joined, out, room);
		assert_int_equal(n, texts[i].shingle_n);
		oc_minhash_sign64(mh, out, n, signature);
		assert_int_equal(signature[0], texts[i].first);
		assert_int_equal(signature[60], texts[i].middle);
		assert_int_equal(signature[111], texts[i].last);
	}
	/* shorter than a shingle: none, where ours makes one */
	uint64_t none[4], room[4];
	struct oc_tokens four = oc_text_tokens(a, OC_LIT("a b c d"));
	assert_int_equal(oc_shingles_joined(four.word, 4, 5, &joined, none, room), 0);
	oc_minhash_free(mh);
	oc_buf_fini(&joined);
	oc_arena_free(a);
}

static void texts_are_simplified_as_datatrove_does(void **state)
{
	(void)state;
	static const char *cases[][2] = {
		{"Hello,   World!", "hello world"},
		{"1.234,5 and 10,000 and 3.", "0 0 and 0 and 0"},
		{"\xD9\xA1\xD9\xA2\xD9\xAB\xD9\xA3 x", "0 x"},
		{"Na\xC3\xAFve caf\xC3\xA9 \xE2\x80\x94 \xE2\x80\x9Cq\xE2\x80\x9D", "naive cafe q"},
		{"\x01 a\tb\n\nc ", "a b c"},
		{"e\xCC\x81 \xCC\x81", "e"},
		{"...", ""},
		{"", ""},
	};
	struct oc_arena *a = oc_arena_new();

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_str got = oc_text_simplify(a, oc_str(cases[i][0]));
		if (!oc_str_is(got, cases[i][1]))
			fail_msg("case %zu: `%.*s`", i, OC_ARG(got));
	}
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(avx2_gives_the_same_bits),
		cmocka_unit_test(avx512_gives_the_same_bits),
		cmocka_unit_test(datatrove_signs_the_same),
		cmocka_unit_test(texts_are_simplified_as_datatrove_does),
		cmocka_unit_test(agreement_estimates_jaccard),
		cmocka_unit_test(shingles_are_a_sorted_set),
		cmocka_unit_test(jaccard_is_exact_at_the_threshold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
