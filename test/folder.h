/* folder.h: a temporary folder of a test program, and files in it that a reader must refuse. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* For cmocka_run_group_tests: makes the folder, removes it with all that is in it. */
int oc_folder_up(void **state);
int oc_folder_down(void **state);

const char *oc_folder(void);
/* The path of a file in it. */
const char *oc_in_folder(const char *name, char out[128]);
bool oc_same_bytes(const char *a, const char *b); /* names in the folder */

/* Opens a file and closes it again; false with the error when it is refused. */
typedef bool oc_opens(const char *path, struct oc_err *err);
/* Fails the test when a file of these bytes is opened, or refused without the words `want`. */
void oc_refuses(oc_opens *opens, const char *bytes, size_t len, const char *want);
/*
 * The same for the file `name`, cut, emptied, absent, with a bit turned and of another version,
 * which stands in its byte 8; other: what is said of a file of another kind.
 */
void oc_refuses_damage(oc_opens *opens, const char *name, const char *other);

#endif
