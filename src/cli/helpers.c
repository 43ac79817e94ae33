#include "cli/helpers.h"

#include "base/helper.h"
#include "llm/llama_child.h"
#include "pipe/duck_child.h"

static const struct oc_helper_def helpers[] = {
	{"duckdb", oc_duck_child},
	{"llama", oc_llama_child},
};

int oc_helper_main(int argc, char **argv)
{
	return oc_helper_child(helpers, sizeof helpers / sizeof *helpers, argc, argv);
}
