/*
 * kn.h: n-gram language models with backoff (Katz form, as ARPA files hold them), queried.
 *
 * log10 p(w | c) of the longest stored n-gram that ends the text "c w", plus the backoff weights of
 * the longer contexts that are stored. The weights are Kneser-Ney's when the trainer made them
 * (curate/kn_train.c; Chen and Goodman 1998, Heafield et al. 2013), but any ARPA model will do.
 *
 * In memory and on disk a model is one hash table per order, of cache-line buckets. An n-gram is
 * known by 64 bits mixed from its words' hashes from the last word to the first, so that the key of
 * a longer n-gram goes on from that of its suffix; words themselves are not kept. Two of 10^8
 * n-grams share a key with probability 3e-4. A look-up touches one line, mostly; texts are looked
 * up order by order in groups, so that the lines of a group are under way at the same time.
 *
 * A model file is mapped, which costs nothing and lets processes share it; or, where it may be
 * held, read into large pages: most of a look-up in small ones is finding the page (measured: 2
 * times).
 */
#ifndef INDEX_KN_H
#define INDEX_KN_H

#include "base/hash.h"

#define OC_KN_ORDER_MAX 8

/* What a word is. It stands in the model file: a text must be cut as the training text was. */
enum oc_kn_words {
	OC_KN_WHITESPACE, /* between space, tab, CR and NUL, as KenLM cuts a line */
	OC_KN_FOLD,       /* lower-cased runs of letters and digits (text/view.h) */
	OC_KN_CCNET       /* as OC_KN_WHITESPACE, of lines that oc_kn_ccnet spells */
};

#define OC_KN_UNK "<unk>" /* any word that is not in the vocabulary */
#define OC_KN_BOS "<s>"
#define OC_KN_EOS "</s>"

struct oc_kn_shape {
	unsigned order;                  /* 1..OC_KN_ORDER_MAX */
	uint64_t count[OC_KN_ORDER_MAX]; /* [n-1]: n-grams, <unk>, <s> and </s> among the words */
	enum oc_kn_words words;
};

struct oc_kn;

/*
 * A model file, or an ARPA file (plain or .gz), which is read into memory first: `words` is for
 * those. A model file of at most `held` bytes is read, else mapped; an ARPA file that needs more
 * than `held` (0 = any amount) is refused. O(file), or O(1).
 */
int oc_kn_open(struct oc_kn **out, const char *path, enum oc_kn_words words, uint64_t held,
               struct oc_err *err);
void oc_kn_close(struct oc_kn *kn);
const struct oc_kn_shape *oc_kn_shape(const struct oc_kn *kn);

/* ---------------------------------------------------------------- building */

/*
 * An empty model of a shape, to be filled by oc_kn_put: in a file that appears under its name with
 * oc_kn_finish, or with `path` NULL in memory.
 */
int oc_kn_new(struct oc_kn **out, const char *path, const struct oc_kn_shape *shape,
              struct oc_err *err);
/*
 * Stores an n-gram of `order`; backoff 0 for the highest. Fails when there are more than the shape
 * says, or when its key is there already. Different orders may be filled by different threads.
 */
int oc_kn_put(struct oc_kn *kn, unsigned order, uint64_t key, float log10_prob, float backoff,
              struct oc_err *err);
/* Fetches the place of an n-gram that is about to be stored. */
void oc_kn_prefetch(const struct oc_kn *kn, unsigned order, uint64_t key);
int oc_kn_finish(struct oc_kn *kn, struct oc_err *err);
/* Bytes a model of this shape takes. 0: more than a size_t holds. */
uint64_t oc_kn_size(const struct oc_kn_shape *shape);

/* Key of a word, and of an n-gram from that of its last n-1 words and its first word. */
static inline uint64_t oc_kn_word(struct oc_str word)
{
	return oc_hash64(word.p, word.len, 0);
}

static inline uint64_t oc_kn_key(uint64_t suffix, uint64_t first_word)
{
	uint64_t k = suffix * 0x9E3779B97F4A7C15u + first_word * 0xD6E8FEB86659FD93u;

	return k ^ (k >> 32);
}

/* An ARPA text of `len` bytes (tests, fuzzing), or of a file by oc_kn_open. */
int oc_kn_arpa(struct oc_kn **out, const char *text, size_t len, enum oc_kn_words words,
               struct oc_err *err);
int oc_kn_arpa_file(struct oc_kn **out, const char *path, enum oc_kn_words words, uint64_t held,
                    struct oc_err *err);

/* ---------------------------------------------------------------- querying */

/*
 * A text as the sentences of a model: word keys, <s> before and </s> behind every line that has a
 * word. The words "<s>", "</s>" and "<unk>" count as white space. O(bytes).
 */
struct oc_kn_text {
	uint64_t *key;       /* (n) */
	struct oc_str *word; /* (n), or NULL when they were not asked for */
	uint64_t *sentence;  /* (sentence_n + 1) where each begins in key */
	uint64_t n, sentence_n;
};

void oc_kn_cut(struct oc_arena *a, struct oc_str text, enum oc_kn_words words, bool with_words,
               struct oc_kn_text *out);

/*
 * A line as cc_net spells it before its tokenizer (text_normalizer.py, `normalize`; Wenzek et al.
 * 2020, section 3): trimmed, lower-cased, without accents (NFD without category Mn), each digit of
 * any script 0, wide and typographic marks those of ASCII, control characters (a tab, too) gone. In
 * the arena; O(bytes). What is not UTF-8 is only lower-cased.
 */
struct oc_str oc_kn_ccnet(struct oc_arena *a, struct oc_str line);

struct oc_kn_score {
	double log10;    /* sum over all tokens */
	uint64_t tokens; /* words and </s> */
	uint64_t unknown;
	uint64_t sentences;
};

/*
 * Scores a text; `each`, when not NULL, gets log10 p of every key, 0 for <s> (n). Any thread. Sums
 * in double in text order: the same bits however it is called. O(n * order).
 */
void oc_kn_score(const struct oc_kn *kn, const struct oc_kn_text *text, float *each,
                 struct oc_kn_score *out);

/* 10^(-log10 / tokens); 0 for a text without a word. */
double oc_kn_perplexity(const struct oc_kn_score *score);

#endif
