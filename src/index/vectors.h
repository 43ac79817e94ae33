/*
 * vectors.h: many float vectors of one length, and their cosines.
 *
 * Rows are padded with zeros to a multiple of OC_VEC_LANES floats and normalised, so that a cosine
 * is a dot product. A dot product is summed in OC_VEC_LANES lanes that are folded in halves,
 * without fused multiply-add, in plain C and in AVX2 alike: the same bits, so the same decisions,
 * on every processor. Error of a cosine of d dimensions: below (d / 16 + 5) * 2^-24.
 */
#ifndef INDEX_VECTORS_H
#define INDEX_VECTORS_H

#include "base/str.h"

#define OC_VEC_LANES 16
#define OC_VEC_DIM   65536 /* most dimensions */

enum oc_vec_kernel { OC_VEC_PLAIN, OC_VEC_AVX2 };

struct oc_vecs {
	float *v; /* (n, width) */
	uint64_t n;
	uint32_t dim, width; /* width: padded */
	enum oc_vec_kernel kernel;
};

/* Zeros; the best kernel of this processor. False: not that much memory. */
bool oc_vecs_init(struct oc_vecs *s, uint64_t n, uint32_t dim);
/* The same over n padded rows that lie somewhere already, at a multiple of 64; not to be written to
 * and not to be given to oc_vecs_fini. */
void oc_vecs_view(struct oc_vecs *s, const void *rows, uint64_t n, uint32_t dim);
void oc_vecs_fini(struct oc_vecs *s);
/* For tests and comparisons. False, and no change, when the processor lacks it. */
bool oc_vecs_use(struct oc_vecs *s, enum oc_vec_kernel kernel);
uint64_t oc_vecs_bytes(uint64_t n, uint32_t dim); /* what they take; UINT64_MAX: too much */

static inline float *oc_vec(const struct oc_vecs *s, uint64_t row)
{
	return s->v + row * s->width;
}

/* Length 1, in place; false, and zeros, where it has no direction (all zero) or is not finite. */
bool oc_vec_normalise(float *v, uint32_t width);
/* out[i] = a . row rows[i] of s, i < n; `rows` NULL: the rows first .. first + n - 1. O(n width).
 */
void oc_vec_dots(const struct oc_vecs *s, const float *a, const uint32_t *rows, uint64_t first,
                 uint32_t n, float *out);

/* A matrix as NumPy saves it: float32, little end first, C order, (rows, columns). Mapped. */
struct oc_npy {
	void *map;
	size_t len;
	const char *data; /* unaligned */
	uint64_t rows;
	uint32_t columns;
};
int oc_npy_open(struct oc_npy *m, const char *path, struct oc_err *err);
void oc_npy_close(struct oc_npy *m);

#endif
