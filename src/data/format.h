/*
 * format.h: the shapes of training rows, and the way from one to another.
 *
 *   alpaca             {"instruction":..,"input":..,"output":..}; read also with `response` for
 *                      output and without input
 *   messages           {"messages":[{"role":..,"content":..},..]}
 *   sharegpt           {"conversations":[{"from":..,"value":..},..]}; only read
 *   text               {"text":..}
 *   prompt_completion  {"prompt":..,"completion":..}
 *   question_answer    {"question":..,"answer":..}
 *
 * Each may hold a number `weight`, which is carried over. All pass through one common form, a list
 * of turns by system, user and assistant. What the target has no place for is refused with a reason
 * and never dropped: a second question in alpaca, a system message in question_answer, roles in
 * text. Members that belong to no format (ids, tags) stay behind, unless both formats are the same:
 * then the row keeps its bytes.
 */
#ifndef DATA_FORMAT_H
#define DATA_FORMAT_H

#include "data/row.h"

enum oc_format {
	OC_FORMAT_ALPACA,
	OC_FORMAT_MESSAGES,
	OC_FORMAT_SHAREGPT,
	OC_FORMAT_TEXT,
	OC_FORMAT_PROMPT_COMPLETION,
	OC_FORMAT_QUESTION_ANSWER,
	OC_FORMAT_N
};

/* Choices of an option (struct oc_option): with the short names qa and completion. */
#define OC_FORMAT_CHOICES                                                                          \
	"alpaca|messages|sharegpt|text|prompt_completion|question_answer|completion|qa"

const char *oc_format_name(enum oc_format f);
int oc_format_parse(struct oc_str name); /* -1 = none of them */
/* The format's members besides `weight`, ended by NULL; one of read-only alternatives counts. */
const char *const *oc_format_members(enum oc_format f);
/* The format a row's members show, or -1. Of several the first in the order of the enum. */
int oc_format_detect(yyjson_val *row);

/*
 * Appends the row (parsed) in format `to`. 1: done; 0: refused, and `why` holds a sentence that
 * fits behind "row 17: ". Nothing is appended to `out` then. O(n).
 */
int oc_format_convert(const struct oc_row *row, enum oc_format from, enum oc_format to,
                      struct oc_buf *out, struct oc_buf *why);

#endif
