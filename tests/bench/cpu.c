/* cpu.c: processor time of this program and everything it started, by the processes' names. On a
 * machine that others use as well it says what a rate cannot: what one piece of work costs. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define PROCESSES_MAX 4096

struct process {
	int pid, parent;
	char name[20];
	double seconds;
};

static size_t processes_read(struct process *ret)
{
	double tick = (double)sysconf(_SC_CLK_TCK);
	DIR *folder = opendir("/proc");
	size_t count = 0;

	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		struct process *p = &ret[count];
		unsigned long long user, system;
		char path[300];
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		FILE *file = atoi(entry->d_name) > 0 ? fopen(path, "re") : NULL;
		if (!file)
			continue;
		if (fscanf(file,
			   "%d (%19[^)]) %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			   &p->pid, p->name, &p->parent, &user, &system) == 5 &&
		    count + 1 < PROCESSES_MAX) {
			p->seconds = (double)(user + system) / tick;
			count++;
		}
		fclose(file);
	}
	if (folder)
		closedir(folder);
	return count;
}

static bool is_ours(const struct process *all, size_t count, const struct process *p)
{
	for (int depth = 0; depth < 8; depth++) {
		int parent = p->parent;
		if (p->pid == getpid())
			return true;
		p = NULL;
		for (size_t i = 0; i < count && !p; i++)
			if (all[i].pid == parent)
				p = &all[i];
		if (!p)
			return false;
	}
	return false;
}

void bench_cpu_read(struct bench_cpu *ret)
{
	static struct process all[PROCESSES_MAX];
	size_t count = processes_read(all);

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < count; i++) {
		size_t n = 0;
		if (!is_ours(all, count, &all[i]))
			continue;
		while (n < ret->count && strcmp(ret->names[n], all[i].name) != 0)
			n++;
		if (n == BENCH_CPU_NAMES_MAX)
			continue;
		if (n == ret->count) {
			ret->count++;
			snprintf(ret->names[n], sizeof(ret->names[n]), "%s", all[i].name);
		}
		ret->seconds[n] += all[i].seconds;
	}
}

void bench_cpu_note(const struct bench_cpu *before, double pieces, char *ret, size_t size)
{
	struct bench_cpu after;
	size_t at = 0;

	bench_cpu_read(&after);
	ret[0] = 0;
	for (size_t i = 0; i < after.count; i++) {
		double seconds = after.seconds[i];
		for (size_t k = 0; k < before->count; k++)
			if (strcmp(before->names[k], after.names[i]) == 0)
				seconds -= before->seconds[k];
		double us = seconds / pieces * 1e6;
		if (us < 0.1 || at >= size)
			continue;
		at += (size_t)snprintf(ret + at, size - at, "%s%s %.1f",
				       at > 0 ? ", " : "cpu us each: ", after.names[i], us);
	}
}
