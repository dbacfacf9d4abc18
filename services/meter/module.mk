$(eval $(call service,meter,piopl-meter))
