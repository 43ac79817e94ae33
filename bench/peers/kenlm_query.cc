// kenlm_query MODEL TEXT [OUT]: lines of TEXT scored by KenLM's library, as bench_kn does it: from
// memory, words cut at white space, one thread, the best of three by processor time.
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lm/model.hh"

static double cpu_now()
{
	timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

struct Total {
	double log10 = 0;
	long tokens = 0, unknown = 0;
};

template <class Model> static Total score(const Model &model, const std::string &text, FILE *out)
{
	typename Model::State state, next;
	const char *p = text.data(), *end = p + text.size();
	Total sum;

	while (p < end) {
		double line = 0;
		long words = 0;
		state = model.BeginSentenceState();
		while (p < end && *p != '\n') {
			while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\0'))
				p++;
			const char *start = p;
			while (p < end && *p != ' ' && *p != '\t' && *p != '\r' && *p != '\0' && *p != '\n')
				p++;
			if (p == start)
				continue;
			lm::WordIndex w = model.GetVocabulary().Index(StringPiece(start, p - start));
			line += model.FullScore(state, w, next).prob;
			sum.unknown += w == 0;
			words++;
			state = next;
		}
		p++;
		if (!words)
			continue;
		line += model.FullScore(state, model.GetVocabulary().EndSentence(), next).prob;
		sum.tokens += words + 1;
		sum.log10 += line;
		if (out)
			fprintf(out, "%.7f\n", line);
	}
	return sum;
}

template <class Model> static int run(int argc, char **argv, const char *kind)
{
	lm::ngram::Config config;
	config.load_method = util::POPULATE_OR_READ;
	Model model(argv[1], config);
	std::ifstream in(argv[2], std::ios::binary);
	std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
	double best = 1e9;
	Total sum;

	for (int repeat = 0; repeat < 3; repeat++) {
		double start = cpu_now();
		sum = score(model, text, NULL);
		double took = cpu_now() - start;
		best = took < best ? took : best;
	}
	printf("%-7s%.4f s  %.2f M tokens/s  %.1f MB/s  (%ld tokens, %ld unknown, log10 p %.3f)\n", kind,
	       best, sum.tokens / best / 1e6, text.size() / best / 1e6, sum.tokens, sum.unknown,
	       sum.log10);
	if (argc > 3) {
		FILE *out = fopen(argv[3], "w");
		if (!out)
			return 1;
		score(model, text, out);
		fclose(out);
	}
	return 0;
}

int main(int argc, char **argv)
{
	lm::ngram::ModelType type;

	if (argc < 3 || !lm::ngram::RecognizeBinary(argv[1], type)) {
		fprintf(stderr, "usage: kenlm_query MODEL.binary TEXT [OUT]\n");
		return 2;
	}
	if (type == lm::ngram::PROBING)
		return run<lm::ngram::ProbingModel>(argc, argv, "probing");
	return run<lm::ngram::TrieModel>(argc, argv, "trie");
}
