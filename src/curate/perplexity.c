/*
 * perplexity: how well a language model of known good text foresees a text, as CCNet (Wenzek et al.
 * 2020) and many since filter the web.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "curate/rules.h"
#include "index/kn.h"
#include "text/view.h"

struct perplexity {
	struct oc_rules rules;
	struct oc_kn *kn;
	struct oc_str bucket; /* the member that gets the bucket's name, or empty */
	double min, max, head, tail;
};

static const struct oc_option options[] = {
	{.key = "model",
         .type = OC_OPT_PATH,
         .required = true,
         .help = "The model: what `outcross train perplexity` wrote, or an ARPA file (.gz too)."},
	OC_RULES_FIELD,
	{.key = "words",
         .type = OC_OPT_ENUM,
         .def = "whitespace",
         .choices = "whitespace|fold|ccnet",
         .help = "What a word of an ARPA model is; a model file knows. As in training."},
	OC_RULES_LIMIT("min", "0", 1e300,
                       "Least perplexity: below it, text repeats itself or is "
                       "boilerplate."),
	OC_RULES_LIMIT("max", "0", 1e300,
                       "Largest perplexity: above it, text is not like the "
                       "model's."),
	OC_RULES_LIMIT("head", "0", 1e300, "Up to this perplexity a row is in the bucket `head`."),
	OC_RULES_LIMIT("tail", "0", 1e300,
                       "Above this one it is in `tail`; between them in "
                       "`middle`."),
	{.key = "bucket",
         .type = OC_OPT_FIELD,
         .def = "\"\"",
         .help = "The member of the row that is set to head, middle or tail; empty = none."},
	{0},
};

static void close_perplexity(void *self)
{
	struct perplexity *s = self;

	if (!s)
		return;
	oc_kn_close(s->kn);
	oc_rules_fini(&s->rules);
	free(s);
}

static int open_perplexity(void **self, const struct oc_env *env, yyjson_val *opts,
                           struct oc_err *err)
{
	struct perplexity *s = oc_zalloc(1, sizeof *s);
	struct oc_str words = oc_json_get_str(opts, "words");
	enum oc_kn_words kind = oc_str_is(words, "fold")    ? OC_KN_FOLD
	                        : oc_str_is(words, "ccnet") ? OC_KN_CCNET
	                                                    : OC_KN_WHITESPACE;

	oc_rules_init(&s->rules, env, opts);
	s->min = oc_json_get_num(opts, "min", 0);
	s->max = oc_json_get_num(opts, "max", 0);
	s->head = oc_json_get_num(opts, "head", 0);
	s->tail = oc_json_get_num(opts, "tail", 0);
	s->bucket = oc_arena_str(s->rules.arena, oc_json_get_str(opts, "bucket"));
	if (s->max > 0 && s->min > s->max) {
		oc_fail(err, OC_PLAN, env->name, "`min` %g is above `max` %g: nothing would stay",
		        s->min, s->max);
		goto fail;
	}
	if (s->bucket.len && (s->head <= 0 || s->tail < s->head)) {
		oc_fail(err, OC_PLAN, env->name,
		        "`bucket` needs `head` and `tail`, perplexities with head <= tail");
		goto fail;
	}
	const char *path =
		oc_path_from(s->rules.arena, env->base_dir, oc_json_get_str(opts, "model"));
	if (oc_kn_open(&s->kn, path, kind, env->memory, err) < 0) {
		oc_fail_in(err, env->name);
		goto fail;
	}
	*self = s;
	return 0;
fail:
	close_perplexity(s);
	return -1;
}

static struct oc_str evidence(struct oc_row *row, const struct oc_kn_score *score,
                              const char *bucket)
{
	struct oc_buf b = {0};

	oc_buf_puts(&b, "{\"log10\":");
	oc_buf_double(&b, score->log10);
	oc_buf_printf(&b, ",\"tokens\":%llu,\"unknown\":%llu", (unsigned long long)score->tokens,
	              (unsigned long long)score->unknown);
	if (bucket)
		oc_buf_printf(&b, ",\"bucket\":\"%s\"", bucket);
	oc_buf_putc(&b, '}');
	struct oc_str s = oc_arena_str(row->arena, oc_buf_view(&b));
	oc_buf_fini(&b);
	return s;
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct perplexity *s = self;
	struct oc_kn_text text;
	struct oc_kn_score score;
	const char *bucket = NULL;

	(void)scratch;
	oc_kn_cut(row->arena, oc_view_text(row, s->rules.field), oc_kn_shape(s->kn)->words, false,
	          &text);
	if (!text.n) {
		oc_rule(&s->rules, row, "empty", 0, 1, s->min > 0 || s->max > 0);
		return 0;
	}
	oc_kn_score(s->kn, &text, NULL, &score);
	double value = oc_kn_perplexity(&score);
	if (s->head > 0)
		bucket = value <= s->head ? "head" : value <= s->tail ? "middle" : "tail";
	bool low = s->min > 0 && value<s->min, high = s->max> 0 && value > s->max;
	oc_row_score(row, s->rules.stage.p,
	             low    ? "too_low"
	             : high ? "too_high"
	                    : "perplexity",
	             low || high ? OC_DROP : OC_KEEP, value, low ? s->min : s->max,
	             evidence(row, &score, bucket));
	if (low || high) {
		row->fate = OC_REJECTED;
	} else if (s->bucket.len) {
		struct oc_str name = oc_arena_printf(row->arena, "\"%s\"", bucket);
		return oc_row_set(row, s->bucket, name, err);
	}
	return 0;
}

extern const struct oc_stage_def oc_stage_perplexity;
const struct oc_stage_def oc_stage_perplexity = {
	.size = sizeof(struct oc_stage_def),
	.name = "perplexity",
	.help = "how well a language model foresees the text; too ill, or too well, and it is "
		"dropped",
	.doc = "10^(-log10 p / tokens), where the tokens are the words and one end for each "
	       "line that has a word; unknown words count at the model's <unk>. Without "
	       "limits rows are scored only: --verdicts has the numbers, with log10 p, "
	       "tokens and unknown words, to choose limits from. A row without a word is "
	       "dropped as `empty` where there is a limit. CCNet kept three buckets, cut at "
	       "the 30th and 60th percentile of a language's text; `words: ccnet` in training "
	       "spells lines as it does, but it cuts them into SentencePiece's pieces then, and "
	       "its numbers are by those.\n\n"
	       "The model must be of text like what is wanted, cut into words in the same "
	       "way; `outcross train perplexity FILE... -o MODEL` makes one. Example: "
	       "`{model: wiki.kn, max: 1200}` drops a row of shuffled words.\n\n"
	       "Cost: about 0.1 us a word with 5-grams, the model mapped into memory. "
	       "Source: Wenzek et al. 2020, arXiv 1911.00359; Chen and Goodman 1998. Numbers "
	       "are KenLM's for the same model and words.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.holds = OC_HOLDS_WITHIN,
	.held = "the model, mapped where it is larger; one in ARPA must fit",
	.open = open_perplexity,
	.close = close_perplexity,
	.row = judge,
};
