/* math_answer.c: the door of the calculator: its memory, final answers of solutions, comparison. */
#include <stdlib.h>

#include "verify/math_tree.h"

struct oc_math *oc_math_new(void)
{
	struct oc_math *m = oc_zalloc(1, sizeof *m);
	m->toks = oc_alloc(OC_MATH_TOKENS * sizeof *m->toks);
	m->nodes = oc_alloc(OC_MATH_NODES * sizeof *m->nodes);
	/* trees point into it, so it must not move: with_unit and words check its room */
	oc_buf_reserve(&m->units, 8 * OC_MATH_BYTES);
	return m;
}

void oc_math_free(struct oc_math *m)
{
	if (!m)
		return;
	oc_rats_fini(&m->rats);
	oc_buf_fini(&m->text);
	oc_buf_fini(&m->scratch);
	oc_buf_fini(&m->units);
	free(m->marks);
	free(m->steps);
	free(m->toks);
	free(m->nodes);
	free(m);
}

void oc_math_reset(struct oc_math *m)
{
	oc_rats_reset(&m->rats);
	m->node_n = 0;
	m->units.len = 0;
	m->why = m->doubt = NULL;
	m->pm_flip = false;
}

const char *oc_math_result_name(enum oc_math_result r)
{
	return r == OC_MATH_EQUAL ? "equal" : r == OC_MATH_DIFFERENT ? "different" : "undecided";
}

/* -------------------------------------------------------------- final answers */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Does `low` (lower case) stand at p? */
static bool phrase(const char *p, const char *end, const char *low)
{
	for (; *low; low++, p++)
		if (p == end || lower(*p) != *low)
			return false;
	return true;
}

/* Takes off what surrounds an answer in prose: white space, **bold**, quotes, the full stop. */
static struct oc_str bare(struct oc_str s)
{
	for (;;) {
		s = oc_str_trim(s);
		if (s.len > 4 && memcmp(s.p, "**", 2) == 0 &&
		    memcmp(s.p + s.len - 2, "**", 2) == 0) {
			s = (struct oc_str){s.p + 2, s.len - 4};
		} else if (s.len > 2 && memcmp(s.p + s.len - 2, "**", 2) == 0 &&
		           oc_str_find(s, OC_LIT("**")) == (ptrdiff_t)s.len - 2) {
			s.len -= 2;
		} else if (s.len > 1 && s.p[s.len - 1] == '.' && s.p[s.len - 2] != '.') {
			s.len--;
		} else if (s.len > 2 && s.p[0] == '"' && s.p[s.len - 1] == '"') {
			s = (struct oc_str){s.p + 1, s.len - 2};
		} else if (s.len > 2 && s.p[0] == '`' && s.p[s.len - 1] == '`') {
			s = (struct oc_str){s.p + 1, s.len - 2};
		} else {
			return s;
		}
	}
}

/* The rest of a sentence that gives the answer, without what explains it. */
static struct oc_str sentence(const char *p, const char *end)
{
	static const char *const stops[] = {" because ", " since ", ", since ", ", because ",
	                                    ", which "};
	static const char *const fillers[] = {"therefore ", "thus ",   "then ", "simply ", "just ",
	                                      "equal to ",  "indeed ", "now ",  "is "};
	const char *q;
	bool more = true;

	while (p < end && (*p == ' ' || *p == ':' || *p == '*' || *p == '=' || *p == '\t'))
		p++;
	/* "The answer is:\n\n5" */
	while (p < end && (*p == '\n' || *p == '\r' || *p == ' '))
		p++;
	while (more) {
		more = false;
		for (size_t k = 0; k < sizeof fillers / sizeof fillers[0]; k++)
			if (phrase(p, end, fillers[k])) {
				p += strlen(fillers[k]);
				more = true;
			}
	}
	for (q = p; q < end && *q != '\n'; q++) {
		if (*q == '.' && (q + 1 == end || q[1] == ' ' || q[1] == '\n'))
			break;
		bool stop = false;
		for (size_t k = 0; (*q == ' ' || *q == ',') && k < sizeof stops / sizeof stops[0];
		     k++)
			stop |= phrase(q, end, stops[k]);
		if (stop)
			break;
	}
	return bare((struct oc_str){p, (size_t)(q - p)});
}

/* Inside of \boxed{...} whose brace is at p; false when it is not closed. */
static bool boxed(const char *p, const char *end, struct oc_str *out)
{
	int depth = 0;
	for (const char *q = p; q < end; q++) {
		if (*q == '\\' && q + 1 < end) {
			q++;
		} else if (*q == '{') {
			depth++;
		} else if (*q == '}' && --depth == 0) {
			*out = oc_str_trim((struct oc_str){p + 1, (size_t)(q - p - 1)});
			return true;
		}
	}
	return false;
}

/* Length of a marker that begins at p, else 0; its kind in *kind: '#' line, 'b' box, 's' sentence.
 */
static size_t marker(const char *p, const char *start, const char *end, char *kind)
{
	switch (*p) {
	case '#': *kind = '#'; return phrase(p, end, "####") ? 4 : 0;
	case '\\':
		*kind = 'b';
		return phrase(p, end, "\\boxed{") ? 6 : phrase(p, end, "\\fbox{") ? 5 : 0;
	case 'a':
	case 'A':
		if (!phrase(p, end, "answer") ||
		    (p > start && lower(p[-1]) >= 'a' && lower(p[-1]) <= 'z'))
			return 0;
		break;
	default: return 0;
	}
	*kind = 's';
	const char *q = p + 6;
	if (q < end && lower(*q) == 's')
		q++;
	while (q < end && *q == '*')
		q++;
	if (q < end && *q == ':')
		return (size_t)(q - p) + 1;
	/* "the answer to the question is 5": a few words may stand between */
	for (int gap = 0; q < end && gap < 60 && *q != '\n' && *q != '.'; q++, gap++)
		if (phrase(q, end, " is ") || phrase(q, end, " is:") || phrase(q, end, " are ") ||
		    phrase(q, end, " = ") || phrase(q, end, " is\n"))
			return (size_t)(q - p) + (q[1] == '=' ? 3 : q[1] == 'a' ? 5 : 3);
	return 0;
}

static bool marked(struct oc_str text, struct oc_str *answer)
{
	const char *end = text.p + text.len;
	bool found = false;

	for (const char *p = text.p; p < end; p++) {
		if (*p != '#' && *p != '\\' && lower(*p) != 'a')
			continue;
		char kind;
		size_t n = marker(p, text.p, end, &kind);
		struct oc_str a = {0};
		if (n == 0)
			continue;
		if (kind == '#') {
			const char *from = p + n, *to;
			while (from < end && *from == '#')
				from++;
			while (from < end && (*from == ' ' || *from == '\t'))
				from++;
			to = memchr(from, '\n', (size_t)(end - from));
			a = bare((struct oc_str){from, (size_t)((to ? to : end) - from)});
		} else if (kind == 'b') {
			if (!boxed(p + n, end, &a))
				continue;
		} else {
			a = sentence(p + n, end);
		}
		if (a.len == 0)
			continue;
		*answer = a;
		found = true;
		p += n - 1;
	}
	return found;
}

/* The last number of a text, with its sign, currency, point and thousands. */
static bool last_number(struct oc_str text, struct oc_str *answer)
{
	size_t end = text.len, from;
	while (end && !(text.p[end - 1] >= '0' && text.p[end - 1] <= '9'))
		end--;
	if (end == 0)
		return false;
	from = end;
	while (from) {
		char c = text.p[from - 1];
		bool inner = (c == '.' || c == ',' || c == '/') && from >= 2 &&
		             text.p[from - 2] >= '0' && text.p[from - 2] <= '9';
		bool point = c == '.' &&
		             (from < 2 || text.p[from - 2] == ' ' || text.p[from - 2] == '$');
		if (!(c >= '0' && c <= '9') && !inner && !point)
			break;
		from--;
	}
	if (from && text.p[from - 1] == '$')
		from--;
	if (from && text.p[from - 1] == '-' &&
	    (from < 2 || text.p[from - 2] == ' ' || text.p[from - 2] == '='))
		from--;
	if (end < text.len && text.p[end] == '%')
		end++;
	*answer = (struct oc_str){text.p + from, end - from};
	return true;
}

bool oc_math_extract(struct oc_math *m, struct oc_str text, bool number, struct oc_str *answer)
{
	if (marked(text, answer))
		return true;
	struct oc_str line = bare(text);
	if (line.len && line.len <= OC_MATH_BYTES && !memchr(line.p, '\n', line.len)) {
		oc_math_reset(m);
		if (oc_math_parse(m, line) >= 0) {
			*answer = line;
			return true;
		}
	}
	return number && last_number(text, answer);
}

/* ----------------------------------------------------------------- comparison */

/* Texts that cannot be read are equal when their letters are; otherwise nothing is known. */
static bool same_text(struct oc_str a, struct oc_str b)
{
	size_t i = 0, k = 0;
	for (;;) {
		while (i < a.len && (a.p[i] == ' ' || a.p[i] == '$'))
			i++;
		while (k < b.len && (b.p[k] == ' ' || b.p[k] == '$'))
			k++;
		if (i == a.len || k == b.len)
			return i == a.len && k == b.len;
		if (lower(a.p[i++]) != lower(b.p[k++]))
			return false;
	}
}

enum oc_math_result oc_math_compare(struct oc_math *m, struct oc_str answer, struct oc_str gold,
                                    const struct oc_math_opts *opts, struct oc_math_verdict *why)
{
	static const struct oc_math_opts usual = {.size = sizeof usual};
	enum oc_math_result r = OC_MATH_UNDECIDED;
	const char *reason = "nothing to compare";
	bool probable = false;

	answer = bare(answer);
	gold = bare(gold);
	oc_math_reset(m);
	if (answer.len && gold.len) {
		int32_t a = oc_math_parse(m, answer);
		int32_t g = a < 0 ? -1 : oc_math_parse(m, gold);
		if (a >= 0 && g >= 0) {
			r = oc_math_trees(m, a, g, opts ? opts : &usual, &reason, &probable);
		} else {
			reason = m->why ? m->why : "cannot be read";
		}
		if (r == OC_MATH_UNDECIDED && same_text(answer, gold)) {
			r = OC_MATH_EQUAL;
			reason = "the same text";
		}
	}
	if (why)
		*why = (struct oc_math_verdict){.result = r,
		                                .reason = reason,
		                                .probable = probable,
		                                .found = answer.len > 0,
		                                .answer = answer,
		                                .gold = gold};
	return r;
}

enum oc_math_result oc_math_check(struct oc_math *m, struct oc_str solution, struct oc_str gold,
                                  const struct oc_math_opts *opts, struct oc_math_verdict *v)
{
	struct oc_str a = {0}, g = {0};
	struct oc_math_verdict local;
	bool number = opts && opts->last_number;

	v = v ? v : &local;
	if (!marked(gold, &g))
		g = gold;
	if (!oc_math_extract(m, solution, number, &a)) {
		*v = (struct oc_math_verdict){
			.result = OC_MATH_UNDECIDED, .reason = "no final answer", .gold = g};
		return v->result;
	}
	oc_math_compare(m, a, g, opts, v);
	v->at = (size_t)(v->answer.p - solution.p);
	return v->result;
}

bool oc_math_eval(struct oc_math *m, struct oc_str text, struct oc_buf *value, const char **reason)
{
	struct oc_rat v;

	oc_math_reset(m);
	int32_t n = oc_math_parse(m, bare(text));
	while (n >= 0 && m->nodes[n].kind == OC_NODE_QUANTITY)
		n = m->nodes[n].a;
	bool ok = n >= 0 && m->nodes[n].kind <= OC_NODE_BASE && oc_math_value(m, n, &v);
	if (ok)
		oc_rat_print(v, value);
	else if (reason)
		*reason = m->why ? m->why : "not a rational number";
	return ok;
}
