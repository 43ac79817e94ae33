/*
 * helper.h: work that may crash, in a child process of ours behind one framed socket protocol.
 *
 *   parent: oc_helper_spawn ─► `PROGRAM __helper NAME` ─► child: the function registered as NAME
 *
 * A frame is {uint32 length, uint32 type} and `length` bytes, in the machine's order: both ends are
 * the same program. Types below 16 belong to this file, the rest to the helper. The child says
 * hello first, with the protocol's number and the program's version; a stranger is refused.
 *
 * A child never outlives its parent: a thread of its own ends it at once when the socket closes,
 * and within a second when the parent is dead though the socket is not closed. A child that aborts
 * is an error of the parent's next call, never a hang; what it wrote to stdout or stderr goes to
 * the log (debug) and its last line into that error.
 */
#ifndef BASE_HELPER_H
#define BASE_HELPER_H

#include <sys/types.h>

#include "base/ctx.h"
#include "base/str.h"

#define OC_HELPER_PROTOCOL 1u
#define OC_FRAME_MAX       ((uint32_t)256 << 20)
#define OC_FRAME_FIRST     16u /* first type that a helper may use */

struct oc_frame {
	uint32_t type;
	struct oc_str data; /* valid until the next receive on the same end */
};

/* ---- parent */

struct oc_helper;

/* Starts the child and waits at most `deadline` seconds for its hello. */
int oc_helper_spawn(struct oc_helper **h, struct oc_ctx *ctx, const char *name, double deadline,
                    struct oc_err *err);
/* Sends a frame of two parts (b may be empty). Never deadlocks with a child that is sending. */
int oc_helper_send(struct oc_helper *h, uint32_t type, struct oc_str a, struct oc_str b,
                   struct oc_err *err);
/* 1: a frame; 0: none within timeout_ms (-1 = wait); -1: the child died or broke the protocol. */
int oc_helper_recv(struct oc_helper *h, struct oc_frame *f, int timeout_ms, struct oc_err *err);
int oc_helper_fd(const struct oc_helper *h); /* to poll for reading */
pid_t oc_helper_pid(const struct oc_helper *h);
/* Ends the child: closes the socket, waits two seconds, then kills. NULL is fine. */
void oc_helper_close(struct oc_helper *h);

/* ---- child */

struct oc_port;

int oc_port_send(struct oc_port *p, uint32_t type, struct oc_str a, struct oc_str b);
/* As oc_helper_recv; -1 when the parent closed. */
int oc_port_recv(struct oc_port *p, struct oc_frame *f, int timeout_ms);

/* One kind of helper. `run` returns when the parent closed or it cannot go on. */
struct oc_helper_def {
	const char *name;
	int (*run)(struct oc_port *port);
};

/* main() of a child: argv is {program, "__helper", NAME}. Returns an exit status. */
int oc_helper_child(const struct oc_helper_def *defs, size_t def_n, int argc, char **argv);

#endif
