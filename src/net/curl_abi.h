/*
 * curl_abi.h: libcurl, loaded when the first endpoint is asked. It brings some twenty-five
 * libraries along, whose loading takes longer (3.5 of 5.4 ms) than everything else that a command
 * does before its work; few commands ask an endpoint.
 */
#ifndef NET_CURL_ABI_H
#define NET_CURL_ABI_H

#include <curl/curl.h>

#include "outcross.h"

/* Every function used. */
#define OC_CURL_MAP(X)                                                                             \
	X(easy_cleanup)                                                                            \
	X(easy_getinfo)                                                                            \
	X(easy_init)                                                                               \
	X(easy_setopt)                                                                             \
	X(easy_strerror)                                                                           \
	X(getdate)                                                                                 \
	X(global_init)                                                                             \
	X(multi_add_handle)                                                                        \
	X(multi_assign)                                                                            \
	X(multi_cleanup)                                                                           \
	X(multi_info_read)                                                                         \
	X(multi_init)                                                                              \
	X(multi_remove_handle)                                                                     \
	X(multi_setopt)                                                                            \
	X(multi_socket_action)                                                                     \
	X(multi_strerror)                                                                          \
	X(version_info)

struct oc_curl {
#define X(name) __typeof__(curl_##name) *name;
	OC_CURL_MAP(X)
#undef X
};

/*
 * Loaded and started by the first call, once a process, as the dynamic linker would have done;
 * never unloaded. Any thread. NULL with OC_MISSING when it is not there or has not all functions.
 */
const struct oc_curl *oc_curl(struct oc_err *err);

#endif
