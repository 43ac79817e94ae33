#include "pipe/chunk.h"

#include <stdlib.h>

enum kind { PARAGRAPH, HEADING, FENCE };

struct block {
	size_t start, end; /* without the line ending behind it */
	enum kind kind;
	unsigned level; /* of a heading, 1..6 */
};

struct oc_chunker {
	struct oc_str text;
	struct oc_chunk_opts opts;
	size_t budget, overlap; /* bytes of a core; of what is repeated */
	struct block *blocks;
	size_t block_n, block_cap;

	size_t at;      /* block in which the next core begins */
	size_t pos;     /* and where */
	size_t section; /* where the current section begins: nothing before it is repeated */
	size_t last;    /* the core before this one: the same */
	struct block heads[6];
	struct oc_buf name;
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* ------------------------------------------------------------------- blocks */

static void add_block(struct oc_chunker *c, size_t start, size_t end, enum kind kind,
                      unsigned level)
{
	while (end > start && is_space(c->text.p[end - 1]))
		end--;
	while (start < end && is_space(c->text.p[start]))
		start++;
	if (start == end)
		return;
	if (c->block_n == c->block_cap) {
		c->block_cap = c->block_cap ? c->block_cap * 2 : 64;
		c->blocks = oc_realloc(c->blocks, c->block_cap * sizeof *c->blocks);
	}
	c->blocks[c->block_n++] = (struct block){start, end, kind, level};
}

/* The line without its indent of up to three spaces and without its ending. */
static struct oc_str line_at(struct oc_str text, size_t at, size_t *next)
{
	const char *nl = memchr(text.p + at, '\n', text.len - at);
	size_t end = nl ? (size_t)(nl - text.p) : text.len;
	struct oc_str s = {text.p + at, end - at};

	*next = nl ? end + 1 : text.len;
	for (int i = 0; i < 3 && s.len && s.p[0] == ' '; i++) {
		s.p++;
		s.len--;
	}
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

static size_t run_of(struct oc_str s, char c)
{
	size_t n = 0;

	while (n < s.len && s.p[n] == c)
		n++;
	return n;
}

static unsigned heading_level(struct oc_str line)
{
	size_t n = run_of(line, '#');

	return n >= 1 && n <= 6 && (n == line.len || line.p[n] == ' ' || line.p[n] == '\t')
	               ? (unsigned)n
	               : 0;
}

/* The length of an opening fence, or 0. */
static size_t fence_len(struct oc_str line)
{
	size_t ticks = run_of(line, '`'), tildes = run_of(line, '~');

	if (ticks >= 3 && !memchr(line.p + ticks, '`', line.len - ticks))
		return ticks;
	return tildes >= 3 ? tildes : 0;
}

/* "====" or "----" under a single line makes that line a heading. */
static unsigned underline_level(struct oc_str line)
{
	if (line.len >= 2 && run_of(line, '=') == line.len)
		return 1;
	return line.len >= 2 && run_of(line, '-') == line.len ? 2 : 0;
}

static size_t skip_fence(struct oc_str text, size_t next, char mark, size_t len)
{
	while (next < text.len) {
		struct oc_str line = line_at(text, next, &next);
		if (line.len >= len && run_of(line, mark) == line.len)
			break;
	}
	return next;
}

static void find_blocks(struct oc_chunker *c)
{
	struct oc_str text = c->text;
	size_t start = 0, lines = 0, next; /* of the open paragraph */

	for (size_t at = 0; at < text.len; at = next) {
		struct oc_str line = line_at(text, at, &next);
		bool md = c->opts.markdown;
		unsigned level = md ? heading_level(line) : 0;
		size_t fence = md && line.len ? fence_len(line) : 0;

		if (md && lines == 1 && underline_level(line)) {
			add_block(c, start, next, HEADING, underline_level(line));
			lines = 0;
		} else if (level || fence || !line.len) {
			if (lines)
				add_block(c, start, at, PARAGRAPH, 0);
			lines = 0;
			if (fence)
				next = skip_fence(text, next, line.p[0], fence);
			if (level || fence)
				add_block(c, at, next, level ? HEADING : FENCE, level);
		} else {
			if (!lines++)
				start = at;
		}
	}
	if (lines)
		add_block(c, start, text.len, PARAGRAPH, 0);
}

/* ---------------------------------------------------------------- sentences */

/* Does the word before the full stop at `dot` end no sentence? Looks back to `start` at most. */
static bool is_abbreviation(const char *start, const char *dot)
{
	static const char *const list[] = {"mr",  "mrs", "ms", "dr",  "prof", "st",    "vs", "etc",
	                                   "e.g", "i.e", "no", "fig", "vol",  "cf",    "al", "jr",
	                                   "sr",  "eq",  "pp", "inc", "ed",   "approx"};
	size_t len = 0;

	while (len < 8 && dot - len > start && !is_space(dot[-(ptrdiff_t)len - 1]))
		len++;
	const char *word = dot - len;
	if (len == 1)
		return word[0] >= 'A' && word[0] <= 'Z'; /* an initial */
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		size_t k = 0;
		while (k < len && list[i][k] && (word[k] | 0x20) == (list[i][k] | 0x20))
			k++;
		if (k == len && !list[i][k])
			return true;
	}
	return false;
}

/* A small letter behind the white space at p: the sentence goes on. */
static bool goes_on(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p < end && *p >= 'a' && *p <= 'z';
}

/* Length of a sentence's end mark at p: . ! ? or the full-width ones, which need no space. */
static size_t end_mark(const char *p, const char *end, bool *wide)
{
	*wide = false;
	if (*p == '.' || *p == '!' || *p == '?')
		return 1;
	if (end - p >= 3 && (!memcmp(p, "\xe3\x80\x82", 3) || !memcmp(p, "\xef\xbc\x81", 3) ||
	                     !memcmp(p, "\xef\xbc\x9f", 3))) {
		*wide = true;
		return 3;
	}
	return 0;
}

static const char *skip_closers(const char *p, const char *end)
{
	for (;;) {
		if (p < end && (*p == '"' || *p == '\'' || *p == ')' || *p == ']'))
			p++;
		else if (end - p >= 3 && !memcmp(p, "\xe2\x80", 2) &&
		         ((unsigned char)p[2] == 0x9d || (unsigned char)p[2] == 0x99))
			p += 3;
		else
			return p;
	}
}

/* The end of the first sentence that ends in (from, to], or 0. `end` is the end of its block: what
 * follows a mark is looked at up to there. */
static size_t sentence_end(struct oc_str text, size_t from, size_t to, size_t end)
{
	const char *last = text.p + end;

	for (size_t i = from; i < to;) {
		bool wide;
		size_t n = end_mark(text.p + i, last, &wide);
		if (n) {
			const char *p = skip_closers(text.p + i + n, last);
			if ((size_t)(p - text.p) <= to && (wide || p == last || is_space(*p)) &&
			    !goes_on(p, last) &&
			    (p == last || text.p[i] != '.' ||
			     !is_abbreviation(text.p + from, text.p + i)))
				return (size_t)(p - text.p);
		}
		i += n ? n : 1;
	}
	return 0;
}

/* ------------------------------------------------------------- where to cut */

static size_t last_sentence(const struct oc_chunker *c, const struct block *b, size_t from,
                            size_t limit)
{
	size_t best = 0, at = from, end;

	while ((end = sentence_end(c->text, at, limit, b->end)))
		best = at = end;
	return best;
}

static size_t last_line(const struct oc_chunker *c, size_t from, size_t limit)
{
	size_t i = limit;

	while (i > from && c->text.p[i] != '\n')
		i--;
	while (i > from && is_space(c->text.p[i - 1]))
		i--;
	return i > from ? i : 0;
}

/* Behind the last word that ends in (from, limit]; limit lies within a block. */
static size_t last_word(const struct oc_chunker *c, size_t from, size_t limit)
{
	size_t i = limit;

	while (i > from && !is_space(c->text.p[i]))
		i--;
	while (i > from && is_space(c->text.p[i - 1]))
		i--;
	return i > from ? i : 0;
}

static size_t last_char(const struct oc_chunker *c, size_t from, size_t limit)
{
	size_t i = limit;

	while (i > from && is_continuation(c->text.p[i]))
		i--;
	if (i > from)
		return i;
	/* Not UTF-8, or a budget below one character. */
	return limit > from ? limit : from + 1;
}

/* A cut inside block b, which passes the limit. */
static size_t cut_inside(const struct oc_chunker *c, const struct block *b, size_t from,
                         size_t limit, bool may_fail)
{
	size_t end = 0;

	if (b->kind == FENCE)
		end = last_line(c, from, limit);
	else if (c->opts.by != OC_CHUNK_TOKENS)
		end = last_sentence(c, b, from, limit);
	if (!end && (c->opts.by == OC_CHUNK_TOKENS || !may_fail))
		end = last_word(c, from, limit);
	if (!end && !may_fail)
		end = last_char(c, from, limit);
	return end;
}

/* The end of the first unit of a block, when chunks hold one unit each; a unit that passes the
 * limit may end anywhere behind it. */
static size_t first_unit(const struct oc_chunker *c, const struct block *b, size_t from,
                         size_t limit)
{
	size_t to = limit < b->end ? limit : b->end, end = 0;

	if (b->kind == FENCE || c->opts.by == OC_CHUNK_PARAGRAPH)
		return b->end;
	if (c->opts.by == OC_CHUNK_SENTENCE)
		end = sentence_end(c->text, from, to, b->end);
	for (size_t i = from; c->opts.by == OC_CHUNK_TOKENS && i < to && !end; i++)
		if (is_space(c->text.p[i]))
			end = i;
	return end ? end : b->end;
}

/* The end of the core that begins at c->pos in block c->at. */
static size_t core_end(const struct oc_chunker *c)
{
	size_t limit = c->pos + c->budget, best = 0, heads = 0;
	bool body = false;

	for (size_t i = c->at; i < c->block_n; i++) {
		const struct block *b = &c->blocks[i];
		size_t from = b->start > c->pos ? b->start : c->pos;

		if (b->kind == HEADING && body)
			return best;
		if (!c->opts.pack && b->kind != HEADING) {
			size_t end = first_unit(c, b, from, limit);
			if (end <= limit)
				return end;
		} else if (b->end <= limit) {
			body = body || b->kind != HEADING;
			if (body)
				best = b->end;
			else
				heads = b->end;
			continue;
		}
		/* The block passes the limit. */
		if (best && (c->opts.by == OC_CHUNK_PARAGRAPH || b->kind == FENCE))
			return best;
		size_t end = from < limit ? cut_inside(c, b, from, limit, best || heads) : 0;
		if (end)
			return end;
		if (best || heads)
			return best ? best : heads;
		return cut_inside(c, b, from, limit, false);
	}
	return best ? best : heads;
}

/* ------------------------------------------------------------------ overlap */

/* The first sentence that begins in [low, core) within a block that began before low, or 0. */
static size_t sentence_start(const struct oc_chunker *c, const struct block *b, size_t low,
                             size_t core)
{
	/* A little before low, so that a sentence which begins just there is seen. */
	size_t at = low > b->start + 64 ? low - 64 : b->start;
	size_t to = core < b->end ? core : b->end, end;

	while ((end = sentence_end(c->text, at, to, b->end))) {
		size_t next = end;
		while (next < to && is_space(c->text.p[next]))
			next++;
		if (next >= low && next < to)
			return next;
		at = end;
	}
	return 0;
}

static size_t word_start(const struct oc_chunker *c, size_t low, size_t end)
{
	for (size_t i = low; i < end; i++)
		if (i && is_space(c->text.p[i - 1]) && !is_space(c->text.p[i]))
			return i;
	return 0;
}

/* Where the repeated text before `core` begins; `core` itself when nothing is repeated. */
static size_t repeat_from(const struct oc_chunker *c, size_t core)
{
	size_t low = core > c->overlap ? core - c->overlap : 0, word = 0, first = c->at;

	if (!c->overlap || core <= c->section ||
	    (c->blocks[c->at].kind == FENCE && c->blocks[c->at].start < core))
		return core;
	if (low < c->section)
		low = c->section;
	if (low < c->last)
		low = c->last;
	while (first && c->blocks[first - 1].end > low)
		first--;
	for (size_t i = first; i <= c->at && c->blocks[i].start < core; i++) {
		const struct block *b = &c->blocks[i];
		if (b->start >= low)
			return b->start;
		if (b->kind == FENCE) {
			low = b->end; /* part of a fence is worth nothing */
			continue;
		}
		size_t sentence = sentence_start(c, b, low, core);
		if (sentence)
			return sentence;
		if (!word)
			word = word_start(c, low, core < b->end ? core : b->end);
	}
	return word ? word : core;
}

/* ------------------------------------------------------------------ chunks */

static void enter_heading(struct oc_chunker *c, const struct block *b)
{
	for (unsigned l = b->level - 1; l < 6; l++)
		c->heads[l] = (struct block){0};
	c->heads[b->level - 1] = *b;
}

static struct oc_str section_name(struct oc_chunker *c)
{
	c->name.len = 0;
	for (int l = 0; l < 6; l++) {
		const struct block *b = &c->heads[l];
		if (!b->end)
			continue;
		size_t next;
		struct oc_str s = line_at((struct oc_str){c->text.p, b->end}, b->start, &next);
		while (s.len && s.p[0] == '#') {
			s.p++;
			s.len--;
		}
		while (s.len && s.p[s.len - 1] == '#')
			s.len--;
		s = oc_str_trim(s);
		if (!s.len)
			continue;
		if (c->name.len)
			oc_buf_add(&c->name, " > ", 3);
		oc_buf_str(&c->name, s);
	}
	return oc_buf_view(&c->name);
}

struct oc_chunker *oc_chunker_new(struct oc_str text, const struct oc_chunk_opts *opts)
{
	struct oc_chunker *c = oc_zalloc(1, sizeof *c);
	size_t core = opts->tokens > opts->overlap ? opts->tokens - opts->overlap : 1;

	c->text = text;
	c->opts = *opts;
	c->budget = core * OC_TOKEN_BYTES;
	c->overlap = opts->overlap * OC_TOKEN_BYTES;
	find_blocks(c);
	if (c->block_n)
		c->pos = c->blocks[0].start;
	return c;
}

void oc_chunker_free(struct oc_chunker *c)
{
	if (!c)
		return;
	free(c->blocks);
	oc_buf_fini(&c->name);
	free(c);
}

bool oc_chunker_next(struct oc_chunker *c, struct oc_chunk *out)
{
	if (c->at == c->block_n)
		return false;
	/* Headings stand only at the front of a core. */
	for (size_t i = c->at; i < c->block_n && c->blocks[i].kind == HEADING; i++) {
		if (c->blocks[i].start >= c->pos && (i == c->at || c->section != c->pos))
			c->section = c->pos;
		if (c->blocks[i].start >= c->pos)
			enter_heading(c, &c->blocks[i]);
	}
	*out = (struct oc_chunk){
		.start = repeat_from(c, c->pos), .core = c->pos, .end = core_end(c)};
	out->section = section_name(c);

	c->last = c->pos;
	const struct block *b = &c->blocks[c->at];
	size_t next = out->end;
	while (c->at < c->block_n && c->blocks[c->at].end <= next)
		b = &c->blocks[++c->at];
	if (c->at == c->block_n)
		return true;
	/* Within a fence the next line keeps its indent. */
	bool code = b->kind == FENCE && b->start < next;
	while (next < b->end && (code ? c->text.p[next] == '\n' || c->text.p[next] == '\r'
	                              : is_space(c->text.p[next])))
		next++;
	c->pos = next;
	return true;
}
