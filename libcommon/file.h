/* file.h: what lasts on the disk. */
#ifndef PIOPL_FILE_H
#define PIOPL_FILE_H

#include <stdbool.h>

/* Syncs the directory the file is in: a new or changed name lasts from then on. */
bool directory_sync(const char *path);

#endif
