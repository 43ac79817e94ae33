/* Shards in lockstep, CSV lines, and zstd frames whose bytes depend on the content alone. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"
#include "base/rng.h"
#include "feed.h"
#include "pipe/behind.h"
#include "pipe/writer.h"
#include "pipe/writer_csv.h"
#include "pipe/zframes.h"

static struct oc_batch *batch;

static struct oc_row *add(const char *raw, int number)
{
	struct oc_row *row = oc_batch_add(batch);
	struct oc_err err = {0};

	row->raw = oc_arena_str(batch->arena, oc_str(raw));
	row->ped.key = oc_arena_printf(batch->arena, "s:%d", number);
	oc_row_parse(row, &err);
	assert_int_equal(row->fate, OC_LIVE);
	return row;
}

static void is_file(const char *name, const char *want)
{
	struct oc_buf b = feed_get(name);

	assert_string_equal(oc_buf_cstr(&b), want);
	oc_buf_fini(&b);
}

static bool there(const char *name)
{
	char path[4200];

	snprintf(path, sizeof path, "%s/%s", feed_dir(), name);
	return oc_file_exists(path);
}

/* n rows {"n":i} and as many lineage lines, `step` a call. */
static void write_split(struct oc_writer *w, int n, int step)
{
	struct oc_buf data = {0}, lineage = {0};
	struct oc_err err = {0};

	for (int i = 0; i < n;) {
		data.len = lineage.len = 0;
		for (int k = 0; k < step && i < n; k++, i++) {
			oc_buf_printf(&data, "{\"n\":%d}\n", i);
			oc_buf_printf(&lineage, "{\"key\":\"s:%d\"}\n", i);
		}
		/* in two pieces, cut anywhere */
		struct oc_str piece[2] = {{data.p, data.len / 3},
		                          {data.p + data.len / 3, data.len - data.len / 3}};
		assert_int_equal(oc_writer_add(w, piece, 2, oc_buf_view(&lineage), &err), 0);
	}
	oc_buf_fini(&data);
	oc_buf_fini(&lineage);
}

static struct oc_writer *open_split(const char *dir)
{
	struct oc_writer *w;
	struct oc_err err = {0};
	char path[4200];

	snprintf(path, sizeof path, "%s/%s", feed_dir(), dir);
	if (oc_writer_open(&w, path, "train", &err))
		fail_msg("%s: %s", err.where, err.msg);
	return w;
}

static void shards_appear_when_whole(void **state)
{
	struct oc_err err = {0};
	struct oc_writer *w = open_split("out");

	(void)state;
	write_split(w, 5, 2);
	assert_false(there("out/data/train-00000-of-00001.jsonl"));
	assert_int_equal(oc_writer_close(w, &err), 0);
	is_file("out/data/train-00000-of-00001.jsonl",
	        "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n");
	is_file("out/lineage/train-00000-of-00001.jsonl",
	        "{\"key\":\"s:0\"}\n{\"key\":\"s:1\"}\n{\"key\":\"s:2\"}\n{\"key\":\"s:3\"}\n"
	        "{\"key\":\"s:4\"}\n");
	/* No row, no file. */
	assert_int_equal(oc_writer_close(open_split("none"), &err), 0);
	assert_false(there("none/data/train-00000-of-00001.jsonl"));
}

static void abandoned_leaves_nothing(void **state)
{
	struct oc_err err = {0};
	struct oc_writer *w = open_split("gone"), *none;
	char path[4200];

	(void)state;
	write_split(w, 10, 3);
	oc_writer_abandon(w);
	snprintf(path, sizeof path, "%s/gone/data", feed_dir());
	assert_int_equal(rmdir(path), 0); /* empty */
	snprintf(path, sizeof path, "%s/gone/lineage", feed_dir());
	assert_int_equal(rmdir(path), 0);
	/* A folder that cannot be made. */
	feed_put("file", OC_LIT("x"));
	snprintf(path, sizeof path, "%s/file/x", feed_dir());
	assert_int_equal(oc_writer_open(&none, path, "train", &err), -1);
	assert_int_equal(err.code, OC_IO);
}

static struct oc_buf noise(size_t len)
{
	struct oc_buf b = {0};
	struct oc_rng rng;
	struct oc_draws d;

	oc_rng_init(&rng, 1, "test_writer");
	oc_draws_init(&d, &rng, 0);
	while (b.len < len)
		oc_buf_printf(&b, "{\"v\":%llu}\n", (unsigned long long)oc_draw_below(&d, 100000));
	b.len = len;
	return b;
}

/* Files of no, one and many chunks, with an odd end, added in steps of any size. */
static void written_behind(void **state)
{
	static const size_t lens[] = {0, 1, 4096, 1 << 20, (1 << 20) + 4097, 7654321};
	static const size_t steps[] = {1000, 300000, 5000000};
	struct oc_buf text = noise(7654321);
	struct oc_err err = {0};
	struct oc_behind *b;
	char path[4200];

	(void)state;
	snprintf(path, sizeof path, "%s/behind", feed_dir());
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
		for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
			assert_int_equal(oc_behind_open(&b, path, &err), 0);
			for (size_t at = 0, n; at < lens[i]; at += n) {
				n = lens[i] - at < steps[k] ? lens[i] - at : steps[k];
				assert_int_equal(oc_behind_add(b, text.p + at, n, &err), 0);
			}
			if (k)
				oc_behind_end(b);
			assert_int_equal(oc_behind_close(b, &err), 0);
			struct oc_buf got = feed_get("behind");
			assert_int_equal(got.len, lens[i]);
			assert_memory_equal(got.p, text.p, got.len);
			oc_buf_fini(&got);
		}
	assert_int_equal(oc_behind_open(&b, path, &err), 0);
	assert_int_equal(oc_behind_add(b, text.p, text.len, &err), 0);
	oc_behind_abandon(b);
	/* A full disk is told, by the latest when the file is closed. */
	for (size_t len = 100; len <= text.len; len += text.len - 100) {
		assert_int_equal(oc_behind_open(&b, "/dev/full", &err), 0);
		int rc = oc_behind_add(b, text.p, len, &err);
		if (rc)
			oc_behind_abandon(b);
		else
			rc = oc_behind_close(b, &err);
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, OC_IO);
		assert_non_null(strstr(err.msg, "free some space"));
		err = (struct oc_err){0};
	}
	oc_buf_fini(&text);
}

static void csv_lines(void **state)
{
	static const struct oc_str names[] = {{"a", 1}, {"b,c", 3}, {"d", 1}};
	static const struct oc_columns columns = {names, 3};
	struct oc_buf out = {0};
	struct oc_err err = {0};

	(void)state;
	oc_csv_header(&out, &columns);
	oc_csv_row(&out, &columns, add("{\"a\":1.50,\"b,c\":\"x\",\"d\":null}", 0), &err);
	oc_csv_row(&out, &columns,
	           add("{\"d\":\"say \\\"hi\\\",\\nyou\",\"a\":\"\",\"b,c\":[1,2]}", 1), &err);
	oc_csv_row(&out, &columns, add("{\"a\":true,\"b,c\":\" padded\"}", 2), &err);
	assert_int_equal(err.code, OC_OK);
	assert_string_equal(oc_buf_cstr(&out),
	                    "a,\"b,c\",d\n1.50,x,\n\"\",\"[1,2]\",\"say \"\"hi\"\",\nyou\"\n"
	                    "true,\" padded\",\n");
	assert_int_equal(oc_csv_row(&out, &columns, add("{\"z\":1}", 3), &err), -1);
	assert_non_null(strstr(err.msg, "s:3"));
	assert_non_null(strstr(err.msg, "\"z\""));
	oc_buf_fini(&out);
}

/* ------------------------------------------------------------------ zframes */

static struct oc_buf packed(struct oc_str text, size_t step)
{
	struct oc_err err = {0};
	struct oc_zwriter *w;
	char path[4200];

	snprintf(path, sizeof path, "%s/z.zst", feed_dir());
	unlink(path);
	assert_int_equal(oc_zwriter_open(&w, path, &err), 0);
	for (size_t at = 0; at < text.len; at += step)
		assert_int_equal(oc_zwriter_add(w, text.p + at,
		                                text.len - at < step ? text.len - at : step, &err),
		                 0);
	assert_false(there("z.zst"));
	assert_int_equal(oc_zwriter_close(w, &err), 0);
	return feed_get("z.zst");
}

struct lines {
	struct oc_buf text;
	size_t n, stop;
};

static int line(void *user, struct oc_str s, struct oc_err *err)
{
	struct lines *l = user;

	(void)err;
	oc_buf_str(&l->text, s);
	oc_buf_putc(&l->text, '\n');
	return ++l->n == l->stop ? -1 : 0;
}

/* The bytes depend on the content alone; every frame but the last holds exactly 1 MiB. */
static void frames_are_cut_by_position(void **state)
{
	static const size_t lens[] = {0,
	                              1,
	                              OC_ZFRAME_BYTES - 1,
	                              OC_ZFRAME_BYTES,
	                              OC_ZFRAME_BYTES + 1,
	                              3 * OC_ZFRAME_BYTES + 12345};
	char path[4200];

	(void)state;
	snprintf(path, sizeof path, "%s/z.zst", feed_dir());
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		struct oc_buf text = noise(lens[i]);
		struct oc_buf a = packed(oc_buf_view(&text), 777),
			      b = packed(oc_buf_view(&text), 1 << 22);
		struct lines got = {0};
		struct oc_err err = {0};
		size_t frames = 0;

		assert_int_equal(a.len, b.len);
		if (a.len)
			assert_memory_equal(a.p, b.p, a.len);
		for (size_t at = 0; at < a.len; frames++) {
			unsigned long long whole = ZSTD_getFrameContentSize(a.p + at, a.len - at);
			size_t n = ZSTD_findFrameCompressedSize(a.p + at, a.len - at);
			assert_true(!ZSTD_isError(n));
			assert_int_equal(whole, at + n < a.len
			                                ? OC_ZFRAME_BYTES
			                                : text.len - frames * OC_ZFRAME_BYTES);
			at += n;
		}
		assert_int_equal(frames, (text.len + OC_ZFRAME_BYTES - 1) / OC_ZFRAME_BYTES);
		assert_int_equal(oc_zlines_each(path, line, &got, &err), 0);
		if (text.len) {
			if (text.p[text.len - 1] != '\n')
				oc_buf_putc(&text, '\n'); /* the last line, cut by `noise` */
			assert_int_equal(got.text.len, text.len);
			assert_memory_equal(got.text.p, text.p, text.len);
		}
		oc_buf_fini(&got.text);
		oc_buf_fini(&text);
		oc_buf_fini(&a);
		oc_buf_fini(&b);
	}
}

static void damage_is_found(void **state)
{
	struct oc_buf text = noise(3 * OC_ZFRAME_BYTES), z = packed(oc_buf_view(&text), 50000);
	struct lines got = {.stop = 10};
	struct oc_err err = {0};
	char path[4200];

	(void)state;
	snprintf(path, sizeof path, "%s/cut.zst", feed_dir());
	feed_put("cut.zst", oc_buf_view(&z));
	assert_int_equal(oc_zlines_each(path, line, &got, &err), -1);
	assert_int_equal(got.n, 10);
	got.stop = 0;
	feed_put("cut.zst", (struct oc_str){z.p, z.len - 9});
	assert_int_equal(oc_zlines_each(path, line, &got, &err), -1);
	assert_int_equal(err.code, OC_INPUT);
	assert_non_null(strstr(err.msg, "middle of a frame"));
	err = (struct oc_err){0};
	z.p[z.len / 2] ^= 0x10;
	feed_put("cut.zst", oc_buf_view(&z));
	assert_int_equal(oc_zlines_each(path, line, &got, &err), -1);
	assert_non_null(strstr(err.msg, "damaged"));
	oc_buf_fini(&got.text);
	oc_buf_fini(&text);
	oc_buf_fini(&z);
}

static int up(void **state)
{
	(void)state;
	batch = oc_batch_new(OC_BATCH_ROWS);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	oc_batch_free(batch);
	feed_clean();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards_appear_when_whole),
		cmocka_unit_test(abandoned_leaves_nothing),
		cmocka_unit_test(written_behind),
		cmocka_unit_test(csv_lines),
		cmocka_unit_test(frames_are_cut_by_position),
		cmocka_unit_test(damage_is_found),
	};
	return cmocka_run_group_tests(tests, up, clean);
}
