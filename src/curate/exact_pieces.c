#include "curate/exact.h"

#include "text/simplify.h"
#include "text/tokens.h"
#include "text/view.h"

#define TOGETHER 3 /* sentences that are compared together */

struct cutter {
	struct oc_arena *arena;
	struct oc_pieces *p;
	uint32_t piece_cap;
};

static void add(struct cutter *c, size_t from, size_t to)
{
	struct oc_pieces *p = c->p;

	if (p->piece_n == c->piece_cap) {
		size_t old = c->piece_cap * sizeof *p->pieces;
		c->piece_cap = c->piece_cap ? 2 * c->piece_cap : 32;
		p->pieces =
			oc_arena_resize(c->arena, p->pieces, old, c->piece_cap * sizeof *p->pieces);
	}
	p->pieces[p->piece_n++] = (struct oc_piece){.from = (uint32_t)from, .to = (uint32_t)to};
}

/* A line ends behind its newline; a paragraph behind the last of two or more. */
static void cut_lines(struct cutter *c, bool paragraphs)
{
	struct oc_str text = c->p->text;
	size_t from = 0, at = 0;

	while (at < text.len) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		if (!end)
			break;
		at = (size_t)(end - text.p) + 1;
		if (paragraphs) {
			size_t next = at;
			unsigned ends = 1;
			while (next < text.len && oc_is_space_ascii((unsigned char)text.p[next]))
				if (text.p[next++] == '\n') {
					at = next;
					ends++;
				}
			if (ends < 2)
				continue;
		}
		add(c, from, at);
		from = at;
	}
	if (from < text.len)
		add(c, from, text.len);
}

static void cut_sentences(struct cutter *c)
{
	struct oc_str text = c->p->text;
	struct oc_tokens tokens = oc_text_tokens(c->arena, text);
	uint32_t *first = oc_arena_alloc(c->arena, (tokens.n + 1) * sizeof *first);
	uint32_t n = oc_token_sentence_list(tokens.word, 0, tokens.n, first);
	size_t from = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t last = (i + 1 < n ? first[i + 1] : tokens.n) - 1;
		size_t to = (size_t)(tokens.word[last].p + tokens.word[last].len - text.p);
		if (i + 1 == n)
			to = text.len;
		add(c, from, to);
		from = to;
	}
}

/* A piece as it is compared, appended to `room`. */
static void spell(struct cutter *c, const struct oc_piece_opts *opts, const struct oc_piece *piece,
                  struct oc_buf *room)
{
	struct oc_str s = {c->p->text.p + piece->from, piece->to - piece->from};

	oc_buf_str(room, opts->simplified ? oc_text_simplify(c->arena, s) : oc_str_trim(s));
}

struct oc_pieces oc_pieces_cut(struct oc_arena *a, struct oc_str text,
                               const struct oc_piece_opts *opts, struct oc_buf *room)
{
	uint32_t width = opts->what == OC_PIECE_SENTENCES ? TOGETHER : 1;
	struct oc_pieces p = {.text = text};
	struct cutter c = {.arena = a, .p = &p};
	size_t *starts;

	if (text.len >= UINT32_MAX)
		return p;
	if (opts->what == OC_PIECE_SENTENCES)
		cut_sentences(&c);
	else
		cut_lines(&c, opts->what == OC_PIECE_PARAGRAPH);
	if (p.piece_n < width)
		return p;
	p.hashes = oc_arena_alloc(a, p.piece_n * sizeof *p.hashes);
	starts = oc_arena_alloc(a, ((size_t)p.piece_n + 1) * sizeof *starts);
	room->len = 0;
	for (uint32_t i = 0; i < p.piece_n; i++) {
		starts[i] = room->len;
		spell(&c, opts, &p.pieces[i], room);
		oc_buf_putc(room, ' ');
	}
	starts[p.piece_n] = room->len;
	for (uint32_t i = 0; i + width <= p.piece_n; i++) {
		struct oc_str s = {room->p + starts[i], starts[i + width] - 1 - starts[i]};
		if (s.len < width || oc_text_word_count(s) < opts->min_words)
			continue;
		p.hashes[p.hash_n++] = (struct oc_piece_hash){oc_hash128(s.p, s.len), i, width};
	}
	return p;
}

void oc_pieces_mark(struct oc_pieces *p, uint32_t i)
{
	const struct oc_piece_hash *h = &p->hashes[i];

	for (uint32_t k = 0; k < h->n; k++)
		p->pieces[h->first + k].gone = true;
}

struct oc_str oc_pieces_span(const struct oc_pieces *p, uint32_t i)
{
	const struct oc_piece_hash *h = &p->hashes[i];
	uint32_t from = p->pieces[h->first].from, to = p->pieces[h->first + h->n - 1].to;

	return (struct oc_str){p->text.p + from, to - from};
}

struct oc_str oc_pieces_join(struct oc_arena *a, const struct oc_pieces *p)
{
	char *out = oc_arena_alloc(a, p->text.len + 1);
	size_t len = 0;

	for (uint32_t i = 0; i < p->piece_n; i++) {
		const struct oc_piece *piece = &p->pieces[i];
		if (piece->gone)
			continue;
		memcpy(out + len, p->text.p + piece->from, piece->to - piece->from);
		len += piece->to - piece->from;
	}
	if (p->piece_n && p->pieces[p->piece_n - 1].gone)
		while (len && oc_is_space_ascii((unsigned char)out[len - 1]))
			len--;
	return (struct oc_str){out, len};
}

uint32_t oc_text_sentences(struct oc_arena *a, struct oc_str text)
{
	struct oc_tokens tokens = oc_text_tokens(a, text);

	return oc_token_sentences(tokens.word, 0, tokens.n);
}
