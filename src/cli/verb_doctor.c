/* outcross doctor: what this machine has, what is missing, and how to get it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <gmp.h>
#include <pcre2.h>
#include <sqlite3.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utf8proc.h>
#include <xxhash.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "base/proc.h"
#include "cli/verb.h"
#include "llm/gguf_file.h"
#include "net/http.h"
#include "pipe/duck_abi.h"
#include "plan/plan.h"

#define DISK_LOW 1e9 /* bytes; less than this is worth a warning */

static const struct oc_flag flags[] = {
	{.name = "fix",
         .type = OC_OPT_BOOL,
         .help = "fetch the local model, its library, and DuckDB's for Parquet"},
	{.name = "yes", .letter = 'y', .type = OC_OPT_BOOL, .help = "do not ask before a download"},
	{0},
};

enum state { FINE, MISSING, NOTE };

struct page {
	struct oc_buf text, json;
	unsigned missing;
};

/* One line: what, how it is, and what to do when it is not. */
static void line(struct page *p, enum state state, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void line(struct page *p, enum state state, const char *what, const char *fmt, ...)
{
	static const char *const marks[] = {"ok", "--", "  "};
	char value[800];
	va_list args;

	va_start(args, fmt);
	vsnprintf(value, sizeof value, fmt, args);
	va_end(args);
	oc_buf_printf(&p->text, "%-3s %-14s %s\n", marks[state], what, value);
	oc_buf_puts(&p->json, p->json.len ? ",{\"what\":" : "{\"what\":");
	oc_buf_json(&p->json, oc_str(what));
	oc_buf_printf(&p->json, ",\"ok\":%s,\"value\":", state == MISSING ? "false" : "true");
	oc_buf_json(&p->json, oc_str(value));
	oc_buf_putc(&p->json, '}');
	p->missing += state == MISSING;
}

static void machine(struct page *p, const struct oc_cli *cli)
{
	struct utsname u;
	char memory[32];
	const char *kernels = "plain C";
	double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);

#if defined __x86_64__
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
		kernels = "AVX-512, AVX2";
	else if (__builtin_cpu_supports("avx2"))
		kernels = "AVX2";
#elif defined __aarch64__
	kernels = "NEON";
#endif
	if (uname(&u) == 0)
		line(p, NOTE, "machine", "%s %s, %s", u.sysname, u.release, u.machine);
	line(p, NOTE, "processor", "%u threads, %s", cli->ctx->threads, kernels);
	line(p, NOTE, "memory", "%s", oc_human_bytes(bytes, memory));
}

static void libraries(struct page *p)
{
	int major, minor, patch;
	char pcre[64] = "";
	uint32_t json = yyjson_version();

	yaml_get_version(&major, &minor, &patch);
	pcre2_config_8(PCRE2_CONFIG_VERSION, pcre);
	pcre[strcspn(pcre, " ")] = '\0';
	line(p, FINE, "outcross", "%s", OUTCROSS_VERSION);
	line(p, FINE, "libraries",
	     "yyjson %u.%u.%u, libyaml %d.%d.%d, SQLite %s, zstd %s, zlib %s,", json >> 16,
	     json >> 8 & 255, json & 255, major, minor, patch, sqlite3_libversion(),
	     ZSTD_versionString(), zlibVersion());
	line(p, NOTE, "", "xxHash %u.%u.%u, PCRE2 %s, utf8proc %s, GMP %s",
	     XXH_versionNumber() / 10000, XXH_versionNumber() / 100 % 100,
	     XXH_versionNumber() % 100, pcre, utf8proc_version(), gmp_version);

	struct oc_err err = {0};
	const char *curl = oc_http_library(&err);
	if (curl)
		line(p, FINE, "endpoints", "libcurl %s", curl);
	else
		line(p, MISSING, "endpoints", "%s", err.msg);
}

static void local_model(struct page *p)
{
	char found[512];
	struct oc_err err = {0};

	if (oc_gguf_library(NULL, ".", found, &err) == 0)
		line(p, FINE, "model library", "%s", found);
	else
		line(p, MISSING, "model library", "%s", err.msg);
	memset(&err, 0, sizeof err);
	if (oc_gguf_model("smollm2", ".", found, &err) == 0)
		line(p, FINE, "local model", "%s", found);
	else
		line(p, MISSING, "local model", "the default model is not there: %s", err.msg);
}

/* Not missing: a plan that asks for Parquet says so itself. */
static void parquet(struct page *p)
{
	char found[512];
	struct oc_err err = {0};

	if (oc_duck_find(found, &err) == 0)
		line(p, FINE, "parquet", "%s", found);
	else
		line(p, NOTE, "parquet", "%s", err.msg);
}

static void folders(struct page *p)
{
	struct statvfs fs;
	char space[32];
	const char *tmp = getenv("TMPDIR");

	if (statvfs(".", &fs) == 0) {
		double bytes = (double)fs.f_bavail * (double)fs.f_frsize;
		line(p, bytes < DISK_LOW ? MISSING : FINE, "disk here", "%s free",
		     oc_human_bytes(bytes, space));
	}
	if (access(".", W_OK) < 0)
		line(p, MISSING, "this folder", "cannot be written; runs go elsewhere with -o");
	tmp = tmp && *tmp ? tmp : "/tmp";
	if (access(tmp, W_OK) == 0)
		line(p, FINE, "temporary", "%s", tmp);
	else
		line(p, MISSING, "temporary", "%s cannot be written; set TMPDIR", tmp);
}

static bool on_path(const char *program, char out[512])
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t n = strcspn(path, ":");
		snprintf(out, 512, "%.*s/%s", (int)(n < 400 ? n : 400), path, program);
		if (n > 0 && access(out, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

/* Generated code runs in bubblewrap or not at all; user namespaces may be switched off. */
static void sandbox(struct page *p)
{
	char bwrap[512];
	int status = -1;
	pid_t pid;
	struct oc_err err = {0};
	int fds[3] = {-1, -1, -1};

	if (!on_path("bwrap", bwrap)) {
		line(p, NOTE, "sandbox",
		     "bubblewrap is not installed; only stages that run code need it");
		return;
	}
	const char *argv[] = {bwrap, "--ro-bind", "/", "/", "--unshare-all", "/bin/true", NULL};
	if (oc_proc_spawn(&pid, argv, fds, 3, &err) == 0 && oc_proc_wait(pid, 5, &status) == 1 &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0)
		line(p, FINE, "sandbox", "%s works", bwrap);
	else
		line(p, NOTE, "sandbox",
		     "%s cannot make a sandbox here (user namespaces are switched off?)", bwrap);
}

/* Whether a key is there, never the key. */
static int keys(struct page *p, struct oc_cli *cli, struct oc_err *err)
{
	struct oc_plan *plan = NULL;

	if (cli->operand_n == 0)
		return 0;
	if (oc_plan_read(&plan, cli->ctx, cli->operands[0], err) < 0)
		return -1;
	for (unsigned i = 0; i < plan->model_n; i++) {
		struct oc_str key = oc_json_get_str(plan->models[i].opts, "key_env");
		char name[128];
		const char *value;
		if (key.len == 0)
			continue;
		snprintf(name, sizeof name, "%.*s", OC_ARG(key));
		value = getenv(name);
		line(p, value && *value ? FINE : MISSING, "key", "%s of model %s is %s", name,
		     plan->models[i].name, value && *value ? "set" : "not set: export it");
	}
	oc_plan_free(plan);
	return 0;
}

/* The scripts of setup/ lie beside the build, or in share/outcross of an installation. */
static bool find_setup(const char *script, char out[512])
{
	static const char *const places[] = {"../../setup", "../share/outcross/setup"};
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(out, 512, "%s/%s/%s", self, places[i], script);
		if (access(out, R_OK) == 0)
			return true;
	}
	return false;
}

static int run_setup(struct oc_cli *cli, const char *name, struct oc_err *err)
{
	char script[512], how[64];
	int status, fds[3] = {STDIN_FILENO, STDERR_FILENO, STDERR_FILENO};
	pid_t pid;

	if (!find_setup(name, script))
		return oc_fail(err, OC_MISSING, "doctor",
		               "setup/%s is not beside this program; run it from the source tree",
		               name);
	const char *argv[] = {"/bin/bash", script, oc_arg_bool(cli, "yes") ? "--yes" : NULL, NULL};
	if (oc_proc_spawn(&pid, argv, fds, 3, err) < 0)
		return -1;
	while (oc_proc_wait(pid, 0.2, &status) == 0) {
		if (!oc_cancelled(cli->ctx))
			continue;
		kill(-pid, SIGTERM);
		oc_proc_wait(pid, 2, &status);
		return oc_fail(err, OC_CANCELLED, "doctor", "interrupted");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	oc_proc_describe(status, how);
	return oc_fail(err, OC_MISSING, script, "%s; its last lines say why", how);
}

static int fix(struct oc_cli *cli, struct oc_err *err)
{
	return run_setup(cli, "model.sh", err) || run_setup(cli, "parquet.sh", err) ? -1 : 0;
}

static int run(struct oc_cli *cli, struct oc_err *err)
{
	struct page p = {0};
	struct oc_buf out = {0};
	int rc = -1;

	if (oc_arg_bool(cli, "fix") && fix(cli, err) < 0)
		return -1;
	libraries(&p);
	machine(&p, cli);
	local_model(&p);
	parquet(&p);
	sandbox(&p);
	folders(&p);
	if (keys(&p, cli, err) < 0)
		goto out;
	if (cli->json) {
		oc_buf_printf(&out, "{\"missing\":%u,\"checks\":[%s]}\n", p.missing,
		              oc_buf_cstr(&p.json));
	} else {
		oc_buf_str(&out, oc_buf_view(&p.text));
		if (p.missing)
			oc_buf_puts(&out,
			            "\n`outcross doctor --fix` fetches the local model and the "
			            "libraries; endpoints need none of them.\n");
	}
	rc = oc_cli_out(&out, err);
	if (rc == 0 && p.missing)
		rc = oc_err_exit(OC_MISSING);
out:
	oc_buf_fini(&p.text);
	oc_buf_fini(&p.json);
	oc_buf_fini(&out);
	return rc;
}

const struct oc_verb oc_verb_doctor = {
	.name = "doctor",
	.help = "say what this machine has and what is missing; --fix gets it",
	.usage = "[PLAN] [--fix]",
	.doc = "Versions, processor, local model and its library, sandbox, disk. With a plan also "
	       "whether the keys of its endpoints are set (never what they are). Exit status 7 "
	       "when "
	       "something is missing.",
	.flags = flags,
	.operand_max = 1,
	.run = run,
};
