#include "net/curl_abi.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/err.h"

#define LIBRARY "libcurl.so.4" /* since 2006, whatever its version and TLS library */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct oc_curl curl;
static struct oc_err fault;

static void load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

	if (!handle) {
		oc_fail(&fault, OC_MISSING, "endpoint",
		        "cannot load libcurl, which asks endpoints: %s; run setup/system.sh",
		        dlerror());
		return;
	}
#define X(name)                                                                                    \
	*(void **)&curl.name = dlsym(handle, "curl_" #name);                                       \
	if (!curl.name) {                                                                          \
		oc_fail(&fault, OC_MISSING, LIBRARY, "it has no curl_" #name ": it is too old");   \
		return;                                                                            \
	}
	OC_CURL_MAP(X)
#undef X
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		oc_fail(&fault, OC_INTERNAL, LIBRARY, "it does not start");
}

const struct oc_curl *oc_curl(struct oc_err *err)
{
	pthread_once(&once, load);
	if (fault.code == OC_OK)
		return &curl;
	oc_fail(err, fault.code, fault.where, "%s", fault.msg);
	return NULL;
}
