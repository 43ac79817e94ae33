/* Any bytes through UTF-8, the three kinds of words, and the novelty index. */
#include <stdlib.h>

#include "index/minhash.h"
#include "index/rouge.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_str s = {(const char *)data, size}, fixed = oc_utf8_repair(a, s), lower;
	struct oc_words words, rouge, fold;

	if (oc_utf8_check(fixed) >= 0 || oc_utf8_count(fixed) != oc_utf8_count(s))
		abort();
	if (oc_utf8_check(s) < 0 && !oc_str_eq(s, fixed))
		abort();
	for (size_t max = 0; max <= size && max < 64; max++) {
		struct oc_str cut = oc_utf8_cut(fixed, max);
		if (cut.len > max || oc_utf8_check(cut) >= 0)
			abort();
	}
	lower = oc_text_lower(a, s);
	if ((oc_utf8_check(s) < 0) != (oc_utf8_check(lower) < 0))
		abort();
	words = oc_text_words(a, s);
	rouge = oc_text_rouge(a, lower);
	fold = oc_text_fold(a, lower);
	if (words.n > size || rouge.n > size || fold.n > size + size / 2)
		abort();

	/* two halves of the text: index and table agree */
	if (rouge.n && rouge.n < 400) {
		struct oc_rouge *index = oc_rouge_new(0.7);
		struct oc_words first = {rouge.word, rouge.hash, rouge.n / 2},
				second = {rouge.word + rouge.n / 2, rouge.hash + rouge.n / 2,
		                          rouge.n - rouge.n / 2};
		struct oc_rouge_hit hit;
		oc_rouge_add(index, &first);
		bool found = oc_rouge_find(index, &second, &hit);
		double f = oc_rouge_l(&second, &first);
		if (found != (f > 0.7) || (found && hit.f != f))
			abort();
		oc_rouge_free(index);
	}
	if (fold.n) {
		uint64_t *out = oc_alloc(fold.n * sizeof *out),
			 *room = oc_alloc(fold.n * sizeof *out);
		uint32_t n = oc_shingles(fold.hash, fold.n, 1 + size % 7, out, room);
		for (uint32_t i = 1; i < n; i++)
			if (out[i - 1] >= out[i])
				abort();
		free(out);
		free(room);
	}
	oc_arena_free(a);
	return 0;
}
