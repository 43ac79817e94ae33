/* The data set card: the hub's YAML header, then what a reader must know. Nothing is invented: what
 * the run does not know says so. */
#include "report/report.h"

#include <stdio.h>

#include "report/value.h"

static const char *size_category(double rows)
{
	static const struct {
		double below;
		const char *name;
	} sizes[] = {{1e3, "n<1K"},      {1e4, "1K<n<10K"},  {1e5, "10K<n<100K"},
	             {1e6, "100K<n<1M"}, {1e7, "1M<n<10M"},  {1e8, "10M<n<100M"},
	             {1e9, "100M<n<1B"}, {1e10, "1B<n<10B"}, {1e11, "10B<n<100B"},
	             {1e12, "100B<n<1T"}};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		if (rows < sizes[i].below)
			return sizes[i].name;
	return "n>1T";
}

static void yaml_str(struct oc_buf *b, struct oc_str s)
{
	oc_buf_json(b, s); /* a JSON string is a quoted YAML string */
}

/* One licence for all rows, or `other`. */
static void licence(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *list = oc_json_get(facts, "licenses"), *first = yyjson_arr_get_first(list);
	struct oc_str name = oc_json_get_str(first, "license");

	oc_buf_puts(b, "license: ");
	if (yyjson_arr_size(list) == 1 && name.len && !oc_str_starts(name, "LicenseRef") &&
	    oc_str_find(name, OC_LIT(" AND ")) < 0) {
		struct oc_buf lower = {0};
		for (size_t i = 0; i < name.len; i++)
			oc_buf_putc(&lower, name.p[i] >= 'A' && name.p[i] <= 'Z'
			                            ? (char)(name.p[i] + 32)
			                            : name.p[i]);
		yaml_str(b, oc_buf_view(&lower));
		oc_buf_fini(&lower);
	} else {
		oc_buf_puts(b, "other\nlicense_name: see-sources");
	}
	oc_buf_putc(b, '\n');
}

/* Ending of the files of out/data. */
static const char *data_end(yyjson_val *facts)
{
	size_t i, n;
	yyjson_val *file;

	yyjson_arr_foreach(oc_json_get(facts, "files"), i, n, file)
	{
		struct oc_str path = oc_json_get_str(file, "path");
		if (path.len > 8 && memcmp(path.p + path.len - 8, ".parquet", 8) == 0)
			return "parquet";
	}
	return "jsonl";
}

static void split_config(struct oc_buf *b, yyjson_val *facts)
{
	oc_buf_puts(b, "configs:\n- config_name: default\n  data_files:\n");
	if (oc_fact_num(facts, "rows.train") > 0)
		oc_buf_printf(b, "  - split: train\n    path: data/train-*.%s\n", data_end(facts));
	if (oc_fact_num(facts, "rows.test") > 0)
		oc_buf_printf(b, "  - split: test\n    path: data/test-*.%s\n", data_end(facts));
}

static bool is_whole(yyjson_val *column)
{
	return oc_json_get_bool(column, "whole", false);
}

/* A loader that tells types from the first rows of the first file fails where a fraction follows
 * whole numbers, in a later one or in the other split. Nested columns are left to the loader. */
static void features(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const types[][2] = {
		{"string", "string"}, {"bool", "bool"}, {"number", "float64"}};
	yyjson_val *list = oc_json_get(facts, "columns"), *column;
	struct oc_buf text = {0};
	size_t i, n, k;

	yyjson_arr_foreach(list, i, n, column)
	{
		struct oc_str type = oc_json_get_str(column, "type");
		for (k = 0; k < 3 && !oc_str_is(type, types[k][0]); k++)
			;
		if (k == 3)
			goto out;
		oc_buf_puts(&text, "  - name: ");
		yaml_str(&text, oc_json_get_str(column, "name"));
		oc_buf_printf(&text, "\n    dtype: %s\n", is_whole(column) ? "int64" : types[k][1]);
	}
	if (text.len && strcmp(data_end(facts), "jsonl") == 0)
		oc_buf_printf(b, "dataset_info:\n  features:\n%s", oc_buf_cstr(&text));
out:
	oc_buf_fini(&text);
}

static void header(struct oc_buf *b, yyjson_val *facts)
{
	double real = oc_fact_num(facts, "origin.real.rows"),
	       made = oc_fact_num(facts, "origin.synthetic.rows");

	oc_buf_puts(b, "---\npretty_name: ");
	yaml_str(b, oc_json_get_str(facts, "name"));
	oc_buf_putc(b, '\n');
	licence(b, facts);
	oc_buf_puts(b, "annotations_creators:\n");
	oc_buf_puts(b, oc_fact_num(facts, "review.seen") > 0 ? "- expert-generated\n"
	                                                     : "- no-annotation\n");
	oc_buf_puts(b, "language_creators:\n");
	if (real > 0)
		oc_buf_puts(b, "- found\n");
	if (made > 0)
		oc_buf_puts(b, "- machine-generated\n");
	oc_buf_printf(
		b, "size_categories:\n- \"%s\"\n",
		size_category(oc_fact_num(facts, "rows.train") + oc_fact_num(facts, "rows.test")));
	oc_buf_puts(b, "tags:\n- outcross\n");
	if (made > 0)
		oc_buf_puts(b, "- synthetic\n");
	features(b, facts);
	split_config(b, facts);
	oc_buf_puts(b, "---\n");
}

static void count(struct oc_buf *b, const char *label, double n)
{
	oc_buf_printf(b, "| %s | %.0f |\n", label, n);
}

static void sources(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *s;
	size_t i, n;

	oc_buf_puts(b, "\n## Sources\n\n| source | origin | licence | collected | attested by |\n"
	               "|---|---|---|---|---|\n");
	yyjson_arr_foreach(oc_json_get(facts, "sources"), i, n, s)
	{
		static const char *const keys[] = {"name", "origin", "license", "collected",
		                                   "attest"};
		oc_buf_putc(b, '|');
		for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
			struct oc_str v = oc_json_get_str(s, keys[k]);
			oc_buf_putc(b, ' ');
			oc_buf_str(b, v.len ? v : OC_LIT("not stated"));
			oc_buf_puts(b, " |");
		}
		oc_buf_putc(b, '\n');
		struct oc_str why = oc_json_get_str(s, "origin_why");
		if (why.len)
			oc_buf_printf(b, "| | %.*s | | | |\n", OC_ARG(why));
	}
	yyjson_arr_foreach(oc_json_get(facts, "models"), i, n, s)
	{
		oc_buf_printf(b,
		              "\nModel `%.*s` (%.*s), generation depth %s%.0f of its own training "
		              "data.\n",
		              OC_ARG(oc_json_get_str(s, "name")),
		              OC_ARG(oc_json_get_str(s, "type")),
		              oc_json_get_bool(s, "depth_at_least", false) ? "at least " : "",
		              oc_fact_num(s, "depth"));
	}
}

static void checks(struct oc_buf *b, yyjson_val *facts)
{
	yyjson_val *step, *rule;
	size_t i, n, k, m;

	oc_buf_puts(b, "\n## What every row went through\n\n"
	               "| step | read or made | went on | fell or left |\n|---|---|---|---|\n");
	yyjson_arr_foreach(oc_json_get(facts, "steps"), i, n, step)
	{
		yyjson_val *left = oc_json_get(step, "left");
		oc_buf_printf(b, "| %.*s |", OC_ARG(oc_json_get_str(step, "name")));
		if (oc_fact_num(step, "came") > 0)
			oc_buf_printf(b, " %.0f", oc_fact_num(step, "came"));
		oc_buf_printf(b, " | %.0f |", oc_fact_num(step, "went"));
		yyjson_arr_foreach(oc_json_get(step, "fell"), k, m, rule)
		{
			oc_buf_printf(b, "%s %.0f %.*s", k ? "," : "", oc_fact_num(rule, "n"),
			              OC_ARG(oc_json_get_str(rule, "rule")));
		}
		if (oc_fact_num(left, "n") > 0)
			oc_buf_printf(b, "%s %.0f %.*s", m ? "," : "", oc_fact_num(left, "n"),
			              OC_ARG(oc_json_get_str(left, "to")));
		oc_buf_puts(b, " |\n");
	}
}

int oc_report_card(struct oc_buf *b, yyjson_val *facts, struct oc_err *err)
{
	yyjson_val *rehearsal = oc_json_get(facts, "rehearsal");

	(void)err;
	header(b, facts);
	oc_buf_printf(b, "\n# %.*s\n\nMade by %.*s on %.*s, seed %.0f, plan %.*s.\n\n",
	              OC_ARG(oc_json_get_str(facts, "name")),
	              OC_ARG(oc_json_get_str(facts, "program")),
	              OC_ARG(oc_json_get_str(facts, "created")), oc_fact_num(facts, "seed"),
	              OC_ARG(oc_json_get_str(facts, "plan_hash")));
	oc_buf_printf(
		b,
		"The train split descends from **%.0f founders** (distinct real rows), effectively "
		"%.1f. `lineage/` holds the pedigree of every row, line for line.\n\n| rows | |\n"
		"|---|---|\n",
		oc_fact_num(facts, "founders.distinct"), oc_fact_num(facts, "founders.effective"));
	count(b, "train", oc_fact_num(facts, "rows.train"));
	count(b, "test (held-out real rows)", oc_fact_num(facts, "rows.test"));
	count(b, "of train: real", oc_fact_num(facts, "origin.real.rows"));
	count(b, "of train: synthetic", oc_fact_num(facts, "origin.synthetic.rows"));
	count(b, "of train: unknown origin", oc_fact_num(facts, "origin.unknown.rows"));
	count(b, "held for people, not in the set", oc_fact_num(facts, "rows.held"));
	count(b, "rejected, with reasons", oc_fact_num(facts, "rows.rejected"));
	sources(b, facts);
	checks(b, facts);
	oc_buf_puts(b, "\n## Review by people\n\n");
	if (oc_fact_num(facts, "review.seen") > 0)
		oc_buf_printf(
			b,
			"%.0f rows seen, %.0f rejected or edited: defect rate between %.1f %% and "
			"%.1f %% (95 %%, Clopper-Pearson).\n",
			oc_fact_num(facts, "review.seen"), oc_fact_num(facts, "review.defects"),
			100 * oc_fact_num(facts, "review.low"),
			100 * oc_fact_num(facts, "review.high"));
	else
		oc_buf_puts(b, "Not measured: nobody reviewed rows of this run.\n");
	oc_buf_puts(b, "\n## Rehearsal\n\n");
	struct oc_str verdict = oc_json_get_str(rehearsal, "verdict");
	oc_buf_str(b, verdict.len ? verdict : OC_LIT("Not measured: the plan rehearsed nothing."));
	oc_buf_puts(b, "\n\n## Privacy\n\nNot measured; no formal privacy guarantee.\n\n## "
	               "Intended use and "
	               "limits\n\nTODO: to be written by whoever publishes this set.\n");
	return 0;
}

/* ----------------------------------------------------------------- Croissant 1.1 */

static void todo(struct oc_buf *b, const char *name)
{
	oc_buf_printf(b, ",\"%s\":\"TODO\"", name);
}

static void distribution(struct oc_buf *b, yyjson_val *facts)
{
	static const char *const splits[] = {"train", "test"};
	const char *end = data_end(facts);
	bool any = false;

	oc_buf_puts(b, ",\"distribution\":[");
	for (size_t s = 0; s < 2; s++) {
		char path[32];
		snprintf(path, sizeof path, "rows.%s", splits[s]);
		if (!(oc_fact_num(facts, path) > 0))
			continue;
		oc_buf_printf(
			b,
			"%s{\"@type\":\"cr:FileSet\",\"@id\":\"%s-files\",\"name\":\"%s-files\","
			"\"encodingFormat\":\"%s\",\"includes\":\"data/%s-*.%s\"}",
			any ? "," : "", splits[s], splits[s],
			strcmp(end, "parquet") == 0 ? "application/vnd.apache.parquet"
						    : "application/jsonlines",
			splits[s], end);
		any = true;
	}
	oc_buf_puts(b, "],\"recordSet\":[");
	any = false;
	for (size_t s = 0; s < 2; s++) {
		char path[32];
		yyjson_val *column;
		size_t i, n;
		snprintf(path, sizeof path, "rows.%s", splits[s]);
		if (!(oc_fact_num(facts, path) > 0))
			continue;
		oc_buf_printf(
			b,
			"%s{\"@type\":\"cr:RecordSet\",\"@id\":\"%s\",\"name\":\"%s\",\"field\":[",
			any ? "," : "", splits[s], splits[s]);
		any = true;
		yyjson_arr_foreach(oc_json_get(facts, "columns"), i, n, column)
		{
			struct oc_str name = oc_json_get_str(column, "name"),
				      type = oc_json_get_str(column, "type");
			struct oc_buf id = {0};
			oc_buf_printf(&id, "%s/%.*s", splits[s], OC_ARG(name));
			oc_buf_puts(b, i ? ",{\"@type\":\"cr:Field\",\"@id\":"
			                 : "{\"@type\":\"cr:Field\",\"@id\":");
			oc_buf_json(b, oc_buf_view(&id));
			oc_buf_puts(b, ",\"name\":");
			oc_buf_json(b, oc_buf_view(&id));
			oc_buf_printf(b,
			              ",\"dataType\":\"%s\",\"source\":{\"fileSet\":{\"@id\":\"%s-"
			              "files\"},"
			              "\"extract\":{\"column\":",
			              is_whole(column)            ? "sc:Integer"
			              : oc_str_is(type, "number") ? "sc:Float"
			              : oc_str_is(type, "bool")   ? "sc:Boolean"
			                                          : "sc:Text",
			              splits[s]);
			oc_buf_json(b, name);
			oc_buf_puts(b, "}}}");
			oc_buf_fini(&id);
		}
		oc_buf_puts(b, "]}");
	}
	oc_buf_putc(b, ']');
}

int oc_report_croissant(struct oc_buf *b, yyjson_val *facts, struct oc_err *err)
{
	yyjson_val *licences = oc_json_get(facts, "licenses");
	struct oc_str name = oc_json_get_str(yyjson_arr_get_first(licences), "license");
	struct oc_str created = oc_json_get_str(facts, "created");

	(void)err;
	oc_buf_puts(
		b,
		"{\"@context\":{\"@language\":\"en\",\"@vocab\":\"https://schema.org/\","
		"\"cr\":\"http://mlcommons.org/croissant/\",\"sc\":\"https://schema.org/\","
		"\"dct\":\"http://purl.org/dc/terms/\",\"prov\":\"http://www.w3.org/ns/prov#\","
		"\"rai\":\"http://mlcommons.org/croissant/RAI/\",\"conformsTo\":\"dct:conformsTo\","
		"\"citeAs\":\"cr:citeAs\",\"column\":\"cr:column\",\"dataType\":{\"@id\":"
		"\"cr:dataType\",\"@type\":\"@vocab\"},\"extract\":\"cr:extract\",\"field\":"
		"\"cr:field\",\"fileObject\":\"cr:fileObject\",\"fileSet\":\"cr:fileSet\","
		"\"includes\":\"cr:includes\",\"recordSet\":\"cr:recordSet\",\"source\":"
		"\"cr:source\"},\"@type\":\"sc:Dataset\",\"conformsTo\":"
		"\"http://mlcommons.org/croissant/1.1\",\"name\":");
	oc_buf_json(b, oc_json_get_str(facts, "name"));
	oc_buf_printf(
		b,
		",\"description\":\"%.0f train rows that descend from %.0f real rows, and %.0f "
		"held-out real rows; the pedigree of every row lies in lineage/.\"",
		oc_fact_num(facts, "rows.train"), oc_fact_num(facts, "founders.distinct"),
		oc_fact_num(facts, "rows.test"));
	oc_buf_puts(b, ",\"datePublished\":");
	oc_buf_json(b, (struct oc_str){created.p, created.len < 10 ? created.len : 10});
	oc_buf_puts(b, ",\"version\":\"1.0.0\"");
	if (yyjson_arr_size(licences) == 1 && name.len) {
		oc_buf_puts(b, ",\"license\":");
		oc_buf_json(b, name);
	} else {
		todo(b, "license");
	}
	todo(b, "url");
	oc_buf_puts(b, ",\"creator\":{\"@type\":\"Organization\",\"name\":\"TODO\"}");
	oc_buf_puts(b, ",\"prov:wasGeneratedBy\":{\"@type\":\"prov:Activity\",\"prov:label\":");
	oc_buf_json(b, oc_json_get_str(facts, "program"));
	oc_buf_puts(b, "}");
	distribution(b, facts);
	oc_buf_puts(b, "}\n");
	return 0;
}
