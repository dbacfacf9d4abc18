# The audit log: core_*.c is pure; append.c is the one way in; libcommon/auditlog*.c is what verifiers
# share with it.
$(eval $(call service,audit,piopl-audit))
