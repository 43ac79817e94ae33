/* recipe_in.h: the engine's own state, shared by recipe.c, round.c and facts.c. */
#ifndef GENERATE_RECIPE_IN_H
#define GENERATE_RECIPE_IN_H

#include "data/row.h"
#include "generate/recipe.h"
#include "generate/steps.h"
#include "generate/sums.h"
#include "text/tolerant.h"
#include "text/utf8.h"

/* One prompt of a round; its samples share it. */
struct oc_prompt {
	uint64_t number;
	struct oc_shown shown;
	yyjson_val *const *shown_value; /* (shown.n) for the templates' list */
	yyjson_val *ask;                /* object or NULL */
	struct oc_str text;             /* the messages or the prompt, a JSON member */
};

/* One request. */
struct oc_slot {
	const struct oc_prompt *prompt;
	uint64_t number; /* of the request, from 0 */
	struct oc_reply reply;
	bool got, again; /* again: asked a second time, with twice the bound */
	char cut[33];    /* key of the first reply then: it was paid for, too */
};

/* A quota of `stratify`. */
struct oc_cell {
	yyjson_val *value; /* {"digits":"2"} */
	uint64_t quota, kept;
};

struct oc_rule_count {
	struct oc_str name; /* "math: different" */
	uint64_t n;
};

struct oc_recipe {
	struct oc_arena *arena, *round_arena;
	struct oc_env env;
	struct oc_llm *llm;
	const char *name;     /* the step's */
	struct oc_str recipe; /* "arithmetic" */
	yyjson_val *opts, *call, *keep;
	struct oc_scope scope;       /* the options */
	struct oc_template *text[3]; /* system, user, completion */
	struct oc_seeder *seeder;
	struct oc_parser *parser;
	struct oc_expander *expander;
	struct oc_keeper *keeper;
	struct oc_sums *sums; /* NULL: not asked for */
	uint32_t source, samples, max_tokens, round_size;
	bool chat, raise, drop_cut, exact, count_held;
	size_t max_bytes;
	uint64_t rows, max_rounds, max_requests, limit, expected;
	struct oc_str params; /* of the pedigree */

	yyjson_val **ask; /* (ask_n) what prompts ask for in turn */
	size_t ask_n, turn;
	uint32_t asked_digits;
	struct oc_cell *cell; /* (cell_n) */
	size_t cell_n;
	struct oc_str *cell_field; /* (cell_field_n) */
	size_t cell_field_n;

	/* the round that is under way */
	struct oc_prompt *prompt; /* (prompt_n) */
	struct oc_slot *slot;     /* (slot_n), one per request */
	size_t prompt_n, slot_n, sent, got, at;
	uint64_t prompts; /* made so far */

	struct oc_batch *made; /* rows of replies that were used, on their way out */
	uint32_t made_at;

	struct {
		uint64_t rounds, requests, replies, failed, not_sent, cut, raised;
		uint64_t made, readable, kept, held, unused, prompt_tokens, completion_tokens;
	} count;
	void (*tell)(void *user, const struct oc_row *row); /* of every row; NULL: nobody */
	void *tell_user;
	uint64_t failed_in_row;
	struct oc_rule_count *rule; /* (rule_n), in order of first use */
	size_t rule_n;
	const char *why; /* it ended: "rows", "max_requests", ... */
	int stopped;     /* error code when it had to */
	struct oc_str stopped_by;
};

/* round.c */
/* 1: prompts were made; 0: the recipe has ended, `why` is set. */
int oc_round_begin(struct oc_recipe *r, struct oc_err *err);
/* Waits for the reply whose turn it is and makes its rows. */
int oc_round_next(struct oc_recipe *r, struct oc_err *err);
void oc_round_end(struct oc_recipe *r);
void oc_round_abandon(struct oc_recipe *r);
/* Names for templates: seed inside seeds inside ask inside the options. Start at `seed`. */
void oc_prompt_scope(struct oc_recipe *r, const struct oc_prompt *p, struct oc_scope *ask,
                     struct oc_scope *seeds, struct oc_scope *seed);
/* Parents, founders, licence, and the depth of the deepest parent. */
void oc_prompt_parents(struct oc_recipe *r, const struct oc_prompt *p, struct oc_arena *a,
                       struct oc_pedigree *ped);
/* Rows that count towards `rows`: kept ones, and held ones where the recipe says so. */
uint64_t oc_recipe_done(const struct oc_recipe *r);
/* The same per request: as expected at first, as seen later. */
double oc_recipe_yield(const struct oc_recipe *r);

/* cells.c */
int oc_cells_open(struct oc_recipe *r, yyjson_val *ask, yyjson_val *stratify, struct oc_err *err);
/* Its cell (NULL without stratify); false: it belongs to none. */
bool oc_cells_place(struct oc_recipe *r, yyjson_val *value, struct oc_cell **cell);
bool oc_cells_full(const struct oc_recipe *r);
/* What the next prompt asks for, leaving out what is full; NULL: nothing is asked. */
yyjson_val *oc_cells_ask(struct oc_recipe *r);

/* recipe.c */
int oc_slot_rows(struct oc_recipe *r, struct oc_slot *slot, struct oc_err *err);
/* facts.c */
void oc_recipe_count_rule(struct oc_recipe *r, struct oc_str stage, struct oc_str rule);

#endif
