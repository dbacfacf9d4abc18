# Tests: every *_test.c is a program of its own. Unit tests link what is pure; store, integration
# and end-to-end tests link everything and start their own PostgreSQL and nats-server.
TEST_LIB_SRC := $(wildcard tests/lib/*.c)
TEST_LIB_OBJ := $(TEST_LIB_SRC:%.c=$(BUILD)/obj/%.o)
TEST_LIB := $(BUILD)/libtest.a
$(TEST_LIB): $(TEST_LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

UNIT_SRC := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
FULL_SRC := $(sort $(shell find tests/store tests/integration tests/e2e tests/chaos -name '*_test.c' 2>/dev/null))
UNIT_BIN := $(UNIT_SRC:tests/%.c=$(BUILD)/test/%)
FULL_BIN := $(FULL_SRC:tests/%.c=$(BUILD)/test/%)
SERVICE_LIBS := $(patsubst services/%/module.mk,$(BUILD)/%.a,$(wildcard services/*/module.mk))

# A unit test of services/<name>/core*.c links those objects and nothing else of the service.
CORE_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard services/*/core*.c))
$(BUILD)/cores.a: $(CORE_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(UNIT_BIN): $(BUILD)/test/%: $(BUILD)/obj/tests/%.o $(BUILD)/cores.a $(COMMON_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ -lcmocka $(LIBS_PURE)

$(FULL_BIN): $(BUILD)/test/%: $(BUILD)/obj/tests/%.o $(TEST_LIB) $(SERVICE_LIBS) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ -o $@ -lcmocka $(LIBS_ALL)

.PHONY: test unit
unit: $(UNIT_BIN) ## build and run the unit tests
	@tests/lib/run $(UNIT_BIN)

test: deps ## install what is needed, build, run every test; ends with "N passed, N failed"
	@$(MAKE) --no-print-directory -j2 all tests
	@tests/lib/run-all $(BUILD)

.PHONY: tests
tests: $(UNIT_BIN) $(FULL_BIN)
