# The command line: core*.c is pure (parsing, help, tables, what to do with a part), the rest talks
# to processes, files and services.
$(eval $(call service,terminal,piopl))
