# What a reader should not have to look for: form, words, sizes, a reference that is out of date.
LINT_C := $(sort $(shell find libcommon proto services tests -name node_modules -prune -o -name '*.c' -print))
LINT_H := $(sort $(shell find libcommon proto services tests -name node_modules -prune -o -name '*.h' -print))
LINT_TIDY := $(LINT_C:%.c=$(BUILD)/lint/%.tidy)
LINT_DOCS := $(BUILD)/lint/reference

# After the object: then everything generated is there, and a changed header brings the check back.
$(BUILD)/lint/%.tidy: $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	@echo "  tidy  $*.c"
	@clang-tidy --quiet $*.c -- $(CSTD) $(INCLUDE) -I$(BUILD)/probe -I$(BUILD)/probe/gen >$@.log 2>&1 || \
		{ grep -vE '^[0-9]+ warnings? |^Suppressed ' $@.log; exit 1; }
	@touch $@

.PHONY: lint lint-format lint-scripts lint-text lint-reference lint-tidy fmt
lint: deps ## check form, scripts, words, sizes, the reference, and the C sources with clang-tidy
	@$(MAKE) --no-print-directory $(JOBS) --keep-going \
		lint-format lint-scripts lint-text lint-reference lint-tidy
	@echo "lint: nothing to say"

lint-format:
	@clang-format --dry-run -Werror $(LINT_C) $(LINT_H)

lint-scripts:
	@tests/lint/scripts

lint-text:
	@tests/lint/text
	@tests/lint/sizes $(LINT_C) $(LINT_H)

lint-reference: $(GEN_STAMP)
	@rm -rf $(LINT_DOCS) && mkdir -p $(LINT_DOCS)
	@$(PROTO_TOOL) --out $(LINT_DOCS)/gen --docs $(LINT_DOCS)/docs $(PROTO_YAML)
	@diff -r $(LINT_DOCS)/docs docs/reference || \
		{ echo "lint: docs/reference is not what proto/ says: run make contract" >&2; exit 1; }

lint-tidy: $(LINT_TIDY)

fmt: ## give all C sources their form
	@clang-format -i $(LINT_C) $(LINT_H)
