/*
 * outcross.h: the public face of liboutcross.
 *
 * Outcross turns real rows and a model into a larger training set, keeps the pedigree of every
 * row, and measures on held-out real rows where machine-made rows stop helping.
 *
 * Read in this order: rows (what travels), options (how parts are set), and the four interfaces
 * (what can be added): oc_source_def, oc_stage_def, oc_model_def and oc_llm_def.
 *
 * Ownership: whatever is reachable from a batch lives in the batch's arena and dies with it;
 * whoever wants to keep it copies it; everything else is freed by the function whose name ends in
 * _free or _close. Errors: a fallible function returns an int, >= 0 fine, -1 failed, and fills the
 * `struct oc_err` that is its last argument. Nothing here exits, prints, reads the locale or
 * installs a signal handler. Structs that callers fill begin with their own size.
 */
#ifndef OUTCROSS_H
#define OUTCROSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OC_API __attribute__((visibility("default")))

struct yyjson_val; /* a parsed JSON value: read it with <yyjson.h> */
struct oc_arena;
struct oc_buf;
struct oc_ctx;
struct oc_view;
struct oc_spill;

/* Bytes that somebody else owns. Not NUL-terminated. */
struct oc_str {
	const char *p;
	size_t len;
};

/* ------------------------------------------------------------------ errors */

/* name, exit status, what it means; the manual's table is made from this list */
#define OC_ERR_MAP(X)                                                                              \
	X(OK, 0, "done")                                                                           \
	X(SHORTAGE, 1, "fewer rows than an exact quota asks for")                                  \
	X(BUDGET, 1, "a spending cap was reached")                                                 \
	X(FAILURES, 1, "more requests or rows failed than allowed")                                \
	X(GATE, 1, "a gate of the plan refused the result")                                        \
	X(USAGE, 2, "the command line is wrong")                                                   \
	X(PLAN, 2, "the plan is wrong")                                                            \
	X(INPUT, 3, "an input is not what it should be")                                           \
	X(IO, 4, "reading or writing failed")                                                      \
	X(NET, 5, "the network or an endpoint failed")                                             \
	X(INTERNAL, 6, "a fault in Outcross itself")                                               \
	X(MISSING, 7, "something needed is not installed or not set")                              \
	X(CANCELLED, 130, "interrupted; the same command continues")

enum oc_err_code {
#define X(name, exit, text) OC_##name,
	OC_ERR_MAP(X)
#undef X
};

struct oc_err {
	int code;        /* enum oc_err_code; 0 = none yet. The first error wins. */
	char where[256]; /* file:line, step or option; may be empty */
	char msg[768];   /* what happened and what to do about it */
};

OC_API const char *oc_err_name(int code); /* "SHORTAGE" */
OC_API int oc_err_exit(int code);         /* exit status of the program */

/* ----------------------------------------------------------------- context */

enum oc_log_level { OC_LOG_ERROR, OC_LOG_WARN, OC_LOG_INFO, OC_LOG_DEBUG };

typedef void oc_log_fn(void *user, int level, const char *text);

/* All state hangs on a context. threads 0 = online CPUs. memory in bytes, 0 = 1 GiB. */
OC_API struct oc_ctx *oc_ctx_new(unsigned threads, uint64_t memory);
OC_API void oc_ctx_free(struct oc_ctx *ctx);
OC_API void oc_ctx_log(struct oc_ctx *ctx, oc_log_fn *fn, void *user);
OC_API void
oc_ctx_cancel(struct oc_ctx *ctx); /* async-signal-safe; work drains, then fails CANCELLED */

/* -------------------------------------------------------------------- rows */

enum oc_origin { OC_REAL, OC_SYNTHETIC, OC_UNKNOWN };

/* Every row ends in exactly one of these; each is a column of the ledger. */
enum oc_fate {
	OC_LIVE,     /* still travelling; at the end: out */
	OC_REJECTED, /* a check said no */
	OC_HELD,     /* waits for people */
	OC_MERGED,   /* became part of another row */
	OC_UNUSED    /* good, but the mix had no place for it */
};

enum oc_result { OC_KEEP, OC_DROP, OC_UNDECIDED, OC_CHANGED, OC_FLAG };

/* What one rule of one stage said of one row. */
struct oc_verdict {
	struct oc_str stage; /* step name in the plan */
	struct oc_str rule;  /* "wrong_answer", "too_short" */
	enum oc_result result;
	bool has_score;
	double score;           /* the measured number, in the rule's unit */
	double threshold;       /* what it was compared with */
	struct oc_str evidence; /* a JSON value, or empty */
};

/* Bytes of an input from which a row was read or made. */
struct oc_span {
	struct oc_str file;   /* as the plan names it */
	uint64_t offset, len; /* bytes, of the uncompressed file */
	uint64_t line;        /* on which it begins, from 1; 0 = unknown. For messages only. */
};

/*
 * The pedigree: where a row came from and what happened to it. Identity is "source:row", children
 * append ".index". Unset members are empty strings or zero.
 */
struct oc_pedigree {
	struct oc_str key;     /* identity, unique in a run: "gsm8k:17", "docs:3.12" */
	struct oc_str id;      /* the user's label, from the source's id field */
	enum oc_origin origin; /* editing never changes it */
	uint32_t depth; /* real 0; synthetic 1 + deepest of parents and model's training data */
	bool depth_at_least; /* the true depth may be larger: print ">=" */
	uint32_t source;     /* index into the run's table of sources */
	uint64_t row;        /* row number there, from 0 */
	struct oc_span span;
	struct oc_str licence;  /* SPDX, inherited */
	struct oc_str *parents; /* identities */
	uint32_t parent_n;
	struct oc_str *founders; /* distinct real rows it descends from; a real row: itself (may be
	                            left 0) */
	uint32_t founder_n;
	struct oc_str recipe, model, params; /* params: a JSON object */
	struct oc_str *requests;             /* hex keys of the replies it was made from */
	uint32_t request_n;
	struct oc_str edits;  /* a JSON array of {by, what}, or empty */
	struct oc_str review; /* a JSON object, or empty */
	struct oc_str extra;  /* members a recipe adds (chunk id, evidence span): a JSON object, or
	                         empty */
};

/*
 * A row: one JSON object, its bytes and its pedigree. Stages read `root` through <yyjson.h> or the
 * helpers of data/row.h and change a member with oc_row_set, which leaves the others' bytes alone.
 */
struct oc_row {
	struct oc_str raw;   /* the object's text, UTF-8, without newline */
	const char *newline; /* the newline behind raw, where one lies in memory: it counts while
	                        raw ends there; or NULL */
	struct yyjson_val *root; /* NULL until parsed, or when the bytes are not a JSON object */
	struct oc_pedigree ped;
	struct oc_view *view; /* text/view.h; made on first use */
	struct oc_verdict *verdicts;
	uint32_t verdict_n, verdict_cap;
	uint32_t verdict_old;    /* of these, given by earlier passes and counted already */
	uint32_t verdict_parked; /* behind them: settled, not written, but still to be counted */
	enum oc_fate fate;
	bool old;        /* comes from an earlier pass: counted already */
	bool test;       /* drawn for the held-out split: no stage may see it */
	bool changed;    /* raw differs from the source's bytes */
	uint64_t number; /* position in the leg this pass writes, from 0, in priority order */
	uint64_t place;  /* in the leg it was read from */
	void **notes;    /* one pointer per stage of the pass: prepare -> ordered */
	struct oc_arena *arena; /* owner of everything above */
	struct oc_str group; /* value of the plan's `report: {group_by}`, once it was looked up */
	uint32_t words;      /* of all its texts, once the report's measures counted them */
	bool sampled;        /* fell, and was shown to the row stages behind, which only said: */
	uint64_t also;       /* bit k: step k of the pass would have dropped it as well */
};

#define OC_BATCH_ROWS  256
#define OC_BATCH_BYTES (1u << 20)

/* A place in the inputs of a run: where reading continues. */
struct oc_cursor {
	uint32_t source;      /* index into the run's table of sources */
	uint64_t row, offset; /* next record's number, and its byte in the uncompressed file */
};

/* The unit of work: rows in order, one arena. */
struct oc_batch {
	struct oc_arena *arena;
	struct oc_row *rows; /* (row_n), room for row_cap */
	uint32_t row_n, row_cap;
	uint64_t seq;           /* batches of a pass are numbered from 0 */
	struct oc_cursor after; /* where the next batch begins */
	struct oc_buf *states;  /* one per stage of the pass: what its ordered work appended */
};

/* ----------------------------------------------------------------- options */

enum oc_opt_type {
	OC_OPT_BOOL,
	OC_OPT_INT, /* min..max */
	OC_OPT_NUM, /* min..max; NaN bounds = open */
	OC_OPT_STR,
	OC_OPT_ENUM,     /* choices "a|b|c" */
	OC_OPT_BYTES,    /* 512MB, 1GiB; stored as a number */
	OC_OPT_DURATION, /* 30s, 5m, 2h; stored as seconds */
	OC_OPT_FIELD,    /* the name of a row's member; a.b for nested */
	OC_OPT_PATH,     /* a file, relative to the plan */
	OC_OPT_MODEL,    /* a name under `models:` */
	OC_OPT_STRS,     /* a list of strings; one string stands for a list of one */
	OC_OPT_MAP,      /* any mapping */
	OC_OPT_TABLE,    /* a mapping described by `table` */
	OC_OPT_TABLES,   /* a list of mappings described by `table` */
	OC_OPT_STAGES,   /* a list of stages, as under `verify:` */
	OC_OPT_ANY
};

enum oc_affects { OC_AFFECTS_ROWS, OC_AFFECTS_SPEED };

/*
 * One option of a part. The table of a part (ended by key NULL) feeds the plan reader, --help, the
 * man page, shell completions and the manual. A part receives its options as one JSON object in
 * table order with every default spelled out; an option without default that was not given is
 * absent.
 */
struct oc_option {
	const char *key;
	enum oc_opt_type type;
	const char *def;               /* the default as YAML text; NULL = none */
	const char *help;              /* one sentence */
	const char *unit;              /* "words", "tokens"; NULL = none */
	const char *choices;           /* OC_OPT_ENUM */
	double min, max;               /* used when min < max */
	const struct oc_option *table; /* OC_OPT_TABLE, OC_OPT_TABLES */
	enum oc_affects affects;
	bool required;
	const char *presets; /* OC_OPT_ENUM: YAML, choice -> the options it stands for; one that is
	                        given beside it wins. NULL = none */
};

/* ------------------------------------------------------------- 1. oc_source */

/* What a part is given when it opens. */
struct oc_env {
	size_t size;
	struct oc_ctx *ctx;
	const char *name;     /* the step's name in the plan, unique */
	const char *base_dir; /* folder against which paths are resolved */
	const char *work_dir; /* folder for temporary files; exists */
	uint64_t seed;        /* of the run; draw with oc_rng_init(&rng, seed, stream name) */
	uint64_t memory;      /* bytes this part may hold */
	uint64_t input_bytes; /* of the rows to come, as JSON, before any falls; 0 = not known */
	struct oc_llm *llm;   /* for parts with a `model:` option, else NULL */
	bool indexing;        /* a stage: it is there to make an index (`index`) of its rows */
};

/*
 * next batch of rows? `next` cuts records on one thread (cheap: raw and span only), `parse` turns
 * one record into a JSON object on any worker. A bad record is set to OC_REJECTED by
 * oc_row_reject with its bytes; `on_bad_row: stop` makes it an error instead.
 */
struct oc_source_def {
	size_t size;
	const char *name, *help, *doc;
	const struct oc_option *options;
	int (*open)(void **self, const struct oc_env *env, struct yyjson_val *opts,
	            struct oc_err *err);
	/* Fills an empty batch. 1: rows may follow; 0: the end. */
	int (*next)(void *self, struct oc_batch *batch, struct oc_err *err);
	/* Pure, any thread. NULL: raw is JSON already. */
	int (*parse)(void *self, struct oc_row *row, struct oc_err *err);
	/* Continue so that the next record read is number `row`, which began at `offset`. NULL:
	 * replay. */
	int (*seek)(void *self, uint64_t row, uint64_t offset, struct oc_err *err);
	void (*close)(void *self);
};

/* -------------------------------------------------------------- 2. oc_stage */

/* What is known of a stage's rows before one is read; 0 = not known. Estimates. */
struct oc_outlook {
	size_t size;
	double rows;
	double row_bytes; /* of JSON, on average */
};

enum oc_stage_kind { OC_STAGE_ROW, OC_STAGE_ORDERED, OC_STAGE_CALL, OC_STAGE_WHOLE };

enum oc_holds {
	OC_HOLDS_LITTLE, /* what the options name, whatever rows come */
	OC_HOLDS_WITHIN, /* at most env.memory (from OC_MEMORY_LEAST on): the rest lies on disk */
	OC_HOLDS_ALL /* all of something: it says how much, and fails before it passes env.memory */
};

#define OC_MEMORY_LEAST ((uint64_t)32000000) /* see OC_HOLDS_WITHIN */

struct oc_calls; /* requests a call stage emits: oc_calls_add */
struct oc_reply;

/*
 * keep, drop, change or hold this row? Only the functions of its kind are set. A stage annotates
 * by verdicts (oc_row_verdict, oc_row_reject, oc_row_hold); it never sees rows that are not
 * OC_LIVE or that belong to the test split (but see `sees_all`).
 */
struct oc_stage_def {
	size_t size;
	const char *name, *help, *doc;
	enum oc_stage_kind kind;
	const struct oc_option *options;
	int (*open)(void **self, const struct oc_env *env, struct yyjson_val *opts,
	            struct oc_err *err);
	void (*close)(void *self);
	/* One per worker, handed to the pure functions below. May be NULL. */
	void *(*scratch_new)(void *self);
	void (*scratch_free)(void *scratch);

	/* OC_STAGE_ROW: pure, any thread, any order. */
	int (*row)(void *self, void *scratch, struct oc_row *row, struct oc_err *err);

	/* OC_STAGE_ORDERED: `prepare` is pure and may leave *note in the row's arena; `ordered`
	 * runs on the tail thread in row order and appends to `state` what `restore` needs to
	 * rebuild what this row changed; `restore` is given the bytes of all finished blocks in
	 * order. */
	int (*prepare)(void *self, void *scratch, struct oc_row *row, void **note,
	               struct oc_err *err);
	int (*ordered)(void *self, struct oc_row *row, void *note, struct oc_buf *state,
	               struct oc_err *err);
	int (*restore)(void *self, const char *state, size_t len, struct oc_err *err);

	/* OC_STAGE_CALL: `ask` emits requests (none: the row passes); `answer` gets all replies of
	 * the row so far, in the order of its requests, and may emit more, then it is called again.
	 * One thread; rows are asked in order and answered in any: one row's answer must not depend
	 * on another's. */
	int (*ask)(void *self, struct oc_row *row, struct oc_calls *calls, struct oc_err *err);
	int (*answer)(void *self, struct oc_row *row, const struct oc_reply *replies,
	              size_t reply_n, struct oc_calls *more, struct oc_err *err);

	/* OC_STAGE_WHOLE: `observe` (pure) appends records to out[0..stream_n-1], which are spilled
	 * to disk in row order; `resolve` runs once; `apply` (pure) decides by row->number. */
	unsigned stream_n;
	int (*observe)(void *self, void *scratch, struct oc_row *row, struct oc_buf *out,
	               struct oc_err *err);
	int (*resolve)(void *self, struct oc_spill *spill, struct oc_err *err);
	int (*apply)(void *self, void *scratch, struct oc_row *row, struct oc_err *err);
	/* May be NULL. The next rows of the pass that applies: fills rows[0..n-1] with numbers
	 * below row_n, each of which comes exactly once, and returns n <= cap; 0 at the end. */
	uint64_t (*order)(void *self, uint64_t row_n, uint64_t *rows, uint64_t cap);
	/* `observe` is given every row of its pass that could be parsed: held-out ones too
	 * (row->test), and those that an earlier step or their recipe refused (fate not OC_LIVE,
	 * and no number of their own). They are there to be measured, for `facts`: no decision
	 * about any row may depend on them. */
	bool sees_all;

	/* Any kind that sees rows (for WHOLE instead of `resolve`, else with spill NULL, after the
	 * last row): writes what it knows of them to an index (index/disk.h) that the same stage
	 * can be given later as `against:`. NULL: it keeps none. A stage that is opened for this
	 * is told so (env->indexing) and may then lack a required option `against`. */
	int (*index)(void *self, struct oc_spill *spill, const char *path, struct oc_err *err);

	/*
	 * Any kind, may be NULL: what the stage learned over all rows, for the report. Appends one
	 * JSON object, or nothing; src/data/facts.h says what stands in it and builds it. Called
	 * once, on one thread: of a whole stage after `resolve`; of an ordered stage at the end of
	 * its pass, when its state holds all rows (`restore` has brought back those of earlier
	 * sittings); of a row or call stage at the end of its pass too, but such a stage holds
	 * nothing of rows: their figures are made of its verdicts. Equal rows must give equal
	 * bytes, at any thread count.
	 */
	int (*facts)(void *self, struct oc_buf *out, struct oc_err *err);

	/* Any kind, may be NULL: what the stage will find and cost with these options (resolved),
	 * told before a row is read. Appends one object as `facts` does, or nothing. Pure. */
	int (*forecast)(struct yyjson_val *opts, const struct oc_outlook *look, struct oc_buf *out,
	                struct oc_err *err);

	/* What it holds in memory beside the rows under way: how that is bounded, and one phrase of
	 * what it is (NULL: nothing worth a word). */
	enum oc_holds holds;
	const char *held;

	/* The definition that serves these options (resolved), of the same name: where it is an
	 * option that makes a stage need all rows. NULL: this one serves all. */
	const struct oc_stage_def *(*as)(struct yyjson_val *opts);

	/* A stage that judges a row by that row alone, may be NULL: would it reject this one? 1 or
	 * 0. Pure, and nothing is counted: it is asked of a sample of the rows that fell before it,
	 * for "would also have fallen at". A row stage without it is asked by `row`. */
	int (*would_reject)(void *self, void *scratch, struct oc_row *row, struct oc_err *err);
};

/* -------------------------------------------------------------- 3. oc_model */

enum oc_set_kind { OC_SET_MATRIX, OC_SET_TOKENS };

/* Training or sampled data: a matrix of items, or sequences of token ids. */
struct oc_set {
	size_t size;
	enum oc_set_kind kind;
	uint64_t item_n;
	uint32_t dim;     /* MATRIX: columns; TOKENS: vocabulary size */
	float *values;    /* MATRIX: (item_n, dim) */
	uint32_t *tokens; /* TOKENS: all sequences, one after the other */
	uint64_t *starts; /* TOKENS: (item_n + 1) offsets into tokens */
};

struct oc_sampling {
	size_t size;
	uint64_t item_n;
	double bias;        /* 1 = unbiased, towards 0 = the mode only (facts of each model) */
	double temperature; /* token models; 1 = unbiased */
	uint32_t max_len;   /* token models: tokens per item */
	uint64_t seed;
	const char *stream;    /* name of the random stream */
	const uint32_t *start; /* (start_n) token models: every item begins with these; or NULL */
	uint32_t start_n;
};

/* fit to a set; sample with bias; score; save. Fits from scratch; same input, same bits. */
struct oc_model_def {
	size_t size;
	const char *name, *help, *doc;
	enum oc_set_kind kind;
	const struct oc_option *options;
	int (*fit)(void **self, const struct oc_env *env, struct yyjson_val *opts,
	           const struct oc_set *set, struct oc_err *err);
	/* Fills `out`, whose arrays are malloc'ed; free with oc_set_fini. */
	int (*sample)(void *self, const struct oc_sampling *how, struct oc_set *out,
	              struct oc_err *err);
	/* nats[i] = -log p(item i). */
	int (*score)(void *self, const struct oc_set *set, double *nats, struct oc_err *err);
	int (*save)(void *self, const char *path, struct oc_err *err);
	int (*load)(void **self, const char *path, struct oc_err *err);
	void (*free)(void *self);
};

/* ---------------------------------------------------------------- 4. oc_llm */

enum oc_call_kind { OC_CALL_CHAT, OC_CALL_COMPLETION, OC_CALL_EMBED };

/* One question. `body` holds the JSON members of the request except model, seed and n. */
struct oc_request {
	enum oc_call_kind kind;
	struct oc_str body;  /* {"messages":[...],"temperature":1,"max_tokens":64} */
	uint32_t max_tokens; /* upper bound of the completion: reserved against the budget */
	uint32_t round; /* equal bodies of a step are numbered apart in each round, so that what a
	                   reply leads to does not depend on when it came; 0 = asked first */
	uint64_t tag;   /* the caller's; comes back with the reply */
};

enum oc_reply_state {
	OC_REPLY_OK,
	OC_REPLY_FAILED,  /* given up after the tries the model's settings allow, or refused: see
	                     error */
	OC_REPLY_BUDGET,  /* not sent: a cap of `budget:` would have been passed */
	OC_REPLY_OFFLINE, /* not sent: --offline and not in the store */
	OC_REPLY_STOPPED  /* not sent or abandoned: the run is ending */
};

struct oc_usage {
	uint32_t prompt_tokens, completion_tokens;
	bool estimated; /* the server did not say; counted by us */
};

/* Valid until oc_llm_reply_free. */
struct oc_reply {
	uint64_t tag;
	enum oc_reply_state state;
	char key[33];            /* of the reply store, hex */
	struct oc_str text;      /* the answer, a leading <think> part cut out */
	struct oc_str reasoning; /* that part, or the server's reasoning field */
	struct oc_str finish;    /* "stop", "length", "content_filter", ... */
	struct oc_str model;     /* model identity, for the pedigree */
	struct oc_str raw;       /* the body as received */
	struct oc_str error;     /* a sentence when state is not OK */
	const float *embedding;  /* (dim), OC_CALL_EMBED */
	uint32_t embedding_dim;
	struct oc_usage usage;
	double cost;    /* money of the plan's currency; 0 when cached */
	double seconds; /* from sending to the last byte */
	uint32_t attempts;
	bool cached; /* from the reply store: paid before */
	void *owner; /* of all bytes above */
};

/*
 * answer these prompts? A handle per (model, step). `submit` must be called in row order: it gives
 * out sample indexes, looks in the reply store and sends what is not there. Replies come in any
 * order. One thread uses a handle at a time.
 */
struct oc_llm {
	const struct oc_llm_ops *ops;
};

struct oc_llm_ops {
	int (*submit)(struct oc_llm *llm, const struct oc_request *req, struct oc_err *err);
	/* 1: *reply is filled; 0: none within timeout_ms (-1 = wait) or none pending; -1: error. */
	int (*next)(struct oc_llm *llm, struct oc_reply *reply, int timeout_ms, struct oc_err *err);
	void (*reply_free)(struct oc_llm *llm, struct oc_reply *reply);
	uint32_t (*pending)(struct oc_llm *llm);
	uint32_t (*window)(struct oc_llm *llm); /* requests worth having in flight now */
	const char *(*identity)(struct oc_llm *llm);
	uint32_t (*depth)(struct oc_llm *llm, bool *at_least); /* of the model's training data */
	void (*close)(struct oc_llm *llm);
};

/* A raw exchange: what a backend (endpoint, local model) is asked to send, and what came back. */
struct oc_exchange {
	uint64_t id;
	enum oc_call_kind kind;
	struct oc_str body; /* complete JSON body, model and seed included */
	uint32_t max_tokens;
	uint64_t seed; /* also in the body */
	/* filled by the backend */
	int status;          /* HTTP status; 200 for a local model; 0 = no reply */
	struct oc_str reply; /* body as received; malloc'ed, owned by the exchange */
	char error[256];     /* when no usable reply came, a sentence */
	bool sent;           /* bytes may have reached the server: counts against the cap */
	uint32_t attempts;
	uint32_t unknown; /* attempts whose cost is not known */
	double seconds;
	double retry_after; /* of the last reply, seconds; < 0 none */
	bool stopped;       /* given back unanswered because the run is ending; asked again later */
	bool dead;          /* `error` holds for whatever is sent there: key, credit, no server */
	int code;           /* of such an error; 0 = OC_NET */
	void *user;
};

/*
 * How a kind of model is reached. Runs its own thread or process; calls `sent` just before the
 * bytes of an attempt leave (an intent is logged there) and `done` once per exchange, on its
 * thread.
 */
/* Copied by `open`. */
struct oc_llm_host {
	void *user;
	/* x->attempts counts the attempt that is about to leave. 0: send; 1: not now, ask again in
	 * a moment (never for a first attempt); -1: never, call done. */
	int (*sent)(void *user, struct oc_exchange *x);
	void (*done)(void *user, struct oc_exchange *x);
};

struct oc_llm_def {
	size_t size;
	const char *name, *help, *doc;
	const struct oc_option *options;
	int (*open)(void **self, const struct oc_env *env, struct yyjson_val *opts,
	            const struct oc_llm_host *host, struct oc_err *err);
	int (*submit)(void *self, struct oc_exchange *x, struct oc_err *err);
	uint32_t (*window)(void *self);
	/* Stable name of the weights: the plan's name, or the hash of the file. */
	const char *(*identity)(void *self);
	/* Tokens of a prompt, exact or estimated (never too small when it says exact). */
	int64_t (*count)(void *self, struct oc_str text, bool *exact);
	void (*stop)(void *self); /* no new sends; what is in flight is awaited until `close` */
	/* What a person should know ("waiting 12 s: 429 from http://..."), requests in flight and
	 * waiting to be sent. May be NULL. */
	void (*status)(void *self, char text[96], uint32_t *in_flight, uint32_t *waiting);
	void (*close)(void *self);
};

/* ------------------------------------------------------- the parts, by hand */

/* What a program needs to read rows and run stages of its choice: see examples/count.c. NULL: no
 * part has that name. */
OC_API const struct oc_source_def *oc_source_by_name(const char *name);
OC_API const struct oc_stage_def *oc_stage_by_name(const char *name);

OC_API struct oc_arena *oc_arena_new(void);
OC_API void oc_arena_free(struct oc_arena *a); /* NULL is fine */

/* A part's options from a JSON object (NULL: none given), checked against its table, with every
 * default spelled out, in the arena. NULL on error. */
OC_API struct yyjson_val *oc_options_read(struct oc_arena *a, const struct oc_option *table,
                                          const char *json, struct oc_err *err);

OC_API struct oc_batch *oc_batch_new(uint32_t row_cap);
OC_API void oc_batch_reset(struct oc_batch *b); /* empties it; what its rows held is gone */
OC_API void oc_batch_free(struct oc_batch *b);
/*
 * Parses raw into root. A row that is not one JSON object is rejected as read/bad_json, one in
 * which an object has a member twice as read/duplicate_key: readers disagree on which of the two
 * counts (yyjson's look-up takes the first, Python's the last), so what a stage checked need not be
 * what a trainer reads. Always returns 0: a bad row is a value in the stream. O(n).
 */
OC_API int oc_row_parse(struct oc_row *row, struct oc_err *err);

#ifdef __cplusplus
}
#endif
#endif
