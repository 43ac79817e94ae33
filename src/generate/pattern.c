#include "generate/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/err.h"

#define MATCH_LIMIT 200000 /* steps: below a tenth of a second */
#define HEAP_LIMIT  4096   /* KiB */

struct oc_pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	const char *names; /* PCRE2's table: entries of entry_len bytes, group number first */
	uint32_t name_n, entry_len;
};

int oc_pattern_open(struct oc_pattern **out, struct oc_str text, const char *where,
                    struct oc_err *err)
{
	struct oc_pattern *p = oc_zalloc(1, sizeof *p);
	PCRE2_SIZE at;
	int code;

	p->code = pcre2_compile((PCRE2_SPTR)text.p, text.len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C,
	                        &code, &at, NULL);
	if (!p->code) {
		char why[200];
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
		oc_pattern_close(p);
		return oc_fail(err, OC_PLAN, where, "pattern `%.*s`, character %zu: %s",
		               OC_ARG(text), (size_t)at + 1, why);
	}
	/* without it the interpreter answers, only slower */
	(void)pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	p->match = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->limits = pcre2_match_context_create(NULL);
	if (!p->match || !p->limits)
		oc_oom(0);
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(p->limits, HEAP_LIMIT);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &p->name_n);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &p->entry_len);
	pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &p->names);
	*out = p;
	return 0;
}

void oc_pattern_close(struct oc_pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->match);
	pcre2_code_free(p->code);
	free(p);
}

bool oc_pattern_match(struct oc_pattern *p, struct oc_str text, size_t from)
{
	return from <= text.len &&
	       pcre2_match(p->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, from,
	                   PCRE2_NO_UTF_CHECK, p->match, p->limits) > 0;
}

bool oc_pattern_group(const struct oc_pattern *p, unsigned group, size_t *from, size_t *to)
{
	PCRE2_SIZE *v = pcre2_get_ovector_pointer(p->match);

	if (group >= pcre2_get_ovector_count(p->match) || v[2 * group] == PCRE2_UNSET)
		return false;
	*from = v[2 * group];
	*to = v[2 * group + 1];
	return *to >= *from; /* \K may turn them round */
}

unsigned oc_pattern_name_n(const struct oc_pattern *p)
{
	return p->name_n;
}

const char *oc_pattern_name(const struct oc_pattern *p, unsigned i, unsigned *group)
{
	const char *entry = p->names + (size_t)i * p->entry_len;

	*group = (unsigned)((unsigned char)entry[0] << 8 | (unsigned char)entry[1]);
	return entry + 2;
}
