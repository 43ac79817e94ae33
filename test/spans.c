#include "spans.h"

#include "base/rng.h"

static void add_piece(struct oc_buf *b, enum span_kind kind, struct oc_draws *from,
                      struct oc_draws *own)
{
	static const char *const kana[] = {"あ", "い", "う", "え", "é", "a", "　"};

	switch (kind) {
	case SPAN_WORDS: oc_buf_printf(b, "w%u ", (unsigned)oc_draw_below(from, 500)); break;
	case SPAN_LINES:
		oc_buf_printf(b, "w%u%s", (unsigned)oc_draw_below(from, 500),
		              oc_draw_below(own, 5) ? " " : " \n\t");
		break;
	case SPAN_KANA: oc_buf_puts(b, kana[oc_draw_below(from, 7)]); break;
	case SPAN_BINARY: oc_buf_putc(b, (char)('a' + oc_draw_below(from, 2))); break;
	default: oc_buf_putc(b, (char)('a' + oc_draw_below(from, 4)));
	}
}

void span_text(struct oc_buf *b, uint64_t seed, uint64_t i, enum span_kind kind, unsigned most)
{
	struct oc_rng rng;
	struct oc_draws own, shared;

	oc_rng_init(&rng, seed, "test/spans");
	oc_draws_init(&own, &rng, kind == SPAN_EQUAL ? 0 : i);
	size_t end = b->len + oc_draw_below(&own, most);
	while (b->len < end) {
		unsigned len = 1 + (unsigned)oc_draw_below(&own, 60);
		bool borrowed = oc_draw_below(&own, 2) == 0;
		oc_draws_init(&shared, &rng, ((uint64_t)1 << 40) + oc_draw_below(&own, 3));
		struct oc_draws *from = borrowed ? &shared : &own;
		unsigned period = 1 + (unsigned)oc_draw_below(from, 3);
		for (unsigned k = 0; k < len; k++) {
			if (kind == SPAN_PERIODIC)
				oc_buf_putc(b, (char)('a' + k % period));
			else
				add_piece(b, kind, from, &own);
		}
	}
}

const char *span_row(struct oc_buf *b, struct oc_str text)
{
	b->len = 0;
	oc_buf_puts(b, "{\"text\":");
	oc_buf_json(b, text);
	oc_buf_putc(b, '}');
	return oc_buf_cstr(b);
}
