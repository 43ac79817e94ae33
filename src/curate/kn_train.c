/* kn_train.c: `outcross train perplexity`: words are numbered and n-grams gathered as rows come. */
#include "curate/kn_train.h"

#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"
#include "text/view.h"

#define P     OC_KN_PARTS
#define AHEAD 8   /* words whose places in the vocabulary are fetched ahead */
#define BATCH 512 /* n-grams a part gathers before they go to its sorter */

/* -------------------------------------------------------------- vocabulary */

static void vocab_grow(struct oc_kn_vocab *v)
{
	uint64_t cap = v->cap ? 2 * v->cap : (uint64_t)1 << 12;
	struct oc_kn_slot *old = v->slot;

	v->slot = oc_zalloc(cap, sizeof *v->slot);
	for (uint64_t i = 0; i < v->cap; i++) {
		if (!old[i].id)
			continue;
		uint64_t at = v->key[old[i].id - 1] & (cap - 1);
		while (v->slot[at].id)
			at = (at + 1) & (cap - 1);
		v->slot[at] = old[i];
	}
	v->cap = cap;
	free(old);
}

static uint32_t vocab_add(struct oc_kn_vocab *v, uint64_t key, struct oc_str word)
{
	if (2 * (uint64_t)v->n >= v->cap)
		vocab_grow(v);
	uint64_t at = key & (v->cap - 1);
	while (v->slot[at].id) {
		if (v->slot[at].check == key >> 32 && v->key[v->slot[at].id - 1] == key)
			return v->slot[at].id - 1;
		at = (at + 1) & (v->cap - 1);
	}
	if (v->n + (uint64_t)2 > v->room) {
		v->room = v->room ? 2 * v->room : 1024;
		v->key = oc_realloc(v->key, v->room * sizeof *v->key);
		v->at = oc_realloc(v->at, v->room * sizeof *v->at);
	}
	v->slot[at] = (struct oc_kn_slot){(uint32_t)(key >> 32), v->n + 1};
	v->key[v->n] = key;
	v->at[v->n] = v->text.len;
	oc_buf_str(&v->text, word);
	v->at[v->n + 1] = v->text.len;
	return v->n++;
}

static uint64_t vocab_bytes(const struct oc_kn_vocab *v)
{
	return v->cap * sizeof *v->slot + v->room * 16 + v->text.cap + v->n * 8u;
}

static void vocab_fini(struct oc_kn_vocab *v)
{
	free(v->slot);
	free(v->key);
	free(v->at);
	oc_buf_fini(&v->text);
}

/* ---------------------------------------------------------------- counting */

struct counting {
	struct oc_kn_estimate *e;
	struct oc_str field;
	enum oc_kn_words words;
	unsigned char *gathered[P]; /* (BATCH, 4 * order) */
	size_t gathered_n[P];
};

static void *parse_row(void *user, struct oc_row *row)
{
	struct counting *c = user;
	struct oc_kn_text *t = oc_arena_alloc(row->arena, sizeof *t);

	oc_kn_cut(row->arena, oc_view_text(row, c->field), c->words, true, t);
	return t;
}

static int hand_on(struct counting *c, unsigned part, struct oc_err *err)
{
	size_t n = c->gathered_n[part];

	c->gathered_n[part] = 0;
	return oc_sort_add(c->e->full[part], c->gathered[part], n, err);
}

/* One sentence: an n-gram of the highest order ends at each of its words but <s>. */
static int take_sentence(struct counting *c, const struct oc_kn_text *t, uint64_t from, uint64_t to,
                         struct oc_err *err)
{
	struct oc_kn_vocab *v = &c->e->vocab;
	unsigned order = c->e->order;
	uint32_t last[OC_KN_ORDER_MAX]; /* as they are stored, newest first */

	for (unsigned i = 0; i < order; i++)
		last[i] = __builtin_bswap32(OC_KN_ID_BOS);
	for (uint64_t i = from + 1; i < to; i++) {
		if (i + AHEAD < t->n)
			__builtin_prefetch(&v->slot[t->key[i + AHEAD] & (v->cap - 1)]);
		uint32_t id = vocab_add(v, t->key[i], t->word[i]);
		unsigned part = id % P;
		memmove(last + 1, last, (order - 1) * sizeof *last);
		last[0] = __builtin_bswap32(id);
		memcpy(c->gathered[part] + c->gathered_n[part] * 4 * order, last, 4 * order);
		if (++c->gathered_n[part] == BATCH && hand_on(c, part, err) < 0)
			return -1;
	}
	c->e->tokens += to - from - 1;
	c->e->sentences++;
	return 0;
}

static int take_row(void *user, struct oc_row *row, void *note, struct oc_err *err)
{
	struct counting *c = user;
	const struct oc_kn_text *t = note;

	(void)row;
	for (uint64_t s = 0; s < t->sentence_n; s++)
		if (take_sentence(c, t, t->sentence[s], t->sentence[s + 1], err) < 0)
			return -1;
	if (vocab_bytes(&c->e->vocab) > c->e->train->memory / 8 * 3)
		return oc_fail(
			err, OC_INPUT, "train perplexity",
			"%u different words alone take three eighths of the memory allowed: raise "
			"--memory, or use --words fold",
			c->e->vocab.n);
	return 0;
}

static int count(struct counting *c, struct oc_err *err)
{
	struct oc_kn_estimate *e = c->e;
	struct oc_train_rows rows = {.train = e->train,
	                             .paths = e->train->inputs,
	                             .path_n = e->train->input_n,
	                             .parse = parse_row,
	                             .take = take_row,
	                             .user = c};
	static const char *const special[] = {OC_KN_UNK, OC_KN_BOS, OC_KN_EOS};

	for (unsigned i = 0; i < 3; i++)
		vocab_add(&e->vocab, oc_kn_word(oc_str(special[i])), oc_str(special[i]));
	for (unsigned p = 0; p < P; p++) {
		c->gathered[p] = oc_alloc(BATCH * 4 * OC_KN_ORDER_MAX);
		e->full[p] = oc_sort_new(e->train->ctx, e->train->work_dir, 4 * e->order,
		                         4 * e->order, e->memory / 2 / P, err);
		if (!e->full[p])
			return -1;
	}
	if (oc_train_read(&rows, err) < 0)
		return -1;
	for (unsigned p = 0; p < P; p++)
		if (hand_on(c, p, err) < 0)
			return -1;
	if (!e->tokens)
		return oc_fail(err, OC_INPUT, e->train->inputs[0],
		               "there are no words in the rows; is --field right?");
	if (rows.bad)
		oc_log(e->train->ctx, OC_LOG_WARN, "%llu of %llu rows could not be read",
		       (unsigned long long)rows.bad, (unsigned long long)rows.rows);
	oc_buf_printf(e->train->said, "\"rows\":%llu,\"bad\":%llu,", (unsigned long long)rows.rows,
	              (unsigned long long)rows.bad);
	return 0;
}

/* ----------------------------------------------------------------- trainer */

static void summary(const struct oc_kn_estimate *e)
{
	struct oc_buf b = {0}, *said = e->train->said;

	oc_buf_printf(said, "\"sentences\":%llu,\"tokens\":%llu,\"order\":%u,\"ngrams\":[",
	              (unsigned long long)e->sentences, (unsigned long long)e->tokens, e->order);
	for (unsigned n = 0; n < e->order; n++) {
		oc_buf_printf(&b, "%s%llu", n ? ", " : "", (unsigned long long)e->count[n]);
		oc_buf_printf(said, "%s%llu", n ? "," : "", (unsigned long long)e->count[n]);
	}
	oc_buf_puts(said, "],\"discounts\":[");
	for (unsigned n = 0; n < e->order; n++) {
		oc_buf_puts(said, n ? ",[" : "[");
		for (unsigned k = 1; k < 4; k++) {
			oc_buf_puts(said, k > 1 ? "," : "");
			oc_buf_double(said, e->discount[n][k]);
		}
		oc_buf_putc(said, ']');
		if (e->fallback[n])
			oc_log(e->train->ctx, OC_LOG_WARN,
			       "too little text to estimate the discounts of %u-grams; 0.5, 1 and "
			       "1.5 are used",
			       n + 1);
	}
	oc_buf_putc(said, ']');
	oc_log(e->train->ctx, OC_LOG_INFO,
	       "perplexity: %llu tokens in %llu lines; n-grams of each order: %s",
	       (unsigned long long)e->tokens, (unsigned long long)e->sentences, oc_buf_cstr(&b));
	oc_buf_fini(&b);
}

static int train_perplexity(const struct oc_train *t, yyjson_val *opts, struct oc_err *err)
{
	struct oc_kn_estimate *e = oc_zalloc(1, sizeof *e);
	struct counting c = {.e = e, .field = oc_json_get_str(opts, "field")};
	int rc = -1;

	if (oc_str_is(oc_json_get_str(opts, "words"), "fold"))
		c.words = OC_KN_FOLD;
	else if (oc_str_is(oc_json_get_str(opts, "words"), "ccnet"))
		c.words = OC_KN_CCNET;
	e->train = t;
	e->order = (unsigned)oc_json_get_int(opts, "order", 5);
	e->memory = t->memory / 2; /* up to 3/8 are for words, an eighth for rows */
	e->keys = !oc_json_get_bool(opts, "arpa", false);
	if (count(&c, err) < 0 || oc_kn_estimate(e, err) < 0)
		goto out;
	summary(e);
	if (t->progress)
		t->progress(t->user, "train  writing");
	rc = e->keys ? oc_kn_write_model(e, t->out, c.words, err)
	             : oc_kn_write_arpa(e, t->out, err);
out:
	for (unsigned p = 0; p < P; p++) {
		oc_sort_free(e->full[p]);
		free(c.gathered[p]);
		for (unsigned n = 0; n < OC_KN_ORDER_MAX; n++)
			oc_kn_file_close(&e->grams[n][p]);
	}
	vocab_fini(&e->vocab);
	free(e);
	return rc;
}

static const struct oc_option options[] = {
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is learned; empty = the row's whole text."},
	{.key = "order",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 2,
         .max = OC_KN_ORDER_MAX,
         .unit = "words",
         .help = "The longest n-grams."},
	{.key = "words",
         .type = OC_OPT_ENUM,
         .def = "whitespace",
         .choices = "whitespace|fold|ccnet",
         .help = "What a word is: what stands between white space, as KenLM has it; or "
                 "lower-cased runs of letters and digits, ideographs one by one; or ccnet: "
                 "between white space of the line as CCNet spells it, in small letters, "
                 "without accents, digits 0, marks those of ASCII. The model file remembers "
                 "it."},
	{.key = "arpa",
         .type = OC_OPT_BOOL,
         .def = "false",
         .help = "Write an ARPA text file, which other tools read, instead of a model file."},
	{0},
};

extern const struct oc_trainer_def oc_trainer_perplexity;
const struct oc_trainer_def oc_trainer_perplexity = {
	.size = sizeof(struct oc_trainer_def),
	.name = "perplexity",
	.help = "a Kneser-Ney n-gram model, for the stage perplexity",
	.doc = "Interpolated modified Kneser-Ney, as lmplz estimates it (Chen and Goodman 1998; "
	       "Heafield et al. 2013). Every line of a row's text is a sentence; lines without a "
	       "word are passed over; <s>, </s> and <unk> in the text count as white space. "
	       "Sorting is on disk when the text does not fit in --memory; the words themselves "
	       "must. The model is the same at any number of threads.",
	.usage = "FILE... -o MODEL",
	.files = true,
	.options = options,
	.train = train_perplexity,
};
