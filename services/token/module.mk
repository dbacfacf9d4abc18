$(eval $(call service,token,piopl-token))
