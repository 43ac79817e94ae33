/* verbs.c: every verb, one line each, in the order in which help shows them. */
#include "cli/verb.h"

#define OC_VERBS(X)                                                                                \
	X(init)                                                                                    \
	X(plan)                                                                                    \
	X(run)                                                                                     \
	X(generate)                                                                                \
	X(status)                                                                                  \
	X(report)                                                                                  \
	X(review)                                                                                  \
	X(show)                                                                                    \
	X(why)                                                                                     \
	X(descendants)                                                                             \
	X(retract)                                                                                 \
	X(diff)                                                                                    \
	X(curate)                                                                                  \
	X(verify)                                                                                  \
	X(mix)                                                                                     \
	X(index)                                                                                   \
	X(train)                                                                                   \
	X(export)                                                                                  \
	X(doctor)                                                                                  \
	X(help)

#define DECLARE(name) extern const struct oc_verb oc_verb_##name;
OC_VERBS(DECLARE)

#define ADDRESS(name) &oc_verb_##name,
const struct oc_verb *const oc_verbs[] = {OC_VERBS(ADDRESS) NULL};

const struct oc_verb *oc_verb_find(struct oc_str name)
{
	for (size_t i = 0; oc_verbs[i]; i++)
		if (oc_str_is(name, oc_verbs[i]->name))
			return oc_verbs[i];
	return NULL;
}

const struct oc_flag oc_common_flags[] = {
	{.name = "help", .letter = 'h', .type = OC_OPT_BOOL, .help = "show this help"},
	{.name = "quiet", .letter = 'q', .type = OC_OPT_BOOL, .help = "say only what went wrong"},
	{.name = "verbose", .letter = 'v', .type = OC_OPT_BOOL, .help = "say more"},
	{.name = "json", .type = OC_OPT_BOOL, .help = "results and errors as JSON, for machines"},
	{.name = "threads",
         .letter = 'j',
         .type = OC_OPT_INT,
         .arg = "N",
         .help = "worker threads; results are the same for any number",
         .def = "all cores",
         .min = 1,
         .max = 1024},
	{0},
};
