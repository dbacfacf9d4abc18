# The door to HTTP. core*.c is pure (routes, binding, principals, tokens, limits, documents); door.c,
# request.c, respond.c, credential.c, oidc.c, hub.c and stream.c are its process; handlers.c and
# store.c the calls about API keys. The OpenAPI document is linked in as it was generated.
$(eval $(call service,gateway,piopl-gateway))

$(BUILD)/obj/openapi.c: $(GEN_STAMP)
	@mkdir -p $(@D)
	@{ echo '#include <stddef.h>'; \
	   echo 'extern const char gateway_openapi[]; extern const size_t gateway_openapi_size;'; \
	   echo 'const char gateway_openapi[] = {'; od -An -v -tu1 $(BUILD)/gen/openapi.json | \
	     sed 's/  */,/g; s/^,//; s/$$/,/'; \
	   echo '}; const size_t gateway_openapi_size = sizeof(gateway_openapi);'; } >$@
$(BUILD)/obj/openapi.o: $(BUILD)/obj/openapi.c
	@echo "  cc    $<"
	@$(CC) $(filter-out -Wconversion,$(CFLAGS)) -c $< -o $@
$(BUILD)/gateway.a: $(BUILD)/obj/openapi.o
