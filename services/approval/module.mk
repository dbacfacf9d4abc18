$(eval $(call service,approval,piopl-approval))
