/*
 * rundb.h: run.db, what a run must remember to continue: passes and blocks done with the counts and
 * the ordered stages' records at that point, the replies it used, facts for the report.
 * Any function may be called from any thread.
 */
#ifndef RUN_RUNDB_H
#define RUN_RUNDB_H

#include "run/tally.h"
#include "store/db.h"

#define OC_RUN_VERSION 1 /* of the folder's formats; a newer one is refused */

struct oc_rundb;

int oc_rundb_open(struct oc_rundb **db, const char *dir, bool readonly, struct oc_err *err);
void oc_rundb_close(struct oc_rundb *db);

/* Small texts by name: plan hash, inputs, facts of steps. `get` returns 1 when there. */
int oc_rundb_set(struct oc_rundb *db, const char *key, struct oc_str value, struct oc_err *err);
int oc_rundb_get(struct oc_rundb *db, const char *key, struct oc_buf *value, struct oc_err *err);

/* A finished block of a pass. `states` are one per step, what its ordered work appended. */
struct oc_checkpoint {
	uint32_t blocks; /* finished so far */
	uint64_t fed;    /* rows fed so far: where the feed continues */
	struct oc_cursor cursor;
	uint64_t written; /* rows in the finished blocks */
};

int oc_rundb_block(struct oc_rundb *db, const char *pass, const struct oc_checkpoint *at,
                   const struct oc_tally *tally, const struct oc_buf *states, unsigned state_n,
                   struct oc_err *err);
/* The newest checkpoint of a pass: 1 found, 0 none. */
int oc_rundb_resume(struct oc_rundb *db, const char *pass, struct oc_checkpoint *at,
                    struct oc_tally *tally, struct oc_err *err);
/* Hands the stored state bytes of one step to `fn`, block after block. */
int oc_rundb_states(struct oc_rundb *db, const char *pass, unsigned step,
                    int (*fn)(void *user, const char *p, size_t len, struct oc_err *err),
                    void *user, struct oc_err *err);
int oc_rundb_pass_done(struct oc_rundb *db, const char *pass, const struct oc_tally *tally,
                       struct oc_err *err);
/* 1 done, and *tally as it stood then; 0 not done. */
int oc_rundb_pass_is_done(struct oc_rundb *db, const char *pass, struct oc_tally *tally,
                          struct oc_err *err);
int oc_rundb_forget_pass(struct oc_rundb *db, const char *pass, struct oc_err *err);
int oc_rundb_forget_passes(struct oc_rundb *db, struct oc_err *err); /* all of them */

/* Replies this run used, by key; repeated calls are fine. */
int oc_rundb_reply(struct oc_rundb *db, struct oc_str key, const char *step, struct oc_err *err);
int oc_rundb_begin(struct oc_rundb *db, struct oc_err *err);
int oc_rundb_commit(struct oc_rundb *db, struct oc_err *err);
int oc_rundb_rollback(struct oc_rundb *db, struct oc_err *err);
/* Visits the keys of all replies used, in order of use. */
int oc_rundb_replies(struct oc_rundb *db,
                     int (*fn)(void *user, struct oc_str key, struct oc_str step), void *user,
                     struct oc_err *err);

#endif
