/*
 * steps.h: the six building blocks of a recipe, compiled. Inside this room only.
 *
 *   seed    which rows a prompt shows
 *   prompt  the texts, and what each prompt asks for
 *   call    how the model is asked
 *   parse   a reply's text -> items
 *   expand  an item -> a row with its fields
 *   keep    the stages that judge it
 */
#ifndef GENERATE_STEPS_H
#define GENERATE_STEPS_H

#include "base/ctx.h"
#include "base/rng.h"
#include "data/json.h"
#include "text/template.h"
#include "pipe/leg.h"

enum oc_block {
	OC_BLOCK_SEED,
	OC_BLOCK_PROMPT,
	OC_BLOCK_CALL,
	OC_BLOCK_PARSE,
	OC_BLOCK_EXPAND,
	OC_BLOCK_KEEP,
	OC_BLOCK_KINDS
};
/* Options of each block, for the resolver and the manual; names "seed", "prompt", ... */
extern const struct oc_option *const oc_block_options[OC_BLOCK_KINDS];
extern const char *const oc_block_names[OC_BLOCK_KINDS];

/* The options of a block among resolved `steps`, or NULL. */
yyjson_val *oc_block_find(yyjson_val *steps, enum oc_block block);

/* ----------------------------------------------------------------- derived fields */

/*
 * Fields that are made from others, for seeds and for items alike: `read` (a pattern whose named
 * groups become fields), `compute` ({digits: {digits_of: expression}}), and `match` ({answer:
 * '^[0-9]+$'}) and `only` ({op: [+, -]}), which turn away what lies outside.
 */
struct oc_derive;
/* From the members read, compute and only of a block. */
int oc_derive_open(struct oc_derive **d, yyjson_val *block, const char *where, struct oc_err *err);
void oc_derive_close(struct oc_derive *d);
/*
 * The value with the derived members in front, in `a`; NULL: turned away, *why names the rule
 * ("unreadable", "other_op").
 */
yyjson_val *oc_derive(struct oc_derive *d, struct oc_arena *a, yyjson_val *value, const char **why,
                      struct oc_err *err);

/* -------------------------------------------------------------------------- seeds */

struct oc_seed {
	yyjson_val *value; /* members of the row, derived ones first */
	/* a row's pedigree, reduced; key is empty for an example written in the recipe */
	struct oc_str key, licence, *founders;
	uint32_t founder_n, depth;
	bool depth_at_least;
	struct oc_span span;
	struct oc_str extra; /* of the row: JSON object or empty */
};

/* A list of seeds shown by one prompt, all in one arena. */
struct oc_shown {
	struct oc_seed *seed; /* (n) */
	uint32_t n;
};

struct oc_seeder;
int oc_seeder_open(struct oc_seeder **s, yyjson_val *block, struct oc_leg *leg, yyjson_val *sources,
                   uint64_t seed, const char *stream, struct oc_err *err);
void oc_seeder_close(struct oc_seeder *s);
/* Rows it can draw from (each once: rows that are left at prompt 0). */
uint64_t oc_seeder_rows(const struct oc_seeder *s);
bool oc_seeder_once(const struct oc_seeder *s);
/* Whether kept rows must be handed back. */
bool oc_seeder_feeds_back(const struct oc_seeder *s);
/* A row that was kept: later prompts may show it. */
int oc_seeder_kept(struct oc_seeder *s, const struct oc_row *row, struct oc_err *err);
/*
 * What prompt number `prompt` shows; `ask` (may be NULL) holds what it asks for, rows that agree
 * with it in the `prefer` fields come first. 1: drawn; 0: no rows are left (each once).
 */
int oc_seeder_draw(struct oc_seeder *s, struct oc_arena *a, uint64_t prompt, yyjson_val *ask,
                   struct oc_shown *out, struct oc_err *err);
/* Calls back with every row that may be drawn, in order (root set). */
int oc_seeder_each(struct oc_seeder *s,
                   int (*fn)(void *user, struct oc_row *row, yyjson_val *value, struct oc_err *err),
                   void *user, struct oc_err *err);

/* -------------------------------------------------------------------------- parse */

/* One thing found in a reply. */
struct oc_item {
	yyjson_val *value;  /* an object; NULL: it could not be read */
	struct oc_str text; /* its bytes in the reply */
	const char *rule;   /* why not: "unreadable", "cut_off" */
	unsigned repairs;   /* enum oc_repair */
};

#define OC_ITEM_MAX 1024 /* of one reply; more are left unread */

struct oc_parser;
/* `continues`: the reply continues the prompt (a raw completion). */
int oc_parser_open(struct oc_parser **p, yyjson_val *block, bool continues, const char *where,
                   struct oc_err *err);
void oc_parser_close(struct oc_parser *p);
/*
 * Finds the items of a reply, at most OC_ITEM_MAX; `cut` says that it ended by length. An empty
 * list means that the reply could not be read at all. `scope` serves the `lead` template.
 */
int oc_parser_run(struct oc_parser *p, struct oc_arena *a, struct oc_str reply, bool cut,
                  const struct oc_scope *scope, struct oc_item **items, size_t *item_n,
                  struct oc_err *err);

/* -------------------------------------------------------------------------- expand */

struct oc_expander;
int oc_expander_open(struct oc_expander **e, yyjson_val *block, const char *where,
                     struct oc_err *err);
void oc_expander_close(struct oc_expander *e);

struct oc_expanded {
	struct oc_str raw;   /* the row's JSON, in the arena */
	yyjson_val *value;   /* the item with its derived fields */
	const char *rule;    /* not NULL: rejected by this rule */
	struct oc_str why;   /* the verdict's evidence, JSON or empty */
	struct oc_str extra; /* members for the pedigree's extra: a JSON object or empty */
};
/* The row made from an item; `shown` gives the text in which evidence is looked for. */
int oc_expand(struct oc_expander *e, struct oc_arena *a, const struct oc_item *item,
              const struct oc_shown *shown, const struct oc_scope *scope, struct oc_expanded *out,
              struct oc_err *err);

/* -------------------------------------------------------------------------- keep */

struct oc_keeper;
int oc_keeper_open(struct oc_keeper **k, yyjson_val *block, const struct oc_env *env,
                   const struct oc_stage_def *(*stage)(struct oc_str name), struct oc_err *err);
void oc_keeper_close(struct oc_keeper *k);
/* Whether `against: seeds` asks for the seeds to be shown to the stages first. */
bool oc_keeper_wants_seeds(const struct oc_keeper *k);
/* Shows a real row to the ordered stages; what they say of it is forgotten. */
int oc_keeper_remember(struct oc_keeper *k, struct oc_row *row, struct oc_err *err);
/* Runs the stages in order until one takes the row out of OC_LIVE. */
int oc_keeper_judge(struct oc_keeper *k, struct oc_row *row, struct oc_err *err);

#endif
