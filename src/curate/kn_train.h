/*
 * kn_train.h: interpolated modified Kneser-Ney estimation on disk, between counting and writing.
 *
 * The way of lmplz (Heafield, Pouzyrevsky, Clark, Koehn 2013, "Scalable modified Kneser-Ney
 * language model estimation"): n-grams of the highest order are sorted by their last words
 * ("suffix order"), which gives the adjusted counts of all orders in one pass; a sort by context
 * gives each context's sum and backoff mass; a sort back interpolates orders from low to high.
 *
 * All of it is done in OC_KN_PARTS parts by the last word, which never meet: any part can be on any
 * thread, and the result is the same for any number of them.
 *
 * Where this differs from lmplz on purpose: the adjusted counts of the very last n-gram of each
 * order enter the statistics of the discounts as they are (lmplz takes their raw counts); discounts
 * that cannot be had, as in small or artificial text, are 0.5, 1 and 1.5 with a warning (lmplz's
 * --discount_fallback).
 */
#ifndef CURATE_KN_TRAIN_H
#define CURATE_KN_TRAIN_H

#include "curate/train.h"
#include "index/kn.h"
#include "pipe/spill.h"

#define OC_KN_PARTS 8

enum { OC_KN_ID_UNK, OC_KN_ID_BOS, OC_KN_ID_EOS, OC_KN_ID_FIRST };

/* Words by number, in the order in which the text has them. */
struct oc_kn_vocab {
	struct oc_kn_slot {
		uint32_t check; /* high half of the key */
		uint32_t id;    /* + 1; 0 = empty */
	} * slot;
	uint64_t cap;
	uint64_t *key;      /* (n) */
	struct oc_buf text; /* the words, one after the other */
	uint64_t *at;       /* (n + 1) where each begins in text */
	uint32_t n;
	uint64_t room; /* of key and at */
};

/* A file of fixed-size records, written once and read once. */
struct oc_kn_file {
	FILE *f;
};

struct oc_kn_estimate {
	const struct oc_train *train;
	unsigned order;
	uint64_t memory; /* for sorting */
	bool keys;       /* n-grams are wanted as keys of a model file, not as words */
	struct oc_kn_vocab vocab;
	/* Counting: reversed ids of the highest order, big end first, by part. */
	struct oc_sort *full[OC_KN_PARTS];

	uint64_t tokens, sentences;
	/* Out. */
	uint64_t count[OC_KN_ORDER_MAX];     /* n-grams of each order */
	double discount[OC_KN_ORDER_MAX][4]; /* [n-1][min(count, 3)] */
	bool fallback[OC_KN_ORDER_MAX];      /* these discounts are the stand-ins */
	/* Interpolated n-grams, in suffix order, by part. */
	struct oc_kn_file grams[OC_KN_ORDER_MAX][OC_KN_PARTS];
};

/* A record of `grams`: log10 p, log10 backoff, then its key or its n ids, last word first. */
struct oc_kn_gram {
	float prob, backoff;
	union {
		uint64_t key;
		uint32_t id[OC_KN_ORDER_MAX];
	};
};
static inline size_t oc_kn_gram_len(const struct oc_kn_estimate *e, unsigned order)
{
	return 2 * sizeof(float) + (e->keys ? sizeof(uint64_t) : order * sizeof(uint32_t));
}

int oc_kn_file_open(struct oc_kn_file *f, const char *dir, struct oc_err *err);
int oc_kn_file_add(struct oc_kn_file *f, const void *p, size_t len, struct oc_err *err);
int oc_kn_file_rewind(struct oc_kn_file *f, struct oc_err *err);
/* 1 read, 0 the end. */
int oc_kn_file_next(struct oc_kn_file *f, void *p, size_t len, struct oc_err *err);
void oc_kn_file_close(struct oc_kn_file *f);

/* From e->full to e->grams. */
int oc_kn_estimate(struct oc_kn_estimate *e, struct oc_err *err);

/* Write what was estimated. */
int oc_kn_write_arpa(struct oc_kn_estimate *e, const char *path, struct oc_err *err);
int oc_kn_write_model(struct oc_kn_estimate *e, const char *path, enum oc_kn_words words,
                      struct oc_err *err);

#endif
