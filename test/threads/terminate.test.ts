/** worker.terminate() while the worker is blocked in a wait, in each loop shape. */
import { constants, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { outcomeOf, startFixture } from '../support/processes.js';
import { blocked, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

const SHAPES = ['select', 'dispatch', 'wrapper', 'catching', 'handlers', 'storm', 'in a handler'];
const CALLS = ['select()', 'Poll.poll()', ...(constants['EPOLLIN'] === undefined ? [] : ['Epoll.poll()'])];
const TIMEOUTS = [Number.POSITIVE_INFINITY, 1_000_000];

async function expectTermination(workerData: object): Promise<void> {
  const before = descriptorCount();
  const worker = startWorker('blocking-worker.mjs', workerData);
  await blocked(worker);
  expect(descriptorCount()).toBeGreaterThan(before);
  expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
  await expectNoLeak(before);
}

describe('terminate()', () => {
  for (const backend of selectorBackends()) {
    for (const shape of SHAPES) {
      for (const timeout of TIMEOUTS) {
        it(`ends a worker in a ${backend} selector, shape '${shape}', timeout ${timeout}`, async () => {
          await expectTermination({ shape, backend, timeout });
        });
      }
    }
  }

  it.runIf(selectorBackends().includes('epoll'))(
    'ends a worker in an epoll selector whose set was rebuilt',
    async () => {
      await expectTermination({ shape: 'rebuilt', backend: 'epoll' });
    },
  );

  for (const shape of CALLS) {
    for (const timeout of TIMEOUTS) {
      it(`ends a worker in ${shape}, timeout ${timeout}`, async () => {
        await expectTermination({ shape, timeout });
      });
    }
  }

  for (const backend of selectorBackends()) {
    it(`ends a worker in a ${backend} selector that has messages it does not read`, async () => {
      const before = descriptorCount();
      const worker = startWorker('blocking-worker.mjs', { shape: 'select', backend });
      await blocked(worker);
      for (let i = 0; i < 10; i++) worker.postMessage('unread');
      expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
      await expectNoLeak(before);
    });

    // What hangs would take the test's own process with it: a process of its own tries.
    it(`ends a worker in a ${backend} selector whose loop had been asked for something before`, async () => {
      const child = startFixture('terminate-after-snapshot.mjs', [backend]);
      expect(await outcomeOf(child, 10_000)).toMatchObject({ code: 0, signal: null, stdout: 'terminated\n' });
    });
  }
});
