# The shared library: one archive. What a program does not call is not linked into it, so tests of
# pure code link without the database and the bus.
COMMON_SRC := $(wildcard libcommon/*.c)
COMMON_OBJ := $(COMMON_SRC:%.c=$(BUILD)/obj/%.o)
COMMON_LIB := $(BUILD)/libcommon.a

$(COMMON_LIB): $(COMMON_OBJ) $(GEN_OBJ)
	@rm -f $@
	@echo "  ar    $@"
	@ar rcs $@ $^

# service(name, binary): core.c and the rest as an archive, main.c as the program
define service
$(1)_SRC := $$(filter-out services/$(1)/main.c,$$(wildcard services/$(1)/*.c))
$(1)_OBJ := $$($(1)_SRC:%.c=$$(BUILD)/obj/%.o)
$$(BUILD)/$(1).a: $$($(1)_OBJ)
	@rm -f $$@
	@echo "  ar    $$@"
	@ar rcs $$@ $$^
$$(BUILD)/bin/$(2): $$(BUILD)/obj/services/$(1)/main.o $$(BUILD)/$(1).a $$(COMMON_LIB)
	@mkdir -p $$(@D)
	@echo "  link  $$@"
	@$$(CC) $$(LDFLAGS) $$^ -o $$@ $$(LIBS_ALL)
PROGRAMS += $$(BUILD)/bin/$(2)
endef
