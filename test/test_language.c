/* language: sentences whose language is known, what falls and why, texts that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "stage.h"
#include "text/lang.h"

static void sentences(void **state)
{
	static const char *const known[][2] = {
		{"en", "The children walked along the river until it was almost dark."},
		{"de", "Die Kinder gingen am Fluss entlang, bis es beinahe dunkel war."},
		{"fr",
	         "Les enfants ont marché le long de la rivière jusqu'à la tombée de la nuit."},
		{"es", "Los niños caminaron junto al río hasta que casi se hizo de noche."},
		{"it", "I bambini camminarono lungo il fiume finché non fu quasi buio."},
		{"pt", "As crianças caminharam ao longo do rio até quase escurecer."},
		{"nl", "De kinderen liepen langs de rivier totdat het bijna donker was."},
		{"pl", "Dzieci szły wzdłuż rzeki, aż zrobiło się prawie ciemno."},
		{"cs", "Děti šly podél řeky, dokud nebyla skoro tma."},
		{"fi", "Lapset kävelivät joen vartta, kunnes oli melkein pimeää."},
		{"tr", "Çocuklar hava neredeyse kararana kadar nehir boyunca yürüdüler."},
		{"ru", "Дети шли вдоль реки, пока почти не стемнело."},
		{"uk", "Діти йшли вздовж річки, поки майже не стемніло."},
		{"el", "Τα παιδιά περπάτησαν κατά μήκος του ποταμού μέχρι που σκοτείνιασε."},
		{"he", "הילדים הלכו לאורך הנהר עד שכמעט החשיך."},
		{"ar", "مشى الأطفال على طول النهر حتى كاد الظلام أن يحل."},
		{"hi", "बच्चे नदी के किनारे तब तक चलते रहे जब तक लगभग अंधेरा नहीं हो गया।"},
		{"th", "เด็กๆเดินไปตามแม่น้ำจนเกือบมืด"},
		{"ja", "子供たちは暗くなるまで川に沿って歩きました。"},
		{"ko", "아이들은 거의 어두워질 때까지 강을 따라 걸었다."},
		{"zh", "孩子们沿着河边走，直到天快黑了。"},
		{"zh-Hant", "孩子們沿著河邊走，直到天快黑了，纔回到家裡吃飯。"},
	};
	struct oc_buf spare = {0};

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct oc_lang l = oc_lang_detect(oc_str(known[i][1]), &spare);
		if (strcmp(l.code, known[i][0]) != 0)
			fail_msg("%s was taken for %s: %s", known[i][0], l.code, known[i][1]);
		assert_true(l.share > 0.8 && l.share <= 1);
	}
	oc_buf_fini(&spare);
}

static const char *judge(struct oc_driven *d, const char *json)
{
	static char out[4096];
	struct oc_batch *b = oc_batch_new(1);
	struct oc_row *row = oc_driven_row(b, json, 0, OC_REAL);

	oc_driven_run(d, row);
	snprintf(out, sizeof out, "%s %s %s %.*s", oc_fate_name(row->fate), oc_last_rule(row),
	         oc_last_evidence(row), OC_ARG(row->raw));
	oc_batch_free(b);
	return out;
}

static void says(struct oc_driven *d, const char *json, const char *want)
{
	const char *got = judge(d, json);
	if (!strstr(got, want))
		fail_msg("%s: %s\n lacks %s", json, got, want);
}

static void opened(struct oc_driven *d, const char *options)
{
	struct oc_err err = {0};
	if (oc_driven_open(d, "language", options, 0, &err))
		fail_msg("%s", err.msg);
}

#define ENGLISH "The children walked along the river until it was almost dark."
#define GERMAN  "Die Kinder gingen am Fluss entlang, bis es beinahe dunkel war."

#define MORE_ENGLISH                                                                               \
	ENGLISH " Their mother had called them twice, and supper had been standing on the table "  \
		"for an hour when they came through the garden gate with wet shoes. "
#define MORE_GERMAN                                                                                \
	GERMAN " Ihre Mutter hatte sie zweimal gerufen, und das Abendessen stand schon seit "      \
	       "einer "                                                                            \
	       "Stunde auf dem Tisch, als sie mit nassen Schuhen durch das Gartentor kamen."

static void what_falls(void **state)
{
	struct oc_driven d;
	struct oc_err err = {0};

	(void)state;
	opened(&d, "{allow: [en, nb]}");
	says(&d, "{\"text\":\"" ENGLISH "\"}", "live language {\"language\":\"en\",\"sure\":true}");
	says(&d, "{\"text\":\"" GERMAN "\"}", "rejected other_language {\"language\":\"de\"");
	says(&d, "{\"text\":\"\"}", "rejected unknown_language {\"language\":null,\"sure\":false}");
	says(&d, "{\"text\":\"1234 5678 +-*/\"}", "rejected unknown_language");
	says(&d,
	     "{\"text\":\"Barna gikk langs elva til det nesten var mørkt, og så gikk de hjem.\"}",
	     "live language {\"language\":\"no\"");
	oc_driven_close(&d);

	opened(&d, "{min_score: 0.9, label: lang}");
	says(&d, "{\"text\":\"" MORE_ENGLISH MORE_GERMAN "\"}", "rejected mixed_language");
	says(&d, "{\"text\":\"" GERMAN "\", \"x\": 1.0}", "\"x\": 1.0,\"lang\":\"de\"}");
	oc_driven_close(&d);

	opened(&d, "{label: lang}");
	says(&d, "{\"text\":\"42\"}",
	     "live language {\"language\":null,\"sure\":false} {\"text\":\"42\","
	     "\"lang\":null}");
	oc_driven_close(&d);

	opened(&d, "{sure: true, field: b, allow: [zh]}");
	says(&d, "{\"b\":\"孩子們沿著河邊走，直到天快黑了，纔回到家裡吃飯。\"}", "live language");
	says(&d, "{\"b\":\"" ENGLISH "\"}", "rejected other_language");
	oc_driven_close(&d);
	assert_int_equal(oc_driven_open(&d, "language", "{allow: [english!]}", 0, &err), -1);
	assert_non_null(strstr(err.msg, "not `english!`"));
}

/* Control characters, which the library refuses, do not hide a text; long ones are cut; neither a
 * million equal words nor bytes without spaces cost more than their length. */
static void odd_texts(void **state)
{
	struct oc_buf spare = {0}, b = {0};

	(void)state;
	oc_buf_puts(&b, "\x01\x7F\xC2\x85\xEF\xBF\xBF" ENGLISH "\x02");
	struct oc_lang l = oc_lang_detect(oc_buf_view(&b), &spare);
	assert_string_equal(l.code, "en");
	static const char *const units[] = {"hello ", "x",   "\xE5\xAD\xA9", "\xD7\x90", "\x01",
	                                    " ",      "<b>", "&amp;",        ENGLISH};
	for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
		clock_t t[2] = {0, 0};
		for (int size = 0; size < 2; size++) {
			b.len = 0;
			while (b.len < (size ? 1u << 21 : 1u << 18))
				oc_buf_puts(&b, units[u]);
			clock_t start = clock();
			l = oc_lang_detect(oc_buf_view(&b), &spare);
			t[size] = clock() - start;
			assert_true(l.share >= 0 && l.share <= 1);
		}
		if (t[1] > 24 * t[0] + CLOCKS_PER_SEC / 10)
			fail_msg("%s: not linear, %ld and %ld", units[u], (long)t[0], (long)t[1]);
	}
	struct oc_driven d;
	struct oc_batch *batch = oc_batch_new(1);
	opened(&d, "{}");
	b.len = 0;
	oc_buf_puts(&b, "{\"text\":\"");
	while (b.len < 60000)
		oc_buf_puts(&b, ENGLISH " ");
	while (b.len < 1u << 25)
		oc_buf_puts(&b, GERMAN " ");
	oc_buf_puts(&b, "\"}");
	clock_t start = clock();
	struct oc_row *row = oc_driven_row(batch, oc_buf_cstr(&b), 0, OC_REAL);
	oc_driven_run(&d, row);
	assert_non_null(strstr(oc_last_evidence(row), "\"language\":\"en\""));
	assert_true(clock() - start < 3 * CLOCKS_PER_SEC);
	oc_batch_free(batch);
	oc_driven_close(&d);
	oc_buf_fini(&b);
	oc_buf_fini(&spare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences),
		cmocka_unit_test(what_falls),
		cmocka_unit_test(odd_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
