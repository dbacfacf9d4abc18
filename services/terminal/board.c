/* board.c: the file that says how every part is, and whether a recorded process still lives. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

struct board *board_map(const struct site *site, bool create)
{
	int flags = create ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDWR | O_CLOEXEC;
	int fd = open(site_path(site, "run/board").text, flags, 0600);
	struct stat status;
	struct board *board = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && ((create && ftruncate(fd, sizeof(*board)) == 0) ||
					status.st_size == (off_t)sizeof(*board)))
		board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (board == MAP_FAILED)
		return NULL;
	if (board->magic == BOARD_MAGIC && board->size_bytes == sizeof(*board))
		return board;
	if (!create) {
		munmap(board, sizeof(*board));
		errno = EINVAL;
		return NULL;
	}
	memset(board, 0, sizeof(*board));
	board->magic = BOARD_MAGIC;
	board->size_bytes = sizeof(*board);
	return board;
}

/* What every version's board begins with. */
struct board_head {
	uint32_t magic;
	uint32_t size_bytes;
	pid_t supervisor;
};

static_assert(offsetof(struct board, supervisor) == offsetof(struct board_head, supervisor),
	      "the head of the board stays where it is");

pid_t board_supervisor(const struct site *site)
{
	int fd = open(site_path(site, "run/board").text, O_RDONLY | O_CLOEXEC);
	struct board_head head = { 0 };
	bool ours = fd >= 0 && read(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
		    head.magic == BOARD_MAGIC;

	if (fd >= 0)
		close(fd);
	return ours ? head.supervisor : 0;
}

void board_unmap(struct board *board)
{
	if (board)
		munmap(board, sizeof(*board));
}

bool board_part_alive(const struct board_part *part)
{
	return part->pid > 0 && process_ticks(part->pid) == part->pid_ticks;
}

void board_part_signal_stop(const struct board_part *part)
{
	kill(part->pid, strcmp(part->name, "postgres") == 0 ? SIGINT : SIGTERM);
}

bool supervisor_runs(const struct site *site)
{
	int fd = open(site_path(site, "run/supervisor.lock").text, O_RDWR | O_CLOEXEC);
	bool runs;

	if (fd < 0)
		return false;
	runs = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return runs;
}

static bool orphan_wait(const struct board_part *part, int64_t until_ms)
{
	while (board_part_alive(part)) {
		if (clock_boot_ms() >= until_ms)
			return false;
		process_sleep_ms(20);
	}
	return true;
}

/* In the opposite order of their start: what needs a part goes before it. */
void board_stop_orphans(struct board *board)
{
	for (uint32_t i = board->part_count; i-- > 0;) {
		struct board_part *part = &board->parts[i];

		if (!board_part_alive(part))
			continue;
		board_part_signal_stop(part);
		if (!orphan_wait(part, clock_boot_ms() + PART_STOP_MS_MAX))
			kill(part->pid, SIGKILL);
		part->pid = 0;
		part->state = PART_STOPPED;
	}
}
