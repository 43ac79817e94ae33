#include "plan/presets.h"

const struct oc_preset oc_presets[] = {
	{.name = "c4",
         .help = "C4's rules (Raffel et al. 2020)",
         .doc = "Lines that are sentences are kept, texts that keep fewer than five are dropped.",
         .steps = {"c4: {field: %F}"}},
	{.name = "fineweb",
         .help = "the chain of FineWeb (Penedo et al. 2024) behind extraction and language",
         .doc = "Gopher's repetition and quality rules, C4's without the one on line ends, "
                "FineWeb's own, near duplicates by 14 bands of 8 hashes over 5 words (verified "
                "here, "
                "over the whole set; published: by crawl, unverified), then e-mail and public IP "
                "addresses masked. What comes before it there is not part of it: the list of "
                "addresses, the extraction of text and the language, which must score above 0.65.",
         .steps = {"gopher_repetition: {field: %F}", "gopher_quality: {field: %F}",
                   "c4: {field: %F, preset: fineweb}", "fineweb: {field: %F}",
                   "near_dup: {field: %F, compat: datatrove}",
                   "pii: {fields: [%F], types: [email, ip]}"}},
	{.name = "gopher",
         .help = "Gopher's rules (Rae et al. 2021): repetition, then quality",
         .doc = "Table A1 of the paper, as datatrove reads it.",
         .steps = {"gopher_repetition: {field: %F}", "gopher_quality: {field: %F}"}},
	{0},
};

const struct oc_preset *oc_preset_find(struct oc_str name)
{
	for (size_t i = 0; oc_presets[i].name; i++)
		if (oc_str_is(name, oc_presets[i].name))
			return &oc_presets[i];
	return NULL;
}

const char *oc_preset_step(struct oc_arena *a, const struct oc_preset *p, unsigned i,
                           struct oc_str field)
{
	const char *step = i < OC_PRESET_STEPS ? p->steps[i] : NULL, *at;
	struct oc_buf b = {0};

	for (; step && (at = strstr(step, "%F")) != NULL; step = at + 2) {
		oc_buf_add(&b, step, (size_t)(at - step));
		oc_buf_json(&b, field.len ? field : OC_LIT("text"));
	}
	if (step)
		oc_buf_puts(&b, step);
	const char *out = step ? oc_arena_str(a, oc_buf_view(&b)).p : NULL;
	oc_buf_fini(&b);
	return out;
}
