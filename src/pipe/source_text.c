/*
 * source_text.c: plain text and Markdown, cut into chunks. See chunk.h for the rules.
 */
#include <stdlib.h>

#include "base/err.h"
#include "data/row.h"
#include "pipe/chunk.h"
#include "pipe/source.h"

#define READ_BYTES ((size_t)256 << 10)

struct text {
	struct oc_files *files; /* first: see oc_source_inputs */
	struct oc_chunk_opts opts;
	enum { AUTO, YES, NO } markdown;
	bool sections; /* some file is Markdown: every row has the member */
	uint64_t max_row;
	uint64_t row;

	struct oc_buf doc; /* the file being cut */
	size_t skip;       /* its byte order mark */
	struct oc_chunker *chunker;
	uint64_t number; /* of the next chunk in the file */
	uint64_t line;   /* of byte `counted` of the file, from 1 */
	size_t counted;
	uint64_t before; /* bytes of the files before */
};

static const struct oc_option options[] = {
	{.key = "path",
         .type = OC_OPT_STRS,
         .help = "Files or patterns, read in order as one sequence; - is standard input.",
         .required = true},
	{.key = "by",
         .type = OC_OPT_ENUM,
         .def = "paragraph",
         .choices = "paragraph|sentence|tokens",
         .help = "What is kept whole: paragraphs, sentences or words."},
	{.key = "tokens",
         .type = OC_OPT_INT,
         .def = "512",
         .unit = "tokens",
         .help = "A chunk holds at most so many, estimated as four bytes each.",
         .min = 4,
         .max = 1e7},
	{.key = "overlap",
         .type = OC_OPT_INT,
         .def = "0",
         .unit = "tokens",
         .help = "Of them, how many may repeat the end of the chunk before.",
         .min = 0,
         .max = 5e6},
	{.key = "pack",
         .type = OC_OPT_BOOL,
         .def = "true",
         .help = "Fill chunks with as many units as fit; false: one unit a chunk."},
	{.key = "markdown",
         .type = OC_OPT_ENUM,
         .def = "auto",
         .choices = "auto|yes|no",
         .help = "Heed headings and fenced code; auto: in files named .md or .markdown."},
	{.key = "max_row",
         .type = OC_OPT_BYTES,
         .def = OC_SOURCE_MAX_ROW,
         .help = "A larger file is rejected with its length.",
         .unit = "bytes",
         .min = 2,
         .max = 4e9},
	{.key = NULL},
};

static void text_close(void *self)
{
	struct text *s = self;

	if (!s)
		return;
	oc_chunker_free(s->chunker);
	oc_buf_fini(&s->doc);
	oc_files_close(s->files);
	free(s);
}

static bool ends_with(struct oc_str s, const char *tail)
{
	size_t n = strlen(tail);
	return s.len >= n && !memcmp(s.p + s.len - n, tail, n);
}

static bool is_markdown(const struct text *s, struct oc_str name)
{
	return s->markdown == YES ||
	       (s->markdown == AUTO && (ends_with(name, ".md") || ends_with(name, ".markdown")));
}

static int text_open(void **self, const struct oc_env *env, yyjson_val *opts, struct oc_err *err)
{
	struct text *s = oc_zalloc(1, sizeof *s);
	struct oc_str by = oc_json_get_str(opts, "by"), md = oc_json_get_str(opts, "markdown");
	const struct oc_input *inputs;

	s->opts.by = oc_str_is(by, "tokens")     ? OC_CHUNK_TOKENS
	             : oc_str_is(by, "sentence") ? OC_CHUNK_SENTENCE
	                                         : OC_CHUNK_PARAGRAPH;
	s->opts.tokens = (size_t)oc_json_get_int(opts, "tokens", 512);
	s->opts.overlap = (size_t)oc_json_get_int(opts, "overlap", 0);
	s->opts.pack = oc_json_get_bool(opts, "pack", true);
	s->markdown = oc_str_is(md, "yes") ? YES : oc_str_is(md, "no") ? NO : AUTO;
	s->max_row = (uint64_t)oc_json_get_int(opts, "max_row", 256000000);
	if (s->opts.overlap * 2 > s->opts.tokens) {
		oc_fail(err, OC_PLAN, env->name,
		        "overlap: %zu of %zu tokens would repeat more than half of every chunk",
		        s->opts.overlap, s->opts.tokens);
		text_close(s);
		return -1;
	}
	s->files = oc_files_open(env, oc_json_get(opts, "path"), err);
	if (!s->files) {
		text_close(s);
		return -1;
	}
	uint32_t n = oc_source_inputs(&oc_source_text, s, &inputs);
	for (uint32_t i = 0; i < n; i++)
		s->sections = s->sections || is_markdown(s, inputs[i].name);
	*self = s;
	return 0;
}

/* Reads the next file. 1, or 0 after the last; a file above max_row is left empty, *long_len set.
 */
static int next_doc(struct text *s, uint64_t *long_len, struct oc_err *err)
{
	int rc = oc_files_next(s->files, err);
	uint64_t len = 0;

	oc_chunker_free(s->chunker);
	s->chunker = NULL;
	*long_len = 0;
	if (rc <= 0)
		return rc;
	s->before += s->doc.len;
	s->doc.len = 0;
	for (;;) {
		oc_buf_reserve(&s->doc, READ_BYTES);
		ssize_t n = oc_files_read(s->files, s->doc.p + s->doc.len, READ_BYTES, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (uint64_t)n;
		if (len <= s->max_row)
			s->doc.len += (size_t)n;
	}
	if (len > s->max_row) {
		s->doc.len = 0;
		*long_len = len;
		return 1;
	}
	s->skip = s->doc.len >= 3 && !memcmp(s->doc.p, "\xef\xbb\xbf", 3) ? 3 : 0;
	s->opts.markdown = is_markdown(s, oc_files_current(s->files)->name);
	s->number = 0;
	s->line = 1;
	s->counted = 0;
	s->chunker =
		oc_chunker_new((struct oc_str){s->doc.p + s->skip, s->doc.len - s->skip}, &s->opts);
	return 1;
}

static struct oc_row *new_row(struct text *s, struct oc_batch *batch)
{
	struct oc_input *in = oc_files_current(s->files);
	struct oc_row *row = oc_batch_add(batch);

	row->ped.row = s->row++;
	row->ped.span.file = oc_arena_str(batch->arena, in->name);
	in->rows++;
	return row;
}

static uint64_t line_of(struct text *s, size_t at)
{
	/* A chunk may begin before the last one ended. */
	while (s->counted > at)
		s->line -= s->doc.p[--s->counted] == '\n';
	while (s->counted < at)
		s->line += s->doc.p[s->counted++] == '\n';
	return s->line;
}

static void add_chunk(struct text *s, struct oc_batch *batch, const struct oc_chunk *chunk)
{
	struct oc_row *row = new_row(s, batch);
	struct oc_buf b = {0};
	struct oc_str text = {s->doc.p + s->skip + chunk->start, chunk->end - chunk->start};
	struct oc_str id = oc_arena_printf(batch->arena, "%.*s:%llu", OC_ARG(row->ped.span.file),
	                                   (unsigned long long)s->number++);

	oc_buf_puts(&b, "{\"text\":");
	oc_buf_json(&b, text);
	oc_buf_puts(&b, ",\"chunk\":");
	oc_buf_json(&b, id);
	if (s->sections) {
		oc_buf_puts(&b, ",\"section\":");
		oc_buf_json(&b, chunk->section);
	}
	oc_buf_putc(&b, '}');
	row->raw = oc_arena_str(batch->arena, oc_buf_view(&b));
	oc_buf_fini(&b);
	row->ped.span.offset = s->skip + chunk->start;
	row->ped.span.len = text.len;
	row->ped.span.line = line_of(s, s->skip + chunk->start);
	batch->after.offset = s->before + s->skip + chunk->end;
}

static int text_next(void *self, struct oc_batch *batch, struct oc_err *err)
{
	struct text *s = self;
	size_t bytes = 0;
	int rc = 1;

	while (batch->row_n < OC_BATCH_ROWS && batch->row_n < batch->row_cap &&
	       bytes < OC_BATCH_BYTES) {
		struct oc_chunk chunk;
		uint64_t long_len;
		if (s->chunker && oc_chunker_next(s->chunker, &chunk)) {
			add_chunk(s, batch, &chunk);
			bytes += chunk.end - chunk.start;
			continue;
		}
		rc = next_doc(s, &long_len, err);
		if (rc <= 0)
			break;
		if (long_len) {
			struct oc_row *row = new_row(s, batch);
			struct oc_str why = oc_arena_printf(
				batch->arena, "the file has %llu bytes, max_row is %llu",
				(unsigned long long)long_len, (unsigned long long)s->max_row);
			row->ped.span.len = long_len;
			row->ped.span.line = 1;
			oc_row_unreadable(row, "too_long", why.p);
		}
	}
	batch->after.row = s->row;
	if (rc < 0)
		return -1;
	return batch->row_n > 0;
}

const struct oc_source_def oc_source_text = {
	.size = sizeof(struct oc_source_def),
	.name = "text",
	.help = "Plain text and Markdown, cut into chunks with their exact byte ranges.",
	.doc = "Each chunk is a row {text, chunk, section}: chunk is FILE:NUMBER, section (in "
	       "Markdown) the headings above it. Paragraphs, sentences or words are kept whole as "
	       "long as they fit; what is larger than a chunk is cut at the next finer boundary. "
	       "Fenced code is cut only when it is larger than a chunk. The byte range stands in "
	       "the "
	       "lineage: those bytes of the file are the text.",
	.options = options,
	.open = text_open,
	.next = text_next,
	.close = text_close,
};
