/* share_train.c: `outcross train machine_share`: how many human and how many machine texts hold
 * each word; then, on texts held out by the hash of their bytes, how sure that is and how far off.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "curate/train.h"
#include "data/row.h"
#include "index/linear.h"
#include "index/share.h"
#include "stat/auc.h"

#define HELD_LEAST 20 /* texts of each kind in each half of what is held out */

enum part { LEARN, SCALE, MEASURE }; /* what a text is used for */

struct note {
	uint64_t *hash, text_hash;
	uint32_t n, words;
};

struct count {
	uint64_t hash; /* 0 = free */
	uint32_t n[2]; /* human, machine */
};

/* A held-out text; its words are hash[from..from + n). */
struct held {
	uint64_t from;
	uint32_t n, words;
	uint8_t machine, part;
	struct oc_share_text text;
};

struct gathering {
	const struct oc_train *train;
	struct oc_str field;
	double held_share;
	uint8_t machine;
	uint64_t text_n[3][2]; /* by part and kind */
	uint64_t empty;
	struct count *count; /* (2^bits) */
	unsigned bits;
	uint64_t count_n;
	struct held *held;
	uint64_t held_n, held_cap;
	uint64_t *hash;
	uint64_t hash_n, hash_cap;
};

/* --------------------------------------------------------------- the texts */

static void *parse(void *user, struct oc_row *row)
{
	const struct gathering *g = user;
	struct note *note = oc_arena_zalloc(row->arena, sizeof *note);
	struct oc_str text = oc_view_text(row, g->field);
	const struct oc_words *words = oc_view_fold(row, g->field);

	note->text_hash = oc_hash64(text.p, text.len, g->train->seed);
	note->hash = oc_share_distinct(row->arena, words, &note->n);
	note->words = words->n;
	return note;
}

static struct count *place(const struct gathering *g, uint64_t hash)
{
	uint64_t mask = ((uint64_t)1 << g->bits) - 1, at = hash & mask;

	while (g->count[at].hash && g->count[at].hash != hash)
		at = (at + 1) & mask;
	return &g->count[at];
}

static int grow(struct gathering *g, struct oc_err *err)
{
	struct gathering old = *g;
	uint64_t size = (uint64_t)1 << (g->bits + 1);

	if ((size + size / 2) * sizeof *g->count + g->hash_cap * sizeof *g->hash > g->train->memory)
		return oc_fail(err, OC_USAGE, "train machine_share",
		               "more different words (%llu so far) than --memory takes: give more "
		               "of it, or fewer rows",
		               (unsigned long long)g->count_n);
	g->bits++;
	g->count = oc_zalloc(size, sizeof *g->count);
	for (uint64_t i = 0; i < size / 2; i++)
		if (old.count[i].hash)
			*place(g, old.count[i].hash) = old.count[i];
	free(old.count);
	return 0;
}

static int learn(struct gathering *g, const struct note *note, struct oc_err *err)
{
	for (uint32_t i = 0; i < note->n; i++) {
		struct count *c = place(g, note->hash[i]);
		if (!c->hash) {
			c->hash = note->hash[i];
			g->count_n++;
		}
		c->n[g->machine] += c->n[g->machine] < UINT32_MAX;
		if (2 * g->count_n > (uint64_t)1 << g->bits && grow(g, err) < 0)
			return -1;
	}
	return 0;
}

static int hold_out(struct gathering *g, const struct note *note, enum part part,
                    struct oc_err *err)
{
	if (g->hash_n + note->n > g->hash_cap) {
		g->hash_cap = 2 * (g->hash_n + note->n) + 1024;
		if (g->hash_cap * sizeof *g->hash + (sizeof *g->count << g->bits) >
		    g->train->memory)
			return oc_fail(err, OC_USAGE, "train machine_share",
			               "the rows held out (%llu so far) are more than --memory "
			               "takes: give more of it, or a smaller --held",
			               (unsigned long long)g->held_n);
		g->hash = oc_realloc(g->hash, g->hash_cap * sizeof *g->hash);
	}
	if (g->held_n == g->held_cap) {
		g->held_cap = 2 * g->held_cap + 1024;
		g->held = oc_realloc(g->held, g->held_cap * sizeof *g->held);
	}
	g->held[g->held_n++] = (struct held){.from = g->hash_n,
	                                     .n = note->n,
	                                     .words = note->words,
	                                     .machine = g->machine,
	                                     .part = (uint8_t)part};
	memcpy(g->hash + g->hash_n, note->hash, note->n * sizeof *note->hash);
	g->hash_n += note->n;
	return 0;
}

static int take(void *user, struct oc_row *row, void *given, struct oc_err *err)
{
	struct gathering *g = user;
	const struct note *note = given;
	double at = (double)(note->text_hash >> 11) / (double)(1ull << 53);
	enum part part = at >= g->held_share ? LEARN : at < g->held_share / 2 ? SCALE : MEASURE;

	(void)row;
	if (!note->n) {
		g->empty++;
		return 0;
	}
	g->text_n[part][g->machine]++;
	return part == LEARN ? learn(g, note, err) : hold_out(g, note, part, err);
}

static int gather(struct gathering *g, yyjson_val *list, bool machine, struct oc_err *err)
{
	const char **paths = oc_alloc((yyjson_arr_size(list) + 1) * sizeof *paths);
	struct oc_train_rows rows = {.train = g->train, .parse = parse, .take = take, .user = g};
	yyjson_val *item;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, item) paths[rows.path_n++] = yyjson_get_str(item);
	rows.paths = paths;
	g->machine = machine;
	int rc = oc_train_read(&rows, err);
	const char *kind = machine ? "machine" : "human";
	if (!rc && rows.bad)
		oc_log(g->train->ctx, OC_LOG_WARN, "%llu of %llu %s rows could not be read",
		       (unsigned long long)rows.bad, (unsigned long long)rows.rows, kind);
	for (unsigned part = 0; part < 3 && !rc; part++)
		if (g->text_n[part][machine] < HELD_LEAST)
			rc = oc_fail(err, OC_INPUT, "train machine_share",
			             "only %llu %s texts would be %s, and %d are needed; give more "
			             "rows, or another --held",
			             (unsigned long long)g->text_n[part][machine], kind,
			             part == LEARN ? "learned from" : "held out", HELD_LEAST);
	free(paths);
	return rc;
}

/* --------------------------------------------------------------- the words */

static int by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct count *)a)->hash, y = ((const struct count *)b)->hash;

	return (x > y) - (x < y);
}

/* Jeffreys' half of a text on either side: no share is 0 or 1. */
static double share_of(uint64_t n, uint64_t of)
{
	return ((double)n + 0.5) / ((double)of + 1);
}

static int by_commonness(const void *a, const void *b)
{
	const struct oc_share_mark *x = a, *y = b;
	double d = y->human + y->machine - x->human - x->machine;

	return d > 0 ? 1 : d < 0 ? -1 : (x->hash > y->hash) - (x->hash < y->hash);
}

/* The most common words; `all` is scratch. */
static void make_marks(struct oc_share_fit *f, struct oc_share_mark *all, uint64_t n)
{
	qsort(all, n, sizeof *all, by_commonness);
	f->mark_n = n < OC_SHARE_MARKS ? n : OC_SHARE_MARKS;
	memcpy(f->mark, all, f->mark_n * sizeof *all);
}

static void make_words(struct gathering *g, struct oc_share_model *m, uint64_t least)
{
	uint64_t human = g->text_n[LEARN][0], machine = g->text_n[LEARN][1], n = 0;

	for (uint64_t i = 0; i >> g->bits == 0; i++)
		if (g->count[i].hash && (uint64_t)g->count[i].n[0] + g->count[i].n[1] >= least)
			g->count[n++] = g->count[i];
	qsort(g->count, n, sizeof *g->count, by_hash);
	struct oc_share_mark *marks = oc_alloc((n + 1) * sizeof *marks);
	m->word = oc_alloc((n + 1) * sizeof *m->word);
	m->word_n = n;
	for (uint64_t i = 0; i < n; i++) {
		double p = share_of(g->count[i].n[0], human),
		       q = share_of(g->count[i].n[1], machine);
		double absent = log1p(-q) - log1p(-p);
		m->fit.base += absent;
		marks[i] = (struct oc_share_mark){g->count[i].hash, p, q};
		m->word[i] =
			(struct oc_share_word){g->count[i].hash, (float)(log(q) - log(p) - absent),
		                               (float)log((p + q) / 2)};
	}
	m->fit.unknown = log((share_of(0, human) + share_of(0, machine)) / 2);
	m->fit.human_n = human;
	m->fit.machine_n = machine;
	make_marks(&m->fit, marks, n);
	free(marks);
	oc_share_ready(m);
}

/* ------------------------------------------------------------- calibration */

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What all but 1 % of held-out texts lie between, and how the kinds differ in it. */
static void typical(const struct gathering *g, struct oc_share_fit *f)
{
	double *v = oc_alloc(g->held_n * sizeof *v), mean[2] = {0}, square[2] = {0};
	uint64_t cut = g->held_n / 200, n[2] = {0};

	for (uint64_t i = 0; i < g->held_n; i++)
		v[i] = g->held[i].words;
	qsort(v, g->held_n, sizeof *v, by_number);
	f->words_low = v[cut];
	f->words_high = v[g->held_n - 1 - cut];
	for (uint64_t i = 0; i < g->held_n; i++) {
		double c = g->held[i].text.common;
		v[i] = c;
		n[g->held[i].machine]++;
		mean[g->held[i].machine] += c;
		square[g->held[i].machine] += c * c;
	}
	qsort(v, g->held_n, sizeof *v, by_number);
	f->common_low = v[cut];
	f->common_high = v[g->held_n - 1 - cut];
	for (unsigned k = 0; k < 2; k++) {
		mean[k] /= (double)n[k];
		square[k] = fmax(0, square[k] / (double)n[k] - mean[k] * mean[k]);
	}
	f->common_human = mean[0];
	f->common_machine = mean[1];
	f->common_sd = sqrt(fmax(square[0], square[1]));
	free(v);
}

/* The held-out texts of a part: log ratios and kinds. */
static uint64_t part_of(const struct gathering *g, enum part part, double *ratio, uint8_t *kind)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < g->held_n; i++) {
		if (g->held[i].part != part)
			continue;
		ratio[n] = g->held[i].text.ratio;
		kind[n++] = g->held[i].machine;
	}
	return n;
}

/* Platt's scaling gives the odds among those texts; without their prior odds it is the ratio. */
static void scale(const struct gathering *g, struct oc_share_fit *f, double *ratio, uint8_t *kind)
{
	uint64_t n = part_of(g, SCALE, ratio, kind);
	struct oc_linear platt = {0};
	double sum = 0, square = 0;

	for (uint64_t i = 0; i < n; i++) {
		sum += ratio[i];
		square += ratio[i] * ratio[i];
	}
	double mean = sum / (double)n, sd = sqrt(fmax(1e-12, square / (double)n - mean * mean));
	for (uint64_t i = 0; i < n; i++) /* near 1, where Newton's method is at home */
		ratio[i] = (ratio[i] - mean) / sd;
	oc_linear_calibrate(&platt, ratio, kind, n);
	f->slope = platt.slope / sd;
	f->offset = platt.offset - platt.slope * mean / sd -
	            log((double)g->text_n[SCALE][1] / (double)g->text_n[SCALE][0]);
}

/* Estimates at known shares, from texts that nothing was learned from. */
static void measure(const struct gathering *g, struct oc_share_model *m, double *ratio,
                    uint8_t *kind)
{
	double *count[3];
	struct oc_share_fit *f = &m->fit;
	uint64_t n = part_of(g, MEASURE, ratio, kind);

	for (unsigned k = 0; k < 3; k++)
		count[k] = oc_zalloc(OC_SHARE_BINS, sizeof *count[k]);
	f->auc = oc_auc(ratio, kind, n, 0.95, &f->auc_low, &f->auc_high);
	for (uint64_t i = 0; i < n; i++)
		count[kind[i]][oc_share_bin(m, ratio[i])]++;
	f->held_human_n = g->text_n[MEASURE][0];
	f->held_machine_n = g->text_n[MEASURE][1];
	for (unsigned k = 0; k < OC_SHARE_MIXES; k++) {
		double at = k / (OC_SHARE_MIXES - 1.0);
		for (unsigned b = 0; b < OC_SHARE_BINS; b++)
			count[2][b] = (1 - at) * count[0][b] / (double)f->held_human_n +
			              at * count[1][b] / (double)f->held_machine_n;
		f->estimate[k] = oc_share_estimate(count[2]);
		f->spread[k] = oc_share_spread(count[0], count[1], at);
	}
	for (unsigned k = 0; k < 3; k++)
		free(count[k]);
}

static void say(const struct gathering *g, const struct oc_share_model *m)
{
	const struct oc_share_fit *f = &m->fit;
	struct oc_buf *b = g->train->said;
	struct oc_buf line = {0};

	oc_log(g->train->ctx, OC_LOG_INFO,
	       "machine_share: %llu words from %llu human and %llu machine texts; of %llu and %llu "
	       "held out, single texts are told apart with AUC %.4f (95 %% interval %.4f to %.4f)",
	       (unsigned long long)m->word_n, (unsigned long long)f->human_n,
	       (unsigned long long)f->machine_n, (unsigned long long)f->held_human_n,
	       (unsigned long long)f->held_machine_n, f->auc, f->auc_low, f->auc_high);
	oc_buf_printf(b,
	              "\"words\":%llu,\"human\":%llu,\"machine\":%llu,\"empty\":%llu,\"held_human\""
	              ":%llu,\"held_machine\":%llu,\"auc\":%.6f,\"auc_low\":%.6f,\"auc_high\":%.6f,"
	              "\"calibration\":[",
	              (unsigned long long)m->word_n, (unsigned long long)f->human_n,
	              (unsigned long long)f->machine_n, (unsigned long long)g->empty,
	              (unsigned long long)f->held_human_n, (unsigned long long)f->held_machine_n,
	              f->auc, f->auc_low, f->auc_high);
	for (unsigned k = 0; k < OC_SHARE_MIXES; k++) {
		double at = k / (OC_SHARE_MIXES - 1.0);
		oc_buf_printf(&line, "%s%.0f: %.1f (%.1f)", k ? ", " : "", 100 * at,
		              100 * f->estimate[k], 100 * f->spread[k]);
		oc_buf_printf(b, "%s{\"share\":%.1f,\"estimate\":%.6f,\"spread\":%.6f}",
		              k ? "," : "", at, f->estimate[k], f->spread[k]);
	}
	oc_buf_putc(b, ']');
	oc_log(g->train->ctx, OC_LOG_INFO,
	       "machine_share: estimates at known shares, in per cent (standard error): %s",
	       oc_buf_cstr(&line));
	if (f->auc_low < OC_SHARE_LEAST_AUC)
		oc_log(g->train->ctx, OC_LOG_WARN,
		       "the two kinds are hardly told apart: the stage will say that it cannot "
		       "tell");
	oc_buf_fini(&line);
}

static int train_share(const struct oc_train *t, yyjson_val *opts, struct oc_err *err)
{
	struct gathering g = {.train = t,
	                      .field = oc_json_get_str(opts, "field"),
	                      .held_share = oc_json_get_num(opts, "held", 0.2),
	                      .bits = 12};
	struct oc_share_model *m = oc_zalloc(1, sizeof *m);
	double *ratio = NULL;
	uint8_t *kind = NULL;
	int rc = -1;

	g.count = oc_zalloc((size_t)1 << g.bits, sizeof *g.count);
	if (gather(&g, oc_json_get(opts, "human"), false, err) < 0 ||
	    gather(&g, oc_json_get(opts, "machine"), true, err) < 0)
		goto out;
	make_words(&g, m, (uint64_t)oc_json_get_int(opts, "min_count", 5));
	for (uint64_t i = 0; i < g.held_n; i++)
		g.held[i].text = oc_share_read_text(m, g.hash + g.held[i].from, g.held[i].n,
		                                    g.held[i].words);
	ratio = oc_alloc(g.held_n * sizeof *ratio);
	kind = oc_alloc(g.held_n);
	typical(&g, &m->fit);
	scale(&g, &m->fit, ratio, kind);
	measure(&g, m, ratio, kind);
	say(&g, m);
	rc = oc_share_write(m, t->out, err);
out:
	oc_share_free(m);
	free(ratio);
	free(kind);
	free(g.count);
	free(g.held);
	free(g.hash);
	return rc;
}

static const struct oc_option options[] = {
	{.key = "human",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "Files of rows that people wrote."},
	{.key = "machine",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "Files of rows that a model wrote."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is learned; empty = the row's whole text."},
	{.key = "min_count",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 1,
         .max = 1e9,
         .unit = "rows",
         .help = "A word in fewer rows of both kinds together is not used."},
	{.key = "held",
         .type = OC_OPT_NUM,
         .def = "0.2",
         .min = 0.02,
         .max = 0.8,
         .help = "Share of the rows that is held out: half scales the ratio, half measures."},
	{0},
};

extern const struct oc_trainer_def oc_trainer_machine_share;
const struct oc_trainer_def oc_trainer_machine_share = {
	.size = sizeof(struct oc_trainer_def),
	.name = "machine_share",
	.help = "how often people and a model use each word, for the stage machine_share",
	.doc = "Counts in how many human and in how many machine texts each word is (small "
	       "letters; "
	       "half a text added on either side). On texts held out by the hash of their bytes "
	       "and "
	       "the seed it scales the log ratio of a text to what it turns out to be worth, and "
	       "on "
	       "others it measures what the estimate says at known shares 0, 0.1 .. 1: its bias "
	       "and "
	       "its standard error, which are printed, kept in MODEL and added to every interval. "
	       "Give both kinds the same subjects, lengths and form, as answers to the same "
	       "questions: what differs between the two files is what is measured, be it the "
	       "writer "
	       "or not. The same rows and options give the same file at any number of threads. "
	       "Memory: 32 bytes a different word and 8 bytes for each word of a row held out.",
	.usage = "--human FILE --machine FILE -o MODEL",
	.options = options,
	.train = train_share,
};
