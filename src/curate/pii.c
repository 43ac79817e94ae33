/*
 * pii: personal data in a row's strings is reported, masked or costs the row its place. The
 * scanners are text/pii.h's; here every string of the row (or of some of its members), at any
 * depth, is looked at, and in a masked row all bytes outside the masked spans' strings stay.
 *
 * A mask is a type and a keyed hash of the value, <email:3f2a>: equal values get equal masks
 * everywhere in a run, in whichever order rows come, and the mask tells nothing to who has not the
 * key. Cost: O(bytes of the row).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/row.h"
#include "text/pii.h"
#include "text/utf8.h"

enum action { REPORT, MASK, DROP };

#define SPANS_MAX    32  /* named in the evidence; the counts are of all */
#define PATH_MAX_LEN 200 /* bytes of a place's name in the evidence */

struct pii {
	char *name;
	struct oc_arena *arena;
	struct oc_str *fields;
	uint32_t field_n;
	unsigned what;
	enum action action;
	bool tagged;
	unsigned digits;
	double max;
	uint64_t key[2];
};

/* A string with something in it. */
struct hit {
	uint64_t ordinal; /* among the row's strings, names of members included, in their order */
	struct oc_str text, path;
	size_t first, n; /* its spans */
};

/* One worker's. */
struct scratch {
	struct oc_pii_spans spans;
	struct hit *hits;
	size_t hit_n, hit_cap;
	uint64_t ordinal;
	struct oc_buf path, raw, text, plain;
};

static const struct oc_option options[] = {
	{.key = "types",
         .type = OC_OPT_STRS,
         .def = "[email, ip, phone, iban, card]",
         .help = "What is looked for."},
	{.key = "fields",
         .type = OC_OPT_STRS,
         .help = "Top-level members whose strings, at any depth, are looked at; without them the "
                 "whole row's."},
	{.key = "ip",
         .type = OC_OPT_ENUM,
         .def = "public",
         .choices = "public|all",
         .help = "public: only addresses that reach a machine in the open network; all: private, "
                 "loopback and documentation addresses, too."},
	{.key = "action",
         .type = OC_OPT_ENUM,
         .def = "mask",
         .choices = "report|mask|drop",
         .help = "report flags the row, mask replaces what was found, drop rejects the row."},
	{.key = "max",
         .type = OC_OPT_INT,
         .def = "0",
         .min = 0,
         .max = 1e9,
         .unit = "pieces",
         .help = "report and drop take rows with more than this."},
	{.key = "mask",
         .type = OC_OPT_ENUM,
         .def = "tagged",
         .choices = "tagged|typed",
         .help = "tagged: <email:3f2a>, equal values alike; typed: <email>."},
	{.key = "digits",
         .type = OC_OPT_INT,
         .def = "4",
         .min = 1,
         .max = 16,
         .help = "Hexadecimal digits of a tag. With few, different values share some: with 4, two "
                 "of 300."},
	{.key = "key",
         .type = OC_OPT_PATH,
         .help = "A file of at least 16 secret bytes that keys the tags. Without it they are keyed "
                 "by the run's seed, and who knows that can test a guess."},
	{0},
};

static void close_pii(void *self)
{
	struct pii *s = self;

	if (!s)
		return;
	oc_arena_free(s->arena);
	free(s->name);
	free(s);
}

static int read_key(struct pii *s, const struct oc_env *env, struct oc_str path, struct oc_err *err)
{
	struct oc_buf b = {0};
	struct oc_rng rng;
	struct oc_draws d;
	int rc = 0;

	if (!path.len) {
		oc_rng_init(&rng, env->seed, "pii/mask");
		oc_draws_init(&d, &rng, 0);
		s->key[0] = oc_draw_u64(&d);
		s->key[1] = oc_draw_u64(&d);
		return 0;
	}
	const char *full = oc_path_from(s->arena, env->base_dir, path);
	if (oc_file_read(full, 1u << 20, &b, err)) {
		rc = -1;
	} else if (b.len < 16) {
		rc = oc_fail(
			err, OC_INPUT, full,
			"a key has at least 16 bytes; `head -c 32 /dev/urandom >FILE` makes one");
	} else {
		struct oc_hash128 h = oc_hash128(b.p, b.len);
		s->key[0] = h.lo;
		s->key[1] = h.hi;
	}
	oc_buf_fini(&b);
	return rc;
}

static int read_types(struct pii *s, yyjson_val *list, struct oc_err *err)
{
	yyjson_val *item;
	size_t i, max;

	yyjson_arr_foreach(list, i, max, item)
	{
		unsigned t = 0;
		while (t < OC_PII_TYPES && !oc_str_is(oc_json_str(item), oc_pii_names[t]))
			t++;
		if (t == OC_PII_TYPES)
			return oc_fail(err, OC_PLAN, s->name,
			               "`types` knows email, ip, phone, iban and card, not `%.*s`",
			               OC_ARG(oc_json_str(item)));
		s->what |= 1u << t;
	}
	return 0;
}

static int open_pii(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct pii *s = oc_zalloc(1, sizeof *s);
	yyjson_val *list = oc_json_get(opts, "fields"), *item;
	struct oc_str action = oc_json_get_str(opts, "action");
	size_t i, max;

	s->name = oc_strdup(env->name);
	s->arena = oc_arena_new();
	s->fields = oc_arena_alloc(s->arena, (yyjson_arr_size(list) + 1) * sizeof *s->fields);
	yyjson_arr_foreach(list, i, max, item)
	{
		s->fields[s->field_n++] = oc_arena_str(s->arena, oc_json_str(item));
	}
	s->action = oc_str_is(action, "report") ? REPORT : oc_str_is(action, "drop") ? DROP : MASK;
	s->tagged = oc_str_is(oc_json_get_str(opts, "mask"), "tagged");
	s->digits = (unsigned)oc_json_get_int(opts, "digits", 4);
	s->max = oc_json_get_num(opts, "max", 0);
	if (oc_str_is(oc_json_get_str(opts, "ip"), "all"))
		s->what |= OC_PII_PRIVATE_IP;
	if (read_types(s, oc_json_get(opts, "types"), err) ||
	    read_key(s, env, oc_json_get_str(opts, "key"), err)) {
		close_pii(s);
		return -1;
	}
	*self = s;
	return 0;
}

static void *scratch_new(void *self)
{
	(void)self;
	return oc_zalloc(1, sizeof(struct scratch));
}

static void scratch_free(void *scratch)
{
	struct scratch *t = scratch;

	oc_pii_fini(&t->spans);
	oc_buf_fini(&t->path);
	oc_buf_fini(&t->raw);
	oc_buf_fini(&t->text);
	oc_buf_fini(&t->plain);
	free(t->hits);
	free(t);
}

/* ------------------------------------------------------------------- looking */

static void look_at(const struct pii *s, struct scratch *t, struct oc_arena *a, struct oc_str text,
                    struct oc_str label)
{
	size_t first = t->spans.n;

	oc_pii_find(text, label, s->what, &t->spans);
	if (t->spans.n == first)
		return;
	if (t->hit_n == t->hit_cap) {
		t->hit_cap = t->hit_cap ? 2 * t->hit_cap : 16;
		t->hits = oc_realloc(t->hits, t->hit_cap * sizeof *t->hits);
	}
	/* only paths that the evidence names are kept */
	struct oc_str path = {NULL, 0};
	if (first < SPANS_MAX)
		path = oc_arena_str(a, oc_utf8_cut(oc_buf_view(&t->path), PATH_MAX_LEN));
	t->hits[t->hit_n++] = (struct hit){t->ordinal, text, path, first, t->spans.n - first};
}

/* Every string below v, counted in the order of the text. Recursion ends at OC_JSON_DEPTH. */
static void look_below(const struct pii *s, struct scratch *t, struct oc_arena *a, yyjson_val *v,
                       struct oc_str label, bool wanted)
{
	yyjson_val *key, *item;
	size_t i, max, len = t->path.len;

	if (yyjson_is_str(v)) {
		if (wanted)
			look_at(s, t, a, oc_json_str(v), label);
		t->ordinal++;
	} else if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, max, key, item)
		{
			struct oc_str name = oc_json_str(key);
			oc_buf_puts(&t->path, len ? "." : "");
			oc_buf_str(&t->path, name);
			t->ordinal++;
			look_below(s, t, a, item, name, wanted);
			t->path.len = len;
		}
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, max, item)
		{
			oc_buf_putc(&t->path, '.');
			oc_buf_u64(&t->path, i);
			look_below(s, t, a, item, label, wanted);
			t->path.len = len;
		}
	}
}

static void look(const struct pii *s, struct scratch *t, struct oc_row *row)
{
	yyjson_val *key, *item;
	size_t i, max;

	t->spans.n = t->hit_n = 0;
	t->ordinal = 0;
	yyjson_obj_foreach(row->root, i, max, key, item)
	{
		struct oc_str name = oc_json_str(key);
		bool wanted = s->field_n == 0;
		for (uint32_t k = 0; k < s->field_n && !wanted; k++)
			wanted = oc_str_eq(s->fields[k], name);
		t->path.len = 0;
		oc_buf_str(&t->path, name);
		t->ordinal++;
		look_below(s, t, row->arena, item, name, wanted);
	}
}

/* ------------------------------------------------------------------- masking */

static void put_mask(const struct pii *s, struct scratch *t, enum oc_pii_type type,
                     struct oc_str value)
{
	oc_buf_putc(&t->text, '<');
	oc_buf_puts(&t->text, oc_pii_names[type]);
	if (s->tagged) {
		char tag[17];
		t->plain.len = 0;
		oc_buf_putc(&t->plain, (char)('0' + type));
		oc_pii_plain(&t->plain, type, value);
		snprintf(tag, sizeof tag, "%016llx",
		         (unsigned long long)oc_siphash(s->key, t->plain.p, t->plain.len));
		oc_buf_putc(&t->text, ':');
		oc_buf_add(&t->text, tag, s->digits);
	}
	oc_buf_putc(&t->text, '>');
}

static void put_masked(const struct pii *s, struct scratch *t, const struct hit *hit)
{
	size_t done = 0;

	t->text.len = 0;
	for (size_t i = hit->first; i < hit->first + hit->n; i++) {
		const struct oc_pii_span *x = &t->spans.span[i];
		oc_buf_add(&t->text, hit->text.p + done, x->at - done);
		put_mask(s, t, x->type, (struct oc_str){hit->text.p + x->at, x->len});
		done = x->at + x->len;
	}
	oc_buf_add(&t->text, hit->text.p + done, hit->text.len - done);
	oc_buf_json(&t->raw, oc_buf_view(&t->text));
}

/* The place behind the string whose opening quote is at p, in valid JSON. */
static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end;) {
		const char *quote = memchr(p, '"', (size_t)(end - p)), *back = quote;
		if (!quote)
			break;
		while (back > p && back[-1] == '\\')
			back--;
		p = quote + 1;
		if ((quote - back) % 2 == 0)
			return p;
	}
	return end;
}

/* The row's text with the strings of the hits written anew, all other bytes as they are. */
static int mask(const struct pii *s, struct scratch *t, struct oc_row *row, struct oc_err *err)
{
	const char *p = row->raw.p, *end = p + row->raw.len, *done = p;
	uint64_t ordinal = 0;

	t->raw.len = 0;
	for (size_t h = 0; h < t->hit_n;) {
		const char *quote = memchr(p, '"', (size_t)(end - p));
		if (!quote)
			return oc_fail(err, OC_INTERNAL, s->name,
			               "a row's strings were miscounted");
		p = string_end(quote, end);
		if (ordinal++ < t->hits[h].ordinal)
			continue;
		oc_buf_add(&t->raw, done, (size_t)(quote - done));
		put_masked(s, t, &t->hits[h++]);
		done = p;
	}
	oc_buf_add(&t->raw, done, (size_t)(end - done));
	return oc_row_replace(row, oc_buf_view(&t->raw), err);
}

/* -------------------------------------------------------------------- judging */

/* {"email":1,"phone":2,"spans":[{"type":"email","field":"text","at":12,"len":18},...]}: places, not
 * values, so that the lineage of a masked row does not hold what was masked. */
static void put_evidence(struct scratch *t, struct oc_buf *b)
{
	size_t count[OC_PII_TYPES] = {0}, put = 0;

	for (size_t i = 0; i < t->spans.n; i++)
		count[t->spans.span[i].type]++;
	oc_buf_putc(b, '{');
	for (unsigned k = 0; k < OC_PII_TYPES; k++)
		if (count[k])
			oc_buf_printf(b, "\"%s\":%zu,", oc_pii_names[k], count[k]);
	oc_buf_puts(b, "\"spans\":[");
	for (size_t h = 0; h < t->hit_n && put < SPANS_MAX; h++) {
		const struct hit *x = &t->hits[h];
		for (size_t i = x->first; i < x->first + x->n && put < SPANS_MAX; i++) {
			oc_buf_printf(b, "%s{\"type\":\"%s\",\"field\":", put++ ? "," : "",
			              oc_pii_names[t->spans.span[i].type]);
			oc_buf_json(b, x->path);
			oc_buf_printf(b, ",\"at\":%zu,\"len\":%zu}", t->spans.span[i].at,
			              t->spans.span[i].len);
		}
	}
	oc_buf_puts(b, "]}");
}

static int judge(void *self, void *scratch, struct oc_row *row, struct oc_err *err)
{
	const struct pii *s = self;
	struct scratch *t = scratch;
	enum oc_result result = OC_KEEP;
	struct oc_buf b = {0};
	int rc = 0;

	look(s, t, row);
	double n = (double)t->spans.n;
	if (s->action == MASK)
		result = n > 0 ? OC_CHANGED : OC_KEEP;
	else if (n > s->max)
		result = s->action == DROP ? OC_DROP : OC_FLAG;
	if (n > 0)
		put_evidence(t, &b);
	oc_row_score(row, s->name, "personal_data", result, n, s->action == MASK ? 0 : s->max,
	             oc_buf_view(&b));
	if (result == OC_DROP)
		row->fate = OC_REJECTED;
	if (result == OC_CHANGED) {
		rc = mask(s, t, row, err);
		oc_row_edited(row, oc_str(s->name), OC_LIT("mask"));
	}
	oc_buf_fini(&b);
	return rc;
}

extern const struct oc_stage_def oc_stage_pii;
const struct oc_stage_def oc_stage_pii = {
	.size = sizeof(struct oc_stage_def),
	.name = "pii",
	.help = "report, mask or drop e-mail and IP addresses, phone numbers, IBANs and cards",
	.doc = "Looks at every string of a row, not at numbers nor at names of members. What "
	       "is found must be what it looks like: an IBAN passes modulo 97 and has its "
	       "country's length, a card passes Luhn's test and has an issuer's prefix, an "
	       "IP address is allocated and public (`ip: all` takes the others, too), a "
	       "phone number has a form of its own (+49 30 1234567, (415) 555-2671) or a "
	       "word before it that says so, which may be the name of its member. Version "
	       "numbers, dates, decimals and file names are passed over.\n\n"
	       "`{\"text\": \"write to ann@example.org\"}` becomes `{\"text\": \"write to "
	       "<email:3f2a>\"}`; Ann@Example.org gets the same tag, in every row of the run. "
	       "The verdict `personal_data` has the number of pieces as its score, and as "
	       "evidence their types and places, never their values; a rejected row keeps "
	       "its bytes in the file of rejected rows. Names of people and postal addresses "
	       "have no form and are not found: this is no anonymisation.\n\n"
	       "Cost: under 1 us for 220 words of prose. Source: rules after datatrove and "
	       "dolma (Soldaini et al. 2024, arXiv 2402.00159), with checks of their own.",
	.kind = OC_STAGE_ROW,
	.options = options,
	.open = open_pii,
	.close = close_pii,
	.scratch_new = scratch_new,
	.scratch_free = scratch_free,
	.row = judge,
};
