#include "run/ready.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"

int oc_ready_stages(struct oc_ctx *ctx, const struct oc_plan *plan, struct oc_err *err)
{
	char work[512];
	struct oc_err ignored = {0};
	int rc = oc_temp_folder(work, err);

	if (rc)
		return -1;
	for (unsigned i = 0; !rc && i < plan->verify_n + plan->curate_n; i++) {
		const struct oc_plan_step *s =
			i < plan->verify_n ? &plan->verify[i] : &plan->curate[i - plan->verify_n];
		struct oc_env env = oc_plan_env(plan, ctx, s->name, work);
		void *self = NULL;
		if (s->model || s->def->kind == OC_STAGE_CALL)
			continue;
		rc = s->def->open(&self, &env, s->opts, err);
		if (!rc && s->def->close)
			s->def->close(self);
		else if (rc)
			oc_fail_in(err, s->where);
	}
	oc_remove_tree(work, &ignored);
	return rc ? -1 : 0;
}

int oc_plan_mix_open(struct oc_mix **mix, const struct oc_plan *plan, const struct oc_env *env,
                     struct oc_err *err)
{
	unsigned n = plan->source_n + plan->generate_n;
	struct oc_str *names = oc_zalloc(n, sizeof *names);

	for (unsigned i = 0; i < n; i++)
		names[i] = oc_str(oc_plan_origin(plan, i));
	int rc = oc_mix_open(mix, plan->mix, names, n, env, err);
	free(names);
	return rc;
}

int oc_ready_mix(struct oc_ctx *ctx, const struct oc_plan *plan, struct oc_err *err)
{
	struct oc_mix *mix = NULL;
	struct oc_err ignored = {0};
	char work[512];

	if (!plan->mix)
		return 0;
	if (oc_temp_folder(work, err))
		return -1;
	struct oc_env env = oc_plan_env(plan, ctx, "mix", work);
	int rc = oc_plan_mix_open(&mix, plan, &env, err);
	oc_mix_close(mix);
	oc_remove_tree(work, &ignored);
	return rc;
}
