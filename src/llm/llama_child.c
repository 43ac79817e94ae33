#include "llm/llama_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#include "base/err.h"
#include "llm/llama_abi.h"
#include "llm/llama_ask.h"
#include "llm/llama_batch.h"

#define ROWS_MAX 512u /* rows handed to one llama_decode; it cuts them into n_ubatch itself */

struct child {
	struct oc_port *port;
	struct oc_llama lib;
	struct oc_llama_session session;
	struct oc_llama_engine *engine;
	char fingerprint[192];
};

static int fail_to_parent(struct child *c, const struct oc_err *err)
{
	int32_t code = err->code;
	char text[1200];

	snprintf(text, sizeof text, "%s%s%s", err->where, err->where[0] ? ": " : "", err->msg);
	oc_port_send(c->port, OC_LLAMA_FAILED, (struct oc_str){(const char *)&code, sizeof code},
	             oc_str(text));
	return -1;
}

static uint32_t number(yyjson_val *o, const char *key)
{
	return (uint32_t)yyjson_get_uint(yyjson_obj_get(o, key));
}

static int open_model(struct child *c, struct oc_str settings, struct oc_err *err)
{
	yyjson_doc *doc = yyjson_read(settings.p, settings.len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc);
	const char *library = yyjson_get_str(yyjson_obj_get(o, "library"));
	const char *model = yyjson_get_str(yyjson_obj_get(o, "model"));
	uint32_t slots = number(o, "slots"), length = number(o, "context"), ready_len;
	struct oc_llama_health health;
	struct oc_buf b = {0};
	int status = -1;

	if (!library || !model || !slots || !length) {
		oc_fail(err, OC_INTERNAL, "llama", "the settings are incomplete");
		goto out;
	}
	if (oc_llama_load(&c->lib, library, err))
		goto out;
	uint32_t whole = (slots + 1) * length;
	uint32_t rows = whole < ROWS_MAX ? whole : ROWS_MAX;
	if (rows < slots + 1)
		rows = slots + 1;
	if (oc_llama_open(&c->session, &c->lib, model, slots + 1, length, rows, OC_LLAMA_UBATCH,
	                  err))
		goto out;
	c->engine = oc_llama_engine_new(&c->session);
	if (oc_llama_engine_start(c->engine, number(o, "threads"), number(o, "threads_max"),
	                          yyjson_is_true(yyjson_obj_get(o, "test")), &health, err))
		goto out;
	snprintf(c->fingerprint, sizeof c->fingerprint, "llama.cpp %s, %s, n_ubatch %u, %s",
	         c->lib.version, c->lib.backend, OC_LLAMA_UBATCH,
	         health.bit_equal ? "batch-invariant" : "batch-dependent");
	oc_buf_puts(&b, "{\"fingerprint\":");
	oc_buf_json(&b, oc_str(c->fingerprint));
	oc_buf_printf(&b,
	              ",\"bit_equal\":%s,\"largest\":%g,\"threads\":%u,\"one\":%g,\"all\":%g,"
	              "\"context\":%u}",
	              health.bit_equal ? "true" : "false", (double)health.largest, health.threads,
	              health.one, health.all, c->session.length);
	ready_len = (uint32_t)b.len;
	status = oc_port_send(c->port, OC_LLAMA_READY, (struct oc_str){b.p, ready_len},
	                      (struct oc_str){0});
out:
	oc_buf_fini(&b);
	yyjson_doc_free(doc);
	return status;
}

static int say(struct child *c, uint64_t id, int32_t status, const struct oc_buf *body)
{
	struct oc_llama_said said = {.id = id, .status = status};

	return oc_port_send(c->port, OC_LLAMA_SAID,
	                    (struct oc_str){(const char *)&said, sizeof said}, oc_buf_view(body));
}

static int on_ask(struct child *c, struct oc_str data)
{
	struct oc_llama_ask head;
	struct oc_ask *ask;
	struct oc_err err = {0};
	struct oc_buf b = {0};
	int status = 0;

	if (data.len < sizeof head)
		return -1;
	memcpy(&head, data.p, sizeof head);
	struct oc_str body = {data.p + sizeof head, data.len - sizeof head};
	if (oc_ask_read(&ask, &c->session, &head, body, &err)) {
		oc_ask_error(&b, err.msg);
		status = say(c, head.id, 400, &b);
		oc_buf_fini(&b);
	} else {
		oc_llama_engine_ask(c->engine, ask);
	}
	return status;
}

static int on_count(struct child *c, struct oc_str data)
{
	struct oc_llama_count count;
	int32_t *tokens;

	if (data.len < sizeof count)
		return -1;
	memcpy(&count, data.p, sizeof count);
	count.tokens = oc_llama_tokens(
		&c->session, (struct oc_str){data.p + sizeof count, data.len - sizeof count},
		&tokens);
	free(tokens);
	return oc_port_send(c->port, OC_LLAMA_COUNTED,
	                    (struct oc_str){(const char *)&count, sizeof count},
	                    (struct oc_str){0});
}

static int on_frame(struct child *c, const struct oc_frame *f, struct oc_err *err)
{
	if (f->type == OC_LLAMA_OPEN && !c->engine)
		return open_model(c, f->data, err);
	if (f->type == OC_LLAMA_ASK && c->engine)
		return on_ask(c, f->data);
	if (f->type == OC_LLAMA_COUNT && c->engine)
		return on_count(c, f->data);
	return oc_fail(err, OC_INTERNAL, "llama", "a message of type %u came out of turn", f->type);
}

static int step(struct child *c, struct oc_err *err)
{
	struct oc_ask *done, *next;
	int status = oc_llama_engine_step(c->engine, &done, err);

	for (; done; done = next) {
		struct oc_buf b = {0};
		next = done->next;
		oc_ask_reply(&b, done, c->fingerprint);
		if (say(c, done->id, 200, &b))
			status = -1;
		oc_buf_fini(&b);
		oc_ask_free(done);
	}
	return status;
}

int oc_llama_child(struct oc_port *port)
{
	struct child c = {.port = port};
	struct oc_err err = {0};
	int status = 0;

	while (!status) {
		struct oc_frame f;
		bool busy = c.engine && oc_llama_engine_busy(c.engine);
		int got = oc_port_recv(port, &f, busy ? 0 : -1);
		if (got < 0)
			break;
		if (got > 0)
			status = on_frame(&c, &f, &err);
		else if (busy)
			status = step(&c, &err);
	}
	if (err.code)
		fail_to_parent(&c, &err);
	oc_llama_engine_free(c.engine);
	if (c.lib.handle)
		oc_llama_close(&c.session);
	return status;
}
