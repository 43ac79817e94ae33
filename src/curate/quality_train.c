/* quality_train.c: `outcross train quality`: rows of two kinds, a tenth of them held out by the
 * hash of their text, so that copies of one text are on one side. */
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "curate/train.h"
#include "data/row.h"
#include "index/linear.h"
#include "stat/auc.h"
#include "text/view.h"

#define LONG (256u << 10) /* bytes */

struct note {
	uint32_t *id;
	size_t n;
	uint64_t hash;
};

/* Texts that are learned from, or held out. */
struct texts {
	struct oc_linear_texts t;
	uint64_t id_cap, cap;
};

struct gathering {
	const struct oc_train *train;
	struct oc_linear_shape shape;
	struct oc_str field;
	double held_share;
	uint64_t memory;
	uint64_t *seen;
	uint8_t good;
	uint64_t empty;
	struct texts learn, held;
};

static void *parse(void *user, struct oc_row *row)
{
	const struct gathering *g = user;
	struct note *note = oc_arena_zalloc(row->arena, sizeof *note);
	struct oc_str text = oc_view_text(row, g->field);

	note->hash = oc_hash64(text.p, text.len, g->train->seed);
	/* in a long text most features repeat */
	uint64_t *seen = text.len > LONG ? oc_zalloc(1, oc_linear_seen_bytes(&g->shape)) : NULL;
	oc_linear_features(&g->shape, text, row->arena, seen, &note->id, &note->n);
	free(seen);
	return note;
}

static int take(void *user, struct oc_row *row, void *given, struct oc_err *err)
{
	struct gathering *g = user;
	struct note *note = given;
	double place = (double)(note->hash >> 11) / (double)(1ull << 53);
	struct texts *x = place < g->held_share ? &g->held : &g->learn;
	struct oc_linear_texts *t = &x->t;
	size_t n = oc_linear_distinct(note->id, note->n, g->seen);

	(void)row;
	if (!n) {
		g->empty++;
		return 0;
	}
	uint64_t end = t->n ? t->start[t->n] : 0;
	unsigned long long rows = g->learn.t.n + g->held.t.n;
	if (end + n > x->id_cap) {
		x->id_cap = 2 * (end + n) + 1024;
		if ((g->learn.id_cap + g->held.id_cap) * sizeof *t->id > g->memory)
			return oc_fail(err, OC_USAGE, "train quality",
			               "more rows than --memory takes (%llu so far): give more of "
			               "it, or fewer rows",
			               rows);
		t->id = oc_realloc(t->id, x->id_cap * sizeof *t->id);
	}
	if (t->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 1024;
		t->start = oc_realloc(t->start, (x->cap + 1) * sizeof *t->start);
		t->good = oc_realloc(t->good, x->cap);
		t->start[t->n] = end;
	}
	memcpy(t->id + end, note->id, n * sizeof *t->id);
	t->good[t->n++] = g->good;
	t->start[t->n] = end + n;
	return 0;
}

static int gather(struct gathering *g, yyjson_val *list, bool good, struct oc_err *err)
{
	const char **paths = oc_alloc((yyjson_arr_size(list) + 1) * sizeof *paths);
	struct oc_train_rows rows = {.train = g->train, .parse = parse, .take = take, .user = g};
	yyjson_val *item;
	size_t i, max;
	int rc;

	yyjson_arr_foreach(list, i, max, item) paths[rows.path_n++] = yyjson_get_str(item);
	rows.paths = paths;
	g->good = good;
	rc = oc_train_read(&rows, err);
	if (!rc && rows.bad)
		oc_log(g->train->ctx, OC_LOG_WARN, "%llu of %llu %s rows could not be read",
		       (unsigned long long)rows.bad, (unsigned long long)rows.rows,
		       good ? "good" : "bad");
	free(paths);
	return rc;
}

/* Scores the held-out texts, calibrates on them and says how well they are told apart. */
static void judge(const struct gathering *g, struct oc_linear *m)
{
	const struct oc_linear_texts *t = &g->held.t;
	double *score = oc_alloc((t->n + 1) * sizeof *score), loss = 0;
	uint64_t right = 0;

	for (uint64_t i = 0; i < t->n; i++)
		score[i] = oc_linear_score(m, t->id + t->start[i], t->start[i + 1] - t->start[i]);
	m->held_n = t->n;
	m->auc = oc_auc(score, t->good, t->n, 0.95, &m->auc_low, &m->auc_high);
	oc_linear_calibrate(m, score, t->good, t->n);
	for (uint64_t i = 0; i < t->n; i++) {
		double p = oc_linear_probability(m, score[i]), off = p - t->good[i];
		right += (p >= 0.5) == (t->good[i] != 0);
		loss += off * off;
	}
	double held = t->n ? (double)t->n : 1;
	oc_log(g->train->ctx, OC_LOG_INFO,
	       "quality: learned from %llu good and %llu bad rows; of %llu held out, AUC %.4f (95 "
	       "%% "
	       "interval %.4f to %.4f), %.2f %% right at 0.5, Brier score %.4f",
	       (unsigned long long)m->good_n, (unsigned long long)m->bad_n,
	       (unsigned long long)t->n, m->auc, m->auc_low, m->auc_high,
	       100 * (double)right / held, loss / held);
	if (t->n < 200)
		oc_log(g->train->ctx, OC_LOG_WARN, "too few rows were held out to tell much");
	oc_buf_printf(g->train->said,
	              "\"good\":%llu,\"bad\":%llu,\"empty\":%llu,\"held_out\":%llu,\"auc\":%.6f,"
	              "\"auc_low\":%.6f,\"auc_high\":%.6f,\"accuracy\":%.6f,\"brier\":%.6f",
	              (unsigned long long)m->good_n, (unsigned long long)m->bad_n,
	              (unsigned long long)g->empty, (unsigned long long)t->n, m->auc, m->auc_low,
	              m->auc_high, (double)right / held, loss / held);
	free(score);
}

static int both_kinds(const struct oc_linear_texts *t, const char *what, struct oc_err *err)
{
	uint64_t good = 0;

	for (uint64_t i = 0; i < t->n; i++)
		good += t->good[i];
	if (good && good < t->n)
		return 0;
	return oc_fail(err, OC_INPUT, "train quality",
	               "there are no %s rows among those that were %s; give more rows",
	               good ? "bad" : "good", what);
}

static void free_texts(struct texts *x)
{
	free(x->t.id);
	free(x->t.start);
	free(x->t.good);
}

static int train_quality(const struct oc_train *t, yyjson_val *opts, struct oc_err *err)
{
	struct gathering g = {.train = t, .field = oc_json_get_str(opts, "field")};
	struct oc_linear *m = oc_zalloc(1, sizeof *m);
	struct oc_linear_train how = {.epochs = (uint32_t)oc_json_get_int(opts, "epochs", 5),
	                              .rate = oc_json_get_num(opts, "rate", 0.5),
	                              .decay = oc_json_get_num(opts, "decay", 0),
	                              .seed = t->seed};
	int rc = -1;

	m->shape = (struct oc_linear_shape){
		.words = (uint32_t)oc_json_get_int(opts, "words", 2),
		.chars_min = (uint32_t)oc_json_get_int(opts, "chars", 4),
		.chars_max = (uint32_t)oc_json_get_int(opts, "chars", 4),
		.bits = (uint32_t)oc_json_get_int(opts, "bits", 22),
		.lower = oc_json_get_bool(opts, "lower", false),
	};
	g.shape = m->shape;
	g.held_share = oc_json_get_num(opts, "held", 0.1);
	g.seen = oc_zalloc(1, oc_linear_seen_bytes(&m->shape));
	m->weight = oc_zalloc((size_t)1 << m->shape.bits, sizeof *m->weight);
	uint64_t fixed = (uint64_t)3 << (m->shape.bits + 2); /* weights, gradients, the file */
	g.memory = t->memory > fixed ? t->memory - fixed : 0;
	if (!m->shape.words && !m->shape.chars_max) {
		oc_fail(err, OC_USAGE, "train quality",
		        "--words 0 and --chars 0 leave no features");
		goto out;
	}
	if (gather(&g, oc_json_get(opts, "good"), true, err) < 0 ||
	    gather(&g, oc_json_get(opts, "bad"), false, err) < 0 ||
	    both_kinds(&g.learn.t, "learned from", err) < 0 ||
	    both_kinds(&g.held.t, "held out", err) < 0)
		goto out;
	for (uint64_t i = 0; i < g.learn.t.n; i++)
		m->good_n += g.learn.t.good[i];
	m->bad_n = g.learn.t.n - m->good_n;
	if (t->progress)
		t->progress(t->user, "train  learning");
	oc_linear_fit(m, &g.learn.t, &how);
	judge(&g, m);
	rc = oc_linear_write(m, t->out, err);
out:
	free_texts(&g.learn);
	free_texts(&g.held);
	free(g.seen);
	oc_linear_free(m);
	return rc;
}

static const struct oc_option options[] = {
	{.key = "good",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "Files of rows of the kind to keep."},
	{.key = "bad",
         .type = OC_OPT_STRS,
         .required = true,
         .help = "Files of rows of the kind to drop."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is learned; empty = the row's whole text."},
	{.key = "words",
         .type = OC_OPT_INT,
         .def = "2",
         .min = 0,
         .max = 5,
         .help = "The longest run of words and marks that is a feature."},
	{.key = "chars",
         .type = OC_OPT_INT,
         .def = "4",
         .min = 0,
         .max = 8,
         .unit = "bytes",
         .help = "Runs of so many bytes are features, too. 0 = none."},
	{.key = "lower",
         .type = OC_OPT_BOOL,
         .def = "false",
         .help = "Take words in small letters."},
	{.key = "bits",
         .type = OC_OPT_INT,
         .def = "22",
         .min = 10,
         .max = 26,
         .help = "2 to this power weights, of 4 bytes each, in the file."},
	{.key = "epochs",
         .type = OC_OPT_INT,
         .def = "5",
         .min = 1,
         .max = 1000,
         .help = "How often the rows are learned from."},
	{.key = "rate",
         .type = OC_OPT_NUM,
         .def = "0.5",
         .min = 1e-6,
         .max = 100,
         .help = "Size of a step."},
	{.key = "decay",
         .type = OC_OPT_NUM,
         .def = "0",
         .min = 0,
         .max = 1,
         .help = "How much each step pulls weights to nought."},
	{.key = "held",
         .type = OC_OPT_NUM,
         .def = "0.1",
         .min = 0.01,
         .max = 0.5,
         .help = "Share of the rows that is held out, to measure and to calibrate with."},
	{0},
};

extern const struct oc_trainer_def oc_trainer_quality;
const struct oc_trainer_def oc_trainer_quality = {
	.size = sizeof(struct oc_trainer_def),
	.name = "quality",
	.help = "a classifier of good and bad texts, for the stage quality",
	.doc = "Logistic regression over hashed runs of words and of bytes, by AdaGrad. Rows are "
	       "held out by "
	       "the "
	       "hash of their text and the seed; on them it says the area under the ROC curve with "
	       "DeLong's 95 % interval, the share that is right at 0.5, and the Brier score, and "
	       "it "
	       "fits the two numbers that turn scores into probabilities. The same rows and "
	       "options "
	       "give the same file at any number of threads; all features must fit in --memory, "
	       "about 6 "
	       "bytes for each byte of text.",
	.usage = "--good FILE --bad FILE -o MODEL",
	.options = options,
	.train = train_quality,
};
