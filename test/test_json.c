/* JSON values: parsing and its errors, both writers, the walk over an object's text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "data/json.h"

static struct oc_arena *arena;

static int up(void **state)
{
	(void)state;
	arena = oc_arena_new();
	return 0;
}

static int down(void **state)
{
	(void)state;
	oc_arena_free(arena);
	return 0;
}

static yyjson_val *parse(const char *text)
{
	struct oc_err err = {0};
	yyjson_val *v = oc_json_parse(arena, oc_str(text), &err);

	if (!v)
		fail_msg("%s: %s", text, err.msg);
	return v;
}

static void refused(struct oc_str text, const char *part)
{
	struct oc_err err = {0};

	assert_null(oc_json_parse(arena, text, &err));
	assert_int_equal(err.code, OC_INPUT);
	if (!strstr(err.msg, part))
		fail_msg("message \"%s\" does not say \"%s\"", err.msg, part);
}

static void writes(const char *text, const char *plain, const char *canonical)
{
	struct oc_buf b = {0};

	oc_json_write(&b, parse(text));
	assert_string_equal(oc_buf_cstr(&b), plain);
	b.len = 0;
	oc_json_canonical(&b, parse(text));
	assert_string_equal(oc_buf_cstr(&b), canonical);
	oc_buf_fini(&b);
}

static void errors_name_the_byte(void **state)
{
	(void)state;
	refused(OC_LIT(""), "byte 0");
	refused(OC_LIT("{\"a\":1,}"), "byte 6: trailing comma");
	refused(OC_LIT("{\"a\":tru}"), "byte 5");
	refused(OC_LIT("{\"a\":\"\0\"}"), "byte 6: a NUL");
	refused(OC_LIT("\"\xff\""), "byte 1");
	refused(OC_LIT("\"\xed\xa0\x80\""), "byte 1"); /* a surrogate in UTF-8 */
	refused(OC_LIT("\"\\ud800\""), "byte");
	refused(OC_LIT("{} {}"), "byte 3");
	refused(OC_LIT("NaN"), "byte 0");
}

static void depth_is_capped(void **state)
{
	char text[2 * OC_JSON_DEPTH + 8];

	(void)state;
	memset(text, '[', OC_JSON_DEPTH);
	memset(text + OC_JSON_DEPTH, ']', OC_JSON_DEPTH);
	text[2 * OC_JSON_DEPTH] = 0;
	parse(text);
	memset(text, '[', OC_JSON_DEPTH + 1);
	memset(text + OC_JSON_DEPTH + 1, ']', OC_JSON_DEPTH + 1);
	refused((struct oc_str){text, 2 * OC_JSON_DEPTH + 2}, "deeper than 512");

	/* Wide is not deep. */
	struct oc_buf b = {0};
	for (int i = 0; i < 2000; i++)
		oc_buf_puts(&b, i ? ",[[1]]" : "[[[1]]");
	oc_buf_putc(&b, ']');
	parse(oc_buf_cstr(&b));
	oc_buf_fini(&b);
}

static void numbers_and_members(void **state)
{
	(void)state;
	writes(" { \"b\" : 1.0 , \"a\" : [ 1e2, -0.0 , 3 ] } ", "{\"b\":1.0,\"a\":[100.0,-0.0,3]}",
	       "{\"a\":[100,0,3],\"b\":1}");
	writes("[0.1,1e-7,123456789.125,5e-324,1e22,18446744073709551615,1.8446744073709550e19]",
	       "[0.1,1e-07,123456789.125,4.94065645841247e-324,1e+22,18446744073709551615,"
	       "1.844674407370955e+19]",
	       "[0.1,1e-07,123456789.125,4.94065645841247e-324,1e+22,18446744073709551615,"
	       "18446744073709549568]");
	/* Too large for a double: as it was written, in both. */
	writes("[1e999,-123456789012345678901234567890]", "[1e999,-123456789012345678901234567890]",
	       "[1e999,-123456789012345678901234567890]");
	writes("\"\\u00e9\\n\\/\\u0001\\\"\"", "\"\xc3\xa9\\n/\\u0001\\\"\"",
	       "\"\xc3\xa9\\n/\\u0001\\\"\"");
	writes("{\"aa\":1,\"a\":2,\"B\":{\"y\":1,\"x\":[]}}",
	       "{\"aa\":1,\"a\":2,\"B\":{\"y\":1,\"x\":[]}}",
	       "{\"B\":{\"x\":[],\"y\":1},\"a\":2,\"aa\":1}");
}

static void paths(void **state)
{
	yyjson_val *v = parse("{\"a\":{\"b\":[10,{\"c\":\"x\"}]},\"a.b\":7,\"n\":3.0,\"t\":true}");
	struct oc_str s;

	(void)state;
	assert_int_equal(yyjson_get_int(oc_json_path(v, OC_LIT("a.b"))), 7);
	v = parse("{\"a\":{\"b\":[10,{\"c\":\"x\"}]}}");
	s = oc_json_str(oc_json_path(v, OC_LIT("a.b.1.c")));
	assert_true(oc_str_is(s, "x"));
	assert_null(oc_json_path(v, OC_LIT("a.b.2")));
	assert_null(oc_json_path(v, OC_LIT("a.b.x")));
	assert_null(oc_json_path(v, OC_LIT("")));
	assert_null(oc_json_path(NULL, OC_LIT("a")));
	v = parse("{\"n\":3.0,\"big\":1e300,\"t\":true,\"s\":\"q\"}");
	assert_int_equal(oc_json_get_int(v, "n", -1), 3);
	assert_int_equal(oc_json_get_int(v, "big", -1), -1);
	assert_int_equal(oc_json_get_int(NULL, "n", -1), -1);
	assert_true(oc_json_get_bool(v, "t", false));
	assert_true(oc_json_get_bool(v, "s", true));
	assert_true(oc_json_get_num(v, "big", 0) == 1e300);
}

static void walks_bytes(void **state)
{
	struct oc_str object = OC_LIT(" { \"a\\\"}\" : \"x\\\\\" ,\"b\":[{\"c\":\"]\"},2 ] , "
	                              "\"\\u0063\":-1.50 ,\"d\":{} } ");
	struct oc_str value, key;
	size_t at = 0;
	int n = 0;

	(void)state;
	while (oc_json_next(object, &at, &key, &value))
		n++;
	assert_int_equal(n, 4);
	assert_true(oc_json_member(object, OC_LIT("a\"}"), &value));
	assert_true(oc_str_is(value, "\"x\\\\\""));
	assert_true(oc_json_member(object, OC_LIT("b"), &value));
	assert_true(oc_str_is(value, "[{\"c\":\"]\"},2 ]"));
	assert_true(oc_json_member(object, OC_LIT("c"), &value));
	assert_true(oc_str_is(value, "-1.50"));
	assert_true(oc_json_member(object, OC_LIT("d"), &value));
	assert_true(oc_str_is(value, "{}"));
	assert_false(oc_json_member(object, OC_LIT("e"), &value));
	assert_false(oc_json_member(OC_LIT("{}"), OC_LIT("e"), &value));

	struct oc_str array = OC_LIT("[ 1 , [2,3],\"a,b\" ]");
	at = 0;
	assert_true(oc_json_item(array, &at, &value) && oc_str_is(value, "1"));
	assert_true(oc_json_item(array, &at, &value) && oc_str_is(value, "[2,3]"));
	assert_true(oc_json_item(array, &at, &value) && oc_str_is(value, "\"a,b\""));
	assert_false(oc_json_item(array, &at, &value));
	at = 0;
	assert_false(oc_json_item(OC_LIT("[ ]"), &at, &value));
}

/* ------------------------------------------------------ made-up documents */

static void make(struct oc_buf *b, struct oc_draws *d, unsigned depth)
{
	static const char *const pieces[] = {"a",       "\xc3\xa9",       "\xf0\x9f\x98\x80",
	                                     "\\n",     "\\\"",           "\\\\",
	                                     "\\u20ac", "\\ud83d\\ude00", "{[,:]}"};
	uint64_t kind = oc_draw_below(d, depth ? 8 : 6), n;

	switch (kind) {
	case 0: oc_buf_puts(b, oc_draw_below(d, 2) ? "true" : "null"); break;
	case 1: oc_buf_printf(b, "%lld", (long long)oc_draw_u64(d)); break;
	case 2: oc_buf_printf(b, "%.17g", oc_draw_normal(d) * 1e10); break;
	case 3: oc_buf_printf(b, "%.3e", oc_draw_normal(d)); break;
	case 4:
	case 5:
		oc_buf_putc(b, '"');
		n = oc_draw_below(d, 12);
		for (uint64_t i = 0; i < n; i++)
			oc_buf_puts(b, pieces[oc_draw_below(d, 9)]);
		oc_buf_putc(b, '"');
		break;
	default:
		n = oc_draw_below(d, 6);
		oc_buf_putc(b, kind == 6 ? '[' : '{');
		for (uint64_t i = 0; i < n; i++) {
			if (i)
				oc_buf_puts(b, oc_draw_below(d, 2) ? "," : " ,\n");
			if (kind == 7)
				oc_buf_printf(b, "\"k%u%llu\" :", (unsigned)i,
				              (unsigned long long)oc_draw_below(d, 100));
			make(b, d, depth - 1);
		}
		oc_buf_putc(b, kind == 6 ? ']' : '}');
	}
}

/* Writing what was parsed, and parsing that again, changes nothing more. */
static void printing_is_a_fixpoint(void **state)
{
	struct oc_buf text = {0}, once = {0}, twice = {0};
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 11, "test_json");
	for (uint64_t i = 0; i < 3000; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, i);
		text.len = once.len = twice.len = 0;
		make(&text, &d, 5);
		for (int canonical = 0; canonical < 2; canonical++) {
			void (*print)(struct oc_buf *, yyjson_val *) =
				canonical ? oc_json_canonical : oc_json_write;
			once.len = twice.len = 0;
			print(&once, parse(oc_buf_cstr(&text)));
			print(&twice, parse(oc_buf_cstr(&once)));
			assert_string_equal(oc_buf_cstr(&once), oc_buf_cstr(&twice));
		}
		oc_arena_reset(arena);
	}
	oc_buf_fini(&text);
	oc_buf_fini(&once);
	oc_buf_fini(&twice);
}

/* jansson, an independent implementation, as the oracle: loaded at run time, absent = skipped. */
struct oracle {
	void *lib;
	void *(*loadb)(const char *, size_t, size_t, void *);
	char *(*dumps)(const void *, size_t);
	int (*equal)(const void *, const void *);
	void (*delete)(void *);
};

static void agrees_with_jansson(void **state)
{
	enum { DECODE_ANY = 4, REJECT_DUPLICATES = 1 };
	struct oracle o = {.lib = dlopen("libjansson.so.4", RTLD_NOW)};
	struct oc_buf text = {0}, ours = {0};
	struct oc_rng rng;
	int both = 0, neither = 0;

	(void)state;
	if (!o.lib)
		skip();
	*(void **)&o.loadb = dlsym(o.lib, "json_loadb");
	*(void **)&o.equal = dlsym(o.lib, "json_equal");
	*(void **)&o.delete = dlsym(o.lib, "json_delete");
	oc_rng_init(&rng, 12, "test_json jansson");
	for (uint64_t i = 0; i < 4000; i++) {
		struct oc_draws d;
		struct oc_err err = {0};
		oc_draws_init(&d, &rng, i);
		text.len = ours.len = 0;
		oc_buf_putc(&text, '[');
		make(&text, &d, 4);
		oc_buf_putc(&text, ']');
		if (i % 2 && text.len > 2) { /* damage one byte of every second document */
			static const char with[] = "{}[],:\"\\x0 ";
			text.p[oc_draw_below(&d, text.len)] = with[oc_draw_below(&d, 11)];
		}
		void *theirs = o.loadb(text.p, text.len, REJECT_DUPLICATES, NULL);
		yyjson_val *v = oc_json_parse(arena, oc_buf_view(&text), &err);
		/* jansson alone refuses \u0000, doubled keys and integers above 2^63. */
		if (!v && theirs)
			fail_msg("only jansson reads %s", oc_buf_cstr(&text));
		if (v && theirs) {
			oc_json_write(&ours, v);
			void *again = o.loadb(ours.p, ours.len, 0, NULL);
			if (!again || !o.equal(theirs, again))
				fail_msg("%s became %s", oc_buf_cstr(&text), oc_buf_cstr(&ours));
			o.delete(again);
			both++;
		}
		neither += !v && !theirs;
		if (theirs)
			o.delete(theirs);
		oc_arena_reset(arena);
	}
	assert_true(both > 1500 && neither > 300);
	oc_buf_fini(&text);
	oc_buf_fini(&ours);
	dlclose(o.lib);
}

/* Parsing gives back the room yyjson reserved: an arena holds about the text and its values. */
static void memory_stays_near_the_text(void **state)
{
	struct oc_buf b = {0};

	(void)state;
	oc_buf_puts(&b, "{\"text\":\"");
	for (int i = 0; i < 10000; i++)
		oc_buf_puts(&b, "0123456789");
	oc_buf_puts(&b, "\"}");
	for (int i = 0; i < 70; i++)
		parse(oc_buf_cstr(&b));
	assert_true(oc_arena_used(arena) < (size_t)70 * 100000 * 5 / 2);
	oc_buf_fini(&b);
}

/* Around every power of two and of ten, against printf. */
static void decimal_as_printf(void **state)
{
	struct oc_buf b = {0};
	uint64_t two = 1, ten = 1;

	(void)state;
	for (unsigned i = 0; i < 64; i++, two *= 2, ten *= 10)
		for (uint64_t d = 0; d < 5; d++) {
			uint64_t v[2] = {two + d - 2, ten + d - 2};
			for (unsigned k = 0; k < 2; k++) {
				char told[32];
				snprintf(told, sizeof told, "%llu", (unsigned long long)v[k]);
				b.len = 0;
				oc_buf_u64(&b, v[k]);
				assert_string_equal(oc_buf_cstr(&b), told);
			}
		}
	oc_buf_fini(&b);
}

/* A byte that is escaped is found wherever it stands in a string of any length below 20. */
static void escapes_are_found_anywhere(void **state)
{
	static const struct {
		char byte;
		const char *told;
	} cases[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\x1f', "\\u001f"}, {'~', "~"}};
	struct oc_buf b = {0}, told = {0};

	(void)state;
	for (size_t len = 1; len < 20; len++)
		for (size_t at = 0; at < len; at++)
			for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
				char text[20];
				memset(text, 'a', len);
				text[at] = cases[c].byte;
				b.len = told.len = 0;
				oc_buf_json(&b, (struct oc_str){text, len});
				oc_buf_printf(&told, "\"%.*s%s%.*s\"", (int)at,
				              "aaaaaaaaaaaaaaaaaaaa", cases[c].told,
				              (int)(len - at - 1), "aaaaaaaaaaaaaaaaaaaa");
				assert_string_equal(oc_buf_cstr(&b), oc_buf_cstr(&told));
			}
	oc_buf_fini(&b);
	oc_buf_fini(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_as_printf),
		cmocka_unit_test(escapes_are_found_anywhere),
		cmocka_unit_test_setup_teardown(errors_name_the_byte, up, down),
		cmocka_unit_test_setup_teardown(depth_is_capped, up, down),
		cmocka_unit_test_setup_teardown(numbers_and_members, up, down),
		cmocka_unit_test_setup_teardown(paths, up, down),
		cmocka_unit_test_setup_teardown(walks_bytes, up, down),
		cmocka_unit_test_setup_teardown(printing_is_a_fixpoint, up, down),
		cmocka_unit_test_setup_teardown(agrees_with_jansson, up, down),
		cmocka_unit_test_setup_teardown(memory_stays_near_the_text, up, down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
