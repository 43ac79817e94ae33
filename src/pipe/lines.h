/*
 * lines.h: records cut from a list of files: the lines of text, or the elements of one JSON array.
 *
 * A byte order mark at a file's start is skipped; a line ends with LF or CRLF or with its file. A
 * file whose first character is `[` is one JSON array, whose elements are the records, cut at the
 * commas of its first level without parsing them. Memory: the longest record plus a constant.
 */
#ifndef PIPE_LINES_H
#define PIPE_LINES_H

#include "pipe/source.h"

struct oc_line {
	struct oc_str
		text; /* without its line ending; valid until the next call, see oc_lines_into */
	const char *newline; /* the LF directly behind text where it lies in memory, or NULL */
	uint64_t offset;     /* of its first byte in its uncompressed file */
	uint64_t len;        /* as text.len, also when the text was too long to keep */
	uint64_t number;     /* line of the file on which it begins, from 1 */
	uint64_t after;      /* where the next record is looked for, counted through all files */
	struct oc_input *input;
	bool too_long;   /* longer than the maximum: text is empty */
	const char *bad; /* what is wrong with the array here, or NULL */
	bool array;      /* it is an element of an array: line breaks may stand in it */
};

struct oc_lines;

/* `arrays`: recognise files that are one JSON array. Does not own `files`. */
struct oc_lines *oc_lines_new(struct oc_files *files, uint64_t max_len, bool arrays);
void oc_lines_free(struct oc_lines *l);
/* 1: a record (empty lines too, as the caller may need them); 0: the end. */
int oc_lines_next(struct oc_lines *l, struct oc_line *out, struct oc_err *err);
/*
 * From here on the records are read into this arena and live as long as it, neighbours side by side
 * with their line endings between them. NULL: as at first, until the next call. To be called with
 * NULL before the arena goes.
 */
void oc_lines_into(struct oc_lines *l, struct oc_arena *arena);
/* The next call gives this record, the last one, again. */
void oc_lines_unread(struct oc_lines *l, const struct oc_line *last);
/* Reads on, without cutting records but hashing, until `offset` through all files. Only before the
 * first record. */
int oc_lines_skip(struct oc_lines *l, uint64_t offset, struct oc_err *err);

#endif
