#include "run/ready.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "mix/mix.h"

/* A folder for what may want one, which goes again. */
static int folder_make(char path[4096], struct oc_err *err)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, 4096, "%.4000s/outcross-ready-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	return mkdtemp(path) ? 0 : oc_fail_errno(err, path, "cannot create a folder");
}

static void env_fill(struct oc_env *env, struct oc_ctx *ctx, const struct oc_plan *plan,
                     const char *name, const char *work)
{
	*env = (struct oc_env){.size = sizeof *env,
	                       .ctx = ctx,
	                       .name = name,
	                       .base_dir = plan->base_dir,
	                       .work_dir = work,
	                       .seed = plan->seed,
	                       .memory = plan->memory};
}

int oc_ready_stages(struct oc_ctx *ctx, const struct oc_plan *plan, struct oc_err *err)
{
	char work[4096];
	struct oc_err ignored = {0};
	int rc = folder_make(work, err);

	if (rc)
		return -1;
	for (unsigned i = 0; !rc && i < plan->verify_n + plan->curate_n; i++) {
		const struct oc_plan_step *s =
			i < plan->verify_n ? &plan->verify[i] : &plan->curate[i - plan->verify_n];
		struct oc_env env;
		void *self = NULL;
		if (s->model || s->def->kind == OC_STAGE_CALL)
			continue;
		env_fill(&env, ctx, plan, s->name, work);
		rc = s->def->open(&self, &env, s->opts, err);
		if (!rc && s->def->close)
			s->def->close(self);
		else if (rc)
			oc_fail_in(err, s->where);
	}
	oc_remove_tree(work, &ignored);
	return rc ? -1 : 0;
}

int oc_ready_mix(struct oc_ctx *ctx, const struct oc_plan *plan, struct oc_err *err)
{
	unsigned n = plan->source_n + plan->generate_n;
	struct oc_str *names;
	struct oc_mix *mix = NULL;
	struct oc_err ignored = {0};
	struct oc_env env;
	char work[4096];

	if (!plan->mix)
		return 0;
	if (folder_make(work, err))
		return -1;
	names = oc_zalloc(n, sizeof *names);
	for (unsigned i = 0; i < n; i++)
		names[i] = oc_str(i < plan->source_n ? plan->sources[i].name
		                                     : plan->generate[i - plan->source_n].name);
	env_fill(&env, ctx, plan, "mix", work);
	int rc = oc_mix_open(&mix, plan->mix, names, n, &env, err);
	oc_mix_close(mix);
	free(names);
	oc_remove_tree(work, &ignored);
	return rc;
}
