/* The plan reader: what it makes of good plans, every message of bad ones, and what its hash sees.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "generate/recipe.h"
#include "plan/plan.h"

static struct oc_plan *parse(const char *yaml, struct oc_err *err)
{
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_plan *plan = NULL;

	memset(err, 0, sizeof *err);
	if (oc_plan_parse(&plan, ctx, oc_str(yaml), "p.yaml", "/no/such/folder", err) < 0)
		assert_null(plan);
	oc_ctx_free(ctx);
	return plan;
}

static struct oc_plan *good(const char *yaml)
{
	struct oc_err err;
	struct oc_plan *plan = parse(yaml, &err);
	if (!plan)
		print_error("%s\n-> %s: %s\n", yaml, err.where, err.msg);
	assert_non_null(plan);
	return plan;
}

#define HEAD "outcross: 1\n"
#define SRC  "sources:\n  a: {path: a.jsonl}\n"

static void test_defaults(void **state)
{
	struct oc_plan *p = good(HEAD SRC);

	(void)state;
	assert_string_equal(p->name, "p");
	assert_int_equal(p->seed, 1);
	assert_int_equal(p->memory, 1000000000);
	assert_int_equal(p->max_row, 256000000);
	assert_int_equal(p->on_bad_row, OC_REJECT_BAD_ROWS);
	assert_string_equal(p->cache, "/no/such/folder/.outcross/replies");
	assert_true(p->max_failed == 0.1);
	assert_int_equal(p->source_n, 1);
	assert_int_equal(p->sources[0].origin, OC_UNKNOWN);
	assert_string_equal(p->sources[0].def->name, "jsonl");
	assert_true(oc_json_get_num(p->holdout, "share", 0) == 0.1);
	assert_int_equal(oc_json_get_int(p->holdout, "min", 0), 500);
	assert_true(oc_str_is(oc_json_get_str(p->review, "mode"), "none"));
	assert_int_equal(oc_json_get_int(p->sources[0].opts, "max_row", 0), 256000000);
	oc_plan_free(p);
}

static void test_settings(void **state)
{
	struct oc_plan *p = good(HEAD "name: sums\nseed: 18446744073709551615\nmemory: 2GiB\n"
	                              "on_bad_row: stop\nmax_row: 1MB\ncache: /var/replies\n"
	                              "max_failed: 0.5\nbudget: {money: 5, tokens: 2M, hours: 2}\n"
	                              "holdout: none\nreview: {sample: {limit: 0.1}}\n" SRC);

	(void)state;
	assert_string_equal(p->name, "sums");
	assert_true(p->seed == UINT64_MAX);
	assert_true(p->memory == (uint64_t)2 << 30);
	assert_int_equal(p->on_bad_row, OC_STOP_ON_BAD_ROW);
	assert_int_equal(oc_json_get_int(p->sources[0].opts, "max_row", 0), 1000000);
	assert_string_equal(p->cache, "/var/replies");
	assert_null(p->holdout);
	assert_int_equal(oc_json_get_int(p->budget, "tokens", 0), 2000000);
	assert_null(oc_json_get(p->budget, "requests"));
	assert_true(oc_str_is(oc_json_get_str(p->review, "mode"), "sample"));
	assert_true(oc_json_get_num(p->review, "limit", 0) == 0.1);
	assert_true(oc_json_get_num(p->review, "confidence", 0) == 0.95);
	oc_plan_free(p);
}

/* Who is believed to be real, and in which order sources come. */
static void test_origin(void **state)
{
	struct oc_plan *p =
		good(HEAD "sources:\n"
	                  "  web:   {path: w.jsonl, origin: real, collected: 2023-05}\n"
	                  "  made:  {path: m.jsonl, origin: synthetic}\n"
	                  "  bare:  {path: b.jsonl, origin: real}\n"
	                  "  old:   {path: o.jsonl, origin: real, collected: 2022-10-31}\n"
	                  "  late:  {path: l.jsonl, origin: real, collected: 2022-11-01}\n"
	                  "  month: {path: n.jsonl, origin: real, collected: 2022-10}\n"
	                  "  year:  {path: y.jsonl, origin: real, collected: 2022}\n"
	                  "  sworn: {path: s.jsonl, origin: real,\n"
	                  "          attest: {who: Ann, how: saw them write}}\n");
	static const char *const order[] = {"old", "month", "sworn", "made",
	                                    "web", "bare",  "late",  "year"};

	(void)state;
	assert_int_equal(p->source_n, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_string_equal(p->sources[i].name, order[i]);
		assert_int_equal(p->sources[i].origin, i < 3    ? OC_REAL
		                                       : i == 3 ? OC_SYNTHETIC
		                                                : OC_UNKNOWN);
		assert_true((p->sources[i].origin_why != NULL) == (i > 3));
	}
	assert_true(oc_str_is(p->sources[2].attest, "Ann: saw them write"));
	oc_plan_free(p);
}

/* A file in a run's out/data with its lineage beside it. */
static void test_lineage(void **state)
{
	char dir[] = "/tmp/oc-plan-XXXXXX", path[64];
	struct oc_err err = {0};
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_plan *p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/out/lineage", dir);
	assert_int_equal(oc_mkdirs(path, &err), 0);
	snprintf(path, sizeof path, "%s/out/data", dir);
	assert_int_equal(oc_mkdirs(path, &err), 0);
	snprintf(path, sizeof path, "%s/out/lineage/train-00000-of-00001.jsonl", dir);
	assert_int_equal(oc_file_write(path, "", 0, &err), 0);
	assert_int_equal(oc_plan_parse(&p, ctx,
	                               OC_LIT(HEAD "sources:\n  run: {path: "
	                                           "out/data/train-00000-of-00001.jsonl}\n"
	                                           "  x: {path: out/data/other.jsonl}\n"),
	                               "p.yaml", dir, &err),
	                 0);
	assert_string_equal(p->sources[0].name, "run");
	assert_true(p->sources[0].lineage);
	assert_false(p->sources[1].lineage);
	oc_plan_free(p);
	oc_ctx_free(ctx);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

static void test_steps(void **state)
{
	struct oc_plan *p =
		good(HEAD SRC "verify:\n  - words\ncurate:\n  - exact\n  - words: {name: w}\n"
	                      "  - exact: {}\n  - words:\n      name: second\n      min: 2\n"
	                      "  - exact:\n");
	static const char *const names[] = {"exact", "w", "exact-2", "second", "exact-3"};

	(void)state;
	assert_int_equal(p->verify_n, 1);
	assert_string_equal(p->verify[0].name, "words");
	assert_int_equal(p->curate_n, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(p->curate[i].name, names[i]);
	assert_string_equal(p->curate[3].part, "words");
	assert_string_equal(p->curate[3].where, "p.yaml:10:5");
	assert_null(oc_json_get(p->curate[3].opts, "name"));
	assert_int_equal(oc_json_get_int(p->curate[3].opts, "min", 0), 2);
	oc_plan_free(p);
}

static const struct {
	const char *yaml, *message; /* "where: message" */
} bad[] = {
	{"", "p.yaml:1:1: the plan is empty; `outcross init` writes one"},
	{"- a\n", "p.yaml:1:1: a plan is a mapping that begins with `outcross: 1`"},
	{SRC, "p.yaml:1:1: the plan needs the key `outcross`: version of the plan's language: 1"},
	{HEAD, "p.yaml:1:1: the plan needs the key `sources`: real and other rows, by name"},
	{"outcross: 2\n" SRC,
         "p.yaml:1:11: this plan is written for version 2 of the plan's language; "
         "this program reads version 1"},
	{"outcross: one\n" SRC,
         "p.yaml:1:11: `outcross` of the plan must be a whole number, not a string"},
	{HEAD "sauces: {}\n",
         "p.yaml:2:1: unknown key `sauces` in the plan; did you mean `sources`?"},
	{HEAD "name: a/b\n" SRC,
         "p.yaml:2:7: `a/b` cannot name a run: use letters, digits, _ - and ."},
	{HEAD "name: [a]\n" SRC, "p.yaml:2:7: `name` of the plan must be a string"},
	{HEAD "seed: -1\n" SRC, "p.yaml:2:7: `seed` of the plan is -1, but must be from 0 to "
                                "1.84467e+19"},
	{HEAD "memory: lots\n" SRC,
         "p.yaml:2:9: `memory` of the plan must be a size such as 512MB or 1GiB"},
	{HEAD "on_bad_row: halt\n" SRC,
         "p.yaml:2:13: `on_bad_row` of the plan cannot be `halt`; it is one of: stop reject"},
	{HEAD "budget: {monney: 1}\n" SRC,
         "p.yaml:2:10: unknown key `monney` in `budget` of the plan; did you mean `money`?"},
	{HEAD "budget: 5\n" SRC,
         "p.yaml:2:9: `budget` of the plan must be a mapping, not a number"},
	{HEAD "holdout: some\n" SRC,
         "p.yaml:2:10: `holdout` of the plan must be a mapping, not a string"},
	{HEAD "holdout: {share: 2}\n" SRC,
         "p.yaml:2:18: `share` of `holdout` of the plan is 2, but must be from 0 to 0.9"},
	{HEAD "review: sometimes\n" SRC,
         "p.yaml:2:9: `mode` of `review` cannot be `sometimes`; it is "
         "one of: none undecided all sample"},
	{HEAD "review: {sample: 3}\n" SRC,
         "p.yaml:2:18: `sample` must be a mapping: {confidence: 0.95, limit: 0.05}"},
	{HEAD "review: {sample: {limi: 1}}\n" SRC,
         "p.yaml:2:19: unknown key `limi` in `sample` of `review`; did you mean `limit`?"},
	/* models */
	{HEAD "models: [a]\n" SRC, "p.yaml:2:9: `models` is a mapping: NAME: {type: ...}"},
	{HEAD "models: {m: 1}\n" SRC,
         "p.yaml:2:13: model `m` must be a mapping with at least `type`"},
	{HEAD "models: {m: {}}\n" SRC,
         "p.yaml:2:13: model `m` needs the key `type`; `outcross help "
         "llms` lists the ways to reach a model"},
	{HEAD "models: {m: {type: ggufs}}\n" SRC,
         "p.yaml:2:20: there is no type of model `ggufs`; did you mean `gguf`?"},
	{HEAD "models: {m: {type: gguf, path: x, price: {promt: 1}}}\n" SRC,
         "p.yaml:2:43: unknown key `promt` in `price` of model `m`; did you mean `prompt`?"},
	{HEAD "models: {a b: {type: gguf}}\n" SRC,
         "p.yaml:2:10: `a b` cannot name a model: use letters, digits, _ - and ."},
	/* sources */
	{HEAD "sources: {}\n", "p.yaml:2:10: `sources` is a mapping: NAME: {path: ...}"},
	{HEAD "sources: {a: x.jsonl}\n",
         "p.yaml:2:14: source `a` must be a mapping with at least `path`"},
	{HEAD "sources: {a: {path: x.bin}}\n", "p.yaml:2:14: source `a` needs the key `type`; "
                                               "`outcross help sources` lists them"},
	{HEAD "sources: {a: {type: jsonlines, path: x}}\n",
         "p.yaml:2:21: there is no type of source `jsonlines`; did you mean `jsonl`?"},
	{HEAD "sources: {a: {type: jsonl}}\n",
         "p.yaml:2:14: source `a` needs the key `path`: Files or "
         "patterns, read in order as one sequence; - is "
         "standard input."},
	{HEAD "sources: {a: {path: a.jsonl, orgin: real}}\n",
         "p.yaml:2:30: unknown key `orgin` in source `a`; did you mean `origin`?"},
	{HEAD "sources: {a: {path: a.jsonl, origin: human}}\n",
         "p.yaml:2:38: `origin` of source `a` cannot be `human`; it is one of: real synthetic "
         "unknown"},
	{HEAD "sources: {a: {path: a.jsonl, collected: yesterday}}\n",
         "p.yaml:2:41: `collected` of source `a` must be a date such as 2021, 2021-10 or "
         "2021-10-01"},
	{HEAD "sources: {a: {path: a.jsonl, collected: 2021-13}}\n",
         "p.yaml:2:41: `collected` of source `a` must be a date such as 2021, 2021-10 or "
         "2021-10-01"},
	{HEAD "sources: {a: {path: a.jsonl, attest: {who: Ann}}}\n",
         "p.yaml:2:38: `attest` of source `a` needs the key `how`: how they know"},
	{HEAD "sources: {a: {path: a.jsonl, attest: ''}}\n",
         "p.yaml:2:38: `attest` of source `a` is empty"},
	{HEAD "allow_licenses: [MIT]\n" SRC, "p.yaml:4:6: source `a` states no `license`, and "
                                             "`allow_licenses` lets only known ones in"},
	{HEAD "allow_licenses: [MIT, CC0-1.0]\nsources: {a: {path: a.jsonl, license: GPL-3.0}}\n",
         "p.yaml:3:39: the licence GPL-3.0 of source `a` is not in `allow_licenses`"},
	/* steps */
	{HEAD SRC "curate: exact\n",
         "p.yaml:4:9: `curate` is a list: each line `- PART: {options}`"},
	{HEAD SRC "curate: [7]\n",
         "p.yaml:4:10: a step under `curate` is `- PART` or `- PART: {options}`"},
	{HEAD SRC "curate:\n  - words:\n    min: 3\n",
         "p.yaml:5:5: a step under `curate` has one key, its part; write its options indented "
         "below or in braces: - PART: {key: value}"},
	{HEAD SRC "curate: [novely]\n",
         "p.yaml:4:10: there is no stage `novely`; did you mean `novelty`?"},
	{HEAD SRC "curate: [frobnicate]\n",
         "p.yaml:4:10: there is no stage `frobnicate`; `outcross help "
         "stages` lists them"},
	{HEAD SRC "curate:\n  - novelty: {tresh: 1}\n",
         "p.yaml:5:15: unknown key `tresh` in stage novelty; did you mean `threshold`?"},
	{HEAD SRC "curate:\n  - novelty: {threshold: 7}\n",
         "p.yaml:5:26: `threshold` of stage novelty is 7, but must be from 0 to 1"},
	{HEAD SRC "curate:\n  - exact: {name: a}\n",
         "p.yaml:5:19: the name `a` is taken; every source and step needs its own"},
	{HEAD SRC "curate:\n  - exact: {name: ../x}\n",
         "p.yaml:5:19: `../x` cannot name a step: use letters, digits, _ - and ."},
	/* recipes */
	{HEAD SRC "generate: [arithmetics]\n",
         "p.yaml:4:12: there is no recipe `arithmetics`; did you mean `arithmetic`?"},
	{HEAD SRC "generate: [exact]\n",
         "p.yaml:4:12: `exact` is a stage, not a recipe: it stands under "
         "`verify` or `curate`"},
	{HEAD SRC "generate: [arithmetic]\n",
         "p.yaml:4:12: recipe arithmetic needs the key `model`: who writes"},
	{HEAD SRC "generate:\n  - arithmetic: {model: m}\n",
         "p.yaml:5:25: there is no model `m`; name it under `models:`"},
	{HEAD "models: {small: {type: gguf, path: x}}\n" SRC
              "generate:\n  - arithmetic: {model: smal}\n",
         "p.yaml:6:25: there is no model `smal`; did you mean `small`?"},
	{HEAD "models: {m: {type: gguf, path: x}}\n" SRC
              "generate:\n  - arithmetic: {model: m, seeds: [b]}\n",
         "p.yaml:6:35: there is no source `b`; did you mean `a`?"},
	{HEAD "models: {m: {type: gguf, path: x}}\n" SRC
              "generate:\n  - arithmetic: {model: m, digitz: 3}\n",
         "p.yaml:6:28: unknown key `digitz` in recipe arithmetic; did you mean `digits`?"},
	/* what is not there yet is refused, not ignored */
	{HEAD SRC "mix: {tokenz: 5}\n",
         "p.yaml:4:7: unknown key `tokenz` in `mix` of the plan; did you mean `tokens`?"},
	{HEAD SRC "measure: {}\n",
         "p.yaml:4:1: `measure` is not built into this version of Outcross; "
         "take the key away to go on without it"},
	/* YAML's own */
	{HEAD "name: {{ x }}\n",
         "p.yaml:2:7: put quotes around text that holds {{ }}: \"{{ field }}\""},
	{HEAD "seed: 1\nseed: 2\n",
         "p.yaml:3:1: the key \"seed\" stands here twice (first in line 2)"},
};

static void test_bad(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct oc_err err;
		char message[1100];
		struct oc_plan *p = parse(bad[i].yaml, &err);
		snprintf(message, sizeof message, "%s: %s", err.where, err.msg);
		if (p || err.code != OC_PLAN || strcmp(message, bad[i].message) != 0) {
			print_error("%s  got  %s\n  want %s\n", bad[i].yaml, p ? "a plan" : message,
			            bad[i].message);
			failed++;
		}
		oc_plan_free(p);
	}
	assert_int_equal(failed, 0);
}

/* -------------------------------------------------------------------- hash */

static void hash_of(const char *yaml, char out[33])
{
	struct oc_plan *p = good(yaml);
	oc_hash128_hex(oc_plan_hash(p), out);
	oc_plan_free(p);
}

#define BASE_PLAN                                                                                  \
	HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"       \
	     "curate:\n  - exact\n  - novelty: {threshold: 0.6}\n"

static void test_hash(void **state)
{
	static const char *const same[] = {
		"# a comment\n" BASE_PLAN "# another\n",
		/* order of keys, flow and block style, quotes */
		"curate: [exact, {novelty: {threshold: 0.60}}]\nsources:\n  a:\n    license: "
		"'MIT'\n"
		"    path: [a.jsonl]\n  b: {path: b.jsonl}\nseed: 0x7\noutcross: 1\n",
		/* names of the run and of steps */
		"name: other\n" HEAD
		"seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"
		"curate:\n  - exact: {name: once}\n  - novelty: {name: twice, threshold: 0.6}\n",
		/* defaults spelled out */
		BASE_PLAN
		"review: none\nholdout: {share: 0.1}\non_bad_row: reject\nmax_row: 256MB\n",
		/* what costs time or money, but makes no other rows */
		BASE_PLAN "memory: 3GB\nbudget: {money: 1}\nmax_failed: 0.3\ncache: elsewhere\n",
	};
	static const char *const differs[] = {
		HEAD "seed: 8\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"
		     "curate:\n  - exact\n  - novelty: {threshold: 0.6}\n",
		HEAD "seed: 7\nsources:\n  b: {path: b.jsonl}\n  a: {path: a.jsonl, license: MIT}\n"
		     "curate:\n  - exact\n  - novelty: {threshold: 0.6}\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: c.jsonl}\n"
		     "curate:\n  - exact\n  - novelty: {threshold: 0.6}\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"
		     "curate:\n  - novelty: {threshold: 0.6}\n  - exact\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"
		     "curate:\n  - exact\n  - novelty: {threshold: 0.61}\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"
		     "verify:\n  - exact\ncurate:\n  - novelty: {threshold: 0.6}\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n  b: {path: b.jsonl}\n"
		     "curate:\n  - exact: {on: made}\n  - novelty: {threshold: 0.6}\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT}\n"
		     "  b: {path: b.jsonl, use: seeds}\n"
		     "curate:\n  - exact\n  - novelty: {threshold: 0.6}\n",
		HEAD "seed: 7\nsources:\n  a: {path: a.jsonl, license: MIT, attest: me}\n"
		     "  b: {path: b.jsonl}\ncurate:\n  - exact\n  - novelty: {threshold: 0.6}\n",
		BASE_PLAN "holdout: none\n",
		BASE_PLAN "holdout: {share: 0.2}\n",
		BASE_PLAN "review: all\n",
		BASE_PLAN "on_bad_row: stop\n",
	};
	char base[33], other[33];

	(void)state;
	hash_of(BASE_PLAN, base);
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		hash_of(same[i], other);
		if (strcmp(base, other) != 0)
			print_error("should be the same:\n%s", same[i]);
		assert_string_equal(base, other);
	}
	for (size_t i = 0; i < sizeof differs / sizeof differs[0]; i++) {
		hash_of(differs[i], other);
		if (strcmp(base, other) == 0)
			print_error("should differ:\n%s", differs[i]);
		assert_string_not_equal(base, other);
	}
}

/* A plan written out in full reads as the same plan and is written out the same again. */
static void test_expand(void **state)
{
	static const char *const plans[] = {
		BASE_PLAN,
		BASE_PLAN "review: {sample: {}}\nholdout: none\nbudget: {tokens: 1M}\n",
		HEAD
		"sources:\n  a: {path: [a.jsonl, 'b c.jsonl'], attest: {who: A, how: \"x: y\"}, "
		"origin: real, collected: 2021}\ncurate: [words, words]\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
		struct oc_plan *p = good(plans[i]), *q;
		struct oc_buf one = {0}, two = {0};
		char a[33], b[33];
		oc_plan_write(&one, p);
		q = good(oc_buf_cstr(&one));
		oc_plan_write(&two, q);
		assert_string_equal(oc_buf_cstr(&one), oc_buf_cstr(&two));
		oc_hash128_hex(oc_plan_hash(p), a);
		oc_hash128_hex(oc_plan_hash(q), b);
		assert_string_equal(a, b);
		oc_plan_free(p);
		oc_plan_free(q);
		oc_buf_fini(&one);
		oc_buf_fini(&two);
	}
}

/* A recipe from a file, and expansion of a recipe to steps that can be given again. */
static void test_recipes(void **state)
{
	static const char text[] =
		HEAD "models: {m: {type: gguf, path: x}}\n" SRC
		     "generate:\n  - arithmetic: {model: m, rows: 7}\n  - my.yaml: {model: m}\n"
		     "  - arithmetic: {model: m, recipe: my.yaml, name: other}\n";
	char dir[] = "/tmp/oc-plan-XXXXXX", path[64], a[33], b[33];
	const char *recipe = oc_recipe_builtin(OC_LIT("arithmetic"));
	struct oc_buf one = {0};
	struct oc_ctx *ctx = oc_ctx_new(1, 0);
	struct oc_err err = {0};
	struct oc_plan *p, *q;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/my.yaml", dir);
	assert_int_equal(oc_file_write(path, recipe, strlen(recipe), &err), 0);
	if (oc_plan_parse(&p, ctx, OC_LIT(text), "p.yaml", dir, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
	assert_int_equal(p->generate_n, 3);
	assert_string_equal(p->generate[0].name, "arithmetic");
	assert_string_equal(p->generate[1].name, "arithmetic-2");
	assert_string_equal(p->generate[1].part, "my.yaml");
	assert_string_equal(p->generate[2].name, "other");
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(p->generate[i].model, &p->models[0]);
		assert_null(p->generate[i].def);
		assert_true(yyjson_is_arr(oc_json_get(p->generate[i].opts, "steps")));
		assert_int_equal(oc_json_get_int(p->generate[i].opts, "rows", 0), i ? 200 : 7);
	}
	oc_plan_write(&one, p);
	if (oc_plan_parse(&q, ctx, oc_buf_view(&one), "p.yaml", dir, &err) < 0)
		fail_msg("%s: %s", err.where, err.msg);
	oc_hash128_hex(oc_plan_hash(p), a);
	oc_hash128_hex(oc_plan_hash(q), b);
	assert_string_equal(a, b);
	oc_plan_free(p);
	oc_plan_free(q);
	oc_buf_fini(&one);
	oc_ctx_free(ctx);
	assert_int_equal(oc_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_settings),
		cmocka_unit_test(test_origin),   cmocka_unit_test(test_lineage),
		cmocka_unit_test(test_steps),    cmocka_unit_test(test_bad),
		cmocka_unit_test(test_hash),     cmocka_unit_test(test_expand),
		cmocka_unit_test(test_recipes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
