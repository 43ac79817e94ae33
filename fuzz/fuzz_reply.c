/* Replies, headers and segments of the store: nothing that arrives may harm. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "llm/body.h"
#include "llm/store_seg.h"
#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oc_str s = {(const char *)data, size};
	struct oc_arena *arena = oc_arena_new();
	struct oc_err err = {0};
	struct oc_body body;
	struct oc_record r = {0};
	struct seg_frame f;

	for (int kind = OC_CALL_CHAT; kind <= OC_CALL_EMBED; kind++) {
		struct oc_answer a;
		oc_answer_read((enum oc_call_kind)kind, s, s, &a);
		/* What is taken for text must be valid as part of a row. */
		if (a.state == OC_ANSWER_OK) {
			struct oc_buf b = {0};
			oc_buf_json(&b, a.text);
			if (!oc_json_parse(arena, oc_buf_view(&b), &err))
				abort();
			oc_buf_fini(&b);
		}
		oc_classify(200, "", &a);
		oc_answer_fini(&a);
	}
	if (oc_http_retry_after(s, 1e9) < -1 || oc_http_rate_reset(s) < -1)
		abort();
	if (oc_body_make(arena, s, "m", NULL, &body, &err) == 0) {
		/* Canonical form is its own canonical form, and the body sent is JSON. */
		struct oc_body again;
		struct oc_buf b = {0};
		oc_body_write(&b, &body, 1);
		if (oc_body_make(arena, oc_buf_view(&b), "m", NULL, &again, &err) < 0 ||
		    !oc_str_eq(body.canonical, again.canonical))
			abort();
		oc_buf_fini(&b);
	}
	seg_frame_check(s.p, s.len, &f);
	struct seg_unzip *unzip = seg_unzip_new();
	if (seg_unpack(unzip, s.p, s.len, false, &r, &err) == 0)
		oc_record_fini(&r);
	seg_unzip_free(unzip);
	oc_arena_free(arena);
	return 0;
}
