/*
 * substring.h: what the stage substring observed, and how runs of bytes that repeat are found.
 *
 * A window is `min_span` bytes in a row of one text. It is *repeated* when an equal window begins
 * at an earlier place (rows in priority order, then bytes), and *first* when it is not, but is
 * repeated later. Windows overlap, so "aaaa" repeats itself as any other text. Both sets are found
 * exactly, whatever the text.
 *
 * How: k-grams are winnowed as in index/winnow.h, so every window selects one of its k-grams by
 * its bytes alone, and equal windows select the same one. A *unit* is a k-gram with the
 * neighbouring windows that selected it; units part the windows of a text. A bit table leaves out
 * the units whose k-gram occurs once, the others are sorted by its hash. In a group of equal
 * k-grams, units of equal bytes are one class; the few classes of most groups are compared pair by
 * pair, byte by byte; where there are many, their windows are sorted in turn. So the work is at
 * most a sort of all windows, once, and mostly far less: no group is compared all with all. Of
 * text that repeats a short piece over and over the first windows are units, the rest is one
 * record that says so.
 *
 * Three streams, in row order, one entry a row: struct oc_span_row, its text followed by its key,
 * its units. An index (index/disk.h) holds the same of an earlier corpus, as sections `rows`,
 * `texts` and `units`, and `places`, where each row's text begins: the texts plainly, since what
 * the units claim is compared byte by byte, in all about 1.5 bytes per byte of text. Its rows come
 * before those of the set and stay as they are; windows are reported of the set only. Of its units
 * those are looked at whose k-gram the set has.
 *
 * Threads: units are gathered by ranges of rows and meet by ranges of their hash, each range from
 * its sort to its windows on one thread; what they found is merged by place and settled on one.
 *
 * Memory: the sorts' buffers, a bit table and the largest group that is held, each a share of
 * `memory:`; the rest lies on disk: the texts, about 32 bytes per min_span / 2 bytes of text, 20 a
 * repeated unit.
 */
#ifndef CURATE_SUBSTRING_H
#define CURATE_SUBSTRING_H

#include "index/disk.h"
#include "pipe/spill.h"

#define OC_SPAN_STREAMS 3
#define OC_SPAN_MIN     16
#define OC_SPAN_MAX     60000

struct oc_span_row {
	uint64_t number; /* row->number */
	uint32_t text_len, key_len, unit_n;
} __attribute__((packed));

/*
 * A k-gram and the windows that selected it: they begin at from, from + 1 .. from + n - 1. n = 0: a
 * run, the windows that begin at `from` and the (uint32_t)hash - 1 bytes after it are each equal to
 * the one hash >> 32 bytes before; the unit before it holds as many windows, from which all follow.
 */
struct oc_span_unit {
	uint64_t hash;
	uint32_t from; /* byte of the text */
	uint16_t n;
	uint16_t back; /* the k-gram begins at from + back */
} __attribute__((packed));

/* What the observing side needs; the ring has room for oc_spans_ring(min_span) numbers. */
uint32_t oc_spans_ring(uint32_t min_span);
/* Appends the units of a text (below 2^31 bytes); returns how many. O(len). */
uint32_t oc_spans_units(struct oc_str text, uint32_t min_span, uint64_t *ring, struct oc_buf *out);

/*
 * The texts of an index, or of the set, mapped. A place is a byte of all texts and keys, those of
 * the indexes first.
 */
struct oc_span_part {
	const struct oc_span_row *rows; /* (row_n) */
	uint64_t row_n, unit_n;
	const struct oc_span_unit *units; /* of all rows */
	struct oc_str text;               /* of all rows, each followed by its key */
	const uint64_t *starts;           /* (row_n + 1): where in `text` a row's begins */
	uint64_t base;                    /* the place of the first byte of `text` */
	int file;                         /* that holds `text`, from byte file_at on */
	uint64_t file_at;
	struct oc_str maps[OC_SPAN_STREAMS + 1]; /* all of it */
};

#define OC_SPAN_INDEXES 16 /* at most */

struct oc_spans {
	struct oc_ctx *ctx;
	const char *name, *dir;
	uint32_t min_span;
	uint64_t memory;
	struct oc_span_part
		parts[OC_SPAN_INDEXES + 1]; /* the indexes in their order, then the set */
	unsigned index_n;
	const struct oc_span_part *set; /* parts + index_n */
	struct oc_spill *place_of;      /* owner of the set's `starts` */
	uint64_t map_len;
};

/* The indexes stay the caller's, open until oc_spans_close. */
int oc_spans_open(struct oc_spans *s, struct oc_ctx *ctx, const char *name, uint32_t min_span,
                  struct oc_index *const *indexes, unsigned index_n, struct oc_spill *spill,
                  struct oc_err *err);
void oc_spans_close(struct oc_spans *s);
/* The sections of an index of all parts. */
int oc_spans_save(const struct oc_spans *s, struct oc_index_writer *w, struct oc_err *err);
/*
 * What was read through the maps counts as resident while it is mapped: after `bytes` more, lets go
 * of all of it now and then, where it is more than half of the memory. `touched` is the caller's
 * account, which threads may share.
 */
void oc_spans_touch(const struct oc_spans *s, uint64_t *touched, uint64_t bytes);
#define OC_SPAN_FAULT ((uint64_t)64 << 10) /* so much of a file is mapped for one byte of it */

static inline const struct oc_span_part *oc_spans_part(const struct oc_spans *s, uint64_t place)
{
	const struct oc_span_part *p = s->set;

	while (place < p->base)
		p--;
	return p;
}

static inline const char *oc_spans_at(const struct oc_spans *s, uint64_t place)
{
	const struct oc_span_part *p = oc_spans_part(s, place);
	return p->text.p + (place - p->base);
}

/*
 * The `len` bytes from a place on, all of one text, for those who look at places without order:
 * where the maps are more than half of the memory they are read into `room`, as a map of them would
 * soon have to be let go again.
 */
const char *oc_spans_read(const struct oc_spans *s, uint64_t place, size_t len,
                          struct oc_buf *room);

/* Of the set's rows. */
static inline uint64_t oc_spans_start(const struct oc_spans *s, uint64_t row)
{
	return s->set->base + s->set->starts[row];
}

struct oc_str oc_spans_text(const struct oc_span_part *p, uint64_t row);
struct oc_str oc_spans_key(const struct oc_span_part *p, uint64_t row);
/* The row of the part that holds a place; O(log row_n). */
uint64_t oc_spans_row(const struct oc_span_part *p, uint64_t place);

/*
 * Windows of the set that begin at places at .. at + n - 1. source OC_SPAN_FIRST: they are first;
 * else they are repeated, and window at + i is first at source + i, or, with a period, at source +
 * i % period. They come ascending, none twice.
 */
#define OC_SPAN_FIRST UINT64_MAX
struct oc_span_found {
	uint64_t at, source;
	uint32_t n, period; /* period 0 = none */
};
typedef int oc_span_fn(void *user, const struct oc_span_found *found, struct oc_err *err);
int oc_spans_find(const struct oc_spans *s, oc_span_fn *found, void *user, struct oc_err *err);

/* Bytes [from, to) of a row's text. */
struct oc_span_piece {
	uint64_t from, to;
};

/* What of a row repeats what stays. */
struct oc_span_settled {
	uint64_t row;                       /* ordinal in the set */
	unsigned part;                      /* of spans->parts, and the row of it, that has the */
	uint64_t source;                    /* longest run, and stays */
	uint64_t covered;                   /* bytes in the pieces */
	uint64_t row_from, from, run_len;   /* the longest run, in the row and in the source */
	const struct oc_span_piece *pieces; /* (piece_n) ascending, apart */
	uint32_t piece_n;
};

/*
 * Decides in row order. Without `drop` the pieces are those that go: bytes in windows that stand
 * whole in an index, in what is left of earlier rows, or of this row, cut back to whole code
 * points. With it
 * they are the bytes in windows of earlier rows that stay, and the row goes when they are more than
 * max_coverage of its bytes. Calls `settled` for each row that has any. Disk: 8 bytes for each
 * first window that goes and is repeated later.
 */
typedef int oc_span_row_fn(void *user, const struct oc_span_settled *row, struct oc_err *err);
int oc_spans_settle(const struct oc_spans *s, bool drop, double max_coverage,
                    oc_span_row_fn *settled, void *user, struct oc_err *err);

/*
 * The judge: sorts all windows of n texts by their bytes, O(N log N) comparisons of min_span bytes
 * for N bytes of text. source[i][k] = number of the first window equal to that at byte k of text
 * i, counting the bytes of all texts; its own number when it is first or alone. again[i][k] = 1
 * when an equal window follows. Both have text[i].len entries; those of the last min_span - 1
 * bytes are left alone.
 */
void oc_spans_judge(const struct oc_str *text, uint64_t n, uint32_t min_span, uint64_t **source,
                    uint8_t **again);

#endif
