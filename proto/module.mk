# The contract: the generator, and what it makes of proto/*.yaml.
PROTO_YAML := $(sort $(wildcard proto/*.yaml))
PROTO_TOOL := $(BUILD)/bin/proto-compile
PROTO_TOOL_SRC := $(wildcard proto/*.c)
PROTO_SERVICES := $(filter-out common,$(PROTO_YAML:proto/%.yaml=%))
GEN_SRC := $(BUILD)/gen/status.c $(BUILD)/gen/common.c $(BUILD)/gen/contract.c \
	$(PROTO_SERVICES:%=$(BUILD)/gen/%.c)
GEN_OBJ := $(GEN_SRC:$(BUILD)/gen/%.c=$(BUILD)/obj/gen/%.o)

$(PROTO_TOOL): $(PROTO_TOOL_SRC) $(wildcard proto/*.h)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(CSTD) $(WARN) $(OPT) $(HARDEN) -Iproto $(PROTO_TOOL_SRC) $(LDFLAGS) -o $@ -lyaml -lcjson -lm

# Files that did not change keep their times, so a changed contract rebuilds only what it touches. The
# stamp is as old as the start of the run, so what the run wrote is newer than it.
# Which documents there are is a prerequisite too: one that comes or goes may be older than the stamp.
GEN_LIST := $(BUILD)/gen/.documents
ifneq ($(file <$(GEN_LIST)),$(PROTO_YAML))
$(shell mkdir -p $(BUILD)/gen)
$(file >$(GEN_LIST),$(PROTO_YAML))
endif

$(GEN_STAMP): $(PROTO_TOOL) $(PROTO_YAML) $(GEN_LIST)
	@mkdir -p $(@D)
	@echo "  gen   $(BUILD)/gen"
	@touch $@.new
	@$(PROTO_TOOL) --out $(BUILD)/gen $(PROTO_YAML)
	@mv $@.new $@

# Every generated file waits for the stamp, headers too: their times are looked at after it.
GEN_HEADERS := $(GEN_SRC:.c=.h)
$(GEN_SRC) $(GEN_HEADERS): $(GEN_STAMP) ;

# The reference, and the readers that are not ours. `make contract` writes docs/reference anew, then
# checks every document with the AsyncAPI and OpenAPI parsers in tests/contract (node).
CONTRACT_NODE := tests/contract/node_modules/.stamp

$(CONTRACT_NODE): tests/contract/package.json tests/contract/package-lock.json
	@cd tests/contract && npm ci --no-audit --no-fund
	@touch $@

.PHONY: contract contract-check
contract: $(GEN_STAMP) ## write docs/reference and check the contract with others' parsers
	@$(PROTO_TOOL) --out $(BUILD)/gen --docs docs/reference $(PROTO_YAML)
	@$(MAKE) --no-print-directory contract-check

contract-check: $(GEN_STAMP) $(CONTRACT_NODE)
	@cd tests/contract && node check.mjs $(abspath proto) $(abspath $(BUILD)/gen)

# A contract that uses every form, for the tests of the generator and of the codec: its generated
# code is included by them, not linked.
SAMPLE_YAML := $(wildcard tests/unit/proto/sample/*.yaml)
SAMPLE_STAMP := $(BUILD)/gen-sample/.stamp
SAMPLE_GEN := $(foreach name,common sample,$(BUILD)/gen-sample/$(name).c $(BUILD)/gen-sample/$(name).h)

$(SAMPLE_STAMP): $(PROTO_TOOL) $(SAMPLE_YAML)
	@mkdir -p $(@D)
	@$(PROTO_TOOL) --out $(BUILD)/gen-sample $(SAMPLE_YAML)
	@touch $@

$(SAMPLE_GEN): $(SAMPLE_STAMP) ;

$(BUILD)/obj/tests/unit/common/codec_test.o $(BUILD)/obj/tests/fuzz/codec_fuzz.o: | $(SAMPLE_STAMP)
