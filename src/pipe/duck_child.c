#include "pipe/duck_child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "data/json.h"
#include "pipe/duck_json.h"

#define FRAME_BYTES ((size_t)512 << 10) /* a frame ends with the row that passes it */
#define FRAME_ROWS  2048u

struct child {
	struct oc_port *port;
	struct oc_duck lib;
	void *db, *con;
};

static int done(struct child *c, struct oc_buf *json)
{
	int rc = oc_port_send(c->port, OC_DUCK_DONE, oc_buf_view(json), (struct oc_str){0});

	oc_buf_fini(json);
	return rc;
}

static int fail_to_parent(struct child *c, const struct oc_err *err)
{
	int32_t code = err->code;
	char text[1200];

	snprintf(text, sizeof text, "%s%s%s", err->where, err->where[0] ? ": " : "", err->msg);
	return oc_port_send(c->port, OC_DUCK_FAILED,
	                    (struct oc_str){(const char *)&code, sizeof code}, oc_str(text));
}

static void put_sql(struct oc_buf *b, char quote, struct oc_str s)
{
	oc_buf_putc(b, quote);
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == quote)
			oc_buf_putc(b, quote);
		oc_buf_putc(b, s.p[i]);
	}
	oc_buf_putc(b, quote);
}

/* ------------------------------------------------------------------ library */

static int open_library(struct child *c, yyjson_val *q, struct oc_err *err)
{
	const struct oc_duck *d = &c->lib;
	uint64_t memory = (uint64_t)oc_json_get_int(q, "memory", 1 << 30);
	char limit[40], *why = NULL;
	/* One thread: the same order and the same bytes, and a core for those who parse. Nothing is
	 * fetched from anywhere. */
	const char *const settings[][2] = {{"threads", "1"},
	                                   {"memory_limit", limit},
	                                   {"autoinstall_known_extensions", "false"},
	                                   {"autoload_known_extensions", "false"},
	                                   {"temp_directory", ""}};
	void *config = NULL;
	struct oc_buf b = {0};

	if (oc_duck_load(&c->lib, yyjson_get_str(oc_json_get(q, "library")), err))
		return -1;
	snprintf(limit, sizeof limit, "%lluB", (unsigned long long)memory);
	d->create_config(&config);
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		d->set_config(config, settings[i][0], settings[i][1]);
	int bad = d->open_ext(NULL, &c->db, config, &why) || d->connect(c->db, &c->con);
	d->destroy_config(&config);
	if (bad)
		return oc_fail(err, OC_MISSING, "DuckDB", "the library does not start: %s",
		               why ? why : "no reason given");
	oc_buf_puts(&b, "{\"version\":");
	oc_buf_json(&b, oc_str(d->library_version()));
	oc_buf_putc(&b, '}');
	return done(c, &b);
}

/*
 * The library's words, their first line; it knows files by descriptor only, so "fd" becomes the
 * file's name.
 */
static int complain(struct oc_str file, int fd, const char *why, struct oc_err *err)
{
	struct oc_buf b = {0};
	char name[40];
	size_t len = why ? strcspn(why, "\n") : 0;
	struct oc_str rest = {why, len};
	ptrdiff_t at;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	while (fd >= 0 && (at = oc_str_find(rest, oc_str(name))) >= 0) {
		oc_buf_add(&b, rest.p, (size_t)at);
		oc_buf_puts(&b, "the file");
		rest.p += (size_t)at + strlen(name);
		rest.len -= (size_t)at + strlen(name);
	}
	oc_buf_str(&b, rest);
	bool memory = oc_str_find(oc_buf_view(&b), OC_LIT("Out of Memory")) >= 0;
	char where[256];
	snprintf(where, sizeof where, "%.*s", OC_ARG(file));
	oc_fail(err, OC_INPUT, where, "DuckDB says: %s%s", b.len ? oc_buf_cstr(&b) : "nothing",
	        memory ? "; allow more with memory:" : "");
	oc_buf_fini(&b);
	return -1;
}

/* Opens a file and writes how SQL names it. */
static int file_open(struct oc_str file, int flags, char sql[64], struct oc_err *err)
{
	struct oc_buf name = {0};

	oc_buf_str(&name, file);
	int fd = open(oc_buf_cstr(&name), flags | O_CLOEXEC, 0666);
	if (fd < 0)
		oc_fail_errno(err, oc_buf_cstr(&name), "cannot open");
	else
		snprintf(sql, 64, "'/proc/self/fd/%d'", fd);
	oc_buf_fini(&name);
	return fd;
}

/* ------------------------------------------------------------------ looking */

static int64_t number_at(const struct oc_duck *d, void *chunk, uint64_t column, uint64_t row)
{
	return ((const int64_t *)d->vector_get_data(d->data_chunk_get_vector(chunk, column)))[row];
}

/* Rows of each row group, by its number. */
static int put_groups(struct child *c, struct oc_str file, int fd, const char *name,
                      struct oc_buf *out, struct oc_err *err)
{
	const struct oc_duck *d = &c->lib;
	struct oc_duck_result r = {{0}};
	struct oc_buf sql = {0};
	uint64_t rows = 0;
	void *chunk;
	int rc = -1;

	oc_buf_printf(&sql,
	              "SELECT row_group_id::BIGINT, any_value(row_group_num_rows)::BIGINT FROM "
	              "parquet_metadata(%s) GROUP BY 1 ORDER BY 1",
	              name);
	if (d->query(c->con, oc_buf_cstr(&sql), &r)) {
		complain(file, fd, d->result_error(&r), err);
		goto out;
	}
	oc_buf_puts(out, "\"groups\":[");
	while ((chunk = d->fetch_chunk(r))) {
		for (uint64_t i = 0; i < d->data_chunk_get_size(chunk); i++) {
			int64_t n = number_at(d, chunk, 1, i);
			if (out->p[out->len - 1] != '[')
				oc_buf_putc(out, ',');
			oc_buf_u64(out, (uint64_t)n);
			rows += (uint64_t)n;
		}
		d->destroy_data_chunk(&chunk);
	}
	oc_buf_printf(out, "],\"rows\":%llu", (unsigned long long)rows);
	rc = 0;
out:
	d->destroy_result(&r);
	oc_buf_fini(&sql);
	return rc;
}

static int look(struct child *c, yyjson_val *q, struct oc_err *err)
{
	const struct oc_duck *d = &c->lib;
	struct oc_str file = oc_json_get_str(q, "file");
	struct oc_duck_result r = {{0}};
	struct oc_buf sql = {0}, out = {0};
	char name[64];
	int rc = -1, fd = file_open(file, O_RDONLY, name, err);

	if (fd < 0)
		return -1;
	oc_buf_printf(&sql, "SELECT * FROM read_parquet(%s, file_row_number=false) LIMIT 0", name);
	if (d->query(c->con, oc_buf_cstr(&sql), &r)) {
		complain(file, fd, d->result_error(&r), err);
		goto out;
	}
	oc_buf_puts(&out, "{\"columns\":[");
	for (uint64_t i = 0; i < d->column_count(&r); i++) {
		if (i)
			oc_buf_putc(&out, ',');
		oc_buf_json(&out, oc_str(d->column_name(&r, i)));
	}
	oc_buf_puts(&out, "],");
	if (put_groups(c, file, fd, name, &out, err))
		goto out;
	oc_buf_putc(&out, '}');
	rc = done(c, &out);
out:
	d->destroy_result(&r);
	oc_buf_fini(&sql);
	oc_buf_fini(&out);
	close(fd);
	return rc;
}

/* ------------------------------------------------------------------ reading */

/* Rows on their way to the parent. */
struct outgoing {
	struct oc_buf head, bytes; /* head: struct oc_duck_rows and its oc_duck_row */
	uint64_t limit;            /* bytes of a row */
	uint64_t next;             /* row of the file */
};

static int flush(struct child *c, struct outgoing *o)
{
	struct oc_duck_rows *rows = (struct oc_duck_rows *)o->head.p;
	int rc = 0;

	if (rows->n)
		rc = oc_port_send(c->port, OC_DUCK_ROWS, oc_buf_view(&o->head),
		                  oc_buf_view(&o->bytes));
	*rows = (struct oc_duck_rows){.first = o->next};
	o->head.len = sizeof *rows;
	o->bytes.len = 0;
	return rc;
}

static int put_row(struct child *c, struct outgoing *o, struct oc_duck_column **columns, uint64_t n,
                   uint64_t at)
{
	struct oc_duck_row row = {0};
	size_t from = o->bytes.len;

	oc_buf_putc(&o->bytes, '{');
	for (uint64_t i = 0; i < n && !row.bad; i++) {
		if (i)
			oc_buf_putc(&o->bytes, ',');
		if (oc_duck_column_put(columns[i], at, &o->bytes))
			continue;
		o->bytes.len = from; /* of the whole row only the column's name is told */
		oc_buf_str(&o->bytes, oc_duck_column_name(columns[i]));
		row.bad = 1;
	}
	if (!row.bad)
		oc_buf_putc(&o->bytes, '}');
	row.whole = o->bytes.len - from;
	if (row.whole > o->limit)
		o->bytes.len = from;
	row.len = (uint32_t)(o->bytes.len - from);
	/* A long row goes alone, else two could pass the limit of a frame. */
	struct oc_duck_rows *rows = (struct oc_duck_rows *)o->head.p;
	if (row.len > FRAME_BYTES && rows->n) {
		struct oc_buf alone = {0};
		oc_buf_add(&alone, o->bytes.p + from, row.len);
		o->bytes.len = from;
		int rc = flush(c, o);
		oc_buf_str(&o->bytes, oc_buf_view(&alone));
		oc_buf_fini(&alone);
		if (rc)
			return rc;
	}
	oc_buf_add(&o->head, &row, sizeof row);
	rows = (struct oc_duck_rows *)o->head.p;
	rows->n++;
	o->next++;
	return o->bytes.len >= FRAME_BYTES || rows->n == FRAME_ROWS ? flush(c, o) : 0;
}

static int send_rows(struct child *c, struct oc_duck_result *r, struct outgoing *o,
                     struct oc_err *err)
{
	const struct oc_duck *d = &c->lib;
	uint64_t n = d->column_count(r);
	struct oc_duck_column **columns = oc_zalloc(n + 1, sizeof(struct oc_duck_column *));
	void *chunk;
	int rc = 0;

	for (uint64_t i = 0; i < n && !rc; i++) {
		void *type = d->column_logical_type(r, i);
		rc = oc_duck_column_new(&columns[i], d, type, oc_str(d->column_name(r, i)), err);
		d->destroy_logical_type(&type);
	}
	while (!rc && (chunk = d->fetch_chunk(*r))) {
		for (uint64_t i = 0; i < n; i++)
			oc_duck_column_bind(columns[i], d->data_chunk_get_vector(chunk, i));
		uint64_t rows = d->data_chunk_get_size(chunk);
		for (uint64_t i = 0; i < rows && !rc; i++)
			rc = put_row(c, o, columns, n, i);
		d->destroy_data_chunk(&chunk);
	}
	if (!rc)
		rc = flush(c, o);
	for (uint64_t i = 0; i < n; i++)
		oc_duck_column_free(columns[i]);
	free(columns);
	return rc;
}

static void read_sql(struct oc_buf *sql, yyjson_val *q, const char *name)
{
	yyjson_val *columns = oc_json_get(q, "columns"), *column;
	size_t i, n;

	oc_buf_puts(sql, "SELECT ");
	if (!yyjson_arr_size(columns))
		oc_buf_putc(sql, '*');
	yyjson_arr_foreach(columns, i, n, column)
	{
		if (i)
			oc_buf_putc(sql, ',');
		put_sql(sql, '"', oc_json_str(column));
	}
	oc_buf_printf(sql, " FROM read_parquet(%s, file_row_number=%s", name,
	              yyjson_is_true(oc_json_get(q, "all")) ? "false" : "true");
	if (oc_json_get_bool(q, "binary_as_text", false))
		oc_buf_puts(sql, ", binary_as_string=true");
	oc_buf_putc(sql, ')');
	if (!oc_json_get_bool(q, "all", false))
		oc_buf_printf(sql, " WHERE file_row_number >= %lld AND file_row_number < %lld",
		              (long long)oc_json_get_int(q, "from", 0),
		              (long long)oc_json_get_int(q, "to", INT64_MAX));
}

static int read_rows(struct child *c, yyjson_val *q, struct oc_err *err)
{
	const struct oc_duck *d = &c->lib;
	struct oc_str file = oc_json_get_str(q, "file");
	struct oc_duck_result r = {{0}};
	struct oc_buf sql = {0};
	struct outgoing o = {.limit = (uint64_t)oc_json_get_int(q, "max_row", 0),
	                     .next = (uint64_t)oc_json_get_int(q, "from", 0)};
	void *statement = NULL;
	char name[64];
	int rc = -1, fd = file_open(file, O_RDONLY, name, err);

	if (fd < 0)
		return -1;
	oc_buf_add(&o.head, &(struct oc_duck_rows){.first = o.next}, sizeof(struct oc_duck_rows));
	read_sql(&sql, q, name);
	if (d->prepare(c->con, oc_buf_cstr(&sql), &statement)) {
		complain(file, fd, d->prepare_error(statement), err);
		goto out;
	}
	if (d->execute_prepared_streaming(statement, &r)) {
		complain(file, fd, d->result_error(&r), err);
		goto out;
	}
	rc = send_rows(c, &r, &o, err);
	const char *why = d->result_error(&r);
	if (why && *why)
		rc = complain(file, fd, why, err);
	if (rc)
		goto out;
	oc_buf_puts(&o.bytes, "{}");
	rc = done(c, &o.bytes);
out:
	d->destroy_result(&r);
	d->destroy_prepare(&statement);
	oc_buf_fini(&sql);
	oc_buf_fini(&o.head);
	oc_buf_fini(&o.bytes);
	close(fd);
	return rc;
}

/* ------------------------------------------------------------------ writing */

static void write_sql(struct oc_buf *sql, yyjson_val *q, const char *from, const char *to)
{
	yyjson_val *columns = oc_json_get(q, "columns"), *column;
	size_t i, n;

	oc_buf_printf(sql,
	              "COPY (SELECT * FROM read_json(%s, format='newline_delimited', "
	              "auto_detect=false, records=true, compression='uncompressed', "
	              "maximum_object_size=%lld, columns={",
	              from, (long long)oc_json_get_int(q, "longest", 1 << 24));
	yyjson_arr_foreach(columns, i, n, column)
	{
		if (i)
			oc_buf_puts(sql, ", ");
		put_sql(sql, '"', oc_json_str(yyjson_arr_get(column, 0)));
		oc_buf_puts(sql, ": ");
		put_sql(sql, '\'', oc_json_str(yyjson_arr_get(column, 1)));
	}
	oc_buf_printf(sql,
	              "})) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
	              "ROW_GROUP_SIZE %lld, "
	              "USE_TMP_FILE false)",
	              to, (long long)oc_json_get_int(q, "group", 122880));
}

static int write_file(struct child *c, yyjson_val *q, struct oc_err *err)
{
	const struct oc_duck *d = &c->lib;
	struct oc_str file = oc_json_get_str(q, "to");
	struct oc_duck_result r = {{0}};
	struct oc_buf sql = {0}, b = {0};
	char from[64], to[64];
	int rc = -1, in, out = -1;

	in = file_open(oc_json_get_str(q, "file"), O_RDONLY, from, err);
	if (in < 0 || (out = file_open(file, O_RDWR | O_CREAT | O_TRUNC, to, err)) < 0)
		goto out;
	write_sql(&sql, q, from, to);
	if (d->query(c->con, oc_buf_cstr(&sql), &r)) {
		complain(file, out, d->result_error(&r), err);
		goto out;
	}
	oc_buf_puts(&b, "{}");
	rc = done(c, &b);
out:
	d->destroy_result(&r);
	oc_buf_fini(&sql);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

static int answer(struct child *c, const struct oc_frame *f, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	yyjson_val *q = oc_json_parse(a, f->data, err);
	int rc = -1;

	if (!q)
		;
	else if (f->type == OC_DUCK_OPEN && !c->con)
		rc = open_library(c, q, err);
	else if (f->type == OC_DUCK_LOOK && c->con)
		rc = look(c, q, err);
	else if (f->type == OC_DUCK_READ && c->con)
		rc = read_rows(c, q, err);
	else if (f->type == OC_DUCK_WRITE && c->con)
		rc = write_file(c, q, err);
	else
		oc_fail(err, OC_INTERNAL, "duckdb", "a message of type %u came out of turn",
		        f->type);
	oc_arena_free(a);
	return rc;
}

/* A question that fails is answered by FAILED; the next one may fare better. */
int oc_duck_child(struct oc_port *port)
{
	struct child c = {.port = port};
	struct oc_frame f;
	int rc = 0;

	while (!rc && oc_port_recv(port, &f, -1) > 0) {
		struct oc_err err = {0};
		if (answer(&c, &f, &err))
			rc = err.code ? fail_to_parent(&c, &err) : -1;
	}
	if (c.con) {
		c.lib.disconnect(&c.con);
		c.lib.close(&c.db);
	}
	return rc;
}
