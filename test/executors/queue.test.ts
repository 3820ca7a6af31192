/** What waits for a worker: how much is done at once, in which order, what is called off, how it ends. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { CancelledError, defaultReactor } from 'iomux';
import { ProcessPoolExecutor, ThreadPoolExecutor } from 'iomux/executors';
import { asCompleted, waitFor } from 'iomux/tasks';
import { afterEach, describe, expect, it } from 'vitest';
import { fixture } from '../support/processes.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { TemporaryFolder } from '../support/temporary.js';

const work = pathToFileURL(fixture('executor-work.mjs'));

/** Long enough for what must not happen. */
const MOMENT = 50;

/** What workers note when they begin something and when they end it, and a gate that holds them between. */
class Log implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly path = this.#folder.join('log');
  readonly gate = this.#folder.join('gate');

  get lines(): string[] {
    return existsSync(this.path) ? readFileSync(this.path, 'utf8').trim().split('\n') : [];
  }

  async until(count: number): Promise<void> {
    while (this.lines.length < count) await sleep(2);
  }

  open(): void {
    writeFileSync(this.gate, '');
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

function* integers(): Generator<number> {
  for (let n = 0; ; n++) yield n;
}

const pools = [ThreadPoolExecutor, ProcessPoolExecutor].map((Pool) => [Pool.name, Pool] as const);

afterEach(() => {
  const reactor = defaultReactor();
  reactor.stop();
  reactor.close();
});

describe.each(pools)('a %s', (_, Pool) => {
  const logged = (executor: InstanceType<typeof Pool>, log: Log, name: string) =>
    executor.submit<string>(work, 'logged', log.path, name, log.gate);

  it('does as much at once as it has workers, and no more', async () => {
    using log = new Log();
    await using executor = new Pool({ maxWorkers: 2 });
    const futures = ['a', 'b', 'c', 'd'].map((name) => logged(executor, log, name));
    await log.until(2);
    await sleep(MOMENT);
    expect(log.lines.toSorted()).toEqual(['+a', '+b']);
    expect(futures.some((future) => future.done())).toBe(false);
    log.open();
    expect(await Promise.all(futures)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('begins in the order of the calls', async () => {
    using log = new Log();
    await using executor = new Pool({ maxWorkers: 1 });
    log.open();
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => logged(executor, log, name)));
    expect(log.lines).toEqual(['+a', '-a', '+b', '-b', '+c', '-c', '+d', '-d']);
  });

  it('calls off what has not begun: it is never done', async () => {
    using log = new Log();
    await using executor = new Pool({ maxWorkers: 1 });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => logged(executor, log, name));
    await log.until(1);
    expect(b?.cancel('not this one')).toBe(true);
    log.open();
    expect(await Promise.all([a, c])).toEqual(['a', 'c']);
    expect(b?.cancelled()).toBe(true);
    await expect(b).rejects.toThrow(new CancelledError('not this one'));
    expect(log.lines).toEqual(['+a', '-a', '+c', '-c']);
  });

  it('calls off what was submitted just now', async () => {
    using log = new Log();
    await using executor = new Pool({ maxWorkers: 1 });
    log.open();
    const future = logged(executor, log, 'a');
    future.cancel();
    expect(await logged(executor, log, 'b')).toBe('b');
    expect(log.lines).toEqual(['+b', '-b']);
  });

  it('goes on with what has begun when that is cancelled, and drops its result', async () => {
    using log = new Log();
    await using executor = new Pool({ maxWorkers: 1 });
    const a = logged(executor, log, 'a');
    await log.until(1);
    a.cancel();
    const b = logged(executor, log, 'b');
    await sleep(MOMENT);
    // The worker is not free yet.
    expect(log.lines).toEqual(['+a']);
    log.open();
    expect(await b).toBe('b');
    expect(log.lines).toEqual(['+a', '-a', '+b', '-b']);
    expect(a.cancelled()).toBe(true);
  });

  it('gives futures that asCompleted() yields as they are done, and waitFor() calls off', async () => {
    using log = new Log();
    await using executor = new Pool({ maxWorkers: 2 });
    const held = logged(executor, log, 'held');
    const quick = executor.submit<number>(work, 'square', 3);
    const results: unknown[] = [];
    for await (const result of asCompleted<unknown>([held, quick])) {
      results.push(result);
      log.open();
    }
    expect(results).toEqual([9, 'held']);
    const slow = executor.submit(work, 'later', 'never seen', 300);
    await expect(waitFor(slow, 5)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(slow.cancelled()).toBe(true);
  });

  describe('map', () => {
    it('yields results in the order of the items, however long each takes', async () => {
      await using executor = new Pool({ maxWorkers: 3 });
      const results: unknown[] = [];
      for await (const result of executor.map(work, 'square', [5, 4, 3, 2, 1, 0, 7])) results.push(result);
      expect(results).toEqual([25, 16, 9, 4, 1, 0, 49]);
    });

    it('takes no more items of an infinite iterable than it needs, and ends it when the loop is left', async () => {
      await using executor = new Pool({ maxWorkers: 2 });
      let taken = 0;
      let ended = false;
      const items = function* () {
        try {
          for (const n of integers()) {
            taken++;
            yield n;
          }
        } finally {
          ended = true;
        }
      };
      const results: unknown[] = [];
      for await (const result of executor.map(work, 'square', items())) {
        results.push(result);
        expect(taken).toBeLessThanOrEqual(results.length + 3);
        if (results.length === 6) break;
      }
      expect(results).toEqual([0, 1, 4, 9, 16, 25]);
      expect(ended).toBe(true);
    });

    it('takes nothing before a result is asked for', async () => {
      await using executor = new Pool({ maxWorkers: 1 });
      let taken = 0;
      const items = function* () {
        taken++;
        yield 1;
      };
      const results = executor.map(work, 'square', items());
      await sleep(1);
      expect(taken).toBe(0);
      for await (const result of results) expect(result).toBe(1);
      expect(taken).toBe(1);
    });

    it('throws the error of an item in its place, after the results before it', async () => {
      await using executor = new Pool({ maxWorkers: 1 });
      const results: unknown[] = [];
      const loop = async () => {
        for await (const result of executor.map(work, 'root', [2, 1, -1, 4])) results.push(result);
      };
      await expect(loop()).rejects.toThrow(new RangeError('-1 has no root'));
      expect(results).toEqual([Math.SQRT2, 1]);
    });

    it('calls off what has not begun, when the loop is left', async () => {
      using log = new Log();
      await using executor = new Pool({ maxWorkers: 1 });
      const items = ['a', 'b', 'c', 'd'].map((name) => ({ log: log.path, name }));
      const results = executor.map(work, 'logItem', items)[Symbol.asyncIterator]();
      expect(await results.next()).toEqual({ done: false, value: 'a' });
      const held = logged(executor, log, 'held');
      // Asked for in advance, the next but one is queued behind what holds the worker.
      expect(await results.next()).toEqual({ done: false, value: 'b' });
      await results.return?.();
      log.open();
      await held;
      await executor.shutdown();
      expect(log.lines).toEqual(['+a', '-a', '+b', '-b', '+held', '-held']);
    });
  });

  describe('shutdown', () => {
    it('waits for what was submitted, what is queued as well', async () => {
      using log = new Log();
      const executor = new Pool({ maxWorkers: 1 });
      const futures = ['a', 'b'].map((name) => logged(executor, log, name));
      await log.until(1);
      let ended = false;
      const end = executor.shutdown().then(() => {
        ended = true;
      });
      await sleep(MOMENT);
      expect(ended).toBe(false);
      log.open();
      await end;
      expect(log.lines).toEqual(['+a', '-a', '+b', '-b']);
      expect(futures.map((future) => future.result())).toEqual(['a', 'b']);
    });

    it('calls off what has not begun, where that is asked for, and waits for what has', async () => {
      using log = new Log();
      const executor = new Pool({ maxWorkers: 1 });
      const [a, b, c] = ['a', 'b', 'c'].map((name) => logged(executor, log, name));
      await log.until(1);
      const end = executor.shutdown({ cancelPending: true });
      expect([a, b, c].map((future) => future?.cancelled())).toEqual([false, true, true]);
      log.open();
      await end;
      expect(a?.result()).toBe('a');
      expect(log.lines).toEqual(['+a', '-a']);
    });

    it('can be asked again, to call off what it would have waited for', async () => {
      using log = new Log();
      const executor = new Pool({ maxWorkers: 1 });
      const [, b] = ['a', 'b'].map((name) => logged(executor, log, name));
      await log.until(1);
      const first = executor.shutdown();
      const second = executor.shutdown({ cancelPending: true });
      expect(b?.cancelled()).toBe(true);
      log.open();
      await Promise.all([first, second]);
      await executor.shutdown();
    });

    it('is over when what it waited for is cancelled', async () => {
      using log = new Log();
      const executor = new Pool({ maxWorkers: 1 });
      const a = logged(executor, log, 'a');
      const b = logged(executor, log, 'b');
      await log.until(1);
      const end = executor.shutdown();
      log.open();
      expect(await a).toBe('a');
      b.cancel();
      await end;
    });

    it('ends the workers: no process is left, and no thread', async () => {
      const executor = new Pool({ maxWorkers: 2 });
      const { pid } = await executor.submit<{ pid: number }>(work, 'whoAmI');
      await executor.shutdown();
      if (pid !== process.pid) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });

    it('refuses what comes later', async () => {
      const executor = new Pool();
      await executor.shutdown();
      expect(refusal(() => executor.submit(work, 'add', 1, 2))).toBe('StateError ERR_CLOSED');
      expect(refusal(() => executor.map(work, 'add', [1]))).toBe('StateError ERR_CLOSED');
    });

    it('refuses what is asked of a map that goes on', async () => {
      const executor = new Pool({ maxWorkers: 1 });
      const results = executor.map(work, 'square', integers())[Symbol.asyncIterator]();
      expect(await results.next()).toEqual({ done: false, value: 0 });
      const end = executor.shutdown({ cancelPending: true });
      expect(await rejection(() => results.next())).toBe('StateError ERR_CLOSED');
      await end;
    });

    it('is what the end of a scope does', async () => {
      using log = new Log();
      log.open();
      const futures = [];
      {
        await using executor = new Pool({ maxWorkers: 1 });
        futures.push(logged(executor, log, 'a'), logged(executor, log, 'b'));
      }
      expect(futures.map((future) => future.result())).toEqual(['a', 'b']);
    });
  });
});
