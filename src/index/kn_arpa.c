/*
 * kn_arpa.c: ARPA files. What it takes for one, line by line:
 *
 *   anything, \data\, "ngram N=COUNT" for N = 1.., then for each N  \N-grams:  and COUNT lines
 *   "log10p <tab> N words <tab> backoff" (the backoff may be missing), at last \end\.
 *
 * Blank lines are passed over; white space of any length parts the columns. Sizes in the header
 * are not believed beyond what the bytes of the file could hold.
 */
#include "index/kn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/err.h"
#include "index/kn_table.h"

#define BUFFER       ((size_t)1 << 20)
#define LINE_MAX_LEN ((size_t)1 << 20)
#define EXPANDS      1032 /* bytes one byte of a .gz can become, at most */

struct reader {
	gzFile gz; /* NULL: `rest` is all there is */
	struct oc_str rest;
	char *buffer; /* (BUFFER + LINE_MAX_LEN) */
	uint64_t line;
	char where[300];
	const char *path;
	struct oc_err *err;
};

static int refuse(struct reader *r, const char *what)
{
	snprintf(r->where, sizeof r->where, "%.200s:%llu", r->path, (unsigned long long)r->line);
	return oc_fail(r->err, OC_INPUT, r->where, "%s", what);
}

/* Reads on; what is left of a line stays. */
static int more(struct reader *r)
{
	if (!r->gz)
		return 0;
	if (r->rest.len > LINE_MAX_LEN)
		return refuse(r, "a line of more than 1 MiB: this is no ARPA file");
	if (r->rest.len)
		memmove(r->buffer, r->rest.p, r->rest.len);
	int n = gzread(r->gz, r->buffer + r->rest.len, (unsigned)BUFFER);
	if (n < 0)
		return refuse(r, "the file cannot be read or unpacked");
	r->rest.p = r->buffer;
	r->rest.len += (size_t)n;
	return n > 0;
}

/* The next line without its end, blanks at both ends cut off: 1, or 0 at the end. */
static int next_line(struct reader *r, struct oc_str *line)
{
	const char *nl;

	while (!(nl = r->rest.len ? memchr(r->rest.p, '\n', r->rest.len) : NULL)) {
		int rc = more(r);
		if (rc < 0)
			return -1;
		if (rc == 0)
			break;
	}
	if (!nl && !r->rest.len)
		return 0;
	line->p = r->rest.p;
	line->len = nl ? (size_t)(nl - r->rest.p) : r->rest.len;
	r->rest.p += line->len + (nl != NULL);
	r->rest.len -= line->len + (nl != NULL);
	r->line++;
	*line = oc_str_trim(*line);
	return 1;
}

/* The next line that is not blank. */
static int next_text(struct reader *r, struct oc_str *line)
{
	int rc;

	do {
		rc = next_line(r, line);
	} while (rc > 0 && !line->len);
	return rc;
}

static bool next_word(struct oc_str *line, struct oc_str *word)
{
	size_t i = 0;

	while (i < line->len && (line->p[i] == ' ' || line->p[i] == '\t'))
		i++;
	word->p = line->p + i;
	while (i < line->len && line->p[i] != ' ' && line->p[i] != '\t')
		i++;
	word->len = (size_t)(line->p + i - word->p);
	line->p += i;
	line->len -= i;
	return word->len > 0;
}

/* A decimal number, without regard to the locale. Good to a float's last digit. */
static bool number(struct oc_str s, float *out)
{
	const char *p = s.p, *end = s.p + s.len;
	bool negative = p < end && *p == '-', any = false, point = false;
	double value = 0;
	int scale = 0, exponent = 0;

	p += p < end && (*p == '-' || *p == '+');
	for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		any = true;
		if (value < 1e17) {
			value = value * 10 + (*p - '0');
			scale -= point;
		} else {
			scale += !point;
		}
		if (scale > 400 || scale < -400)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		bool minus = ++p < end && *p == '-';
		p += p < end && (*p == '-' || *p == '+');
		if (p == end)
			return false;
		for (; p < end && *p >= '0' && *p <= '9' && exponent < 1000; p++)
			exponent = exponent * 10 + (*p - '0');
		exponent = minus ? -exponent : exponent;
	}
	if (!any || p != end)
		return false;
	value = scale + exponent ? value * pow(10, scale + exponent) : value;
	*out = (float)(negative ? -value : value);
	return isfinite(*out);
}

static int read_header(struct reader *r, uint64_t bytes, struct oc_kn_shape *shape,
                       struct oc_str *line)
{
	int rc;

	do {
		rc = next_line(r, line);
	} while (rc > 0 && !oc_str_is(*line, "\\data\\"));
	if (rc < 0)
		return -1;
	if (rc == 0)
		return refuse(r, "there is no line \\data\\: this is neither a model that "
		                 "`outcross train perplexity` wrote nor an ARPA file");
	while ((rc = next_text(r, line)) > 0 && oc_str_starts(*line, "ngram ")) {
		unsigned order = 0;
		uint64_t count = 0;
		size_t i = 6;
		for (; i < line->len && line->p[i] >= '0' && line->p[i] <= '9' && order < 100; i++)
			order = order * 10 + (unsigned)(line->p[i] - '0');
		if (i == line->len || line->p[i++] != '=' || order != shape->order + 1)
			return refuse(r, "this line should say `ngram N=COUNT`, for N from 1 on");
		if (order > OC_KN_ORDER_MAX)
			return refuse(r, "n-grams of more than 8 words are not supported");
		size_t digits = i;
		for (; i < line->len && line->p[i] >= '0' && line->p[i] <= '9' && count < bytes;
		     i++)
			count = count * 10 + (uint64_t)(line->p[i] - '0');
		/* Every n-gram takes a number, n words and what parts them. */
		if (digits == i || i < line->len || count > bytes / (2 * order + 2))
			return refuse(r, "the file is too short for this number of n-grams");
		shape->count[shape->order++] = count;
	}
	if (rc < 0)
		return -1;
	if (!shape->order || !shape->count[0])
		return refuse(r, "the model says that it has no words");
	return 0;
}

static int read_gram(struct reader *r, struct oc_kn *kn, unsigned n, struct oc_str line)
{
	struct oc_str word, w[OC_KN_ORDER_MAX];
	float prob, backoff = 0;

	if (!next_word(&line, &word) || !number(word, &prob))
		return refuse(r, "this line should begin with a log10 probability");
	if (prob > 0)
		return refuse(r, "the log10 of a probability cannot be above 0");
	for (unsigned i = 0; i < n; i++)
		if (!next_word(&line, &w[i]))
			return refuse(r, "this line has too few words");
	if (next_word(&line, &word) && (n == kn->shape.order || !number(word, &backoff)))
		return refuse(r, "what stands behind the words is no backoff weight");
	if (next_word(&line, &word))
		return refuse(r, "this line has too many columns");
	uint64_t key = oc_kn_word(w[n - 1]);
	for (unsigned i = 2; i <= n; i++) {
		float p, b;
		uint64_t longer = oc_kn_key(key, oc_kn_word(w[n - i]));
		/* Pruned models may lack what a longer n-gram ends in. */
		if (!kn->gaps && !oc_kn_find(kn, i - 1, key, &p, &b))
			kn->gaps = true;
		key = longer;
	}
	return oc_kn_put(kn, n, key, prob, backoff, r->err);
}

static int read_grams(struct reader *r, struct oc_kn *kn, struct oc_str line)
{
	char title[24];

	for (unsigned n = 1; n <= kn->shape.order; n++) {
		snprintf(title, sizeof title, "\\%u-grams:", n);
		if (!oc_str_is(line, title))
			return refuse(r, "the n-grams of the next order should begin here");
		for (uint64_t i = 0; i < kn->shape.count[n - 1]; i++) {
			int rc = next_text(r, &line);
			if (rc < 0)
				return -1;
			if (rc == 0 || line.p[0] == '\\')
				return refuse(r, "there are fewer n-grams than the header says");
			if (read_gram(r, kn, n, line) < 0)
				return -1;
		}
		int rc = next_text(r, &line);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return refuse(r, "the file ends in the middle");
	}
	if (!oc_str_is(line, "\\end\\"))
		return refuse(r, "there are more n-grams than the header says");
	return 0;
}

static int read_model(struct reader *r, uint64_t bytes, enum oc_kn_words words, uint64_t held,
                      struct oc_kn **out)
{
	struct oc_kn_shape shape = {.words = words};
	struct oc_kn *kn = NULL;
	struct oc_str line = {0};

	if (read_header(r, bytes, &shape, &line) < 0)
		return -1;
	if (held && oc_kn_size(&shape) > held)
		return oc_fail_memory(r->err, r->path, "the model needs", oc_kn_size(&shape), held,
		                      ", or write it as a model file, which is mapped (`outcross "
		                      "train perplexity`)");
	if (oc_kn_new(&kn, NULL, &shape, r->err) < 0)
		return -1;
	if (read_grams(r, kn, line) < 0 || oc_kn_finish(kn, r->err) < 0) {
		oc_kn_close(kn);
		return -1;
	}
	*out = kn;
	return 0;
}

int oc_kn_arpa(struct oc_kn **out, const char *text, size_t len, enum oc_kn_words words,
               struct oc_err *err)
{
	struct reader r = {.rest = {text, len}, .path = "ARPA text", .err = err};

	return read_model(&r, len, words, 0, out);
}

int oc_kn_arpa_file(struct oc_kn **out, const char *path, enum oc_kn_words words, uint64_t held,
                    struct oc_err *err)
{
	struct reader r = {.path = path, .err = err};
	struct stat st;
	int rc = -1;

	if (stat(path, &st))
		return oc_fail_errno(err, path, "cannot look at the model");
	r.gz = gzopen(path, "rb");
	if (!r.gz)
		return oc_fail_errno(err, path, "cannot open the model");
	gzbuffer(r.gz, 1 << 18);
	r.buffer = oc_alloc(BUFFER + LINE_MAX_LEN + 1);
	uint64_t bytes = (uint64_t)st.st_size;
	rc = read_model(&r, gzdirect(r.gz) ? bytes : bytes * EXPANDS, words, held, out);
	gzclose(r.gz);
	free(r.buffer);
	return rc;
}
