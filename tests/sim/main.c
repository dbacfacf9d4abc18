/* sim SCENARIOS [SEED [MISTAKE]]: a run by hand; make sim. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim.h"

int main(int argc, char **argv)
{
	struct sim_options options = {
		.scenarios = argc > 1 ? strtoll(argv[1], NULL, 10) : 40,
		.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) * 1000,
		.planted = argc > 3 ? atoi(argv[3]) : 0,
		.until_found = argc > 3,
	};
	struct sim_report report;

	sim_run(&options, &report);
	sim_print(&report);
	return report.violations > 0;
}
