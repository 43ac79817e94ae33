/* Templates: what is put in stays as it is; loops, conditions, filters; errors say where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text/template.h"

static const char *const scope_json =
	"{\"name\":\"Ada\",\"n\":3,\"yes\":true,\"no\":false,\"empty\":\"\",\"evil\":\"{{ name "
	"}}\","
	"\"row\":{\"a\":{\"b\":[10,20]}},\"list\":[{\"x\":1},{\"x\":2}],\"words\":\" a \\n b:: \"}";

/* Renders against the scope above, with two seeds. */
static int render(const char *text, struct oc_buf *out, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err own = {0};
	yyjson_val *seeds[2];
	struct oc_scope opts = {0}, list = {.up = &opts, .name = OC_LIT("seeds")};
	struct oc_template *t;
	int rc = -1;

	opts.value = oc_json_parse(a, oc_str(scope_json), &own);
	seeds[0] = oc_json_parse(a, OC_LIT("{\"q\":\"one\"}"), &own);
	seeds[1] = oc_json_parse(a, OC_LIT("{\"q\":\"two\",\"extra\":\"!\"}"), &own);
	assert_non_null(opts.value);
	list.list = seeds;
	list.list_n = 2;
	out->len = 0;
	t = oc_template_compile(a, oc_str(text), "test", err);
	if (t)
		rc = oc_template_render(t, &list, 1000, out, err);
	oc_buf_cstr(out);
	oc_arena_free(a);
	return rc;
}

static void renders(void **state)
{
	static const char *const cases[][2] = {
		{"plain {text} with {\"json\": [1]} }", "plain {text} with {\"json\": [1]} }"},
		{"{{ name }} and {{name}}", "Ada and Ada"},
		{"{{ n }} {{ yes }} {{ row.a }} {{ row.a.b.1 }}", "3 true {\"b\":[10,20]} 20"},
		{"[{{ row.absent }}][{{ empty }}]", "[][]"},
		{"{{ evil }}", "{{ name }}"},
		{"{{ empty or row.absent or 'none' }}", "none"},
		{"{{ name or 'none' }}", "Ada"},
		{"{{ '{{' }} {{ \"}}\" }}", "{{ }}"},
		{"{{ words | oneline }}|{{ words | trim }}|{{ words | oneline | uncolon }}",
	         "a b::|a \n b::|a b"},
		{"{{ name | json }}", "\"Ada\""},
		{"{{ for s in seeds }}{{ loop.number }}={{ s.q }};{{ end }}", "1=one;2=two;"},
		{"{{ seeds.n }} {{ seeds.next }}", "2 3"},
		{"{{ seeds.1.q }}{{ seeds.0.extra }}{{ seeds.2.q }}{{ seeds.1.extra }}", "two!"},
		{"{{ for i in list }}<{{ i.x }}>{{ end }}", "<1><2>"},
		{"{{ for s in seeds }}{{ if s.extra }}[{{ s.q }}]{{ else }}{{ s.q }}{{ end }}{{ "
	         "end }}",
	         "one[two]"},
		{"{{ if no }}a{{ end }}{{ if no or yes }}b{{ end }}{{ if empty }}c{{ end }}", "b"},
		{"begin\n{{ for s in seeds }}\n- {{ s.q }}\n{{ end }}\nend",
	         "begin\n- one\n- two\nend"},
		{"{{ for s in seeds }}\n{{ s.q }}\n{{ end }}\n", "one\ntwo\n"},
		{"a {{ if yes }}\nb{{ end }}", "a \nb"},
	};
	struct oc_buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_err err = {0};
		if (render(cases[i][0], &out, &err))
			fail_msg("%s: %s", cases[i][0], err.msg);
		assert_string_equal(out.p, cases[i][1]);
	}
	oc_buf_fini(&out);
}

static void complains(void **state)
{
	static const char *const cases[][2] = {
		{"a\n{{ name", "line 2: the closing }} is missing"},
		{"{{ }}", "a name is missing"},
		{"{{ name name }}", "expected `or` or `|`"},
		{"{{ name | louder }}", "no such filter"},
		{"{{ for s in }}", "for NAME in LIST"},
		{"{{ if yes }}", "`end` is missing"},
		{"{{ end }}", "nothing is open"},
		{"{{ for s in seeds }}{{ else }}{{ end }}", "no `if` is open"},
		{"{{ nobody }}", "`nobody`"},
		{"{{ seeds }}", "is a list"},
		{"{{ for s in name }}{{ end }}", "which is no list"},
		{"{{ 'open }}", "closing }} is missing"},
	};
	struct oc_buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct oc_err err = {0};
		assert_int_equal(render(cases[i][0], &out, &err), -1);
		assert_int_equal(err.code, OC_PLAN);
		if (!strstr(err.msg, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], err.msg);
	}
	oc_buf_fini(&out);
}

static void keeps_types_and_limits(void **state)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_err err = {0};
	struct oc_scope scope = {0};
	struct oc_buf out = {0};
	struct oc_template *t;
	yyjson_val *v;
	bool found;

	(void)state;
	scope.value = oc_json_parse(a, oc_str(scope_json), &err);
	t = oc_template_compile(a, OC_LIT("{{ n }}"), "test", &err);
	assert_int_equal(oc_template_value(t, &scope, &found, &v, &err), 0);
	assert_true(found && yyjson_is_int(v));
	t = oc_template_compile(a, OC_LIT("{{ n }} "), "test", &err);
	assert_int_equal(oc_template_value(t, &scope, &found, &v, &err), 0);
	assert_false(found);
	t = oc_template_compile(a, OC_LIT("{{ name }}{{ name }}"), "test", &err);
	assert_int_equal(oc_template_render(t, &scope, 6, &out, &err), 0);
	assert_int_equal(oc_template_render(t, &scope, 5, &out, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	oc_buf_fini(&out);
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renders),
		cmocka_unit_test(complains),
		cmocka_unit_test(keeps_types_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
