# Tests: every *_test.c is a program of its own. Unit tests link what is pure; store, integration
# and end-to-end tests link everything and start their own PostgreSQL and nats-server.
TEST_LIB_SRC := $(filter-out tests/lib/limit.c,$(wildcard tests/lib/*.c))
TEST_LIB_OBJ := $(TEST_LIB_SRC:%.c=$(BUILD)/obj/%.o)
TEST_LIB := $(BUILD)/libtest.a
$(TEST_LIB): $(TEST_LIB_OBJ)
	@rm -f $@
	@echo "  ar    $@"
	@ar rcs $@ $^

# Runs one test program: a time limit, and nothing left behind.
LIMIT := $(BUILD)/bin/limit
$(LIMIT): $(BUILD)/obj/tests/lib/limit.o
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@

UNIT_SRC := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
FULL_SRC := $(sort $(shell find tests/store tests/integration tests/e2e tests/chaos -name '*_test.c' 2>/dev/null))
UNIT_BIN := $(UNIT_SRC:tests/%.c=$(BUILD)/test/%)
FULL_BIN := $(FULL_SRC:tests/%.c=$(BUILD)/test/%)
SERVICES := $(patsubst services/%/module.mk,%,$(wildcard services/*/module.mk))

# The pure part of a service, by itself and (for fuzz targets) all of them; members of different
# services may have one name, so they are appended.
define core_archive
$(BUILD)/$(1)_core.a: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard services/$(1)/core*.c))
	@rm -f $$@
	@echo "  ar    $$@"
	@ar rcs $$@ $$^
endef
$(foreach service,$(SERVICES),$(eval $(call core_archive,$(service))))
CORE_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard services/*/core*.c))
$(BUILD)/cores.a: $(CORE_OBJ)
	@rm -f $@
	@echo "  ar    $@"
	@ar qcs $@ $^

# The service a test belongs to is its folder's name: tests/unit/<service>/, tests/store/<service>/. A
# unit test links the service's core and nothing else of it, a store test all of it.
.SECONDEXPANSION:
test_service = $(filter $(SERVICES),$(word 2,$(subst /, ,$(1))))
$(UNIT_BIN): $(BUILD)/test/%: $(BUILD)/obj/tests/%.o \
		$$(addprefix $(BUILD)/,$$(addsuffix _core.a,$$(call test_service,$$*))) $(COMMON_LIB)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@ -lcmocka $(LIBS_PURE)

# Store tests call a service's functions; the others talk to its program.
STORE_BIN := $(filter $(BUILD)/test/store/%,$(FULL_BIN))
$(STORE_BIN): $(BUILD)/test/%: \
		$$(addprefix $(BUILD)/,$$(addsuffix .a,$$(call test_service,$$*)))
$(FULL_BIN): $(BUILD)/test/%: $(BUILD)/obj/tests/%.o $(TEST_LIB) $(COMMON_LIB)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -o $@ -lcmocka $(LIBS_ALL)

include tests/fuzz/module.mk
include tests/sim/module.mk
include tests/lint/module.mk

# Programs of others that tests use, from npm: once for a lock file.
NODE_STAMPS := $(patsubst %/package-lock.json,%/node_modules/.stamp,$(sort \
	$(filter-out tests/contract/package-lock.json tests/bench/engines/package-lock.json,$(shell find tests -name node_modules -prune -o -name package-lock.json -print))))
$(NODE_STAMPS): %/node_modules/.stamp: %/package.json %/package-lock.json
	@cd $* && npm ci --no-audit --no-fund
	@touch $@

# Only measuring needs these.
BENCH_STAMP := tests/bench/engines/node_modules/.stamp
$(BENCH_STAMP): tests/bench/engines/package.json tests/bench/engines/package-lock.json
	@cd tests/bench/engines && npm ci --no-audit --no-fund
	@touch $@

# As many jobs as processors, unless make was told.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: test unit tests
unit: $(UNIT_BIN) $(LIMIT) ## build and run the unit tests
	@BUILD=$(BUILD) tests/lib/run $(UNIT_BIN)

test: deps ## install what is needed, build, run every test; ends with "N passed, N failed"
	@$(MAKE) --no-print-directory $(JOBS) all tests
	@tests/lib/run-all $(BUILD)

tests: $(UNIT_BIN) $(FULL_BIN) $(REPLAY_BIN) $(BUILD)/bin/probe $(LIMIT) $(CONTRACT_NODE) $(NODE_STAMPS)

# The probe: a service for tests, with a contract of its own beside the product's.
PROBE_GEN := $(BUILD)/probe/gen/probe.c
$(PROBE_GEN): tests/probe/probe.yaml proto/common.yaml $(PROTO_TOOL)
	@mkdir -p $(@D)
	@sed 's/^  - {name: audit, kind: service}/&\n  - {name: probe, kind: service}/' proto/common.yaml \
		> $(BUILD)/probe/common.yaml
	@cp tests/probe/probe.yaml $(BUILD)/probe/probe.yaml
	@cd $(BUILD)/probe && $(abspath $(PROTO_TOOL)) --out gen common.yaml probe.yaml

$(BUILD)/obj/probe_contract.o: $(PROBE_GEN) | $(GEN_STAMP)
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) -I$(BUILD)/probe -I$(BUILD)/probe/gen -c $< -o $@
$(BUILD)/obj/tests/probe/main.o: tests/probe/main.c $(PROBE_GEN) | $(GEN_STAMP)
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) -I$(BUILD)/probe -I$(BUILD)/probe/gen -c $< -o $@
$(BUILD)/bin/probe: $(BUILD)/obj/tests/probe/main.o $(BUILD)/obj/probe_contract.o $(COMMON_LIB)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@ $(LIBS_ALL)

# Tests that talk to the probe know its contract and need its program.
PROBE_TESTS := $(shell grep -ls 'probe/gen/probe.h' $(FULL_SRC))
PROBE_TEST_BIN := $(PROBE_TESTS:tests/%.c=$(BUILD)/test/%)
$(PROBE_TESTS:%.c=$(BUILD)/obj/%.o): $(PROBE_GEN)
$(PROBE_TEST_BIN): $(BUILD)/obj/probe_contract.o | $(BUILD)/bin/probe

# Measurements: one program.
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/obj/%.o)
$(BENCH_OBJ): $(PROBE_GEN)
$(BUILD)/test/bench/bench: $(BENCH_OBJ) $(BUILD)/obj/probe_contract.o $(TEST_LIB) $(BUILD)/terminal.a \
		$(BUILD)/cores.a $(COMMON_LIB) \
		| $(BUILD)/bin/probe
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@ -lcjson $(LIBS_ALL)

.PHONY: bench
bench: deps ## measure (BENCH="policy.decide token": only these); prints a table and writes build/bench.json
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/test/bench/bench $(BENCH_STAMP)
	@BENCH="$(BENCH)" $(BUILD)/test/bench/bench
