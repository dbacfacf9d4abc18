/* core_supervise.c: what to do with one part, given what is seen of it. */
#include "services/terminal/supervise.h"

const char *part_state_name(enum part_state state)
{
	static const char *const names[] = {
		[PART_WAITING] = "waiting",   [PART_STARTING] = "starting",  [PART_READY] = "ready",
		[PART_UNREADY] = "not ready", [PART_BACKOFF] = "restarting", [PART_DONE] = "done",
		[PART_STOPPING] = "stopping", [PART_STOPPED] = "stopped",
	};

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

uint32_t part_backoff_next(uint32_t backoff_ms)
{
	if (backoff_ms < PART_BACKOFF_MS_MIN)
		return PART_BACKOFF_MS_MIN;
	if (backoff_ms >= PART_BACKOFF_MS_MAX / 2)
		return PART_BACKOFF_MS_MAX;
	return backoff_ms * 2;
}

static void state_set(struct board_part *part, enum part_state state, int64_t now_ms)
{
	if (part->state != state)
		part->state_since_ms = now_ms;
	part->state = state;
}

static enum part_action step_start(struct board_part *part, const struct part_seen *seen)
{
	state_set(part, PART_STARTING, seen->now_ms);
	part->started_ms = seen->now_ms;
	part->silent_since_ms = 0;
	return PART_START;
}

/* It ran and has ended. */
static enum part_action step_ended(struct board_part *part, const struct part_seen *seen)
{
	part->pid = 0;
	part->last_exit = seen->exit_status;
	if (seen->once && seen->exit_status == 0) {
		state_set(part, PART_DONE, seen->now_ms);
		return PART_NOTHING;
	}
	if (seen->now_ms - part->started_ms >= PART_STEADY_MS)
		part->backoff_ms = 0;
	part->backoff_ms = part_backoff_next(part->backoff_ms);
	part->retry_at_ms = seen->now_ms + part->backoff_ms;
	part->restarts++;
	state_set(part, PART_BACKOFF, seen->now_ms);
	return PART_NOTHING;
}

/* It runs and answers nothing. Killed once; that it has ended is seen like any other end. */
static enum part_action step_silent(struct board_part *part, const struct part_seen *seen)
{
	int64_t limit_ms =
		part->state == PART_STARTING ? PART_SILENT_STARTING_MS_MAX : PART_SILENT_MS_MAX;

	if (!seen->silent) {
		part->silent_since_ms = 0;
		return PART_NOTHING;
	}
	if (part->silent_since_ms == 0)
		part->silent_since_ms = seen->now_ms;
	if (seen->now_ms - part->silent_since_ms < limit_ms)
		return PART_NOTHING;
	part->silent_since_ms = seen->now_ms;
	return PART_KILL;
}

static enum part_action step_running(struct board_part *part, const struct part_seen *seen)
{
	if (!seen->alive)
		return step_ended(part, seen);
	if (seen->once)
		return PART_NOTHING;
	if (seen->ready)
		state_set(part, PART_READY, seen->now_ms);
	else if (part->state == PART_READY)
		state_set(part, PART_UNREADY, seen->now_ms);
	return step_silent(part, seen);
}

static enum part_action step_stop(struct board_part *part, const struct part_seen *seen)
{
	if (!seen->alive) {
		part->pid = 0;
		state_set(part, PART_STOPPED, seen->now_ms);
		return PART_NOTHING;
	}
	if (part->state != PART_STOPPING) {
		if (!seen->dependants_gone)
			return PART_NOTHING;
		part->stop_by_ms = seen->now_ms + PART_STOP_MS_MAX;
		part->killed = false;
		state_set(part, PART_STOPPING, seen->now_ms);
		return PART_TERMINATE;
	}
	if (seen->now_ms >= part->stop_by_ms && !part->killed) {
		part->killed = true;
		return PART_KILL;
	}
	return PART_NOTHING;
}

enum part_action part_step(struct board_part *part, const struct part_seen *seen)
{
	if (seen->stopping)
		return step_stop(part, seen);
	switch (part->state) {
	case PART_WAITING:
		return seen->needs_met ? step_start(part, seen) : PART_NOTHING;
	case PART_STARTING:
	case PART_READY:
	case PART_UNREADY:
		return step_running(part, seen);
	case PART_BACKOFF:
		if (seen->now_ms < part->retry_at_ms || !seen->needs_met)
			return PART_NOTHING;
		return step_start(part, seen);
	case PART_STOPPING: /* a stop that was begun by someone who died */
		if (!seen->alive)
			return step_ended(part, seen);
		return PART_NOTHING;
	case PART_STOPPED:
		state_set(part, PART_WAITING, seen->now_ms);
		return PART_NOTHING;
	case PART_DONE:
		return PART_NOTHING;
	}
	return PART_NOTHING;
}
