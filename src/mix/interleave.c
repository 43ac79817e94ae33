#include "mix/interleave.h"

#include <string.h>

__extension__ typedef __int128 i128;

void oc_turns_init(struct oc_turns *t, const uint64_t *want, uint64_t *given, uint32_t n)
{
	*t = (struct oc_turns){.want = want, .given = given, .n = n};
	memset(given, 0, n * sizeof *given);
	for (uint32_t i = 0; i < n; i++) {
		t->total += want[i];
		t->live += want[i] > 0;
	}
}

/*
 * At turn t a group with share w = want/total lacks s = w t - given. Among those with
 * s >= 1/(2k-2) the one whose deadline (1 - 1/(2k-2) - s)/w is nearest gets the turn. All numbers
 * are multiplied by total (2k-2), so the arithmetic is exact.
 */
int64_t oc_turns_next(struct oc_turns *t)
{
	int64_t best = -1;
	i128 best_slack = 0, scale = t->live > 1 ? 2 * (i128)t->live - 2 : 1;

	if (t->at == t->total)
		return -1;
	t->at++;
	for (uint32_t i = 0; i < t->n; i++) {
		if (!t->want[i])
			continue;
		i128 lack = scale * ((i128)t->want[i] * t->at - (i128)t->given[i] * t->total);
		if (lack < (i128)t->total && t->live > 1)
			continue;
		i128 slack = (scale - 1) * (i128)t->total - lack;
		if (best < 0 || slack * (i128)t->want[best] < best_slack * (i128)t->want[i]) {
			best = i;
			best_slack = slack;
		}
	}
	t->given[best]++;
	return best;
}
