/*
 * share.h: how much of many texts a model wrote, by maximum likelihood over a mixture (Liang et
 * al., "Monitoring AI-Modified Content at Scale", PMLR 235, 2024, section 3), never by judging one
 * text.
 *
 * For each word w of a vocabulary, p(w) and q(w) are the shares of known human and machine texts
 * that hold it. A text holds words as independent draws, P = prod p(w) of those it holds times
 * prod 1 - p(w) of those it lacks, Q alike; their log ratio is a constant and one number a word
 * held. Words are not independent, so that the ratio is too sure of itself: unlike in the paper,
 * where a sentence at a time keeps that small, it is scaled on held-out texts of both kinds (Platt)
 * to the log ratio r at which they really came. The share is the a in [0, 1] that maximises the sum
 * of ln(1 - a + a exp(r)); it is concave in a. The r of many texts are kept as counts of bins of
 * 0.01, so that memory does not grow and no order of rows or threads can change the result.
 *
 * What an estimate does at known shares is measured on other held-out texts and kept in the model.
 */
#ifndef INDEX_SHARE_H
#define INDEX_SHARE_H

#include "text/view.h"

#define OC_SHARE_BINS      4096
#define OC_SHARE_LIMIT     20.0 /* r is cut to -this..this; 4.9e8 to one */
#define OC_SHARE_MIXES     11   /* known shares 0, 0.1 .. 1 */
#define OC_SHARE_LEAST_AUC 0.6  /* below it, its interval included, the model tells nothing */
#define OC_SHARE_MARKS     128  /* common words by which rows of another domain are known */
#define OC_SHARE_STRANGE   3    /* of those, so many used otherwise: it is another domain */

struct oc_share_word {
	uint64_t hash;       /* XXH3 of the folded word */
	float ratio, common; /* its number in the log ratio; ln((p + q) / 2) */
};

/* A common word, and the shares of learned texts that hold it. */
struct oc_share_mark {
	uint64_t hash;
	double human, machine;
};

struct oc_share_fit {
	double base;                         /* the log ratio of a text that holds no word */
	double unknown;                      /* `common` of a word that is not in the vocabulary */
	double slope, offset;                /* r = slope * log ratio + offset */
	double auc, auc_low, auc_high;       /* of single texts; to know that there is a signal */
	double common_low, common_high;      /* all but 1 % of held-out texts lie between, of */
	double words_low, words_high;        /* the mean of `common`, and of their length */
	double common_human, common_machine; /* means */
	double common_sd;                    /* the larger standard deviation of the two */
	double estimate[OC_SHARE_MIXES];     /* at known shares 0, 0.1 .. 1 */
	double spread[OC_SHARE_MIXES];       /* its standard error from the held-out texts */
	uint64_t human_n, machine_n;         /* texts learned from */
	uint64_t held_human_n, held_machine_n; /* texts that only calibrated */
	uint64_t mark_n;
	struct oc_share_mark mark[OC_SHARE_MARKS]; /* (mark_n) the most common words */
};

struct oc_share_model {
	struct oc_share_fit fit;
	struct oc_share_word *word; /* (word_n), ascending hashes */
	uint64_t word_n;
	uint32_t *slot; /* (2^bits) 1 + place in `word`, 0 = free; made by oc_share_ready */
	uint8_t *mark;  /* (word_n) 1 + number of its mark, 0 = none; made by oc_share_ready */
	unsigned bits;
};

/* What one text adds. */
struct oc_share_text {
	double ratio;                       /* as the words have it, not scaled */
	double common;                      /* mean over its different words */
	uint32_t words;                     /* its length */
	uint64_t mark[OC_SHARE_MARKS / 64]; /* a bit for each that it holds */
};

/* Each different hash once, in order of first appearance, in the arena. O(n). */
uint64_t *oc_share_distinct(struct oc_arena *a, const struct oc_words *words, uint32_t *n);
/* `hash`: n different ones, n > 0. O(n). */
struct oc_share_text oc_share_read_text(const struct oc_share_model *m, const uint64_t *hash,
                                        uint32_t n, uint32_t words);
unsigned oc_share_bin(const struct oc_share_model *m, double ratio);
/* Is such a text among those that the model was calibrated on? */
bool oc_share_is_like(const struct oc_share_fit *f, const struct oc_share_text *t);

/* The share that maximises the likelihood of `count` (OC_SHARE_BINS); 0.5 where all are 0. */
double oc_share_estimate(const double *count);
/* Where twice the loss of log likelihood is below 3.84: a 95 % interval, were r exact. */
void oc_share_likely(const double *count, double *low, double *high);
/* Standard error of the estimate from human_n and machine_n texts mixed to share `at`: that of an
 * M-estimator, with one unseen error on each side added, so that it is never nought. */
double oc_share_spread(const double *human, const double *machine, double at);
/* Widens the interval by what the model itself may be off: 1.96 spreads, in quadrature, and its
 * bias at this share on the side where it errs. */
void oc_share_widen(const struct oc_share_fit *f, double share, double *low, double *high);

/*
 * How many marks are used otherwise than a mixture of the calibration's texts would, at any share
 * in low..high: by more than a quarter, and beyond chance (two-sided 0.001 each; of rows of the
 * calibration's own domain OC_SHARE_STRANGE are off in fewer than one of a hundred trials).
 * `count`: texts, of n, that hold each. It tells rows of another domain whose ratios look like a
 * mixture.
 */
unsigned oc_share_strange(const struct oc_share_fit *f, const uint64_t *count, uint64_t n,
                          double low, double high);

void oc_share_ready(struct oc_share_model *m);
int oc_share_write(const struct oc_share_model *m, const char *path, struct oc_err *err);
struct oc_share_model *oc_share_open(const char *path, struct oc_err *err);
void oc_share_free(struct oc_share_model *m);

#endif
