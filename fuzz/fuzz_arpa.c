/*
 * fuzz_arpa.c: bytes as an ARPA file, and as a text scored by what was read. A refusal says why; a
 * model that was taken holds what its header says and gives every token a number.
 */
#include <math.h>
#include <stdlib.h>

#include "index/kn.h"

static void demand(bool truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_str bytes = {(const char *)data, size};
	struct oc_kn *kn = NULL;
	struct oc_err err = {0};

	if (oc_kn_arpa(&kn, bytes.p, bytes.len, OC_KN_WHITESPACE, &err) < 0) {
		demand(!kn && err.code == OC_INPUT && err.msg[0]);
		return 0;
	}
	const struct oc_kn_shape *shape = oc_kn_shape(kn);
	demand(shape->order >= 1 && shape->order <= OC_KN_ORDER_MAX && shape->count[0] > 0);

	struct oc_arena *a = oc_arena_new();
	struct oc_kn_text text;
	struct oc_kn_score score;
	oc_kn_cut(a, bytes, (enum oc_kn_words)(size % 3), false, &text);
	float *each = oc_arena_alloc(a, (text.n + 1) * sizeof *each);
	oc_kn_score(kn, &text, each, &score);
	demand(score.tokens + score.sentences == text.n && score.unknown <= score.tokens);
	double sum = 0;
	for (uint64_t i = 0; i < text.n; i++)
		sum += (double)each[i];
	demand(sum == score.log10 || isnan(sum));
	oc_arena_free(a);
	oc_kn_close(kn);
	return 0;
}
