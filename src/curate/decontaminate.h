/*
 * decontaminate.h: between the parts of the stage decontaminate: the words of a text, the index of
 * the benchmarks' items, the hits in a row, and what is counted of them.
 *
 * What a word is depends on whose rules are followed:
 *
 *   none        lower-cased runs of letters and digits, ideographs and kana one by one, as
 *               oc_text_fold cuts them
 *   datatrove   tokens of the simplified text, as spaCy's blank English tokenizer finds them
 *   gpt3        what stands between white space, ASCII lower-cased, without ASCII punctuation
 *   cosmopedia  runs of letters, digits and _, lower-cased, after NFD without nonspacing marks
 *
 * All sizes count words unless they say bytes; texts are below 4 GiB.
 */
#ifndef CURATE_DECONTAMINATE_H
#define CURATE_DECONTAMINATE_H

#include "data/row.h"

enum oc_leak_rules { OC_LEAKS_OWN, OC_LEAKS_DATATROVE, OC_LEAKS_GPT3, OC_LEAKS_COSMOPEDIA };

/* ------------------------------------------------------------------- words */

/* One worker's room, kept between texts. Zero-initialise. */
struct oc_leak_words {
	uint64_t *hash;      /* (n); 0 = a word that is equal to none */
	uint32_t *from, *to; /* (n) bytes of the text; datatrove: of the simplified text */
	uint32_t n, cap;
	struct oc_buf joined; /* cosmopedia: the words as they are compared, joined by spaces */
};

void oc_leak_words_fini(struct oc_leak_words *w);
/* O(bytes). The arena is used by datatrove's rules only. */
void oc_leak_words(struct oc_leak_words *w, enum oc_leak_rules rules, struct oc_str text,
                   struct oc_arena *a);

/*
 * cosmopedia's measure: characters in common blocks of more than 5, as Python's difflib finds them
 * in the order longest first, over those of the item. Both texts are joined words. O(n m) in their
 * lengths where they have runs of 6 in common, else O(n + m).
 */
double oc_leak_overlap(struct oc_str text, struct oc_str item);

/* ------------------------------------------------------------------- index */

struct oc_leak_item {
	struct oc_str id, text;        /* text: as it is in the benchmark */
	struct oc_str joined;          /* cosmopedia */
	const uint64_t *word, *answer; /* (word_n), (answer_n) hashes */
	uint32_t word_n, answer_n;
	uint32_t query_n;      /* datatrove: words before the answer's, which `word` goes on with */
	uint32_t benchmark;    /* index into names */
	uint32_t gram, gram_n; /* its n-grams in the table */
};

/* One place of an n-gram; places of equal hash are chained in the order they were added. */
struct oc_leak_gram {
	uint64_t hash;
	uint32_t item, at;
	uint32_t next;   /* of the same hash; UINT32_MAX = the last */
	uint32_t item_n; /* at the first of a chain: in how many items */
	uint32_t last;   /* at the first: the last of the chain */
	uint32_t first;  /* of the chain */
};

struct oc_leak_opts {
	enum oc_leak_rules rules;
	uint32_t ngram, max_items, near, least;
	uint64_t memory;   /* 0 = no limit */
	yyjson_val *given; /* the stage's options: `against`, `fields`, `answer`, `compat` */
	bool building;     /* an index on disk: all items are kept, no n-gram is */
};

struct oc_index;

struct oc_leak_index {
	const char *step;
	struct oc_arena *arena;
	struct oc_leak_opts opts; /* `given` is gone */
	struct oc_str *fields, answer;
	uint32_t field_n;
	yyjson_val *kept;      /* the options that decide what an index on disk holds */
	struct oc_index **ons; /* (on_n) indexes on disk, in which items' texts and words lie */
	uint32_t on_n;
	struct oc_leak_words words; /* of the item that is read, */
	struct oc_arena *room;      /* and what else that needs */
	bool reading, has_field;    /* a file; some row of it has one of `fields` */
	uint64_t first;             /* row number of the file's first */
	struct oc_str *names;       /* (name_n) benchmarks */
	uint32_t name_n;
	struct oc_leak_item *items;
	uint32_t item_n, item_cap;
	uint32_t print; /* other items, or in another order: another number */
	struct oc_leak_gram *grams;
	uint32_t gram_n, gram_cap;
	uint32_t *slots; /* (slot_n), a power of two: index of a chain's first gram + 1 */
	uint32_t slot_n;
	uint64_t *bits;   /* a small table that says no first */
	uint64_t leaving; /* BASE^(ngram - 1) */
	uint32_t *lens;   /* (len_n) of items shorter than ngram */
	uint64_t *pairs;  /* (2^16 bits) two words that one of those begins with */
	uint32_t len_n;
};

/*
 * Reads what `against` names: files (pipe/against.h) and indexes on disk, in their order, so that
 * an index stands for the files that it was made of. Memory: 8 bytes a word and 32 an n-gram of the
 * benchmarks, and their texts; beyond opts.memory it fails. Words and texts of an index on disk
 * stay where they are.
 */
int oc_leak_index_open(struct oc_leak_index *x, const struct oc_env *env,
                       const struct oc_leak_opts *opts, struct oc_err *err);
void oc_leak_index_fini(struct oc_leak_index *x);

/* A row as a record of an item, appended (pure); and the items of such records, added in order. */
void oc_leak_item_write(const struct oc_leak_index *x, struct oc_row *row, struct oc_buf *record);
int oc_leak_items_add(struct oc_leak_index *x, struct oc_str records, struct oc_err *err);
/* All items in a file (index/disk.h). They serve any `ngram`, `near`, `least` and `max_items`. */
int oc_leak_index_save(struct oc_leak_index *x, const char *path, struct oc_err *err);

/* For those: the table of n-grams; of an item its n-grams, or itself where it is shorter and our
 * own rules hold. O(words). */
void oc_leak_grams_init(struct oc_leak_index *x);
void oc_leak_grams_add(struct oc_leak_index *x, uint32_t item);

/* Words [from, to) of a row stand in an item. */
struct oc_leak_hit {
	uint32_t item, item_at; /* where they begin in the item */
	uint32_t from, to;
	uint32_t byte, byte_len; /* in the row's text */
	uint32_t items;          /* in which the rarest n-gram of it stands */
	uint32_t answer;         /* 1: the item's answer stands near by; 2: the item has none */
	double share;            /* of the item's n-grams, each weighing 1 / (items it stands in);
	                            cosmopedia: oc_leak_overlap */
};

/* Appends struct oc_leak_hit, by place. O(words), and per hit the length of the at most max_items
 * items that it meets. */
void oc_leak_scan(const struct oc_leak_index *x, const struct oc_leak_words *w,
                  struct oc_buf *hits);

/* ------------------------------------------------------------------ figures */

/* A row with hits as it is kept: this, the hits, the key, the excerpt. */
struct oc_leak_row {
	uint64_t number;
	uint32_t hit_n, key_len, excerpt_len;
	uint32_t excerpt_from; /* first byte of the text that is in the excerpt */
	uint32_t print;        /* of the index whose items the hits name */
} __attribute__((packed));

/* About `len` bytes of the text that begin a little before byte `around`, cut between words; where
 * no white space is near, between code points. */
struct oc_str oc_leak_excerpt(struct oc_str text, size_t around, size_t len);
/* Appends a row's record. The excerpt is what stands around the longest hit. */
void oc_leak_row_write(struct oc_buf *out, const struct oc_leak_index *x, const struct oc_row *row,
                       struct oc_str text, const struct oc_leak_hit *hits, uint32_t hit_n);
/* The record at *p, which is moved behind it; false at the end, or when it is cut off. */
struct oc_leak_seen {
	struct oc_leak_row row;
	const struct oc_leak_hit *hits; /* copied to the room given: aligned */
	struct oc_str key, excerpt, bytes;
};
bool oc_leak_row_read(const char **p, const char *end, struct oc_buf *room,
                      struct oc_leak_seen *out);
/* The longest of the hits, the first of equals. */
uint32_t oc_leak_longest(const struct oc_leak_hit *hits, uint32_t hit_n);

/* What is counted over all rows, in row order. Zero-initialise. */
struct oc_leak_tally {
	struct oc_leak_count {
		uint64_t rows, last; /* rows that hold it; number of the last + 1 */
		uint64_t answers;    /* of them with its answer near by */
		uint32_t longest;
		double share;                      /* the largest */
	} * items;                                 /* (item_n of the index) */
	uint64_t *benchmark_rows, *benchmark_last; /* (name_n) */
	uint64_t row_n, frequent_n;                /* rows with hits; hits taken for templates */
	struct oc_buf worst[10];                   /* records, longest hit first */
	uint32_t worst_words[10];
};

void oc_leak_tally_add(struct oc_leak_tally *t, const struct oc_leak_index *x,
                       const struct oc_leak_seen *row);
void oc_leak_tally_fini(struct oc_leak_tally *t);
void oc_leak_facts(const struct oc_leak_tally *t, const struct oc_leak_index *x, uint32_t frequent,
                   struct oc_buf *out);

#endif
