/* kn_write.c: an estimated model as ARPA text or as a model file. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/pool.h"
#include "curate/kn_train.h"

#define P      OC_KN_PARTS
#define MAX    OC_KN_ORDER_MAX
#define WINDOW 16 /* n-grams whose places are fetched ahead */

static int first_error(const struct oc_err *each, unsigned n, struct oc_err *err)
{
	for (unsigned i = 0; i < n; i++)
		if (each[i].code) {
			*err = each[i];
			return -1;
		}
	return 0;
}

/* -------------------------------------------------------------------- ARPA */

struct arpa {
	struct oc_kn_estimate *e;
	struct oc_kn_file text[MAX][P];
	struct oc_err err[P];
};

/* A number with 7 decimals. Half a unit of the last is 5e-8: less than a float's own error. */
static void put_number(struct oc_buf *b, float value)
{
	char digits[24];
	size_t at = sizeof digits;
	int64_t v = llround((double)value * 1e7);
	bool negative = v < 0;
	unsigned decimals = 7;

	v = negative ? -v : v;
	while (decimals > 0 && v % 10 == 0) {
		v /= 10;
		decimals--;
	}
	bool point = decimals > 0;
	for (; decimals > 0; decimals--) {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	}
	if (point)
		digits[--at] = '.';
	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	if (negative)
		digits[--at] = '-';
	oc_buf_add(b, digits + at, sizeof digits - at);
}

static int arpa_grams(struct arpa *a, unsigned n, unsigned part, struct oc_buf *b,
                      struct oc_err *err)
{
	struct oc_kn_estimate *e = a->e;
	const struct oc_kn_vocab *v = &e->vocab;
	struct oc_kn_gram g;
	int rc;

	if (oc_kn_file_rewind(&e->grams[n - 1][part], err) < 0)
		return -1;
	while ((rc = oc_kn_file_next(&e->grams[n - 1][part], &g, oc_kn_gram_len(e, n), err)) > 0) {
		put_number(b, g.prob);
		for (unsigned i = n; i-- > 0;) {
			uint32_t id = g.id[i];
			oc_buf_putc(b, i + 1 == n ? '\t' : ' ');
			oc_buf_add(b, v->text.p + v->at[id], v->at[id + 1] - v->at[id]);
		}
		if (n < e->order) {
			oc_buf_putc(b, '\t');
			put_number(b, g.backoff);
		}
		oc_buf_putc(b, '\n');
		if (b->len > 1 << 16) {
			if (oc_kn_file_add(&a->text[n - 1][part], b->p, b->len, err) < 0)
				return -1;
			b->len = 0;
		}
	}
	if (rc < 0 || oc_kn_file_add(&a->text[n - 1][part], b->p, b->len, err) < 0)
		return -1;
	b->len = 0;
	return oc_kn_file_rewind(&a->text[n - 1][part], err);
}

static void arpa_part(void *user, uint64_t item, unsigned worker)
{
	struct arpa *a = user;
	struct oc_buf b = {0};

	(void)worker;
	for (unsigned n = 1; n <= a->e->order; n++)
		if (arpa_grams(a, n, (unsigned)item, &b, &a->err[item]) < 0)
			break;
	oc_buf_fini(&b);
}

static int append(int to, const char *path, struct oc_kn_file *from, char *buffer, size_t cap,
                  struct oc_err *err)
{
	size_t n;

	while ((n = fread_unlocked(buffer, 1, cap, from->f)) > 0)
		if (oc_write_all(to, buffer, n, path, err) < 0)
			return -1;
	if (ferror(from->f))
		return oc_fail_errno(err, "train", "cannot read a temporary file");
	return 0;
}

static int arpa_join(struct arpa *a, int fd, const char *path, struct oc_err *err)
{
	const size_t cap = 1 << 18;
	char *buffer = oc_alloc(cap);
	struct oc_buf b = {0};
	int rc = -1;

	oc_buf_puts(&b, "\\data\\\n");
	for (unsigned n = 1; n <= a->e->order; n++)
		oc_buf_printf(&b, "ngram %u=%llu\n", n, (unsigned long long)a->e->count[n - 1]);
	for (unsigned n = 1; n <= a->e->order; n++) {
		oc_buf_printf(&b, "\n\\%u-grams:\n", n);
		if (oc_write_all(fd, b.p, b.len, path, err) < 0)
			goto out;
		b.len = 0;
		for (unsigned p = 0; p < P; p++)
			if (append(fd, path, &a->text[n - 1][p], buffer, cap, err) < 0)
				goto out;
	}
	oc_buf_puts(&b, "\n\\end\\\n");
	rc = oc_write_all(fd, b.p, b.len, path, err);
out:
	oc_buf_fini(&b);
	free(buffer);
	return rc;
}

int oc_kn_write_arpa(struct oc_kn_estimate *e, const char *path, struct oc_err *err)
{
	struct arpa *a = oc_zalloc(1, sizeof *a);
	struct oc_pool *pool = oc_pool_new(e->train->ctx->threads);
	struct oc_buf temp = {0};
	int rc = -1, fd = -1;

	a->e = e;
	oc_buf_printf(&temp, "%s.tmp", path);
	for (unsigned n = 1; n <= e->order; n++)
		for (unsigned p = 0; p < P; p++)
			if (oc_kn_file_open(&a->text[n - 1][p], e->train->work_dir, err) < 0)
				goto out;
	oc_pool_for(pool, P, arpa_part, a);
	if (first_error(a->err, P, err) < 0)
		goto out;
	fd = open(oc_buf_cstr(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		oc_fail_errno(err, path, "cannot create the model");
		goto out;
	}
	if (arpa_join(a, fd, path, err) < 0)
		goto out;
	if (fsync(fd)) {
		oc_fail_errno(err, path, "cannot write the model");
		goto out;
	}
	rc = oc_rename_synced(temp.p, path, err);
out:
	if (fd >= 0)
		close(fd);
	if (rc < 0 && fd >= 0)
		unlink(temp.p);
	for (unsigned n = 0; n < MAX; n++)
		for (unsigned p = 0; p < P; p++)
			oc_kn_file_close(&a->text[n][p]);
	oc_buf_fini(&temp);
	oc_pool_free(pool);
	free(a);
	return rc;
}

/* -------------------------------------------------------------- model file */

struct filling {
	struct oc_kn_estimate *e;
	struct oc_kn *kn;
	struct oc_err err[MAX];
};

struct entry {
	uint64_t key;
	float prob, backoff;
};

static int fill_part(struct filling *f, unsigned n, unsigned part, struct oc_err *err)
{
	struct oc_kn_estimate *e = f->e;
	struct entry ahead[WINDOW];
	struct oc_kn_gram g;
	uint64_t in = 0, out = 0;
	int rc = 1;

	if (oc_kn_file_rewind(&e->grams[n - 1][part], err) < 0)
		return -1;
	while (rc > 0 || out < in) {
		if (rc > 0)
			rc = oc_kn_file_next(&e->grams[n - 1][part], &g, oc_kn_gram_len(e, n), err);
		if (rc > 0) {
			struct entry *t = &ahead[in++ % WINDOW];
			t->key = g.key;
			t->prob = g.prob;
			t->backoff = g.backoff;
			oc_kn_prefetch(f->kn, n, t->key);
		}
		if (in - out == WINDOW || (rc <= 0 && out < in)) {
			const struct entry *t = &ahead[out++ % WINDOW];
			if (oc_kn_put(f->kn, n, t->key, t->prob, t->backoff, err) < 0)
				return -1;
		}
	}
	return rc;
}

static void fill_order(void *user, uint64_t item, unsigned worker)
{
	struct filling *f = user;
	unsigned n = f->e->order - (unsigned)item; /* the largest first */

	(void)worker;
	for (unsigned p = 0; p < P; p++)
		if (fill_part(f, n, p, &f->err[item]) < 0)
			return;
}

int oc_kn_write_model(struct oc_kn_estimate *e, const char *path, enum oc_kn_words words,
                      struct oc_err *err)
{
	struct oc_kn_shape shape = {.order = e->order, .words = words};
	struct filling *f = oc_zalloc(1, sizeof *f);
	struct oc_pool *pool = oc_pool_new(e->train->ctx->threads);
	int rc = -1;

	memcpy(shape.count, e->count, sizeof shape.count);
	f->e = e;
	if (oc_kn_new(&f->kn, path, &shape, err) < 0)
		goto out;
	oc_pool_for(pool, e->order, fill_order, f);
	if (first_error(f->err, e->order, err) < 0)
		goto out;
	rc = oc_kn_finish(f->kn, err);
out:
	oc_kn_close(f->kn);
	oc_pool_free(pool);
	free(f);
	return rc;
}
