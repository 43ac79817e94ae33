#include "index/linear.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"

/* ------------------------------------------------------------------ features */

#define SPREAD 0x9E3779B97F4A7C15u

enum { SPACE, WORD, MARK, BREAK, CJK };

/* What a byte begins. CJK: U+3000..U+9FFF and U+AC00..U+D7FF take three bytes from E3..ED, of which
 * kana and ideographs are words by themselves; Hangul goes with them. */
static int class_of(unsigned c)
{
	if (c >= 0xE3 && c <= 0xED)
		return CJK;
	if (c >= 0x80 || c - '0' < 10 || (c | 0x20) - 'a' < 26 || c == '_')
		return WORD;
	return c == '\n' || c == '\r' ? BREAK : c <= ' ' ? SPACE : MARK;
}

/* A growing slice, the newest of its arena. */
struct ids {
	struct oc_arena *arena;
	uint32_t *id, shift;
	uint64_t *seen; /* NULL: repetitions stay */
	size_t n, cap;
};

static inline void put(struct ids *o, uint64_t hash)
{
	uint32_t id = (uint32_t)(hash * SPREAD >> o->shift);

	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 1024;
		o->id = oc_arena_resize(o->arena, o->id, o->cap * sizeof *o->id,
		                        cap * sizeof *o->id);
		o->cap = cap;
	}
	o->id[o->n] = id;
	if (o->seen) { /* no jump on the bit: what repeats cannot be foretold */
		uint64_t bit = (uint64_t)1 << (id & 63), *word = &o->seen[id >> 6];
		o->n += !(*word & bit);
		*word |= bit;
	} else {
		o->n++;
	}
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0xD6E8FEB86659FD93u;
	return h ^ h >> 32;
}

/* The next token at *p: its hash, 0 at the end. */
static uint64_t token(const unsigned char **p, const unsigned char *end, const uint8_t *class,
                      bool lower)
{
	const unsigned char *q = *p, *from;
	uint64_t h = SPREAD;
	int c;

	while (q < end && class[*q] == SPACE)
		q++;
	if (q == end) {
		*p = q;
		return 0;
	}
	from = q;
	c = class[*q];
	if (c == WORD) {
		for (; q < end && class[*q] == WORD; q++) {
			unsigned b = *q;
			b |= lower && b - 'A' < 26u ? 0x20 : 0;
			h = (h ^ b) * 0x100000001B3u;
		}
	} else if (c == CJK) {
		for (; q < end && q - from < 3; q++)
			h = (h ^ *q) * 0x100000001B3u;
	} else if (c == BREAK) {
		size_t n = 0;
		while (q < end && (class[*q] == BREAK || class[*q] == SPACE))
			n += *q++ == '\n';
		h = n > 1 ? 2 : 3;
	} else {
		h = (h ^ *q++) * 0x100000001B3u;
	}
	*p = q;
	return h ^ h >> 29;
}

static void words(struct ids *o, const struct oc_linear_shape *s, struct oc_str text)
{
	const unsigned char *p = (const unsigned char *)text.p, *end = p + text.len;
	uint64_t last[5] = {0}, h;
	uint8_t class[256];
	uint32_t have = 0;

	for (unsigned c = 0; c < 256; c++)
		class[c] = (uint8_t)class_of(c);
	while ((h = token(&p, end, class, s->lower)) != 0) {
		uint64_t run = h;
		put(o, mix(1, run));
		for (uint32_t k = 0; k + 1 < s->words && k < have; k++) {
			run = mix(run * 3, last[k]);
			put(o, mix(k + 2, run));
		}
		for (uint32_t k = 4; k > 0; k--)
			last[k] = last[k - 1];
		last[0] = h;
		have += have < 5;
	}
}

static void chars(struct ids *o, const struct oc_linear_shape *s, struct oc_str text)
{
	const char *p = text.p, *end = text.p + text.len;

	for (; p < end; p++) {
		uint64_t v = 0;
		size_t left = (size_t)(end - p);
		memcpy(&v, p, left < 8 ? left : 8);
		for (uint32_t n = s->chars_min; n && n <= s->chars_max && n <= left; n++)
			put(o, mix(100 + n, n < 8 ? v & (((uint64_t)1 << 8 * n) - 1) : v));
	}
}

void oc_linear_features(const struct oc_linear_shape *s, struct oc_str text, struct oc_arena *a,
                        uint64_t *seen, uint32_t **id, size_t *n)
{
	struct ids o = {.arena = a, .shift = 64 - s->bits, .seen = seen};

	if (s->words)
		words(&o, s, text);
	if (s->chars_max)
		chars(&o, s, text);
	for (size_t i = 0; seen && i < o.n; i++)
		seen[o.id[i] >> 6] = 0;
	*id = o.id;
	*n = o.n;
}

size_t oc_linear_seen_bytes(const struct oc_linear_shape *s)
{
	return (size_t)1 << s->bits >> 3;
}

size_t oc_linear_distinct(uint32_t *id, size_t n, uint64_t *seen)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t bit = (uint64_t)1 << (id[i] & 63), *word = &seen[id[i] >> 6];
		id[kept] = id[i];
		kept += !(*word & bit);
		*word |= bit;
	}
	for (size_t i = 0; i < kept; i++)
		seen[id[i] >> 6] = 0;
	return kept;
}

/* ------------------------------------------------------------------- scoring */

double oc_linear_score(const struct oc_linear *m, const uint32_t *id, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)m->weight[id[i]];
	return n ? m->bias + sum / sqrt((double)n) : m->bias;
}

static double logistic(double x)
{
	return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

double oc_linear_probability(const struct oc_linear *m, double score)
{
	return logistic(m->slope * score + m->offset);
}

/* ------------------------------------------------------------------ training */

static void shuffle(uint64_t *order, uint64_t n, const struct oc_rng *rng, uint32_t epoch)
{
	struct oc_draws d;

	oc_draws_init(&d, rng, epoch);
	for (uint64_t i = n; i > 1; i--) {
		uint64_t k = oc_draw_below(&d, i), swap = order[i - 1];
		order[i - 1] = order[k];
		order[k] = swap;
	}
}

void oc_linear_fit(struct oc_linear *m, const struct oc_linear_texts *t,
                   const struct oc_linear_train *how)
{
	size_t size = (size_t)1 << m->shape.bits;
	float *past = oc_zalloc(size, sizeof *past); /* sums of squared gradients */
	uint64_t *order = oc_alloc((t->n + 1) * sizeof *order);
	double bias_past = 1;
	struct oc_rng rng;

	memset(m->weight, 0, size * sizeof *m->weight);
	m->bias = 0;
	oc_rng_init(&rng, how->seed, "train/linear");
	for (uint64_t i = 0; i < t->n; i++)
		order[i] = i;
	for (uint32_t e = 0; e < how->epochs; e++) {
		shuffle(order, t->n, &rng, e);
		for (uint64_t i = 0; i < t->n; i++) {
			const uint32_t *id = t->id + t->start[order[i]];
			size_t n = t->start[order[i] + 1] - t->start[order[i]];
			double p = logistic(oc_linear_score(m, id, n));
			double error = p - (double)t->good[order[i]];
			float x = n ? (float)(1 / sqrt((double)n)) : 0;
			float g = (float)error * x, rate = (float)how->rate,
			      decay = (float)how->decay;
			for (size_t k = 0; k < n; k++) {
				float *w = &m->weight[id[k]], *s = &past[id[k]];
				float step = g + decay * *w;
				*s += step * step;
				*w -= rate * step / sqrtf(*s + 1e-8f);
			}
			bias_past += error * error;
			m->bias -= how->rate * error / sqrt(bias_past);
		}
	}
	free(past);
	free(order);
}

void oc_linear_calibrate(struct oc_linear *m, const double *score, const uint8_t *good, uint64_t n)
{
	uint64_t good_n = 0;

	for (uint64_t i = 0; i < n; i++)
		good_n += good[i];
	double high = ((double)good_n + 1) / ((double)good_n + 2),
	       low = 1 / ((double)(n - good_n) + 2);
	double a = 1, b = 0;
	for (int round = 0; round < 100; round++) {
		double ga = 0, gb = 0, haa = 1e-9, hab = 0, hbb = 1e-9;
		for (uint64_t i = 0; i < n; i++) {
			double p = logistic(a * score[i] + b), q = p * (1 - p);
			double error = p - (good[i] ? high : low);
			ga += error * score[i];
			gb += error;
			haa += q * score[i] * score[i];
			hab += q * score[i];
			hbb += q;
		}
		double det = haa * hbb - hab * hab;
		if (det <= 1e-12)
			break;
		double da = (hbb * ga - hab * gb) / det, db = (haa * gb - hab * ga) / det;
		double most = fabs(da) > fabs(db) ? fabs(da) : fabs(db);
		double part = most > 2 ? 2 / most : 1; /* far from the optimum: small steps */
		a -= part * da;
		b -= part * db;
		if (most < 1e-10)
			break;
	}
	m->slope = a;
	m->offset = b;
}

/* ---------------------------------------------------------------------- file */

/* Version 1, little-endian: this, then 2^bits floats; the hash is of all that follows it. */
struct header {
	char magic[8]; /* "OCLINEAR" */
	uint32_t version, words, chars_min, chars_max, bits, lower;
	struct oc_hash128 hash;
	double bias, slope, offset, auc, auc_low, auc_high;
	uint64_t good_n, bad_n, held_n;
};

static struct oc_hash128 hash_of(const char *file, size_t len)
{
	size_t from = offsetof(struct header, bias);

	return oc_hash128(file + from, len - from);
}

int oc_linear_write(const struct oc_linear *m, const char *path, struct oc_err *err)
{
	struct header h = {.magic = {'O', 'C', 'L', 'I', 'N', 'E', 'A', 'R'},
	                   .version = 1,
	                   .words = m->shape.words,
	                   .chars_min = m->shape.chars_min,
	                   .chars_max = m->shape.chars_max,
	                   .bits = m->shape.bits,
	                   .lower = m->shape.lower,
	                   .bias = m->bias,
	                   .slope = m->slope,
	                   .offset = m->offset,
	                   .auc = m->auc,
	                   .auc_low = m->auc_low,
	                   .auc_high = m->auc_high,
	                   .good_n = m->good_n,
	                   .bad_n = m->bad_n,
	                   .held_n = m->held_n};
	struct oc_buf b = {0};
	int rc;

	oc_buf_add(&b, &h, sizeof h);
	oc_buf_add(&b, m->weight, sizeof *m->weight << m->shape.bits);
	h.hash = hash_of(b.p, b.len);
	memcpy(b.p, &h, sizeof h);
	rc = oc_file_write(path, b.p, b.len, err);
	oc_buf_fini(&b);
	return rc;
}

struct oc_linear *oc_linear_read(const char *path, struct oc_err *err)
{
	struct oc_buf b = {0};
	struct oc_linear *m = NULL;
	struct header h;

	if (oc_file_read(path, ((size_t)1 << 28) + sizeof h, &b, err))
		goto out;
	if (b.len < sizeof h || memcmp(b.p, "OCLINEAR", 8) != 0) {
		oc_fail(err, OC_INPUT, path,
		        "this is no classifier; `outcross train quality` makes one");
		goto out;
	}
	memcpy(&h, b.p, sizeof h);
	if (h.version != 1) {
		oc_fail(err, OC_INPUT, path,
		        "this classifier has version %u; this program reads version 1", h.version);
		goto out;
	}
	struct oc_hash128 hash = hash_of(b.p, b.len);
	if (h.bits < 10 || h.bits > 26 || h.words > 5 || h.chars_max > 8 ||
	    h.chars_min > h.chars_max || b.len != sizeof h + (sizeof(float) << h.bits) ||
	    hash.lo != h.hash.lo || hash.hi != h.hash.hi) {
		oc_fail(err, OC_INPUT, path, "the classifier is damaged; train it again");
		goto out;
	}
	m = oc_zalloc(1, sizeof *m);
	m->shape =
		(struct oc_linear_shape){h.words, h.chars_min, h.chars_max, h.bits, h.lower != 0};
	m->bias = h.bias;
	m->slope = h.slope;
	m->offset = h.offset;
	m->auc = h.auc;
	m->auc_low = h.auc_low;
	m->auc_high = h.auc_high;
	m->good_n = h.good_n;
	m->bad_n = h.bad_n;
	m->held_n = h.held_n;
	m->weight = oc_alloc(sizeof *m->weight << h.bits);
	memcpy(m->weight, b.p + sizeof h, sizeof *m->weight << h.bits);
out:
	oc_buf_fini(&b);
	return m;
}

void oc_linear_free(struct oc_linear *m)
{
	if (!m)
		return;
	free(m->weight);
	free(m);
}
