# The money simulator: the meter built with places where it can be killed and with known mistakes
# (-DPIOPL_FAULTS), and a program that drives it. Only these objects have them.
SIM_CFLAGS := $(CFLAGS) -DPIOPL_FAULTS
SIM_SRC    := $(COMMON_SRC) $(wildcard services/meter/*.c)
SIM_OBJ    := $(SIM_SRC:%.c=$(BUILD)/sim/obj/%.o)
SIM_METER  := $(BUILD)/sim/piopl-meter
SIM_LIB    := $(BUILD)/libsim.a
SIM        := $(BUILD)/test/sim/sim

$(BUILD)/sim/obj/%.o: %.c | $(GEN_STAMP)
	@mkdir -p $(@D)
	@echo "  cc    $< (faults)"
	@$(CC) $(SIM_CFLAGS) -c $< -o $@
-include $(shell find $(BUILD)/sim/obj -name '*.d' 2>/dev/null)

$(SIM_METER): $(SIM_OBJ) $(GEN_OBJ)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $^ -o $@ $(LIBS_ALL)

SIM_LIB_SRC := $(filter-out tests/sim/main.c,$(wildcard tests/sim/*.c))
$(SIM_LIB): $(SIM_LIB_SRC:%.c=$(BUILD)/obj/%.o)
	@rm -f $@
	@echo "  ar    $@"
	@ar rcs $@ $^
$(SIM): $(BUILD)/obj/tests/sim/main.o $(SIM_LIB) $(TEST_LIB) $(COMMON_LIB) | $(SIM_METER)
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -o $@ -lcmocka $(LIBS_ALL)
$(BUILD)/test/chaos/meter/sim_test: $(SIM_LIB) | $(SIM_METER)

SCENARIOS ?= 40
SEED      ?=
.PHONY: sim
sim: $(SIM) ## simulate money under faults: SCENARIOS=2000 SEED=...
	@$(SIM) $(SCENARIOS) $(SEED)
