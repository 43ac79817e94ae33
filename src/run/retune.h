/*
 * retune.h: what other limits would have done, from a job's --verdicts alone, without reading a row
 * again. Every rule's score stands there; a limit is compared with it as the rule does (below a
 * least, above a most; which of the two, the verdicts themselves tell). A row that now passes the
 * rule at which it fell goes on to the scores behind; where there are none, because judging had
 * ended, it is counted as not known (`all: true` makes a stage's verdicts complete).
 */
#ifndef RUN_RETUNE_H
#define RUN_RETUNE_H

#include "base/str.h"

/* `limits`: "gopher_short_doc=30" or "gopher_quality/gopher_short_doc=30". Appends a table. Two
 * passes over the file (.zst or plain); memory does not grow with it. */
int oc_retune(const char *verdicts, const char *const *limits, unsigned limit_n, struct oc_buf *out,
              struct oc_err *err);

#endif
