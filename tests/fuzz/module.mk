# Fuzz targets. Each tests/fuzz/<target>_fuzz.c is built twice: with a small main that replays the
# target's corpus, a test like any other, and by `make fuzz` with libFuzzer in a folder of its own.
FUZZ_SECONDS ?= 30
FUZZ_BUILD   := $(BUILD)-fuzz
FUZZ_SANITIZE := fuzzer-no-link,address,undefined

FUZZ_SRC    := $(sort $(wildcard tests/fuzz/*_fuzz.c))
FUZZ_BIN    := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
REPLAY_BIN  := $(FUZZ_SRC:tests/fuzz/%_fuzz.c=$(BUILD)/test/fuzz/%_replay)
REPLAY_MAIN := $(BUILD)/obj/tests/fuzz/replay.o

$(REPLAY_BIN): $(BUILD)/test/fuzz/%_replay: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(REPLAY_MAIN) \
		$(BUILD)/cores.a $(COMMON_LIB)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@ $(LIBS_PURE)

$(FUZZ_BIN): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/cores.a $(COMMON_LIB)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer $^ -o $@ $(LIBS_PURE)

.PHONY: fuzz fuzzers
fuzzers: $(FUZZ_BIN)

fuzz: deps ## fuzz every target for FUZZ_SECONDS (30), one after the other
	@$(MAKE) --no-print-directory $(JOBS) CC=clang SANITIZE=$(FUZZ_SANITIZE) BUILD=$(FUZZ_BUILD) fuzzers
	@tests/fuzz/run $(FUZZ_BUILD) $(FUZZ_SECONDS) $(FUZZ_SRC:tests/fuzz/%_fuzz.c=%)
