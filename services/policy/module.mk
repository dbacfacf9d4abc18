$(eval $(call service,policy,piopl-policy))
