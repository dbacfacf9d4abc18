/* main.c: wiring only. */
#include "services/terminal/terminal.h"

int main(int argc, char **argv)
{
	return terminal_main(argc - 1, (const char *const *)(argv + 1));
}
