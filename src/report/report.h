/*
 * report.h: the papers of a run, made from its facts (report.json) and nothing else, so that they
 * can be made again from the file and tested without a run.
 *
 * Members of the facts (all present unless said; numbers are JSON numbers):
 *
 *   program, name, created (UTC), seed, plan_hash, state ("done" | "review"), folder
 *   rows      {in, made, repeated, train, test, held, rejected, merged, unused}
 *   steps     [{name, kind ("source" | "holdout" | "recipe" | "retract" | "verify" | "curate" |
 *               "review" | "mix"), part, came, went, fell: [{rule, step, n}],
 *               left: {to ("test" | "held" | "unused"), n} or null, undecided, changed, flagged}]
 *               in travel order; what the last one lets go on is the train split
 *   sources   [{name, type, origin, origin_why, license, collected, attest, rows,
 *               files: [{file, bytes, rows, hash}]}]
 *   models    [{name, type, depth, depth_at_least}]
 *   holdout   {by, real_rows, rows, units, few} or absent
 *   stages    [{step, part, and what stands in data/facts.h, kept: [table]}] in plan order; stages
 *             that measured nothing over all rows have none. kept: what the verdicts of this
 *             stage say of the rows that were written (run/kept.h)
 *   origin    {real, synthetic, unknown, held_out: {rows, tokens}}       tokens = bytes / 4
 *   depth     [{depth, rows, tokens}], depth_at_least
 *   founders  {distinct, effective, rows_without}
 *   lengths   {unit, from: [bin starts], real, synthetic, unknown, held_out: [counts]}
 *   licenses  [{license, rows}]
 *   spend     {money, prompt_tokens, completion_tokens, seconds, sent, cached, failed}
 *   recipes   {NAME: facts of the recipe (generate/recipe.h)}
 *   mix       facts of mix/mix.h, or absent
 *   retract   {of, what, keys} or absent
 *   review    {mode, seen, defects, low, high, confidence, waiting,
 *              rows: [{key, rule, row, nearest}]} the first that wait
 *   rehearsal facts of loop/loop.h, or absent
 *   examples  [{key, row, nearest: {key, rouge_l, row}}] machine-made rows, at random
 *   fallen    [{step, rule, n, examples: [{key, row | base64 | begins, bytes}]}]; begins: the
 *             first bytes of a row too long to repeat here
 *   columns   [{name, type}]
 *   files     [{path, bytes, rows}]
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "data/json.h"

/* One self-contained page: no script needed, no outside resource, light and dark, phone to desk. */
int oc_report_html(struct oc_buf *out, yyjson_val *facts, struct oc_err *err);

/*
 * The same for a terminal of 80 columns: one part of it ("stages", "recipes", "waiting",
 * "rehearsal") or, with "summary", a few lines on all. False: there is no such part.
 */
bool oc_report_text(struct oc_buf *out, yyjson_val *facts, struct oc_str part);
#define OC_REPORT_PARTS "summary|stages|recipes|waiting|rehearsal"

/* The member `stages` alone; brief: without tables, histograms and pairs. */
void oc_report_stages(struct oc_buf *out, yyjson_val *stages, bool brief);

/* The data set card: the hub's YAML header, then the text. */
int oc_report_card(struct oc_buf *out, yyjson_val *facts, struct oc_err *err);

/* Croissant 1.1 (JSON-LD). url, license and creator are never invented: "TODO" where unknown. */
int oc_report_croissant(struct oc_buf *out, yyjson_val *facts, struct oc_err *err);

#endif
