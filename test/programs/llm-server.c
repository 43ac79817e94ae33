/*
 * llm-server: the test server as a program, for shell tests and benches. Prints its port on a line
 * of its own, serves until standard input ends or a signal comes.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../server.h"
#include "base/file.h"

static const char usage[] =
	"usage: llm-server [options]\n"
	"  --port N            0 = any free one\n"
	"  --slots N           requests worked on at once (0 = all)\n"
	"  --refuse[=S]        more than slots are refused with 429, with Retry-After: S\n"
	"  --latency MS        per request\n"
	"  --jitter F          share of the latency that varies by request\n"
	"  --fault NAME=RATE   may be given several times; --fault list shows the names\n"
	"  --fault-attempts N  only the first N attempts of a request are faulty (1)\n"
	"  --answer TEXT       template of an answer; --answer-file FILE\n"
	"  --answer sums       eight lines like `12 * 7 = 84`, one in three wrong\n"
	"  --key KEY           refuse requests without it\n"
	"  --long-name         want max_completion_tokens\n"
	"  --ledger FILE       append a line for each request and each good answer\n"
	"  --hold              do not stop when standard input ends\n"
	"template: {{hash}} {{int:A:B}} {{pick:a|b|c}} {{sum}} {{prompt}}\n"
	"          {{quote:N}} {{quote:N:MARK}} (N words of the prompt, between two MARKs)\n";

static int set_fault(struct server_opts *o, const char *arg)
{
	const char *eq = strchr(arg, '=');

	for (int f = 1; eq && f < FAULT_N; f++) {
		const char *name = server_fault_name((enum server_fault)f);
		if (strlen(name) == (size_t)(eq - arg) && strncmp(name, arg, strlen(name)) == 0) {
			o->fault_rate[f] = atof(eq + 1);
			return 0;
		}
	}
	for (int f = 1; f < FAULT_N; f++)
		printf("%s\n", server_fault_name((enum server_fault)f));
	return -1;
}

int main(int argc, char **argv)
{
	enum {
		PORT = 1,
		SLOTS,
		REFUSE,
		LATENCY,
		JITTER,
		FAULT,
		ATTEMPTS,
		ANSWER,
		FILE_,
		KEY,
		LONG,
		LEDGER,
		HOLD
	};
	static const struct option longs[] = {{"port", 1, NULL, PORT},
	                                      {"slots", 1, NULL, SLOTS},
	                                      {"refuse", 2, NULL, REFUSE},
	                                      {"latency", 1, NULL, LATENCY},
	                                      {"jitter", 1, NULL, JITTER},
	                                      {"fault", 1, NULL, FAULT},
	                                      {"fault-attempts", 1, NULL, ATTEMPTS},
	                                      {"answer", 1, NULL, ANSWER},
	                                      {"answer-file", 1, NULL, FILE_},
	                                      {"key", 1, NULL, KEY},
	                                      {"long-name", 0, NULL, LONG},
	                                      {"ledger", 1, NULL, LEDGER},
	                                      {"hold", 0, NULL, HOLD},
	                                      {0}};
	struct server_opts o = {.refuse_after = -1};
	struct oc_buf text = {0};
	struct oc_err err = {0};
	bool hold = false;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case PORT: o.port = (uint16_t)atoi(optarg); break;
		case SLOTS: o.slots = (uint32_t)atoi(optarg); break;
		case REFUSE:
			o.refuse = true;
			o.refuse_after = optarg ? atof(optarg) : -1;
			break;
		case LATENCY: o.latency = atof(optarg) / 1000; break;
		case JITTER: o.jitter = atof(optarg); break;
		case FAULT:
			if (set_fault(&o, optarg) < 0)
				return 2;
			break;
		case ATTEMPTS: o.fault_attempts = (uint32_t)atoi(optarg); break;
		case ANSWER:
			o.answer = strcmp(optarg, "sums") == 0
			                   ? "{{sum}}\n{{sum}}\n{{sum}}\n{{sum}}\n{{sum}}\n{{sum}}"
			                     "\n{{sum}}\n{{sum}}"
			                   : optarg;
			break;
		case FILE_:
			if (oc_file_read(optarg, 1 << 20, &text, &err) < 0) {
				fprintf(stderr, "%s: %s\n", err.where, err.msg);
				return 4;
			}
			o.answer = oc_buf_cstr(&text);
			break;
		case KEY: o.key = optarg; break;
		case LONG: o.long_name = true; break;
		case LEDGER: o.ledger = optarg; break;
		case HOLD: hold = true; break;
		default: fputs(usage, stderr); return 2;
		}
	}
	/* Blocked before the server's thread begins, so that they arrive here. */
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct pollfd fds[2] = {{.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN},
	                        {.fd = hold ? -1 : 0, .events = POLLIN}};
	struct server *s = server_start(&o);
	if (!s)
		return 5;
	printf("%u\n", server_port(s));
	fflush(stdout);
	char buf[256];
	while (poll(fds, 2, -1) >= 0 && !fds[0].revents &&
	       (!fds[1].revents || read(0, buf, sizeof buf) > 0))
		;
	server_stop(s);
	oc_buf_fini(&text);
	return 0;
}
