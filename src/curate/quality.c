/* quality: a text's probability of being of the good kind, as a trained classifier
 * (index/linear.h, `outcross train quality`) has it. */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/model_fits.h"
#include "data/row.h"
#include "index/linear.h"
#include "text/view.h"

struct quality {
	char *name;
	struct oc_arena *arena;
	struct oc_str field, label;
	struct oc_linear *model;
	double min;
};

struct scratch {
	struct oc_arena *arena;
	uint64_t *seen;
};

static const struct oc_option options[] = {
	{.key = "model",
         .type = OC_OPT_PATH,
         .required = true,
         .help = "The classifier: what `outcross train quality` wrote."},
	{.key = "field",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The text that is judged; empty = the row's whole text."},
	{.key = "min",
         .type = OC_OPT_NUM,
         .def = "0.5",
         .min = 0,
         .max = 1,
         .help = "Least probability of being of the good kind. 0 = off."},
	{.key = "label",
         .type = OC_OPT_FIELD,
         .help = "A top-level member that the probability is written to, to four places."},
	{0},
};

static void close_quality(void *self)
{
	struct quality *s = self;

	if (!s)
		return;
	oc_linear_free(s->model);
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static int open_quality(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct quality *s = oc_zalloc(1, sizeof *s);

	s->name = oc_strdup(env->name);
	s->arena = oc_arena_new();
	s->field = oc_arena_str(s->arena, oc_json_get_str(opts, "field"));
	s->label = oc_arena_str(s->arena, oc_json_get_str(opts, "label"));
	s->min = oc_json_get_num(opts, "min", 0.5);
	const char *path = oc_path_from(s->arena, env->base_dir, oc_json_get_str(opts, "model"));
	if (oc_model_fits(path, 1, env, err) || !(s->model = oc_linear_read(path, err))) {
		close_quality(s);
		return -1;
	}
	*self = s;
	return 0;
}

static void *scratch_new(void *self)
{
	const struct quality *s = self;
	struct scratch *t = oc_zalloc(1, sizeof *t);

	t->arena = oc_arena_new();
	t->seen = oc_zalloc(1, oc_linear_seen_bytes(&s->model->shape));
	return t;
}

static void scratch_free(void *scratch)
{
	struct scratch *t = scratch;

	oc_arena_free(t->arena);
	free(t->seen);
	free(t);
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct quality *s = self;
	struct scratch *t = scratch;
	struct oc_str text = oc_view_text(row, s->field);
	uint32_t *id;
	size_t n;

	oc_arena_reset(t->arena);
	oc_linear_features(&s->model->shape, text, t->arena, t->seen, &id, &n);
	if (!n) {
		oc_row_score(row, s->name, "empty", s->min > 0 ? OC_DROP : OC_KEEP, 0, s->min,
		             (struct oc_str){NULL, 0});
		row->fate = s->min > 0 ? OC_REJECTED : row->fate;
		return 0;
	}
	double p = oc_linear_probability(s->model, oc_linear_score(s->model, id, n));
	bool drop = p < s->min;
	oc_row_score(row, s->name, "quality", drop ? OC_DROP : OC_KEEP, p, s->min,
	             (struct oc_str){NULL, 0});
	if (drop) {
		row->fate = OC_REJECTED;
	} else if (s->label.len) {
		struct oc_str value = oc_arena_printf(t->arena, "%.4f", p);
		oc_row_edited(row, oc_str(s->name), OC_LIT("label"));
		return oc_row_set(row, s->label, value, err);
	}
	return 0;
}

extern const struct oc_stage_def oc_stage_quality;
const struct oc_stage_def oc_stage_quality = {
	.size = sizeof(struct oc_stage_def),
	.name = "quality",
	.help = "drop texts that a trained classifier takes for the bad kind",
	.doc = "`outcross train quality --good A --bad B -o MODEL` learns from two kinds of "
	       "rows which words and runs of words tell them apart, and prints how well it "
	       "does on rows that were held out (AUC with a 95 % interval). The stage's "
	       "score is the probability of the good kind, calibrated on the held-out rows: "
	       "it means the share of good ones among rows mixed as the training rows were, "
	       "and no more than the two files say. A text without any feature is `empty`. "
	       "Repeating a word changes nothing; the length of a text hardly does.\n\n"
	       "Cost: about 13 us for 220 words (110 MB/s a core). Source: the linear "
	       "classifier of Joulin et al. 2016, arXiv 1607.01759, with one weight a "
	       "feature.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.holds = OC_HOLDS_ALL,
	.held = "the model: its file",
	.open = open_quality,
	.close = close_quality,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.row = judge,
};
