#include "index/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

#include "base/err.h"

#define ALIGN 64

static uint32_t padded(uint32_t dim)
{
	return (dim + OC_VEC_LANES - 1) / OC_VEC_LANES * OC_VEC_LANES;
}

static bool has(enum oc_vec_kernel kernel)
{
#if defined __x86_64__
	if (kernel == OC_VEC_AVX2)
		return __builtin_cpu_supports("avx2");
#endif
	return kernel == OC_VEC_PLAIN;
}

uint64_t oc_vecs_bytes(uint64_t n, uint32_t dim)
{
	uint64_t row = (uint64_t)padded(dim) * sizeof(float);

	return n > (UINT64_MAX >> 1) / (row ? row : 1) ? UINT64_MAX : n * row;
}

bool oc_vecs_init(struct oc_vecs *s, uint64_t n, uint32_t dim)
{
	uint64_t bytes = oc_vecs_bytes(n, dim);

	*s = (struct oc_vecs){.n = n, .dim = dim, .width = padded(dim)};
	s->kernel = has(OC_VEC_AVX2) ? OC_VEC_AVX2 : OC_VEC_PLAIN;
	if (bytes > SIZE_MAX / 2)
		return false;
	s->v = aligned_alloc(ALIGN, (size_t)bytes + ALIGN);
	if (!s->v)
		return false;
	memset(s->v, 0, (size_t)bytes);
	return true;
}

void oc_vecs_view(struct oc_vecs *s, const void *rows, uint64_t n, uint32_t dim)
{
	*s = (struct oc_vecs){
		.v = (float *)(uintptr_t)rows, .n = n, .dim = dim, .width = padded(dim)};
	s->kernel = has(OC_VEC_AVX2) ? OC_VEC_AVX2 : OC_VEC_PLAIN;
}

void oc_vecs_fini(struct oc_vecs *s)
{
	free(s->v);
	s->v = NULL;
}

bool oc_vecs_use(struct oc_vecs *s, enum oc_vec_kernel kernel)
{
	if (!has(kernel))
		return false;
	s->kernel = kernel;
	return true;
}

bool oc_vec_normalise(float *v, uint32_t width)
{
	double sum = 0;

	for (uint32_t i = 0; i < width; i++)
		sum += (double)v[i] * (double)v[i];
	bool fine = isfinite(sum) && sum > 0;
	double scale = fine ? 1 / sqrt(sum) : 0;
	for (uint32_t i = 0; i < width; i++)
		v[i] = fine ? (float)((double)v[i] * scale) : 0;
	return fine;
}

/* --------------------------------------------------------------- dot products */

static float dot_plain(const float *a, const float *b, uint32_t width)
{
	float lane[OC_VEC_LANES] = {0};

	for (uint32_t i = 0; i < width; i += OC_VEC_LANES)
		for (uint32_t k = 0; k < OC_VEC_LANES; k++)
			lane[k] += a[i + k] * b[i + k];
	for (uint32_t half = OC_VEC_LANES / 2; half; half /= 2)
		for (uint32_t k = 0; k < half; k++)
			lane[k] += lane[k + half];
	return lane[0];
}

#if defined __x86_64__
__attribute__((target("avx2"))) static float fold_avx2(__m256 low, __m256 high)
{
	__m256 eight = _mm256_add_ps(low, high);
	__m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
	__m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

	return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

__attribute__((target("avx2"))) static float dot_avx2(const float *a, const float *b,
                                                      uint32_t width)
{
	__m256 low = _mm256_setzero_ps(), high = low;

	for (uint32_t i = 0; i < width; i += OC_VEC_LANES) {
		low = _mm256_add_ps(low,
		                    _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
		high = _mm256_add_ps(high, _mm256_mul_ps(_mm256_loadu_ps(a + i + 8),
		                                         _mm256_loadu_ps(b + i + 8)));
	}
	return fold_avx2(low, high);
}

/* Three at a time: their sums do not wait for each other, and `a` is loaded once. */
__attribute__((target("avx2"))) static void dot3_avx2(const float *a, const float *const b[3],
                                                      uint32_t width, float out[3])
{
	__m256 low[3], high[3];

	for (int k = 0; k < 3; k++)
		low[k] = high[k] = _mm256_setzero_ps();
	for (uint32_t i = 0; i < width; i += OC_VEC_LANES) {
		__m256 al = _mm256_loadu_ps(a + i), ah = _mm256_loadu_ps(a + i + 8);
		low[0] = _mm256_add_ps(low[0], _mm256_mul_ps(al, _mm256_loadu_ps(b[0] + i)));
		high[0] = _mm256_add_ps(high[0], _mm256_mul_ps(ah, _mm256_loadu_ps(b[0] + i + 8)));
		low[1] = _mm256_add_ps(low[1], _mm256_mul_ps(al, _mm256_loadu_ps(b[1] + i)));
		high[1] = _mm256_add_ps(high[1], _mm256_mul_ps(ah, _mm256_loadu_ps(b[1] + i + 8)));
		low[2] = _mm256_add_ps(low[2], _mm256_mul_ps(al, _mm256_loadu_ps(b[2] + i)));
		high[2] = _mm256_add_ps(high[2], _mm256_mul_ps(ah, _mm256_loadu_ps(b[2] + i + 8)));
	}
	for (int k = 0; k < 3; k++)
		out[k] = fold_avx2(low[k], high[k]);
}
#endif

void oc_vec_dots(const struct oc_vecs *s, const float *a, const uint32_t *rows, uint64_t first,
                 uint32_t n, float *out)
{
	uint32_t i = 0;

#if defined __x86_64__
	if (s->kernel == OC_VEC_AVX2) {
		for (; i + 3 <= n; i += 3) {
			const float *b[3];
			for (uint32_t k = 0; k < 3; k++)
				b[k] = oc_vec(s, rows ? rows[i + k] : first + i + k);
			dot3_avx2(a, b, s->width, out + i);
		}
		for (; i < n; i++)
			out[i] = dot_avx2(a, oc_vec(s, rows ? rows[i] : first + i), s->width);
		return;
	}
#endif
	for (; i < n; i++)
		out[i] = dot_plain(a, oc_vec(s, rows ? rows[i] : first + i), s->width);
}

/* ------------------------------------------------------------------------ npy */

static int bad_npy(const char *path, const char *why, struct oc_err *err)
{
	return oc_fail(err, OC_INPUT, path,
	               "%s; save a float32 matrix with numpy.save(path, a.astype('<f4'))", why);
}

/* The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */
static int read_header(struct oc_npy *m, const char *path, const char *text, size_t len,
                       struct oc_err *err)
{
	char header[512];
	unsigned long long rows, columns;

	if (len >= sizeof header)
		return bad_npy(path, "its header is too long", err);
	memcpy(header, text, len);
	header[len] = 0;
	const char *shape = strstr(header, "'shape':");
	if (!strstr(header, "'<f4'"))
		return bad_npy(path, "its numbers are not float32 with the little end first", err);
	if (!strstr(header, "'fortran_order': False"))
		return bad_npy(path, "it is stored by columns", err);
	if (!shape || sscanf(shape, "'shape': (%llu, %llu)", &rows, &columns) != 2 ||
	    columns == 0 || columns > OC_VEC_DIM)
		return bad_npy(path, "it is no matrix of rows with 1 to 65,536 columns", err);
	m->rows = rows;
	m->columns = (uint32_t)columns;
	size_t left = m->len - (size_t)(m->data - (const char *)m->map);
	if (rows > left / sizeof(float) / columns)
		return oc_fail(err, OC_INPUT, path,
		               "it is shorter than its header says: a copy that "
		               "was cut off");
	return 0;
}

int oc_npy_open(struct oc_npy *m, const char *path, struct oc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	*m = (struct oc_npy){0};
	if (fd < 0 || fstat(fd, &st)) {
		oc_fail_errno(err, path, "cannot open");
		if (fd < 0)
			err->code = OC_INPUT;
		else
			close(fd);
		return -1;
	}
	m->len = (size_t)st.st_size;
	m->map = m->len >= 16 ? mmap(NULL, m->len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	close(fd);
	if (m->map == MAP_FAILED) {
		m->map = NULL;
		return bad_npy(path, "it is no .npy file", err);
	}
	const unsigned char *p = m->map;
	if (memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3) {
		oc_npy_close(m);
		return bad_npy(path, "it is no .npy file", err);
	}
	size_t len = p[6] == 1
	                     ? p[8] | (size_t)p[9] << 8
	                     : p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16 | (size_t)p[11] << 24;
	size_t at = p[6] == 1 ? 10 : 12;
	if (len > m->len - at) {
		oc_npy_close(m);
		return bad_npy(path, "its header is cut off", err);
	}
	m->data = (const char *)m->map + at + len;
	if (read_header(m, path, (const char *)m->map + at, len, err)) {
		oc_npy_close(m);
		return -1;
	}
	return 0;
}

void oc_npy_close(struct oc_npy *m)
{
	if (m->map)
		munmap(m->map, m->len);
	m->map = NULL;
}
