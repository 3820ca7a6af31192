/** The timer slack of Linux, by which it may end a thread's waits late: PR_SET_TIMERSLACK(2const). */
import { existsSync } from 'node:fs';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { runFixture } from './support/processes.js';

/** Milliseconds: the slack is most of the wait, which is asked for that much sooner. */
const SLACK = 150;
const TIMEOUT = 200;
/** libkqueue waits in calls of its own. */
const WAYS = [...selectorBackends().filter((backend) => backend !== 'kqueue'), 'select()', 'Poll.poll()'];

describe.runIf(existsSync('/proc/self/timerslack_ns'))('with a timer slack', () => {
  it.each(WAYS)('no wait is early, however soon the kernel ends it: %s', async (way) => {
    const { code, stdout, stderr } = await runFixture('timer-slack.mjs', [way, `${SLACK}`, `${TIMEOUT}`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const waited: number[] = JSON.parse(stdout);
    expect(waited).toHaveLength(2);
    expect(Math.min(...waited)).toBeGreaterThanOrEqual(TIMEOUT);
  });
});
