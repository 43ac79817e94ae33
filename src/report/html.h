/* html.h: small helpers of the report page. Text from rows is always escaped, never markup. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "data/json.h"

#define OC_HTML_TEXT    1500 /* bytes of a row's member that are shown */
#define OC_HTML_MEMBERS 24   /* members of a row */

/* Escaped; bytes that are no UTF-8 and control characters become U+FFFD. */
void oc_html_text(struct oc_buf *b, struct oc_str s);
/* The same for the first `max` bytes; says how many are left out. */
void oc_html_clip(struct oc_buf *b, struct oc_str s, size_t max);
void oc_html_id(struct oc_buf *b, struct oc_str a,
                struct oc_str c);               /* "a-c", safe in href and id */
void oc_html_count(struct oc_buf *b, double n); /* 12,345 */
void oc_html_num(struct oc_buf *b, double n);   /* three significant digits */
void oc_html_heading(struct oc_buf *b, const char *id, const char *text); /* of a section */
/* A row as people read it: its members one below the other, long ones clipped. */
void oc_html_row(struct oc_buf *b, yyjson_val *row);

struct oc_series {
	const char *name, *css; /* class that gives the colour */
	const double *y;        /* (n) */
	unsigned n;
};

/* A line chart with axes, a legend and a table for screen readers; x labels are texts. */
void oc_html_lines(struct oc_buf *b, const char *title, const char *x_title, const char *y_title,
                   const char *const *x_labels, const struct oc_series *series, unsigned series_n);
/* One horizontal bar: share 0..1 of the width, label left, value right. */
void oc_html_bar(struct oc_buf *b, const char *css, struct oc_str label, double share,
                 const char *value);

extern const char oc_html_style[], oc_html_style_more[]; /* C allows 4095 bytes in a string */

/* A number a little above y for the top of a chart, of which a quarter is round, too. */
double oc_html_round_up(double y);

#endif
