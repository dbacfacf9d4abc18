$(eval $(call service,registry,piopl-registry))
