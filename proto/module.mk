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
	$(CC) $(CSTD) $(WARN) $(OPT) $(HARDEN) -Iproto $(PROTO_TOOL_SRC) $(LDFLAGS) -o $@ -lyaml -lcjson -lm

# The stamp is older than nothing it made: files that did not change keep their times, so a changed
# contract rebuilds only what it touches.
$(GEN_STAMP): $(PROTO_TOOL) $(PROTO_YAML)
	@mkdir -p $(@D)
	$(PROTO_TOOL) --out $(BUILD)/gen $(PROTO_YAML)
	@touch $@

$(GEN_SRC): $(GEN_STAMP) ;
