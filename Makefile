# SPDX-License-Identifier: Apache-2.0
# A thin front: Meson does the work.  A newcomer types `make demo` and `make test`.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 20

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --prefix $(PREFIX) $(MESON_ARGS) >/dev/null

deps:
	@scripts/deps build test lint

demo:
	@scripts/deps build
	@[ -x $(BUILD)/wattune ] || echo "building, which takes a minute or two"
	@$(MAKE) --no-print-directory all
	@scripts/demo $(BUILD)

test:
	@scripts/deps build test
	@$(MAKE) --no-print-directory all
	@scripts/test $(BUILD)

lint:
	@scripts/deps build lint
	@$(MAKE) --no-print-directory all
	@scripts/lint $(BUILD)

# The figures, after the whole of the tests of which `make test` takes a sample.
# BASELINE=DIR compares with the build folder of another version as well.
bench:
	@scripts/deps build test
	@$(MAKE) --no-print-directory all
	@WATTUNE_TEST_ALL=1 meson test -C $(BUILD) --no-rebuild --num-processes 2 --timeout-multiplier 10 test_decide_explain 'test_fail booking' 'test_fail migration' 'test_fail whole_run'
	@BASELINE=$(BASELINE) .venv/bin/python bench/bench.py $(BUILD)

# Several hundred random kills; WATTUNE_SOAK_SEED=N draws others.
COUNT ?= 400
soak:
	@scripts/deps build test
	@$(MAKE) --no-print-directory all
	@WATTUNE_SOAK=$(COUNT) WATTUNE_BUILD=$(CURDIR)/$(BUILD) .venv/bin/python -m pytest tests/e2e/test_kills.py -q -p no:cacheprovider

# Sanitized builds have folders of their own.
asan:
	@scripts/deps build test lint
	@$(MAKE) --no-print-directory all BUILD=build-asan MESON_ARGS="-Db_sanitize=address,undefined -Db_lundef=false"
	@scripts/test build-asan sanitized

tsan:
	@scripts/deps build test lint
	@$(MAKE) --no-print-directory all BUILD=build-tsan MESON_ARGS="-Db_sanitize=thread -Db_lundef=false"
	@scripts/test build-tsan threads

# memcheck finds values that are read before they are written; the sanitizers do not.
valgrind:
	@scripts/deps build lint
	@$(MAKE) --no-print-directory all
	@scripts/valgrind $(BUILD)

# Each fuzz target for FUZZ_SECONDS (20); fails on a finding.
fuzz:
	@scripts/deps build lint
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX) >/dev/null
	@ninja -C $(BUILD) --quiet
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-asan build-tsan build-fuzz

.PHONY: all deps demo test bench soak lint asan tsan valgrind fuzz install clean
