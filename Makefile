# PIOPL: one makefile for the whole system. `make help` lists what it can do.
BUILD    ?= build
ifeq ($(origin CC),default)
CC       := gcc
endif
SANITIZE ?=
MODE     ?= release

CSTD     := -std=c17 -D_GNU_SOURCE
WARN     := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wswitch-enum -Werror
OPT      := $(if $(filter debug,$(MODE)),-O0 -g3,-O2 -g)
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
LINKHARD := -pie -Wl,-z,relro,-z,now
ifneq ($(SANITIZE),)
OPT      := -O1 -g3 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
HARDEN   := -fPIE
endif
INCLUDE  := -I. -Ilibcommon -I$(BUILD) -I$(BUILD)/gen -Iproto
CFLAGS   := $(CSTD) $(WARN) $(OPT) $(HARDEN) $(INCLUDE) -MMD -MP
LDFLAGS  := $(LINKHARD) $(if $(SANITIZE),-fsanitize=$(SANITIZE))

LIBS_PURE := -lcrypto -lsodium -lsecp256k1 -lnettle -lpcre2-8 -lyaml -lm
LIBS_ALL  := -lnats -lpq -lmicrohttpd -lcurl $(LIBS_PURE) -lpthread

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

PROGRAMS  :=
TESTS     :=
GEN_STAMP := $(BUILD)/gen/.stamp

include proto/module.mk
include libcommon/module.mk
include $(wildcard services/*/module.mk)
include tests/module.mk

.PHONY: all
all: $(PROGRAMS) ## build everything

# objects
$(BUILD)/obj/%.o: %.c | $(GEN_STAMP)
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) -c $< -o $@

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c | $(GEN_STAMP)
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) -c $< -o $@

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: deps up down reset clean help
deps: ## install what building, running and testing need (Debian packages)
	@tests/lib/deps

up: deps ## install, build, start everything, run the demonstration
	@$(MAKE) --no-print-directory -j2 all
	@$(BUILD)/bin/piopl up

down: ## stop everything; data stays
	@$(BUILD)/bin/piopl down

reset: ## stop everything and forget the data
	@$(BUILD)/bin/piopl reset --yes

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z_-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
