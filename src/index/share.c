/* share.c: the mixture and the model's file. */
#include "index/share.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"

/* ------------------------------------------------------------------- a text */

uint64_t *oc_share_distinct(struct oc_arena *a, const struct oc_words *words, uint32_t *n)
{
	size_t cap = 16;

	*n = 0;
	while (cap < 2 * (size_t)words->n)
		cap *= 2;
	uint64_t *seen = oc_arena_zalloc(a, cap * sizeof *seen);
	uint64_t *out = oc_arena_alloc(a, ((size_t)words->n + 1) * sizeof *out);
	for (uint32_t i = 0; i < words->n; i++) {
		uint64_t h = words->hash[i] ? words->hash[i] : 1;
		size_t at = h & (cap - 1);
		while (seen[at] && seen[at] != h)
			at = (at + 1) & (cap - 1);
		if (!seen[at])
			out[(*n)++] = seen[at] = h;
	}
	return out;
}

static const struct oc_share_word *find(const struct oc_share_model *m, uint64_t hash)
{
	uint64_t mask = ((uint64_t)1 << m->bits) - 1;

	for (uint64_t at = hash & mask; m->slot[at]; at = (at + 1) & mask)
		if (m->word[m->slot[at] - 1].hash == hash)
			return &m->word[m->slot[at] - 1];
	return NULL;
}

void oc_share_ready(struct oc_share_model *m)
{
	m->bits = 4;
	while ((uint64_t)1 << m->bits < 2 * m->word_n)
		m->bits++;
	uint64_t mask = ((uint64_t)1 << m->bits) - 1;
	free(m->slot);
	m->slot = oc_zalloc(mask + 1, sizeof *m->slot);
	for (uint64_t i = 0; i < m->word_n; i++) {
		uint64_t at = m->word[i].hash & mask;
		while (m->slot[at])
			at = (at + 1) & mask;
		m->slot[at] = (uint32_t)i + 1;
	}
	free(m->mark);
	m->mark = oc_zalloc(m->word_n + 1, 1);
	for (unsigned k = 0; k < m->fit.mark_n; k++) {
		const struct oc_share_word *w = find(m, m->fit.mark[k].hash);
		if (w)
			m->mark[w - m->word] = (uint8_t)(k + 1);
	}
}

struct oc_share_text oc_share_read_text(const struct oc_share_model *m, const uint64_t *hash,
                                        uint32_t n, uint32_t words)
{
	struct oc_share_text t = {.ratio = m->fit.base, .words = words};

	for (uint32_t i = 0; i < n; i++) {
		const struct oc_share_word *w = find(m, hash[i]);
		t.ratio += w ? (double)w->ratio : 0;
		t.common += w ? (double)w->common : m->fit.unknown;
		unsigned mark = w ? m->mark[w - m->word] : 0;
		if (mark)
			t.mark[(mark - 1) / 64] |= (uint64_t)1 << (mark - 1) % 64;
	}
	t.common /= n;
	return t;
}

static double bin_ratio(unsigned bin)
{
	return ((double)bin + 0.5) * (2 * OC_SHARE_LIMIT / OC_SHARE_BINS) - OC_SHARE_LIMIT;
}

unsigned oc_share_bin(const struct oc_share_model *m, double ratio)
{
	double r = m->fit.slope * ratio + m->fit.offset;
	double at = (r + OC_SHARE_LIMIT) * (OC_SHARE_BINS / (2 * OC_SHARE_LIMIT));

	return !(at > 0) ? 0 : at >= OC_SHARE_BINS ? OC_SHARE_BINS - 1 : (unsigned)at;
}

bool oc_share_is_like(const struct oc_share_fit *f, const struct oc_share_text *t)
{
	return t->common >= f->common_low && t->common <= f->common_high &&
	       t->words >= f->words_low && t->words <= f->words_high;
}

/* -------------------------------------------------------------- the mixture */

/* Bins that hold something: exp(r) - 1 and how many texts. */
struct points {
	double gain[OC_SHARE_BINS], n[OC_SHARE_BINS];
	unsigned point_n;
};

static struct points *points_of(const double *count)
{
	struct points *p = oc_alloc(sizeof *p);

	p->point_n = 0;
	for (unsigned b = 0; b < OC_SHARE_BINS; b++) {
		if (count[b] <= 0)
			continue;
		p->gain[p->point_n] = expm1(bin_ratio(b));
		p->n[p->point_n++] = count[b];
	}
	return p;
}

static double likelihood(const struct points *p, double share)
{
	double sum = 0;

	for (unsigned i = 0; i < p->point_n; i++)
		sum += p->n[i] * log1p(share * p->gain[i]);
	return sum;
}

static double slope_at(const struct points *p, double share)
{
	double sum = 0;

	for (unsigned i = 0; i < p->point_n; i++)
		sum += p->n[i] * p->gain[i] / (1 + share * p->gain[i]);
	return sum;
}

static double best(const struct points *p)
{
	double low = 0, high = 1;

	if (!p->point_n)
		return 0.5;
	if (slope_at(p, 0) <= 0)
		return 0;
	if (slope_at(p, 1) >= 0)
		return 1;
	for (unsigned i = 0; i < 50; i++) {
		double middle = (low + high) / 2;
		if (slope_at(p, middle) > 0)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

double oc_share_estimate(const double *count)
{
	struct points *p = points_of(count);
	double share = best(p);

	free(p);
	return share;
}

/* Between `in`, which is likely enough, and `end`: where it ceases to be. */
static double edge(const struct points *p, double in, double end, double least)
{
	if (likelihood(p, end) >= least)
		return end;
	for (unsigned i = 0; i < 40; i++) {
		double middle = (in + end) / 2;
		if (likelihood(p, middle) >= least)
			in = middle;
		else
			end = middle;
	}
	return end;
}

void oc_share_likely(const double *count, double *low, double *high)
{
	struct points *p = points_of(count);
	double share = best(p);
	double least = likelihood(p, share) - 3.841458820694124 / 2; /* chi squared, 1, 0.95 */

	*low = edge(p, share, 0, least);
	*high = edge(p, share, 1, least);
	free(p);
}

/* Mean and variance over texts of d ln L / d share, and the mean of its square. */
static void moments(const double *count, double share, double *n, double *variance, double *square)
{
	double sum = 0;

	*n = *square = 0;
	for (unsigned b = 0; b < OC_SHARE_BINS; b++) {
		if (count[b] <= 0)
			continue;
		double gain = expm1(bin_ratio(b)), psi = gain / (1 + share * gain);
		*n += count[b];
		sum += count[b] * psi;
		*square += count[b] * psi * psi;
	}
	*square /= *n;
	*variance = fmax(0, *square - (sum / *n) * (sum / *n));
}

double oc_share_spread(const double *human, const double *machine, double at)
{
	double n[2], variance[2], square[2], rest = 1 - at;

	/* at the very ends the information of a good model is that of a few texts */
	double inside = fmin(fmax(at, 0.01), 0.99);
	moments(human, inside, &n[0], &variance[0], &square[0]);
	moments(machine, inside, &n[1], &variance[1], &square[1]);
	double information = rest * square[0] + at * square[1];
	double v = rest * rest * variance[0] / n[0] + at * at * variance[1] / n[1];
	v = information > 0 ? v / (information * information) : 1;
	return fmin(1, sqrt(v + rest * rest / (n[0] * n[0]) + at * at / (n[1] * n[1])));
}

void oc_share_widen(const struct oc_share_fit *f, double share, double *low, double *high)
{
	double at = share * (OC_SHARE_MIXES - 1);
	unsigned k = at >= OC_SHARE_MIXES - 1 ? OC_SHARE_MIXES - 2 : (unsigned)at;
	double part = at - k, step = 1.0 / (OC_SHARE_MIXES - 1);
	double bias = (1 - part) * (f->estimate[k] - k * step) +
	              part * (f->estimate[k + 1] - (k + 1) * step);
	double off = 1.959963984540054 * ((1 - part) * f->spread[k] + part * f->spread[k + 1]);

	*low = fmax(0, share - hypot(share - *low, off) - fmax(0, bias));
	*high = fmin(1, share + hypot(*high - share, off) + fmax(0, -bias));
}

/* ------------------------------------------------------------ other domains */

unsigned oc_share_strange(const struct oc_share_fit *f, const uint64_t *count, uint64_t n,
                          double low, double high)
{
	const double most = 3.29; /* two-sided 0.001 */
	unsigned strange = 0;

	for (unsigned k = 0; k < f->mark_n; k++) {
		const struct oc_share_mark *m = &f->mark[k];
		double p = m->human, q = m->machine, seen = (double)count[k] / (double)n;
		double is[2] = {(1 - low) * p + low * q, (1 - high) * p + high * q};
		double a = fabs(seen - is[0]) < fabs(seen - is[1]) ? low : high;
		double least = fmin(is[0], is[1]), largest = fmax(is[0], is[1]);
		double near = fmin(fmax(seen, least), largest);
		double v = near * (1 - near) / (double)n +
		           (1 - a) * (1 - a) * p * (1 - p) / (double)f->human_n +
		           a * a * q * (1 - q) / (double)f->machine_n;
		strange += fabs(seen - near) > most * sqrt(v) &&
		           (seen > 1.25 * largest || seen < 0.8 * least);
	}
	return strange;
}

/* ----------------------------------------------------------------- the file */

/* Version 2, little-endian: this, then the words; the hash is of all that follows it. */
struct header {
	char magic[8]; /* "OCSHARES" */
	uint64_t version;
	struct oc_hash128 hash;
	uint64_t word_n;
	struct oc_share_fit fit;
};

#define HASHED offsetof(struct header, word_n)

int oc_share_write(const struct oc_share_model *m, const char *path, struct oc_err *err)
{
	struct header h = {.magic = {'O', 'C', 'S', 'H', 'A', 'R', 'E', 'S'},
	                   .version = 2,
	                   .word_n = m->word_n,
	                   .fit = m->fit};
	struct oc_buf b = {0};

	oc_buf_add(&b, &h, sizeof h);
	oc_buf_add(&b, m->word, m->word_n * sizeof *m->word);
	h.hash = oc_hash128(b.p + HASHED, b.len - HASHED);
	memcpy(b.p, &h, sizeof h);
	int rc = oc_file_write(path, b.p, b.len, err);
	oc_buf_fini(&b);
	return rc;
}

struct oc_share_model *oc_share_open(const char *path, struct oc_err *err)
{
	struct oc_share_model *m = NULL;
	struct oc_buf b = {0};
	struct header h;

	if (oc_file_read(path, (size_t)1 << 32, &b, err))
		goto out;
	if (b.len < sizeof h || memcmp(b.p, "OCSHARES", 8) != 0) {
		oc_fail(err, OC_INPUT, path,
		        "this is no model of a machine's share; `outcross train machine_share` "
		        "makes one");
		goto out;
	}
	memcpy(&h, b.p, sizeof h);
	if (h.version != 2) {
		oc_fail(err, OC_INPUT, path,
		        "this model has version %llu; this program reads version 2; train "
		        "it again",
		        (unsigned long long)h.version);
		goto out;
	}
	struct oc_hash128 hash = oc_hash128(b.p + HASHED, b.len - HASHED);
	if (hash.lo != h.hash.lo || hash.hi != h.hash.hi || h.word_n > UINT32_MAX / 2 ||
	    h.fit.mark_n > OC_SHARE_MARKS || b.len != sizeof h + h.word_n * sizeof *m->word) {
		oc_fail(err, OC_INPUT, path, "the model is damaged; train it again");
		goto out;
	}
	m = oc_zalloc(1, sizeof *m);
	m->fit = h.fit;
	m->word_n = h.word_n;
	m->word = oc_alloc((h.word_n + 1) * sizeof *m->word);
	memcpy(m->word, b.p + sizeof h, h.word_n * sizeof *m->word);
	oc_share_ready(m);
out:
	oc_buf_fini(&b);
	return m;
}

void oc_share_free(struct oc_share_model *m)
{
	if (!m)
		return;
	free(m->word);
	free(m->slot);
	free(m->mark);
	free(m);
}
