/* The JSONL source: what it reads, what it refuses and how it says so. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/hash.h"
#include "base/rng.h"
#include "feed.h"
#include "pipe/source.h"

static void is_row(const struct feed *f, size_t i, const char *raw)
{
	assert_true(i < f->n);
	assert_int_equal(f->rows[i].fate, OC_LIVE);
	if (!oc_str_is(f->rows[i].raw, raw))
		fail_msg("row %zu is %.*s", i, OC_ARG(f->rows[i].raw));
	assert_int_equal(f->rows[i].ped.row, i);
}

static void is_bad(const struct feed *f, size_t i, const char *rule, const char *part)
{
	assert_true(i < f->n);
	const struct oc_row *row = &f->rows[i];
	assert_int_equal(row->fate, OC_REJECTED);
	assert_true(oc_str_is(row->verdicts[0].rule, rule));
	if (oc_str_find(row->verdicts[0].evidence, oc_str(part)) < 0)
		fail_msg("%.*s does not say %s", OC_ARG(row->verdicts[0].evidence), part);
}

static void plain_lines(void **state)
{
	struct feed f;

	(void)state;
	feed_put("a.jsonl", OC_LIT("\xef\xbb\xbf{\"a\":1}\r\n\r\n  \n{\"a\" : 1e999}\n{\"a\":3}"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"a.jsonl\",\"id\":\"a\"}");
	assert_int_equal(f.n, 3);
	is_row(&f, 0, "{\"a\":1}");
	is_row(&f, 1, "{\"a\" : 1e999}"); /* no double holds it: as it was written */
	is_row(&f, 2, "{\"a\":3}");
	assert_int_equal(f.rows[0].ped.span.offset, 3);
	assert_int_equal(f.rows[1].ped.span.offset, 17);
	assert_int_equal(f.rows[1].ped.span.line, 4);
	assert_int_equal(f.rows[1].ped.span.len, 13);
	assert_true(oc_str_is(f.rows[1].ped.span.file, "a.jsonl"));
	assert_true(oc_str_is(f.rows[1].ped.id, "1e999"));
	feed_close(&f);
}

static void empty_file(void **state)
{
	struct feed f;

	(void)state;
	feed_put("empty", OC_LIT(""));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"empty\"}");
	assert_int_equal(f.n, 0);
	feed_close(&f);
	feed_put("blank", OC_LIT("\n\n \n"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"blank\"}");
	assert_int_equal(f.n, 0);
	feed_close(&f);
}

static void bad_lines_keep_bytes_and_name_the_line(void **state)
{
	struct feed f;
	struct oc_buf b = {0};

	(void)state;
	for (int i = 1; i <= 6; i++)
		oc_buf_printf(&b, "{\"n\":%d}\n", i);
	oc_buf_puts(&b, "{\"n\":7,]\n");
	oc_buf_add(&b, "{\"s\":\"a\0b\"}\n", 12);
	oc_buf_puts(&b, "{\"s\":\"\xc3(\"}\n[1]\n{\"k\":1,\"k\":2}\n\"x\"\n");
	feed_put("bad.jsonl", oc_buf_view(&b));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"bad.jsonl\"}");
	assert_int_equal(f.n, 12);
	is_bad(&f, 6, "bad_json", "bad.jsonl:7: byte 7");
	assert_true(oc_str_is(f.rows[6].raw, "{\"n\":7,]"));
	is_bad(&f, 7, "bad_json", "a NUL byte");
	assert_int_equal(f.rows[7].raw.len, 11);
	is_bad(&f, 8, "bad_json", "bad.jsonl:9: byte 6: invalid UTF-8");
	assert_true(oc_str_is(f.rows[8].raw, "{\"s\":\"\xc3(\"}"));
	is_bad(&f, 9, "bad_json", "object was expected");
	is_bad(&f, 10, "duplicate_key", "bad.jsonl:11:");
	is_bad(&f, 11, "bad_json", "object was expected");
	feed_close(&f);
	oc_buf_fini(&b);
}

static void long_rows(void **state)
{
	struct feed f;
	struct oc_buf b = {0};

	(void)state;
	oc_buf_puts(&b, "{\"a\":1}\n{\"a\":\"");
	for (int i = 0; i < 300000; i++)
		oc_buf_puts(&b, "0123456789");
	oc_buf_puts(&b, "\"}\n{\"a\":2}\n");
	feed_put("long.jsonl", oc_buf_view(&b));
	/* Above the maximum: place and length, no bytes. */
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"long.jsonl\",\"max_row\":1000}");
	assert_int_equal(f.n, 3);
	is_row(&f, 0, "{\"a\":1}");
	is_bad(&f, 1, "too_long", "long.jsonl:2: the row has 3000008 bytes, max_row is 1000");
	assert_int_equal(f.rows[1].raw.len, 0);
	assert_int_equal(f.rows[1].ped.span.offset, 8);
	assert_int_equal(f.rows[1].ped.span.len, 3000008);
	is_row(&f, 2, "{\"a\":2}");
	assert_int_equal(f.rows[2].ped.span.line, 3);
	feed_close(&f);
	/* Below it, but larger than a batch: a batch of its own. */
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"long.jsonl\"}");
	assert_int_equal(f.n, 3);
	assert_int_equal(f.rows[1].raw.len, 3000008);
	assert_int_equal(f.batch_n, 3);
	feed_close(&f);
	/* A last line without newline, just above the maximum. */
	feed_put("edge.jsonl", OC_LIT("{\"a\":\"1234\"}"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"edge.jsonl\",\"max_row\":11}");
	is_bad(&f, 0, "too_long", "12 bytes");
	feed_close(&f);
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"edge.jsonl\",\"max_row\":12}");
	is_row(&f, 0, "{\"a\":\"1234\"}");
	feed_close(&f);
	oc_buf_fini(&b);
}

static void arrays(void **state)
{
	struct feed f;

	(void)state;
	feed_put("a.json",
	         OC_LIT("\n[ {\"a\": [1, {\"b\":\"],}\\\"\"}]} ,\n {\n  \"c\" : \"x  y\",\r\n"
	                "  \"d\":1.50\n }\n, {}\n]\n"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"a.json\",\"id\":\"c\"}");
	assert_int_equal(f.n, 3);
	is_row(&f, 0, "{\"a\": [1, {\"b\":\"],}\\\"\"}]}");
	is_row(&f, 1, "{\"c\":\"x  y\",\"d\":1.50}");
	is_row(&f, 2, "{}");
	assert_int_equal(f.rows[1].ped.span.line, 3);
	assert_int_equal(f.rows[1].ped.span.offset, 32);
	assert_true(oc_str_is(f.rows[1].ped.id, "x  y"));
	feed_close(&f);

	feed_put("e.json", OC_LIT("[]"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"e.json\"}");
	assert_int_equal(f.n, 0);
	feed_close(&f);

	feed_put("b.json", OC_LIT("[{\"a\":1},,{\"a\":}, 5, {\"b\":2}}, {\"a\":4}\n] x"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"b.json\"}");
	assert_int_equal(f.n, 7);
	is_row(&f, 0, "{\"a\":1}");
	is_bad(&f, 1, "bad_json", "an element is missing");
	is_bad(&f, 2, "bad_json", "byte 5");
	is_bad(&f, 3, "bad_json", "object was expected");
	is_bad(&f, 4, "bad_json", "byte 7");
	is_row(&f, 5, "{\"a\":4}");
	is_bad(&f, 6, "bad_json", "b.json:2: text follows the end of the array");
	feed_close(&f);

	feed_put("c.json", OC_LIT("[{\"a\":1},\n{\"a\":"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"c.json\"}");
	assert_int_equal(f.n, 2);
	is_bad(&f, 1, "bad_json", "c.json:2: the array is not closed");
	assert_true(oc_str_is(f.rows[1].raw, "{\"a\":"));
	feed_close(&f);
}

static void several_files_are_one_sequence(void **state)
{
	struct feed f;
	const struct oc_input *in;
	char hash[33], want[33];

	(void)state;
	feed_put("s-2.jsonl", OC_LIT("{\"a\":2}\n"));
	feed_put("s-1.jsonl", OC_LIT("{\"a\":1}"));
	feed_put("s-10.json", OC_LIT("[{\"a\":10}]"));
	feed_all(&f, &oc_source_jsonl, "{\"path\":[\"s-2.jsonl\",\"s-*\"]}");
	assert_int_equal(f.n, 4);
	is_row(&f, 0, "{\"a\":2}");
	is_row(&f, 1, "{\"a\":1}"); /* s-1.jsonl, s-10.json, s-2.jsonl: by bytes */
	is_row(&f, 2, "{\"a\":10}");
	is_row(&f, 3, "{\"a\":2}");
	assert_int_equal(oc_source_inputs(f.def, f.self, &in), 4);
	assert_true(oc_str_is(in[1].name, "s-1.jsonl"));
	assert_int_equal(in[1].bytes, 7);
	assert_int_equal(in[1].rows, 1);
	assert_true(in[1].whole);
	oc_hash128_hex(in[1].hash, hash);
	oc_hash128_hex(oc_hash128("{\"a\":1}", 7), want);
	assert_string_equal(hash, want);
	feed_close(&f);
}

static void refused_at_open(void **state)
{
	struct feed f;

	(void)state;
	assert_int_equal(feed_open(&f, &oc_source_jsonl, "{\"path\":\"none.jsonl\"}"), -1);
	assert_int_equal(f.err.code, OC_INPUT);
	assert_non_null(strstr(f.err.where, "none.jsonl"));
	assert_non_null(strstr(f.err.msg, "check the path"));
	feed_close(&f);
	assert_int_equal(feed_open(&f, &oc_source_jsonl, "{\"path\":\"none-*.jsonl\"}"), -1);
	assert_non_null(strstr(f.err.msg, "no file matches"));
	feed_close(&f);
	assert_int_equal(feed_open(&f, &oc_source_jsonl, "{\"path\":[]}"), -1);
	feed_close(&f);
	/* A folder opens and fails on reading. */
	if (!feed_open(&f, &oc_source_jsonl, "{\"path\":\".\"}"))
		assert_int_equal(feed_read(&f), -1);
	assert_non_null(strstr(f.err.msg, "not a folder"));
	feed_close(&f);
}

/* ------------------------------------------------------------ packed files */

static struct oc_buf many_rows(int n)
{
	struct oc_buf b = {0};

	for (int i = 0; i < n; i++)
		oc_buf_printf(&b, "{\"i\":%d,\"text\":\"row number %d of them\"}\n", i, i);
	return b;
}

static void gzip_to(struct oc_buf *out, struct oc_str s)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	oc_buf_reserve(out, s.len + 100);
	z.next_in = (unsigned char *)(uintptr_t)s.p;
	z.avail_in = (unsigned)s.len;
	z.next_out = (unsigned char *)out->p + out->len;
	z.avail_out = (unsigned)(out->cap - out->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

static void zstd_to(struct oc_buf *out, struct oc_str s)
{
	oc_buf_reserve(out, ZSTD_compressBound(s.len));
	out->len += ZSTD_compress(out->p + out->len, out->cap - out->len, s.p, s.len, 3);
}

static void packed_equals_plain(void **state)
{
	struct oc_buf text = many_rows(60000), packed = {0};
	struct oc_str half = {text.p, text.len / 2 + 7}, rest;
	struct feed f, g;

	(void)state;
	rest = (struct oc_str){text.p + half.len, text.len - half.len};
	feed_put("m.jsonl", oc_buf_view(&text));
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"m.jsonl\"}");
	assert_int_equal(f.n, 60000);
	for (int kind = 0; kind < 2; kind++) {
		void (*pack)(struct oc_buf *, struct oc_str) = kind ? zstd_to : gzip_to;
		packed.len = 0;
		pack(&packed, half); /* two members in one file */
		pack(&packed, rest);
		feed_put("m.packed", oc_buf_view(&packed));
		feed_all(&g, &oc_source_jsonl, "{\"path\":\"m.packed\"}");
		assert_int_equal(g.n, f.n);
		for (size_t i = 0; i < g.n; i++) {
			assert_true(oc_str_eq(f.rows[i].raw, g.rows[i].raw));
			assert_int_equal(f.rows[i].ped.span.offset, g.rows[i].ped.span.offset);
		}
		feed_close(&g);

		/* Cut off, and damaged. */
		packed.len -= 20;
		feed_put("m.packed", oc_buf_view(&packed));
		assert_int_equal(feed_open(&g, &oc_source_jsonl, "{\"path\":\"m.packed\"}"), 0);
		assert_int_equal(feed_read(&g), -1);
		assert_int_equal(g.err.code, OC_INPUT);
		assert_non_null(strstr(g.err.msg, "ends in the middle"));
		feed_close(&g);
		memset(packed.p + packed.len / 2, 0x55, 50);
		feed_put("m.packed", oc_buf_view(&packed));
		assert_int_equal(feed_open(&g, &oc_source_jsonl, "{\"path\":\"m.packed\"}"), 0);
		assert_int_equal(feed_read(&g), -1);
		assert_non_null(strstr(g.err.msg, "damaged"));
		feed_close(&g);
	}
	feed_close(&f);
	oc_buf_fini(&text);
	oc_buf_fini(&packed);
}

/* All that deflate can write, with every part a header may have. */
static void gzip_of_every_kind(void **state)
{
	struct oc_buf text = many_rows(3000);

	(void)state;
	for (int kind = 0; kind < 20; kind++) {
		struct oc_buf packed = {0};
		struct feed f;
		z_stream z = {0};
		gz_header header = {.name = (unsigned char *)"rows.jsonl",
		                    .comment = (unsigned char *)"of a test",
		                    .extra = (unsigned char *)"abcd",
		                    .extra_len = 4,
		                    .hcrc = kind % 2};
		gzip_to(&packed, (struct oc_str){"", 0});
		assert_int_equal(deflateInit2(&z, kind % 10, Z_DEFLATED, kind < 10 ? 31 : 25,
		                              1 + kind % 9, kind % 5),
		                 Z_OK);
		assert_int_equal(deflateSetHeader(&z, &header), Z_OK);
		oc_buf_reserve(&packed, 2 * text.len + 1000);
		z.next_in = (unsigned char *)text.p;
		z.avail_in = (unsigned)text.len / 2;
		z.next_out = (unsigned char *)packed.p + packed.len;
		z.avail_out = (unsigned)(packed.cap - packed.len);
		assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
		z.avail_in += (unsigned)(text.len - text.len / 2);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		packed.len += z.total_out;
		deflateEnd(&z);
		gzip_to(&packed, (struct oc_str){"", 0});

		feed_put("kind.gz", oc_buf_view(&packed));
		feed_all(&f, &oc_source_jsonl, "{\"path\":\"kind.gz\"}");
		assert_int_equal(f.n, 3000);
		for (size_t i = 0, at = 0; i < f.n; i++) {
			assert_memory_equal(f.rows[i].raw.p, text.p + at, f.rows[i].raw.len);
			at += f.rows[i].raw.len + 1;
		}
		feed_close(&f);

		/* The last byte of the length, and a member behind it that is none. */
		packed.p[packed.len - 1] ^= 1;
		feed_put("kind.gz", oc_buf_view(&packed));
		assert_int_equal(feed_open(&f, &oc_source_jsonl, "{\"path\":\"kind.gz\"}"), 0);
		assert_int_equal(feed_read(&f), -1);
		assert_non_null(strstr(f.err.msg, "the checksum is another"));
		feed_close(&f);
		packed.p[packed.len - 1] ^= 1;
		oc_buf_puts(&packed, "more");
		feed_put("kind.gz", oc_buf_view(&packed));
		assert_int_equal(feed_open(&f, &oc_source_jsonl, "{\"path\":\"kind.gz\"}"), 0);
		assert_int_equal(feed_read(&f), -1);
		assert_non_null(strstr(f.err.msg, "damaged near byte"));
		feed_close(&f);
		oc_buf_fini(&packed);
	}
	oc_buf_fini(&text);
}

/* Rows that do not shrink to nothing: a packed file of them is worth a thread. */
static struct oc_buf noisy_rows(int n, uint64_t seed)
{
	struct oc_buf b = {0};
	struct oc_rng rng;

	oc_rng_init(&rng, seed, "test_source noisy");
	for (int i = 0; i < n; i++) {
		struct oc_draws d;
		oc_draws_init(&d, &rng, (uint64_t)i);
		oc_buf_printf(&b, "{\"i\":%d,\"text\":\"", i);
		for (int k = 0; k < 6; k++)
			oc_buf_printf(&b, "%016llx ", (unsigned long long)oc_draw_u64(&d));
		oc_buf_puts(&b, "\"}\n");
	}
	return b;
}

static unsigned threads_now(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/task");

	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static void *nothing(void *arg)
{
	return arg;
}

/* Threads when none reads. The sanitizer starts one of its own with the first. */
static unsigned threads_before(void)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, nothing, NULL), 0);
	pthread_join(t, NULL);
	usleep(10000);
	return threads_now();
}

/* One that was joined may be on its way out of the kernel's list. */
static void no_more_threads_than(unsigned before)
{
	for (int i = 0; i < 1000 && threads_now() > before; i++)
		usleep(1000);
	assert_int_equal(threads_now(), before);
}

#define AHEAD_FILES "{\"path\":[\"n0\",\"n1\",\"n2\",\"n3\",\"n4\",\"n5\"]}"

/* Six files, packed in both ways, plain, in two members and small: with threads that read ahead all
 * is as without, also what is known of the inputs, and going on from the middle. */
static void read_ahead_changes_nothing(void **state)
{
	static const int rows[] = {12000, 9000, 40, 9000, 30000, 5000};
	struct feed f, g;
	unsigned before = threads_before();

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct oc_buf text = noisy_rows(rows[i], (uint64_t)i), packed = {0};
		struct oc_str half = {text.p, text.len / 3};
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		if (i == 1 || i == 5) {
			zstd_to(&packed, oc_buf_view(&text));
		} else if (i != 3) {
			gzip_to(&packed, half);
			gzip_to(&packed, (struct oc_str){text.p + half.len, text.len - half.len});
		}
		feed_put(name, oc_buf_view(i == 3 ? &text : &packed));
		oc_buf_fini(&text);
		oc_buf_fini(&packed);
	}
	feed_all(&f, &oc_source_jsonl, AHEAD_FILES);
	assert_int_equal(f.n, 65040);
	for (unsigned threads = 1; threads <= 5; threads++) {
		feed_ctx = oc_ctx_new(threads, 0);
		for (int part = 0; part < 2; part++) {
			const struct oc_input *in, *all;
			size_t from = part ? f.batch_end[f.batch_n / 2] : 0;
			assert_int_equal(feed_open(&g, &oc_source_jsonl, AHEAD_FILES), 0);
			if (part) {
				struct oc_cursor c = f.after[f.batch_n / 2];
				assert_int_equal(g.def->seek(g.self, c.row, c.offset, &g.err), 0);
			}
			assert_int_equal(feed_read(&g), 0);
			assert_int_equal(g.n, f.n - from);
			for (size_t i = 0; i < g.n; i++) {
				const struct oc_row *x = &g.rows[i], *y = &f.rows[from + i];
				assert_true(oc_str_eq(x->raw, y->raw));
				assert_int_equal(x->ped.span.offset, y->ped.span.offset);
				assert_true(oc_str_eq(x->ped.span.file, y->ped.span.file));
			}
			assert_int_equal(oc_source_inputs(f.def, f.self, &all), 6);
			assert_int_equal(oc_source_inputs(g.def, g.self, &in), 6);
			for (int i = 0; i < 6; i++) {
				assert_memory_equal(&in[i].hash, &all[i].hash, sizeof in[i].hash);
				assert_int_equal(in[i].bytes, all[i].bytes);
				assert_true(in[i].whole);
				if (!part)
					assert_int_equal(in[i].rows, all[i].rows);
			}
			no_more_threads_than(before);
			feed_close(&g);
		}
		oc_ctx_free(feed_ctx);
		feed_ctx = NULL;
	}
	feed_close(&f);
}

/* The rows before the damage come, then the error that names the file, though the files behind it
 * are read already. */
static void damage_is_met_in_order(void **state)
{
	struct oc_buf text = noisy_rows(20000, 7), packed = {0};
	struct feed f;

	(void)state;
	gzip_to(&packed, oc_buf_view(&text));
	feed_put("d0.gz", oc_buf_view(&packed));
	feed_put("d2.gz", oc_buf_view(&packed));
	memset(packed.p + packed.len / 2, 0x55, 300);
	feed_put("d1.gz", oc_buf_view(&packed));
	size_t rows[2];
	for (unsigned threads = 1; threads <= 3; threads += 2) {
		feed_ctx = oc_ctx_new(threads, 0);
		assert_int_equal(feed_open(&f, &oc_source_jsonl,
		                           "{\"path\":[\"d0.gz\",\"d1.gz\",\"d2.gz\"]}"),
		                 0);
		assert_int_equal(feed_read(&f), -1);
		assert_int_equal(f.err.code, OC_INPUT);
		assert_non_null(strstr(f.err.where, "d1.gz"));
		const char *at = strstr(f.err.msg, "damaged near byte ");
		assert_non_null(at);
		long near = strtol(at + 18, NULL, 10), made = (long)packed.len / 2;
		/* At the latest by the sum at the end. */
		assert_in_range(near, made - 10, (long)packed.len);
		assert_true(f.n > 20000);
		rows[threads > 1] = f.n;
		feed_close(&f);
		oc_ctx_free(feed_ctx);
		feed_ctx = NULL;
	}
	assert_int_equal(rows[0], rows[1]);
	oc_buf_fini(&text);
	oc_buf_fini(&packed);
}

/* Closed at any time, whoever reads ahead stops: with full chunks, with a file that has not had its
 * turn, and waiting for a standard input that says nothing. */
static void closed_early(void **state)
{
	struct oc_buf text = noisy_rows(30000, 9), packed = {0};
	unsigned before = threads_before();
	struct feed f;
	int ends[2], old = dup(0);

	(void)state;
	gzip_to(&packed, oc_buf_view(&text));
	feed_put("e0.gz", oc_buf_view(&packed));
	feed_put("e1.gz", oc_buf_view(&packed));
	feed_ctx = oc_ctx_new(4, 0);
	for (int batches = 0; batches < 4; batches++) {
		struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
		assert_int_equal(
			feed_open(&f, &oc_source_jsonl, "{\"path\":[\"e0.gz\",\"e1.gz\"]}"), 0);
		for (int i = 0; i < batches; i++) {
			oc_batch_reset(b);
			assert_int_equal(f.def->next(f.self, b, &f.err), 1);
		}
		oc_batch_free(b);
		feed_close(&f);
		no_more_threads_than(before);
	}

	for (int cancel = 0; cancel < 2; cancel++) {
		struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(dup2(ends[0], 0), 0);
		close(ends[0]);
		assert_int_equal(write(ends[1], packed.p, 60000), 60000);
		assert_int_equal(feed_open(&f, &oc_source_jsonl, "{\"path\":\"-\"}"), 0);
		assert_int_equal(f.def->next(f.self, b, &f.err), 1);
		if (cancel) {
			int rc;
			oc_ctx_cancel(feed_ctx);
			do
				oc_batch_reset(b);
			while ((rc = f.def->next(f.self, b, &f.err)) == 1);
			assert_int_equal(rc, -1);
			assert_int_equal(f.err.code, OC_CANCELLED);
		}
		oc_batch_free(b);
		feed_close(&f);
		no_more_threads_than(before);
		close(ends[1]);
		dup2(old, 0);
	}
	close(old);
	oc_ctx_free(feed_ctx);
	feed_ctx = NULL;
	oc_buf_fini(&text);
	oc_buf_fini(&packed);
}

/* Continuing from any batch's end gives the rows that followed, with the same places. */
static void seeks(void **state)
{
	struct oc_buf text = many_rows(3000), array = {0}, packed = {0};
	static const char *const opts = "{\"path\":[\"k.jsonl\",\"k.json\",\"k.jsonl.gz\"]}";
	struct feed f, g;

	(void)state;
	feed_put("k.jsonl", oc_buf_view(&text));
	oc_buf_puts(&array, "[\n");
	for (int i = 0; i < 2000; i++)
		oc_buf_printf(&array, "%s {\"j\": %d}\n", i ? "," : "", i);
	oc_buf_puts(&array, "]\n");
	feed_put("k.json", oc_buf_view(&array));
	gzip_to(&packed, oc_buf_view(&text));
	feed_put("k.jsonl.gz", oc_buf_view(&packed));

	feed_all(&f, &oc_source_jsonl, opts);
	assert_int_equal(f.n, 8000);
	assert_true(f.batch_n >= 15);
	for (size_t b = 0; b < f.batch_n; b += 3) {
		const struct oc_input *in, *all;
		assert_int_equal(feed_open(&g, &oc_source_jsonl, opts), 0);
		assert_int_equal(g.def->seek(g.self, f.after[b].row, f.after[b].offset, &g.err), 0);
		assert_int_equal(feed_read(&g), 0);
		assert_int_equal(g.n, f.n - f.batch_end[b]);
		for (size_t i = 0; i < g.n; i++) {
			const struct oc_row *x = &g.rows[i], *y = &f.rows[f.batch_end[b] + i];
			assert_true(oc_str_eq(x->raw, y->raw));
			assert_int_equal(x->ped.row, y->ped.row);
			assert_int_equal(x->ped.span.offset, y->ped.span.offset);
			assert_int_equal(x->ped.span.line, y->ped.span.line);
			assert_true(oc_str_eq(x->ped.span.file, y->ped.span.file));
		}
		assert_int_equal(oc_source_inputs(g.def, g.self, &in), 3);
		assert_int_equal(oc_source_inputs(f.def, f.self, &all), 3);
		for (int i = 0; i < 3; i++)
			assert_memory_equal(&in[i].hash, &all[i].hash, sizeof in[i].hash);
		feed_close(&g);
	}
	/* An input that has become shorter. */
	feed_put("k.jsonl.gz", OC_LIT(""));
	assert_int_equal(feed_open(&g, &oc_source_jsonl, opts), 0);
	assert_int_equal(g.def->seek(g.self, 8000, f.after[f.batch_n - 1].offset, &g.err), -1);
	assert_non_null(strstr(g.err.msg, "they have changed"));
	feed_close(&g);
	feed_close(&f);
	oc_buf_fini(&text);
	oc_buf_fini(&array);
	oc_buf_fini(&packed);
}

static void standard_input(void **state)
{
	struct oc_buf text = many_rows(500);
	struct feed f;
	int ends[2], old = dup(0);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], 0), 0);
	assert_int_equal(write(ends[1], text.p, text.len), (ssize_t)text.len);
	close(ends[0]);
	close(ends[1]);
	feed_all(&f, &oc_source_jsonl, "{\"path\":\"-\"}");
	assert_int_equal(f.n, 500);
	feed_close(&f);
	dup2(old, 0);
	close(old);
	oc_buf_fini(&text);
}

/* Every byte of a file lies in one row, or in what separates rows. */
static void rows_cover_the_file(void **state)
{
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 3, "test_source cover");
	for (uint64_t round = 0; round < 60; round++) {
		struct oc_draws d;
		struct oc_buf b = {0};
		struct feed f;
		oc_draws_init(&d, &rng, round);
		uint64_t n = oc_draw_below(&d, 40);
		for (uint64_t i = 0; i < n; i++) {
			static const char *const ends[] = {"\n", "\r\n", "\n\n", "\n \t\n"};
			oc_buf_puts(&b, "{\"a\":\"");
			for (uint64_t k = oc_draw_below(&d, 3000); k; k--)
				oc_buf_putc(&b, "xy ,"[k % 4]);
			oc_buf_puts(&b, "\"}");
			oc_buf_puts(&b, i + 1 < n ? ends[oc_draw_below(&d, 4)] : "");
		}
		feed_put("cover.jsonl", oc_buf_view(&b));
		feed_all(&f, &oc_source_jsonl, "{\"path\":\"cover.jsonl\"}");
		assert_int_equal(f.n, n);
		size_t at = 0;
		for (size_t i = 0; i < f.n; i++) {
			const struct oc_span *s = &f.rows[i].ped.span;
			for (; at < s->offset; at++)
				assert_true(strchr("\r\n \t", b.p[at]));
			assert_memory_equal(b.p + at, f.rows[i].raw.p, f.rows[i].raw.len);
			at += s->len;
		}
		assert_int_equal(at, b.len);
		feed_close(&f);
		oc_buf_fini(&b);
	}
}

static int clean(void **state)
{
	(void)state;
	feed_clean();
	return 0;
}

/* Rows of all lengths around those of a read, a batch and max_row, each batch gone before the next
 * is read: every row's bytes are its line's, also behind it where it says so. */
static void rows_lie_in_their_batch(void **state)
{
	static const uint64_t longest[] = {40, 2000, 80000, 3000000};
	struct oc_arena *a = oc_arena_new();
	struct oc_env env = {.size = sizeof env, .name = "s", .base_dir = feed_dir()};
	struct oc_err err = {0};
	struct oc_rng rng;

	(void)state;
	oc_rng_init(&rng, 5, "rows in their batch");
	for (uint64_t kind = 0; kind < 8; kind++) {
		struct oc_buf text = {0};
		const char *ending = kind & 1 ? "\r\n" : "\n";
		for (uint64_t i = 0; text.len < (kind < 6 ? 3000000u : 20000000u); i++) {
			struct oc_draws d;
			oc_draws_init(&d, &rng, i * 8 + kind);
			size_t n = oc_draw_below(&d, longest[kind / 2]);
			oc_buf_puts(&text, "{\"s\":\"");
			oc_buf_reserve(&text, n);
			memset(text.p + text.len, (int)('a' + i % 26), n);
			text.len += n;
			oc_buf_printf(&text, "\"}%s%s", ending, i % 7 ? "" : ending);
		}
		feed_put("in.jsonl", oc_buf_view(&text));
		yyjson_val *opts = oc_json_parse(
			a, OC_LIT("{\"path\":\"in.jsonl\",\"max_row\":2900000}"), &err);
		void *self;
		assert_int_equal(oc_source_jsonl.open(&self, &env, opts, &err), 0);
		size_t at = 0, pieces = 0, batches = 0;
		for (int more = 1; more;) {
			struct oc_batch *b = oc_batch_new(OC_BATCH_ROWS);
			const char *last = NULL;
			more = oc_source_jsonl.next(self, b, &err);
			assert_true(more >= 0);
			for (uint32_t i = 0; i < b->row_n; i++) {
				const struct oc_row *row = &b->rows[i];
				at = row->ped.span.offset;
				size_t len =
					(size_t)((char *)memchr(text.p + at, '}', text.len - at) -
				                 text.p) +
					1 - at;
				assert_int_equal(row->ped.span.len, len);
				assert_int_equal(row->raw.len, len > 2900000 ? 0 : len);
				assert_memory_equal(row->raw.p, text.p + at, row->raw.len);
				assert_false(row->newline && kind & 1);
				if (row->newline) {
					assert_ptr_equal(row->raw.p + row->raw.len, row->newline);
					assert_int_equal(*row->newline, '\n');
				}
				pieces += !last || row->raw.p != last + 1;
				last = row->newline;
			}
			batches += more != 0;
			oc_batch_free(b);
		}
		if (kind < 4 && !(kind & 1)) /* blank lines, and where a read ended */
			assert_in_range(pieces, 1, text.len / longest[kind / 2]);
		assert_true(batches > 1);
		oc_source_jsonl.close(self);
		oc_buf_fini(&text);
	}
	oc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines),
		cmocka_unit_test(empty_file),
		cmocka_unit_test(bad_lines_keep_bytes_and_name_the_line),
		cmocka_unit_test(long_rows),
		cmocka_unit_test(arrays),
		cmocka_unit_test(several_files_are_one_sequence),
		cmocka_unit_test(refused_at_open),
		cmocka_unit_test(packed_equals_plain),
		cmocka_unit_test(gzip_of_every_kind),
		cmocka_unit_test(read_ahead_changes_nothing),
		cmocka_unit_test(damage_is_met_in_order),
		cmocka_unit_test(closed_early),
		cmocka_unit_test(seeks),
		cmocka_unit_test(standard_input),
		cmocka_unit_test(rows_cover_the_file),
		cmocka_unit_test(rows_lie_in_their_batch),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
