#include "curate/model_fits.h"

#include <sys/stat.h>

#include "base/err.h"

int oc_model_fits(const char *path, double times, const struct oc_env *env, struct oc_err *err)
{
	struct stat st;

	if (!env->memory || stat(path, &st))
		return 0;
	uint64_t need = (uint64_t)((double)st.st_size * times);
	if (need <= env->memory)
		return 0;
	return oc_fail_memory(err, path, "the model needs", need, env->memory, "");
}
