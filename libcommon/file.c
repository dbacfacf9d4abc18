/* file.c: what lasts on the disk. */
#include "file.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "str.h"

bool directory_sync(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t size = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (!str_copy(slash ? (struct str){ path, size ? size : 1 } : STR("."), directory,
		      sizeof(directory)))
		return false;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool synced = fsync(fd) == 0;
	close(fd);
	return synced;
}
