/** What an executor and its reactor have to do with each other, and how wrong arguments are refused. */
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { defaultReactor, Reactor } from 'iomux';
import { Executor, type ExecutorOptions, ProcessPoolExecutor, ThreadPoolExecutor } from 'iomux/executors';
import { afterEach, describe, expect, it } from 'vitest';
import { iteratingReactor } from '../../lib/reactor/running.js';
import { thrownBy } from '../support/expecting.js';
import { collected } from '../support/garbage.js';
import { fixture } from '../support/processes.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor, runToStop } from '../support/running.js';

const work = pathToFileURL(fixture('executor-work.mjs'));

const pools = [ThreadPoolExecutor, ProcessPoolExecutor].map((Pool) => [Pool.name, Pool] as const);

afterEach(() => {
  const reactor = defaultReactor();
  reactor.stop();
  reactor.close();
});

describeReactors((setting, open) => {
  if (setting.mode === 'blocking') {
    it('refuses to submit: its workers could not answer', async () => {
      const reactor = open();
      await using executor = new ThreadPoolExecutor({ reactor });
      await using other = new ThreadPoolExecutor();
      let refused: unknown[] = [];
      reactor.callSoon(() => {
        refused = [executor, other].map((each) => refusal(() => each.submit(work, 'add', 1, 2)));
        expect(thrownBy(() => executor.submit(work, 'add', 1, 2)).message).toContain('await reactor.run()');
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(refused).toEqual(['StateError ERR_UNSUPPORTED', 'StateError ERR_UNSUPPORTED']);
    });

    it('fails what was submitted before a blocking run, as its result would never come', async () => {
      const reactor = open();
      await using executor = new ThreadPoolExecutor({ reactor, maxWorkers: 1 });
      // One that a worker is at, and one that is queued.
      const futures = [1, 2].map((n) => executor.submit(work, 'add', n, n));
      futures[1]?.addDoneCallback(() => reactor.stop());
      await runToStop(reactor, setting);
      expect(futures.map((future) => refusal(() => future.result()))).toEqual([
        'StateError ERR_UNSUPPORTED',
        'StateError ERR_UNSUPPORTED',
      ]);
    });

    it('changes nothing for what is done, or was cancelled, before a blocking run', async () => {
      const reactor = open();
      await using executor = new ThreadPoolExecutor({ reactor, maxWorkers: 1 });
      expect(await executor.submit(work, 'add', 1, 2)).toBe(3);
      const cancelled = executor.submit(work, 'add', 1, 2);
      cancelled.cancel();
      await runFor(reactor, setting, 1);
      expect(cancelled.cancelled()).toBe(true);
    });
    return;
  }

  it('delivers results and errors as callbacks of the reactor that it was given', async () => {
    const reactor = open();
    await using executor = new ThreadPoolExecutor({ reactor, maxWorkers: 1 });
    const seen: unknown[] = [];
    executor.submit(work, 'add', 1, 2).addDoneCallback((future) => {
      seen.push(future.result(), iteratingReactor() === reactor);
    });
    executor.submit(work, 'reject', 'no').addDoneCallback((future) => {
      seen.push((future.exception() as Error).message, iteratingReactor() === reactor);
      reactor.stop();
    });
    await runToStop(reactor, setting);
    expect(seen).toEqual([3, true, 'no', true]);
  });

  it('belongs to the reactor that runs, where none was given', async () => {
    const reactor = open();
    await using executor = new ThreadPoolExecutor({ maxWorkers: 1 });
    let result: unknown;
    reactor.callSoon(() => {
      const future = executor.submit(work, 'add', 1, 2);
      expect(future.reactor).toBe(reactor);
      future.addDoneCallback(() => {
        result = future.result();
        reactor.stop();
      });
    });
    await runToStop(reactor, setting);
    expect(result).toBe(3);
  });
});

describe('an executor', () => {
  it('refuses to submit for a reactor that is closed', async () => {
    const reactor = new Reactor();
    await using executor = new ThreadPoolExecutor({ reactor });
    reactor.close();
    expect(refusal(() => executor.submit(work, 'add', 1, 2))).toBe('StateError ERR_CLOSED');
  });

  it('works on when the reactor that it answers is closed meanwhile, and ends in order', async () => {
    const reactor = new Reactor();
    const executor = new ThreadPoolExecutor({ reactor });
    executor.submit(work, 'add', 1, 2);
    reactor.close();
    await executor.shutdown();
  });

  it('reports an error that nobody looked at, but not those of a map that failed before it came to them', async () => {
    const reported: string[] = [];
    const reactor = new Reactor({ onError: (error) => reported.push((error as Error).message) });
    const running = reactor.run();
    const executor = new ThreadPoolExecutor({ reactor, maxWorkers: 2 });
    const items = [
      { message: 'the first of the loop', delay: 100 },
      { message: 'the second', delay: 0 },
      { message: 'the third', delay: 0 },
    ];
    const loop = async () => {
      for await (const _ of executor.map(work, 'failLater', items)) expect.unreachable();
    };
    await expect(loop()).rejects.toThrow('the first of the loop');
    executor.submit(work, 'root', -5);
    await executor.shutdown();
    await collected(() => reported.length > 0);
    expect(reported).toEqual(['-5 has no root']);
    reactor.stop();
    await running;
    reactor.close();
  });
});

describe.each(pools)('a %s', (_, Pool) => {
  const made = (options: unknown) => refusal(() => new Pool(options as ExecutorOptions));

  it('is an Executor', () => {
    expect(new Pool()).toBeInstanceOf(Executor);
  });

  it('refuses options that make no sense', () => {
    for (const maxWorkers of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1025]) {
      expect(made({ maxWorkers })).toBe('RangeError ERR_OUT_OF_RANGE');
    }
    for (const maxWorkers of ['2', null, 2n]) {
      expect(made({ maxWorkers })).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    for (const options of [null, 5, { reactor: {} }, { reactor: null }]) {
      expect(made(options)).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(made({ maxWorkers: availableParallelism(), reactor: undefined })).toBe('nothing');
  });

  it('refuses a module that is none, and says of a relative path what to write instead', async () => {
    await using executor = new Pool();
    for (const module of ['', '.', '..', './work.mjs', '../work.mjs']) {
      expect(refusal(() => executor.submit(module, 'add'))).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(refusal(() => executor.map(module, 'add', []))).toBe('TypeError ERR_INVALID_ARG_VALUE');
    }
    for (const module of [undefined, null, 5, {}] as unknown as string[]) {
      expect(refusal(() => executor.submit(module, 'add'))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(thrownBy(() => executor.submit('./work.mjs', 'add')).message).toContain(
      "new URL('./name.js', import.meta.url)",
    );
  });

  it('refuses a name that is none, and what is not iterable', async () => {
    await using executor = new Pool();
    for (const name of [undefined, 5, Symbol('add')] as unknown as string[]) {
      expect(refusal(() => executor.submit(work, name))).toBe('TypeError ERR_INVALID_ARG_TYPE');
      expect(refusal(() => executor.map(work, name, []))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(refusal(() => executor.map(work, 'add', 5 as unknown as []))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
  });

  it('refuses arguments that cannot be cloned, and says why', async () => {
    await using executor = new Pool();
    for (const argument of [() => {}, Symbol('x'), new WeakMap(), { deep: [Promise.resolve()] }]) {
      const error = thrownBy(() => executor.submit(work, 'echo', 1, argument));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
      expect(error.message).toMatch(/^one of args cannot be cloned: ./);
    }
  });

  it('refuses options of shutdown() that make no sense, and is not shut down by them', async () => {
    await using executor = new Pool({ maxWorkers: 1 });
    expect(refusal(() => executor.shutdown(null as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(refusal(() => executor.shutdown({ cancelPending: 1 as never }))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
    expect(await executor.submit(work, 'add', 1, 2)).toBe(3);
  });
});
