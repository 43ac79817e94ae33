#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"

static char dir[32];

int oc_folder_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/outcross-test-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

int oc_folder_down(void **state)
{
	struct oc_err err = {0};

	(void)state;
	return oc_remove_tree(dir, &err);
}

const char *oc_folder(void)
{
	return dir;
}

const char *oc_in_folder(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", dir, name);
	return out;
}

static void read_whole(const char *name, struct oc_buf *out)
{
	struct oc_err err = {0};
	char path[128];

	if (oc_file_read(oc_in_folder(name, path), 1u << 28, out, &err))
		fail_msg("%s", err.msg);
}

bool oc_same_bytes(const char *a, const char *b)
{
	struct oc_buf x = {0}, y = {0};

	read_whole(a, &x);
	read_whole(b, &y);
	bool same = oc_str_eq(oc_buf_view(&x), oc_buf_view(&y));
	oc_buf_fini(&x);
	oc_buf_fini(&y);
	return same;
}

void oc_refuses(oc_opens *opens, const char *bytes, size_t len, const char *want)
{
	struct oc_err err = {0};
	char path[128];

	assert_int_equal(oc_file_replace(oc_in_folder("broken", path), bytes, len, &err), 0);
	assert_false(opens(path, &err));
	if (!strstr(err.msg, want))
		fail_msg("\"%s\" lacks \"%s\"", err.msg, want);
}

void oc_refuses_damage(oc_opens *opens, const char *name, const char *other)
{
	struct oc_buf b = {0};
	struct oc_err err = {0};
	char path[128];

	read_whole(name, &b);
	oc_refuses(opens, b.p, b.len - 1, "damaged");
	oc_refuses(opens, b.p, 20, other);
	oc_refuses(opens, "", 0, other);
	b.p[b.len / 2] ^= 1;
	oc_refuses(opens, b.p, b.len, "damaged");
	b.p[b.len / 2] ^= 1;
	b.p[8] = 9;
	oc_refuses(opens, b.p, b.len, "version 9");
	assert_false(opens(oc_in_folder("absent", path), &err));
	oc_buf_fini(&b);
}
