#include "fault.h"

#ifdef PIOPL_FAULTS
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct fault_table *table_open(void)
{
	const char *path = getenv("PIOPL_FAULT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *table = MAP_FAILED;

	if (fd >= 0) {
		table = mmap(NULL, sizeof(struct fault_table), PROT_READ | PROT_WRITE, MAP_SHARED,
			     fd, 0);
		close(fd);
	}
	return table == MAP_FAILED ? NULL : table;
}

static struct fault_table *fault_table(void)
{
	static struct fault_table *table;
	static bool asked;

	if (!asked)
		table = table_open();
	asked = true;
	return table;
}

void fault_reach(enum fault_point point)
{
	struct fault_table *table = fault_table();

	if (!table || __atomic_load_n(&table->points[point].countdown, __ATOMIC_SEQ_CST) <= 0)
		return;
	if (__atomic_sub_fetch(&table->points[point].countdown, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	__atomic_add_fetch(&table->points[point].fired, 1, __ATOMIC_SEQ_CST);
	(void)raise(table->points[point].action == FAULT_STOP ? SIGSTOP : SIGKILL);
}

bool fault_planted(int mistake)
{
	struct fault_table *table = fault_table();

	return table && __atomic_load_n(&table->planted, __ATOMIC_SEQ_CST) == mistake;
}
#else
/* Nothing: a file of its own so that the two builds have the same sources. */
typedef int fault_is_not_built;
#endif
