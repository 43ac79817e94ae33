/*
 * registry.c: every part there is. A part named NAME is one line here, X(NAME) \, sorted, and
 * defines `const struct oc_stage_def oc_stage_NAME` (oc_source_NAME, oc_model_NAME, oc_llm_NAME,
 * oc_trainer_NAME).
 */
#include "plan/registry.h"

#include "base/str.h"

#define OC_STAGES(X)                                                                               \
	X(c4)                                                                                      \
	X(copies)                                                                                  \
	X(decontaminate)                                                                           \
	X(exact)                                                                                   \
	X(fineweb)                                                                                 \
	X(gopher_quality)                                                                          \
	X(gopher_repetition)                                                                       \
	X(hold)                                                                                    \
	X(judge)                                                                                   \
	X(language)                                                                                \
	X(machine_share)                                                                           \
	X(math)                                                                                    \
	X(near_dup)                                                                                \
	X(novelty)                                                                                 \
	X(perplexity)                                                                              \
	X(pii)                                                                                     \
	X(quality)                                                                                 \
	X(sample)                                                                                  \
	X(schema)                                                                                  \
	X(semantic)                                                                                \
	X(sort)                                                                                    \
	X(substring)                                                                               \
	X(words)

#define OC_SOURCES(X) X(csv) X(jsonl) X(parquet) X(text)

#define OC_MODELS(X) X(ngram)

#define OC_LLMS(X)                                                                                 \
	X(gguf)                                                                                    \
	X(openai)

/* What `outcross train` makes, for stages to use. */
#define OC_TRAINERS(X) X(machine_share) X(perplexity) X(quality)

#define DECLARE_STAGE(name)   extern const struct oc_stage_def oc_stage_##name;
#define DECLARE_SOURCE(name)  extern const struct oc_source_def oc_source_##name;
#define DECLARE_MODEL(name)   extern const struct oc_model_def oc_model_##name;
#define DECLARE_LLM(name)     extern const struct oc_llm_def oc_llm_##name;
#define DECLARE_TRAINER(name) extern const struct oc_trainer_def oc_trainer_##name;
OC_STAGES(DECLARE_STAGE)
OC_SOURCES(DECLARE_SOURCE)
OC_MODELS(DECLARE_MODEL)
OC_LLMS(DECLARE_LLM)
OC_TRAINERS(DECLARE_TRAINER)

#define STAGE(name)   &oc_stage_##name,
#define SOURCE(name)  &oc_source_##name,
#define MODEL(name)   &oc_model_##name,
#define LLM(name)     &oc_llm_##name,
#define TRAINER(name) &oc_trainer_##name,
const struct oc_stage_def *const oc_stages[] = {OC_STAGES(STAGE) NULL};
const struct oc_source_def *const oc_sources[] = {OC_SOURCES(SOURCE) NULL};
const struct oc_model_def *const oc_models[] = {OC_MODELS(MODEL) NULL};
const struct oc_llm_def *const oc_llms[] = {OC_LLMS(LLM) NULL};
const struct oc_trainer_def *const oc_trainers[] = {OC_TRAINERS(TRAINER) NULL};

#define FIND(table)                                                                                \
	for (size_t i = 0; (table)[i]; i++)                                                        \
		if (oc_str_is(name, (table)[i]->name))                                             \
			return (table)[i];                                                         \
	return NULL

const struct oc_stage_def *oc_stage_find(struct oc_str name)
{
	FIND(oc_stages);
}

const struct oc_source_def *oc_source_find(struct oc_str name)
{
	FIND(oc_sources);
}

const struct oc_model_def *oc_model_find(struct oc_str name)
{
	FIND(oc_models);
}

const struct oc_llm_def *oc_llm_find(struct oc_str name)
{
	FIND(oc_llms);
}

const struct oc_trainer_def *oc_trainer_find(struct oc_str name)
{
	FIND(oc_trainers);
}

const struct oc_source_def *oc_source_by_name(const char *name)
{
	return oc_source_find(oc_str(name));
}

const struct oc_stage_def *oc_stage_by_name(const char *name)
{
	return oc_stage_find(oc_str(name));
}
