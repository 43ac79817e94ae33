#include "review/terminal.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "review/card.h"

#define EDIT_MAX ((size_t)256 << 20)
#define TICK_MS  200 /* between two looks at the cancel flag and the window's size */

extern char **environ;

struct screen {
	struct oc_review *r;
	struct oc_ctx *ctx;
	const char *title;
	struct termios before;
	bool raw;
	unsigned width, height, top; /* top: first line of the card shown */
	ptrdiff_t row;               /* -1: none waits, the last page is shown */
	double since;                /* when the row was first shown */
	char note[300];              /* said once, in the last line */
	struct oc_buf b;             /* what is sent at once */
};

/* --------------------------------------------------------------- the terminal */

static int raw_on(struct screen *s, struct oc_err *err)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &s->before))
		return oc_fail_errno(err, "terminal", "cannot read its settings");
	t = s->before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	t.c_cc[VSUSP] = _POSIX_VDISABLE; /* stopped, the terminal would stay raw */
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &t))
		return oc_fail_errno(err, "terminal", "cannot change its settings");
	s->raw = true;
	return 0;
}

static void raw_off(struct screen *s)
{
	static const char leave[] = "\033[0m\033[H\033[2J";

	if (!s->raw)
		return;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
	if (write(STDOUT_FILENO, leave, sizeof leave - 1) < 0) {
		/* the terminal is gone; nothing is left to restore */
	}
	s->raw = false;
}

static bool measure(struct screen *s)
{
	struct winsize w;
	unsigned width = 80, height = 24;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row) {
		width = w.ws_col;
		height = w.ws_row;
	}
	bool changed = width != s->width || height != s->height;
	s->width = width < 20 ? 20 : width;
	s->height = height < 8 ? 8 : height;
	return changed;
}

static void flush_out(struct screen *s)
{
	struct oc_err ignored = {0};

	oc_write_all(STDOUT_FILENO, s->b.p, s->b.len, "terminal", &ignored);
	s->b.len = 0;
}

/* The next key; 0 = look again (the window changed), -1 = end or signal. */
static int key(struct screen *s)
{
	for (;;) {
		struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
		unsigned char c;
		int n = poll(&p, 1, TICK_MS);
		if (oc_cancelled(s->ctx))
			return -1;
		if (measure(s))
			return 0;
		if (n <= 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) != 1)
			return -1;
		if (c != 033)
			return c;
		/* Arrows and page keys: ESC [ and one or two more bytes. */
		char seq[3] = {0};
		if (poll(&p, 1, 20) <= 0 || read(STDIN_FILENO, seq, 1) != 1 || seq[0] != '[' ||
		    read(STDIN_FILENO, seq, 1) != 1)
			continue;
		if (seq[0] >= '0' && seq[0] <= '9' && read(STDIN_FILENO, seq + 1, 1) == 1)
			return seq[0] == '5' ? 'k' : seq[0] == '6' ? 'j' : '?';
		return seq[0] == 'A' ? 'k' : seq[0] == 'B' ? 'j' : '?';
	}
}

/* -------------------------------------------------------------------- drawing */

static void bar(struct screen *s, struct oc_str text)
{
	struct oc_card_lines l = {.arena = oc_arena_new()};

	oc_card_wrap(&l, text, s->width - 1);
	oc_buf_printf(&s->b, "\033[7m%.*s\033[K\033[0m\r\n", OC_ARG(l.line[0]));
	oc_arena_free(l.arena);
}

static int draw(struct screen *s, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_card_lines card = {.arena = a};
	struct oc_review_item item;
	size_t rows = oc_review_rows(s->r), left = oc_review_waiting(s->r);
	unsigned room = s->height - 3;

	if (oc_review_item(s->r, (size_t)s->row, a, &item, err)) {
		oc_arena_free(a);
		return -1;
	}
	oc_card_item(&card, &item, s->width - 1);
	if (s->top + room > card.n)
		s->top = card.n > room ? card.n - room : 0;
	oc_buf_puts(&s->b, "\033[H\033[2J");
	bar(s, oc_arena_printf(a, "%s   row %zu of %zu, %zu decided, %zu wait", s->title,
	                       (size_t)s->row + 1, rows, rows - left, left));
	for (unsigned i = 0; i < room; i++) {
		if (s->top + i < card.n) {
			struct oc_str l = card.line[s->top + i];
			bool head = oc_str_starts(l, "ROW ") || oc_str_starts(l, "NEAREST REAL");
			oc_buf_printf(&s->b, head ? "\033[1m%.*s\033[0m" : "%.*s", OC_ARG(l));
		}
		oc_buf_puts(&s->b, "\r\n");
	}
	if (s->note[0])
		oc_buf_printf(&s->b, "\033[1m%.*s\033[0m", (int)s->width - 1, s->note);
	else if (s->top + room < card.n)
		oc_buf_printf(&s->b, "%u more lines: j, k or the arrow keys",
		              card.n - s->top - room);
	oc_buf_puts(&s->b, "\r\n");
	oc_buf_printf(&s->b, "%.*s", (int)s->width - 1,
	              "a accept  x reject  e edit  space skip  u undo  ? help  q quit");
	s->note[0] = 0;
	flush_out(s);
	oc_arena_free(a);
	return 0;
}

/* Behind the last row, so that a slip at that row can be mended as well. */
static void draw_end(struct screen *s)
{
	struct oc_review_undone u;
	struct oc_buf what = {0};

	oc_buf_puts(&s->b, "\033[H\033[2J");
	bar(s, oc_str(s->title));
	size_t left = oc_review_waiting(s->r);
	if (left)
		oc_buf_printf(&s->b, "\r\n%zu skipped rows go on waiting.\r\n", left);
	else
		oc_buf_puts(&s->b, "\r\nNo row waits any more.\r\n");
	if (oc_review_last(s->r, &u)) {
		oc_card_undone(&what, &u);
		oc_buf_printf(&s->b, "The last decision: %.*s\r\n", OC_ARG(oc_buf_view(&what)));
	}
	oc_buf_printf(&s->b, "\033[1m%s\033[0m\r\n\r\nu undo  ? help  q or Enter quit", s->note);
	s->note[0] = 0;
	flush_out(s);
	oc_buf_fini(&what);
}

static void say(struct screen *s, const char *text)
{
	snprintf(s->note, sizeof s->note, "%.299s", text);
}

static int help(struct screen *s)
{
	oc_buf_puts(&s->b, "\033[H\033[2JKeys; each decision is saved at once.\r\n\r\n"
	                   "  a        accept: the row goes on into the data set\r\n"
	                   "  x        reject; then Enter, a digit, or a reason of your own:\r\n");
	for (unsigned i = 1; oc_review_reason(i); i++)
		oc_buf_printf(&s->b, "             %u %s\r\n", i, oc_review_reason(i));
	oc_buf_puts(&s->b, "  e        edit the row's JSON in $VISUAL, $EDITOR or vi\r\n"
	                   "  space s  skip: it goes on waiting\r\n"
	                   "  u        take your last decision back; again: the one before it,\r\n"
	                   "           also of earlier sittings\r\n"
	                   "  j k      scroll a long row\r\n"
	                   "  q        quit; the rest goes on waiting\r\n\r\n"
	                   "A decision holds for these very bytes: a row that changes is asked "
	                   "again.\r\n\r\nany key goes back");
	flush_out(s);
	int c;
	while ((c = key(s)) == 0)
		;
	return c < 0 ? -1 : 0;
}

/* A line typed by the person; false when it was given up with ESC or a signal. */
static bool ask(struct screen *s, const char *what, struct oc_buf *line)
{
	line->len = 0;
	for (;;) {
		oc_buf_printf(&s->b, "\r\033[K%s%.*s", what, OC_ARG(oc_buf_view(line)));
		flush_out(s);
		int c = key(s);
		if (c < 0 || c == 3)
			return false;
		if (c == '\r' || c == '\n')
			return true;
		if (c == 127 || c == 8) {
			while (line->len && ((unsigned char)line->p[line->len - 1] & 0xc0) == 0x80)
				line->len--;
			line->len -= line->len > 0;
		} else if (c >= 32) {
			oc_buf_putc(line, (char)c);
		}
	}
}

/* --------------------------------------------------------------------- actions */

static int run_editor(const char *path, struct oc_err *err)
{
	char *const argv[] = {"/bin/sh",
	                      "-c",
	                      "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"",
	                      "sh",
	                      (char *)(uintptr_t)path,
	                      NULL};
	pid_t pid;
	int status = 0, rc = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);

	if (rc) {
		errno = rc;
		return oc_fail_errno(err, "editor", "cannot start");
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return oc_fail_errno(err, "editor", "cannot wait for it");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return oc_fail(err, OC_USAGE, "editor", "ended with an error; nothing was changed");
	return 0;
}

/* The row's JSON, spread over lines for the editor, squeezed again behind it. */
static int edited_text(const struct oc_review_item *item, struct oc_buf *after, struct oc_err *err)
{
	char path[] = "/tmp/outcross-row-XXXXXX.json";
	struct oc_buf text = {0};
	struct oc_arena *a = oc_arena_new();
	size_t len;
	char *pretty = yyjson_val_write(item->row, YYJSON_WRITE_PRETTY, &len);
	int fd = mkstemps(path, 5), rc = -1;

	if (fd < 0) {
		oc_fail_errno(err, path, "cannot create");
		goto out;
	}
	rc = oc_write_all(fd, pretty ? pretty : item->raw.p, pretty ? len : item->raw.len, path,
	                  err);
	close(fd);
	if (!rc)
		rc = run_editor(path, err);
	if (!rc)
		rc = oc_file_read(path, EDIT_MAX, &text, err);
	unlink(path);
	if (rc)
		goto out;
	struct oc_str trimmed = oc_str_trim(oc_buf_view(&text));
	if (!oc_json_parse(a, trimmed, err)) {
		rc = oc_fail_in(err, "edit");
		goto out;
	}
	oc_json_squeeze(after, trimmed);
out:
	free(pretty);
	oc_buf_fini(&text);
	oc_arena_free(a);
	return rc;
}

/* Asks once more before an edit stands against the plan's own checks. */
static int save_edit(struct screen *s, struct oc_str after, uint64_t ms, struct oc_err *err)
{
	struct oc_card_lines l = {.arena = oc_arena_new()};
	int c, rc = oc_review_decide(s->r, (size_t)s->row, OC_EDIT, OC_LIT(""), after, ms, err);

	if (rc && err->code == OC_GATE) {
		oc_card_wrap(&l, oc_str(err->msg), s->width - 1);
		oc_buf_puts(&s->b, "\033[H\033[2J\033[1mThe plan's own checks refuse this "
		                   "edit:\033[0m\r\n\r\n");
		for (uint32_t i = 0; i < l.n; i++)
			oc_buf_printf(&s->b, "%.*s\r\n", OC_ARG(l.line[i]));
		oc_buf_puts(&s->b,
		            "\r\nSave it all the same (y/n)? The row's pedigree will say so.");
		flush_out(s);
		while ((c = key(s)) == 0)
			;
		if (c == 'y' || c == 'Y') {
			*err = (struct oc_err){0};
			rc = oc_review_insist(s->r, (size_t)s->row, after, ms, err);
		}
	}
	oc_arena_free(l.arena);
	return rc;
}

/* 1: decided, 0: not, with a note. */
static int edit(struct screen *s, uint64_t ms, struct oc_err *err)
{
	struct oc_arena *a = oc_arena_new();
	struct oc_buf after = {0};
	struct oc_review_item item;
	struct oc_err mistake = {0};
	int rc = oc_review_item(s->r, (size_t)s->row, a, &item, err);

	if (rc)
		goto out;
	raw_off(s);
	int made = edited_text(&item, &after, &mistake);
	rc = raw_on(s, err);
	if (rc)
		goto out;
	if (!made && yyjson_equals(item.row, oc_json_parse(a, oc_buf_view(&after), &mistake))) {
		say(s, "nothing was changed");
	} else if (made || save_edit(s, oc_buf_view(&after), ms, &mistake)) {
		if (mistake.code == OC_IO)
			rc = oc_fail(err, OC_IO, mistake.where, "%s", mistake.msg);
		else
			say(s, oc_arena_printf(a, "not saved: %s", mistake.msg).p);
	} else {
		rc = 1;
	}
out:
	oc_buf_fini(&after);
	oc_arena_free(a);
	return rc;
}

/* Asks before a row leaves a data set that was written already. */
static bool sure(struct screen *s, const struct oc_review_undone *u)
{
	struct oc_buf what = {0};
	int c;

	oc_card_undone(&what, u);
	oc_buf_printf(&s->b,
	              "\r\033[K\033[1m%.*s\033[0m\r\nA run has taken this over already. Take it "
	              "back (y/n)? ",
	              OC_ARG(oc_buf_view(&what)));
	oc_buf_fini(&what);
	flush_out(s);
	while ((c = key(s)) == 0)
		;
	return c == 'y' || c == 'Y';
}

static int undo(struct screen *s, struct oc_err *err)
{
	struct oc_review_undone u;
	struct oc_buf text = {0};
	int rc = oc_review_last(s->r, &u);

	if (!rc) {
		say(s, "none of your decisions is left to take back");
		return 0;
	}
	if (u.row < 0 && !sure(s, &u))
		return 0;
	if ((rc = oc_review_undo(s->r, &u, err)) < 0)
		return -1;
	oc_buf_puts(&text, "taken back: ");
	oc_card_undone(&text, &u);
	if (u.row < 0)
		oc_buf_puts(&text, "; it waits again when the plan is run");
	say(s, oc_buf_cstr(&text));
	oc_buf_fini(&text);
	if (u.row >= 0) {
		s->row = u.row;
		s->top = 0;
		s->since = oc_now();
	}
	return 0;
}

/* 1: decided, go on; 0: stay; -1: error; 2: quit. */
static int act(struct screen *s, int c, struct oc_err *err)
{
	uint64_t ms = (uint64_t)((oc_now() - s->since) * 1000);
	size_t row = (size_t)s->row;
	struct oc_buf line = {0};
	int rc = 0;

	switch (c) {
	case 'a':
		rc = oc_review_decide(s->r, row, OC_ACCEPT, OC_LIT(""), OC_LIT(""), ms, err);
		return rc ? -1 : 1;
	case ' ':
	case 's':
		rc = oc_review_decide(s->r, row, OC_SKIP, OC_LIT(""), OC_LIT(""), ms, err);
		return rc ? -1 : 1;
	case 'x':
		if (ask(s, "why (Enter: no reason, 1-9 as in ?, or words): ", &line))
			rc = oc_review_decide(s->r, row, OC_REJECT,
			                      oc_review_reason_of(oc_buf_view(&line)), OC_LIT(""),
			                      ms, err)
			             ? -1
			             : 1;
		oc_buf_fini(&line);
		return rc;
	case 'e': return edit(s, ms, err);
	case 'u': return undo(s, err);
	case 'j': s->top += s->height / 2; return 0;
	case 'k': s->top -= s->top < s->height / 2 ? s->top : s->height / 2; return 0;
	case '?': return help(s) ? 2 : 0;
	case 'q': return 2;
	default: say(s, "? shows the keys"); return 0;
	}
}

/* A key behind the last row. */
static int act_end(struct screen *s, int c, struct oc_err *err)
{
	switch (c) {
	case 'u': return undo(s, err);
	case '?': return help(s) ? 2 : 0;
	case 'q':
	case '\r':
	case '\n': return 2;
	default: return 0;
	}
}

int oc_review_screen(struct oc_review *r, struct oc_ctx *ctx, const char *title, struct oc_err *err)
{
	struct screen s = {.r = r, .ctx = ctx, .title = title};
	int rc = 0, c;

	if (raw_on(&s, err))
		return -1;
	measure(&s);
	s.row = oc_review_next(r, oc_review_rows(r) - 1);
	s.since = oc_now();
	for (;;) {
		if (s.row < 0)
			draw_end(&s);
		else if ((rc = draw(&s, err)))
			break;
		while ((c = key(&s)) == '\n' && s.row >= 0)
			;
		if (c < 0)
			break;
		if (c == 0)
			continue;
		rc = s.row < 0 ? act_end(&s, c, err) : act(&s, c, err);
		if (rc < 0 || rc == 2)
			break;
		if (rc == 1) {
			s.row = oc_review_next(r, (size_t)s.row);
			s.top = 0;
			s.since = oc_now();
		}
	}
	raw_off(&s);
	oc_buf_fini(&s.b);
	if (rc >= 0 && oc_cancelled(ctx))
		return oc_fail(err, OC_CANCELLED, "review",
		               "interrupted; every decision so far is saved");
	return rc < 0 ? -1 : 0;
}
