// Both detectors of Debian on labelled lines ("language <tab> text" on standard input): the share
// of right answers of each language and of all, and MB/s. Built and run by bench/language.sh.
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>
extern "C" {
#include <libexttextcat/textcat.h>
}

using Lines = std::vector<std::pair<std::string, std::string>>;

// Norwegian Bokmal is "no" to both; Serbian may come in Latin letters as Croatian or Bosnian.
static std::string one_name(std::string s)
{
	s = s.substr(0, s.find_first_of("-_"));
	return s == "nb" || s == "nn" ? "no" : s == "in" ? "id" : s == "iw" ? "he" : s == "fil" ? "tl" : s;
}

template <class F> static void judge(const char *name, const Lines &lines, F detect)
{
	std::map<std::string, std::pair<int, int>> by;
	size_t right = 0, bytes = 0;
	double mean = 0;
	clock_t start = clock();
	std::vector<std::string> said;
	for (auto &l : lines)
		said.push_back(detect(l.second));
	double t = (double)(clock() - start) / CLOCKS_PER_SEC;
	for (size_t i = 0; i < lines.size(); i++) {
		bool ok = one_name(said[i]) == one_name(lines[i].first);
		auto &b = by[lines[i].first];
		b.first += ok, b.second++;
		right += ok, bytes += lines[i].second.size();
	}
	for (auto &b : by)
		mean += (double)b.second.first / b.second.second / (double)by.size();
	printf("%-14s %6.2f %% of all, %6.2f %% mean over %zu languages, %6.1f MB/s\n   ", name,
	       100.0 * (double)right / (double)lines.size(), 100 * mean, by.size(),
	       (double)bytes / 1e6 / t);
	for (auto &b : by)
		printf(" %s %.1f", b.first.c_str(), 100.0 * b.second.first / b.second.second);
	printf("\n");
}

int main()
{
	Lines lines;
	for (std::string l; std::getline(std::cin, l);) {
		size_t tab = l.find('\t');
		if (tab != l.npos)
			lines.emplace_back(l.substr(0, tab), l.substr(tab + 1));
	}
	auto cld2 = [](int flags) {
		return [flags](const std::string &s) {
			CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING,
			                        CLD2::UNKNOWN_LANGUAGE};
			CLD2::Language top[3];
			int percent[3], text, valid;
			double score[3];
			bool sure;
			CLD2::Language l = CLD2::ExtDetectLanguageSummaryCheckUTF8(
				s.data(), (int)s.size(), true, &hints, flags, top, percent, score,
				nullptr, &text, &sure, &valid);
			return std::string(CLD2::LanguageCode(l));
		};
	};
	judge("cld2", lines, cld2(0));
	judge("cld2 best", lines, cld2(0x4000)); // kCLDFlagBestEffort of its internal header
	void *h = special_textcat_Init("/usr/share/libexttextcat/fpdb.conf", "/usr/share/libexttextcat/");
	if (!h)
		return 1;
	judge("exttextcat", lines, [h](const std::string &s) {
		const char *r = textcat_Classify(h, s.data(), s.size());
		return *r == '[' ? std::string(r + 1, strcspn(r + 1, "]")) : std::string("?");
	});
	textcat_Done(h);
	return 0;
}
