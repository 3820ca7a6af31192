/** The timer slack of Linux, by which it may end a thread's waits late: PR_SET_TIMERSLACK(2const). */
import { existsSync } from 'node:fs';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { runFixture } from './support/processes.js';
import { hasPwait2 } from './support/pwait2.js';

/** Milliseconds: the slack is most of the wait, which is asked for that much sooner. */
const SLACK = 150;
const TIMEOUT = 200;
/** libkqueue waits in calls of its own, epoll_wait in whole milliseconds. */
const WAYS = selectorBackends().filter(
  (backend) => backend !== 'kqueue' && (backend !== 'epoll' || hasPwait2()),
);

describe.runIf(existsSync('/proc/self/timerslack_ns'))('with a timer slack', () => {
  it.each([...WAYS, 'select()', 'Poll.poll()'])(
    'a wait is asked for sooner, and goes on where the kernel ends it early: %s',
    async (way) => {
      const { code, stdout, stderr } = await runFixture('timer-slack.mjs', [way, `${SLACK}`, `${TIMEOUT}`]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { slack, none } = JSON.parse(stdout) as Record<
        'slack' | 'none',
        { elapsed: number; sleeps: number }
      >;
      expect(slack.elapsed).toBeGreaterThanOrEqual(TIMEOUT);
      expect(none.elapsed).toBeGreaterThanOrEqual(TIMEOUT);
      expect(none.sleeps).toBeGreaterThanOrEqual(2);
    },
  );
});
