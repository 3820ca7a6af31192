/** What comes back from a worker: results, errors, the end of the worker. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { defaultReactor } from 'iomux';
import { type Executor, ProcessPoolExecutor, ThreadPoolExecutor } from 'iomux/executors';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../support/processes.js';

const path = fixture('executor-work.mjs');
const work = pathToFileURL(path);

async function failureOf(future: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await future;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const pools = [ThreadPoolExecutor, ProcessPoolExecutor].map((Pool) => [Pool.name, Pool] as const);

afterEach(() => {
  const reactor = defaultReactor();
  reactor.stop();
  reactor.close();
});

describe.each(pools)('a %s', (_, Pool) => {
  let executor: Executor;
  beforeAll(() => {
    executor = new Pool({ maxWorkers: 1 });
  });
  afterAll(() => executor.shutdown());

  it('calls what a module exports, with the arguments, and has its result', async () => {
    expect(await executor.submit<number>(work, 'add', 1, 2)).toBe(3);
    expect(await executor.submit(work, 'later', 'the result of a promise')).toBe('the result of a promise');
    expect(await executor.submit(work, 'echo')).toEqual([]);
  });

  it('takes a module by URL, as text too, by absolute path, by name, and its default export', async () => {
    expect(await executor.submit(work.href, 'square', 3)).toBe(9);
    expect(await executor.submit(path, 'square', 4)).toBe(16);
    expect(await executor.submit('node:path', 'basename', '/a/b')).toBe('b');
    expect(await executor.submit('fast-check', 'hash', 'x')).toEqual(expect.any(Number));
    expect(await executor.submit(work, 'default')).toBe('the default export');
  });

  it('works elsewhere than on this thread, and in a process of its own where it says so', async () => {
    const { pid, threadId, isMainThread } = await executor.submit<Record<string, unknown>>(work, 'whoAmI');
    const threads = Pool === ThreadPoolExecutor;
    expect(pid === process.pid).toBe(threads);
    expect(isMainThread).toBe(!threads);
    if (threads) expect(threadId).toBeGreaterThan(0);
  });

  it('has the environment of this process', async () => {
    expect(await executor.submit(work, 'variable', 'PATH')).toBe(process.env['PATH']);
  });

  it('passes what can be cloned in both directions, unchanged', async () => {
    const values = [
      undefined,
      null,
      Number.NaN,
      -0,
      2n ** 70n,
      new Date(5),
      new Map([[{ a: 1 }, new Set([1])]]),
      new Uint8Array([1, 2, 3]),
      new Float64Array([0.5]),
      /x/gi,
      'grün\u0000\ud800',
      [1, undefined],
    ];
    expect(await executor.submit(work, 'echo', ...values)).toStrictEqual(values);
  });

  it('passes megabytes', async () => {
    const bytes = new Uint8Array(3 << 20).map((_, i) => i * 7);
    const [echoed] = await executor.submit<[Uint8Array]>(work, 'echo', bytes);
    expect(Buffer.compare(echoed, bytes)).toBe(0);
  });

  it('copies the arguments at the call: what is changed later is not seen', async () => {
    const list = ['before'];
    const future = executor.submit(work, 'echo', list);
    list[0] = 'after';
    expect(await future).toEqual([['before']]);
  });

  it('throws what the function threw: an error of its class, with message, stack, code, cause', async () => {
    const error = await failureOf(executor.submit(work, 'fail', 'it went wrong'));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      name: 'RangeError',
      message: 'it went wrong',
      code: 'ERR_OF_MINE',
      path: '/a',
    });
    expect(error.stack).toContain('at fail (');
    expect(error.stack).toContain('executor-work.mjs');
    expect(error.cause).toMatchObject({ name: 'TypeError', message: 'the cause' });
    // What cannot be cloned is left out, the rest is not lost by it.
    expect(error).not.toHaveProperty('notCloned');
  });

  it('throws what a promise of the function was rejected with, and keeps the names of errors', async () => {
    expect(await failureOf(executor.submit(work, 'reject', 'no'))).toMatchObject({ message: 'no' });
    const named = await failureOf(executor.submit(work, 'failAs', 'OddError'));
    expect(named).toBeInstanceOf(Error);
    expect(named.name).toBe('OddError');
    expect(Object.keys(named)).toEqual([]);
  });

  it('keeps names that every object has a property of', async () => {
    for (const name of ['toString', 'constructor', '__proto__']) {
      const error = await failureOf(executor.submit(work, 'failAs', name));
      expect(error).toBeInstanceOf(Error);
      expect([error.name, error.message]).toEqual([name, 'by another name']);
    }
  });

  it('throws an error that has something else in place of a text, and the worker goes on', async () => {
    const before = await executor.submit(work, 'whoAmI');
    for (const property of ['name', 'message', 'stack']) {
      const error = await failureOf(executor.submit(work, 'failWithFunctionAs', property));
      expect(error).toBeInstanceOf(Error);
      expect(Reflect.get(error, property)).toBe('() => 42');
    }
    const error = await failureOf(executor.submit(work, 'failWithGetter', 'it went wrong'));
    expect(error.message).toBe('it went wrong');
    expect(await executor.submit(work, 'whoAmI')).toEqual(before);
  });

  it('throws what is no error as it is, and says of what cannot be cloned that it cannot', async () => {
    expect(await failureOf(executor.submit(work, 'throwThis', { a: 1 }))).toEqual({ a: 1 });
    expect(await failureOf(executor.submit(work, 'throwThis', null))).toBe(null);
    const error = await failureOf(executor.submit(work, 'throwFunction'));
    expect(error.message).toContain('what a function throws cannot be cloned: ');
  });

  it('says of a result that cannot be cloned that it cannot, and the worker goes on', async () => {
    const before = await executor.submit(work, 'whoAmI');
    const error = await failureOf(executor.submit(work, 'resultNotCloned'));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
    expect(error.message).toContain('the result of resultNotCloned() cannot be cloned: ');
    expect(await executor.submit(work, 'whoAmI')).toEqual(before);
  });

  it('says that there is no such module', async () => {
    const error = await failureOf(executor.submit('/nowhere/work.mjs', 'add'));
    expect(error.code).toBe('ERR_MODULE_NOT_FOUND');
    expect(error.message).toContain('/nowhere/work.mjs');
    expect((await failureOf(executor.submit('no-such-package', 'add'))).code).toBe('ERR_MODULE_NOT_FOUND');
  });

  it('says that there is no such export, or that it is no function, and which there are', async () => {
    for (const name of ['noSuchExport', 'value', 'toString', '__proto__']) {
      const error = await failureOf(executor.submit(work, name));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
      expect(error.message).toContain(`not '${name}'`);
      expect(error.message).toContain('add');
    }
  });

  it('fails what a worker was at when it died, says how, and goes on with another', async () => {
    const exited = await failureOf(executor.submit(work, 'exit', 3));
    expect(exited).toMatchObject({ code: 'ERR_WORKER_DIED' });
    expect(exited.message).toContain('exit code 3');
    const ended = executor.submit(work, 'exit', 0);
    const queued = executor.submit(work, 'add', 1, 1);
    expect((await failureOf(ended)).message).toContain('exit code 0');
    expect(await queued).toBe(2);
  });
});

describe('a ThreadPoolExecutor', () => {
  it('shares memory with its workers', async () => {
    await using executor = new ThreadPoolExecutor({ maxWorkers: 2 });
    const words = new Int32Array(new SharedArrayBuffer(4));
    await Promise.all([1, 2, 3, 4].map((n) => executor.submit(work, 'addTo', words, n)));
    expect(words[0]).toBe(10);
  });

  it('fails with an exception that a worker did not catch, and goes on', async () => {
    await using executor = new ThreadPoolExecutor({ maxWorkers: 1 });
    expect((await failureOf(executor.submit(work, 'throwLater', 'nobody caught it'))).message).toBe(
      'nobody caught it',
    );
    expect(await executor.submit(work, 'add', 1, 1)).toBe(2);
  });
});

describe('a ProcessPoolExecutor', () => {
  it('names the signal by which a worker died, and goes on', async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1 });
    expect((await failureOf(executor.submit(work, 'kill', 'SIGKILL'))).message).toContain('SIGKILL');
    expect(await executor.submit(work, 'add', 1, 1)).toBe(2);
  });

  it('starts another worker in place of one that died with nothing to do', async () => {
    await using executor = new ProcessPoolExecutor({ maxWorkers: 1 });
    const { pid } = await executor.submit<{ pid: number }>(work, 'whoAmI');
    process.kill(pid, 'SIGKILL');
    while (isAlive(pid)) await sleep(2);
    const { pid: other } = await executor.submit<{ pid: number }>(work, 'whoAmI');
    expect(other).not.toBe(pid);
  });

  it('fails what was submitted where no worker can be started, and ends', async () => {
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = '--import=data:text/javascript,process.exit(7)';
    const executor = new ProcessPoolExecutor({ maxWorkers: 2 });
    const futures = [1, 2, 3].map((n) => executor.submit(work, 'square', n));
    for (const future of futures) {
      const { code, message } = await failureOf(future);
      expect([code, message]).toEqual(['ERR_WORKER_DIED', expect.stringContaining('exit code 7')]);
    }
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
    await executor.shutdown();
  });
});
