/*
 * scripted.h: a language model for tests, answering from a function; and a recipe run against it
 * from rows to collected bytes.
 */
#ifndef TEST_SCRIPTED_H
#define TEST_SCRIPTED_H

#include "base/rng.h"
#include "generate/recipe.h"

struct oc_scripted;
/*
 * Writes the answer to the request: `body`, its number among equal bodies, and a generator of its
 * own. `reply` is OK with an empty text and finish "stop" before.
 */
typedef void oc_script_fn(struct oc_scripted *s, struct oc_str body, uint64_t sample,
                          struct oc_draws *d, struct oc_buf *text, struct oc_reply *reply);

struct oc_scripted {
	struct oc_llm llm; /* first: the interface */
	oc_script_fn *script;
	void *user;
	uint32_t window;
	uint64_t order;    /* seed of the order in which replies come */
	uint32_t depth;    /* of the model's training data */
	struct oc_buf log; /* all bodies, one a line, in the order of sending */
	uint64_t sent, freed, most_pending;
	/* pending replies and bodies seen */
	struct oc_reply *pending;
	uint32_t pending_n;
	uint64_t *seen, *seen_count;
	size_t seen_n;
};
void oc_scripted_init(struct oc_scripted *s, oc_script_fn *script);
void oc_scripted_fini(struct oc_scripted *s);

/* Rows as JSON texts, written to a leg: "SOURCE:N", real, licence MIT. */
struct oc_leg *oc_leg_of(const char *dir, const char *source, const char *const *json, size_t n);
void oc_leg_gone(struct oc_leg *leg, const char *dir);

struct oc_made {
	struct oc_arena *arena;
	struct oc_row *rows; /* (n) */
	size_t n;
	struct oc_buf bytes; /* row, pedigree and verdicts of each, one a line */
	struct oc_buf facts;
	uint64_t fate[8]; /* by enum oc_fate */
	struct oc_err err, verdict;
	int rc; /* of the run */
	struct oc_forecast forecast;
};
/* `recipe`: a built-in name or YAML; `options`: YAML. Without model: only opened and forecast. */
void oc_made_run(struct oc_made *m, const char *recipe, const char *options, struct oc_leg *seeds,
                 struct oc_scripted *model);
void oc_made_fini(struct oc_made *m);
/* Resolved options (with steps) as JSON, or the error's message. */
struct oc_buf oc_resolved(const char *recipe, const char *options);

#endif
