/* fault.h: places where a simulator lets a process die or stop. They are there in a build with
 * -DPIOPL_FAULTS only; elsewhere they are nothing. Simulator and processes share a file
 * (PIOPL_FAULT_FILE): the simulator arms a place, the process that passes it then is ended by
 * SIGKILL, or stopped by SIGSTOP until somebody lets it go on.
 *
 * PLANTED(n) is true in such a build when the file names the nth known mistake: a service then
 * makes it, and the simulator has to find it. */
#ifndef PIOPL_FAULT_H
#define PIOPL_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_point {
	FAULT_COMMIT_BEFORE,
	FAULT_COMMIT_AFTER,
	FAULT_ANSWER_BEFORE,
	FAULT_ANSWER_AFTER,
	FAULT_PUBLISH_BEFORE,
	FAULT_PUBLISH_AFTER,
	FAULT_ACK_BEFORE, /* of the stream, for what was published */
	FAULT_ACK_AFTER,
	FAULT_POINT_COUNT,
};

enum fault_action { FAULT_KILL = 1, FAULT_STOP = 2 };

/* The file. A place fires when its countdown goes from 1 to 0. */
struct fault_table {
	struct {
		int32_t countdown; /* 0: not armed */
		int32_t action;
		uint32_t fired;
	} points[FAULT_POINT_COUNT];
	int32_t planted; /* 0: none */
};

#ifdef PIOPL_FAULTS
void fault_reach(enum fault_point point);
bool fault_planted(int mistake);
#define FAULT(point) fault_reach(point)
#define PLANTED(mistake) fault_planted(mistake)
#else
#define FAULT(point) ((void)0)
#define PLANTED(mistake) false
#endif

#endif
