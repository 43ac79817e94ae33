# Outcross. GNU make; `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all lib test test-build asan tsan fuzz fuzz-build check check-long floors format tidy \
	werror objects bench bench-build install clean help
.DEFAULT_GOAL := all

V ?=
Q := $(if $(V),,@)
VARIANT ?= release
CC := gcc
CLANG := $(firstword $(shell command -v clang-14 clang clang-19 clang-16 2>/dev/null) clang)
CLANG_FORMAT := $(firstword $(shell command -v clang-format-14 clang-format 2>/dev/null) clang-format)
CLANG_TIDY := $(firstword $(shell command -v clang-tidy-14 clang-tidy 2>/dev/null) clang-tidy)
PREFIX ?= /usr/local
DESTDIR ?=
T ?= 60
# A git worktree shares the main tree's.
DEPS ?= $(if $(wildcard .deps/yyjson),.deps,$(dir $(shell git rev-parse --git-common-dir 2>/dev/null)).deps)
B := build/$(VARIANT)
SAY := $(if $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),:,echo)
# For a make inside make, unless the outer one was told how many jobs.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
VERSION := 0.1.0

# ------------------------------------------------------------------ libraries
PKGS := yaml-0.1 sqlite3 libzstd zlib libisal libxxhash libpcre2-8 libutf8proc
LOADED_PKGS := libcurl # only its header: src/net/curl_abi.h
HAVE_YYJSON := $(shell pkg-config --exists yyjson && echo yes)
ifeq ($(HAVE_YYJSON),yes)
YYJSON_CFLAGS := $(shell pkg-config --cflags yyjson)
YYJSON_LIBS := $(shell pkg-config --libs yyjson)
else
# Debian 12 has no package: setup builds it once from source, outside `make clean`.
YYJSON_CFLAGS := -isystem $(DEPS)/yyjson
YYJSON_LIBS := $(DEPS)/yyjson/libyyjson.a
endif
LIBS := $(YYJSON_LIBS) $(shell pkg-config --libs $(PKGS)) -lgmp -lcld2 -ldl -lpthread -lm

# ---------------------------------------------------------------------- flags
# Other compilers than gcc 12 and clang 14 warn of more; there a warning is only shown.
NO_ERROR = $(if $(filter gcc-12.% clang-14.%,$(if $(findstring clang,$(CC)),clang,gcc)-$(shell $(CC) -dumpversion).),, -Wno-error)
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes $(if $(CI),-Werror$(NO_ERROR))
CPPFLAGS := -D_GNU_SOURCE -DOUTCROSS_VERSION='"$(VERSION)"' -Iinclude -Isrc -I$(B)/gen \
	$(YYJSON_CFLAGS) $(shell pkg-config --cflags $(PKGS) $(LOADED_PKGS))
BASE_CFLAGS := -std=gnu17 -g -fPIC -fvisibility=hidden -ffp-contract=off $(WARN)
# Lines for a backtrace, and no more: the rest is a fifth of the time a build takes.
CFLAGS_release := -O2 -g1 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -fsanitize=thread
CFLAGS_gcc := $(CFLAGS_release)
CFLAGS_clang := -O0
CFLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
ifneq ($(filter fuzz clang,$(VARIANT)),)
CC := $(CLANG)
endif
CFLAGS := $(BASE_CFLAGS) $(CFLAGS_$(VARIANT)) $(EXTRA_CFLAGS)
LDFLAGS := $(CFLAGS_$(VARIANT))

# -------------------------------------------------------------------- sources
C_DIRS := $(wildcard src/*) include test test/programs bench fuzz examples
SRC := $(wildcard src/*/*.c)
LIB_SRC := $(filter-out src/cli/main.c,$(SRC))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
TESTS := $(patsubst test/%.c,$(B)/test/%,$(wildcard test/test_*.c))
BENCHES := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/bench_*.c))
BENCH_HELPERS := $(patsubst bench/%.c,$(B)/bench/%.o,$(filter-out $(wildcard bench/bench_*.c),$(wildcard bench/*.c)))
FUZZERS := $(patsubst fuzz/%.c,$(B)/fuzz/%,$(wildcard fuzz/fuzz_*.c))
TEST_HELPERS := $(patsubst test/%.c,$(B)/test/%.o,$(filter-out $(wildcard test/test_*.c),$(wildcard test/*.c)))

all: $(B)/outcross ## build the program (build/release/outcross)
lib: $(B)/liboutcross.a $(B)/liboutcross.so

# What nearly every file reads, yyjson's 8,000 lines above all, is compiled once. The other variants do
# without, so that no file leans on it.
ifeq ($(VARIANT),release)
COMMON := $(B)/gen/common.h
$(COMMON): Makefile
	@mkdir -p $(@D)
	@printf '#include <%s>\n' stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h yyjson.h >$@
$(COMMON).gch: $(COMMON)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -x c-header $< -o $@
endif

$(B)/%.o: %.c | $(COMMON:=.gch)
	@mkdir -p $(@D)
	@$(if $(V),:,$(SAY)) "  cc   $<"
	$(Q)$(CC) $(COMMON:%=-include %) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/liboutcross.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/liboutcross.so: $(LIB_OBJ)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,liboutcross.so.0 -Wl,--exclude-libs,ALL $^ $(LIBS) -o $@

$(B)/outcross: $(B)/src/cli/main.o $(B)/liboutcross.a
	@$(if $(V),:,$(SAY)) "  link $@"
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# Recipes are built into the binary as C strings.
RECIPES := $(wildcard recipes/*.yaml)
$(B)/gen/recipes.inc: $(RECIPES) Makefile
	@mkdir -p $(@D)
	$(Q)for f in $(RECIPES); do printf '{"%s",\n' "$$(basename $$f .yaml)"; \
	  sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; echo '},'; done >$@
$(B)/src/generate/resolve.o: $(B)/gen/recipes.inc

# ---------------------------------------------------------------------- tests
$(B)/test/test_%: $(B)/test/test_%.o $(TEST_HELPERS) $(B)/liboutcross.a
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -lcmocka -lmicrohttpd -o $@
$(B)/bench/bench_%: $(B)/bench/bench_%.o $(BENCH_HELPERS) $(B)/liboutcross.a
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -lmicrohttpd -o $@
$(B)/fuzz/fuzz_%: $(B)/fuzz/fuzz_%.o $(B)/liboutcross.a
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer $^ $(LIBS) -o $@
$(B)/test/%.so: test/preload/%.c
	@mkdir -p $(@D)
	$(Q)gcc -D_GNU_SOURCE -O1 -g -fPIC -shared $< -ldl -o $@

# The test server as a program, for shell tests and benches.
$(B)/test/llm-server: $(B)/test/programs/llm-server.o $(B)/test/server.o $(B)/liboutcross.a
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

# Counts a run's files again, and lists a reply store, for shell tests.
$(B)/test/run-check: $(B)/test/programs/run-check.o $(B)/liboutcross.a
	$(Q)$(CC) $(LDFLAGS) $^ $(LIBS) -o $@

PRELOADS := $(patsubst test/preload/%.c,$(B)/test/%.so,$(wildcard test/preload/*.c))

test-build: $(B)/outcross $(TESTS) $(PRELOADS) $(B)/test/llm-server $(B)/test/run-check
test: test-build ## unit and command-line tests, under ten minutes
	$(Q)B=$(B) test/run.sh $(ONLY)

asan: ## the tests with AddressSanitizer and UBSan
	$(Q)$(MAKE) VARIANT=asan test
tsan: ## the tests with ThreadSanitizer
	$(Q)$(MAKE) VARIANT=tsan test

fuzz-build: $(FUZZERS)
fuzz: ## fuzz every parser for T seconds each (T=60)
	$(Q)$(MAKE) VARIANT=fuzz fuzz-build
	$(Q)B=build/fuzz T=$(T) fuzz/run.sh $(ONLY)

check: floors format tidy werror ## floors, format, clang-tidy, and -Werror with gcc and clang
check-long: ## fuzzing, 200 kills, fresh systems (hours)
	$(Q)test/long.sh

floors:
	$(Q)test/floors.sh
# Other versions lay some lines out differently, so only one is asked.
format:
	@case "$$($(CLANG_FORMAT) --version 2>/dev/null)" in \
	*version\ 14.*) $(CLANG_FORMAT) --dry-run -Werror $(wildcard $(C_DIRS:=/*.[ch])) && \
	  echo 'format: as .clang-format says' ;; \
	*) echo 'format: not checked, clang-format 14 is not installed' ;; esac

# A file that passed leaves a stamp, so only what changed is looked at again.
tidy:
	$(Q)$(MAKE) -s $(PARALLEL) $(SRC:%.c=build/tidy/%.ok)
	@echo 'tidy: nothing found'
build/tidy/%.ok: %.c .clang-tidy $(B)/gen/recipes.inc
	@mkdir -p $(@D)
	@$(if $(V),:,$(SAY)) "  tidy $<"
	$(Q)$(CLANG_TIDY) --quiet --warnings-as-errors='*' $< -- $(CPPFLAGS) -std=gnu17 2>$@.log || { cat $@.log; false; }
	$(Q)$(CC) $(CPPFLAGS) -std=gnu17 -MM -MP -MT $@ -MF $(@:.ok=.d) $< && touch $@

werror:
	$(Q)$(MAKE) -s $(PARALLEL) CI=1 VARIANT=gcc objects
	$(Q)$(MAKE) -s $(PARALLEL) CI=1 VARIANT=clang objects
	@echo 'werror: no warning from gcc or clang'
objects: $(patsubst %.c,$(B)/%.o,$(filter-out $(if $(filter gcc,$(VARIANT)),fuzz/%),$(wildcard $(C_DIRS:=/*.c))))

bench-build: $(B)/outcross $(BENCHES) $(B)/test/llm-server
bench: bench-build ## every benchmark, each against its baseline
	$(Q)B=$(B) bench/run.sh $(ONLY)

# -------------------------------------------------------------------- install
install: all lib ## into PREFIX (/usr/local), DESTDIR honoured
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig \
	  $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/outcross $(DESTDIR)$(PREFIX)/bin/outcross
	install -m 644 include/outcross.h $(DESTDIR)$(PREFIX)/include/outcross.h
	install -m 644 $(B)/liboutcross.a $(DESTDIR)$(PREFIX)/lib/liboutcross.a
	install -m 755 $(B)/liboutcross.so $(DESTDIR)$(PREFIX)/lib/liboutcross.so.0
	ln -sf liboutcross.so.0 $(DESTDIR)$(PREFIX)/lib/liboutcross.so
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: outcross' 'Description: synthetic data with a pedigree' \
	  'Version: $(VERSION)' 'Libs: -L$${prefix}/lib -loutcross' 'Cflags: -I$${prefix}/include' \
	  >$(DESTDIR)$(PREFIX)/lib/pkgconfig/outcross.pc
	$(B)/outcross help --man >$(DESTDIR)$(PREFIX)/share/man/man1/outcross.1
	$(B)/outcross help --completions >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/outcross

clean: ## remove build/ (not .deps/)
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

-include $(wildcard build/tidy/*/*/*.d)
-include $(LIB_OBJ:.o=.d) $(TEST_HELPERS:.o=.d) $(B)/src/cli/main.d $(wildcard $(B)/test/programs/*.d) $(TESTS:=.d) $(BENCHES:=.d) $(FUZZERS:=.d)
