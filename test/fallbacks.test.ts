/** What takes the place of a facility that an old kernel or a sandbox lacks, forced by environment variables. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { outcomeOf, runFixture, startFixture } from './support/processes.js';
import { hasPwait2 } from './support/pwait2.js';

/** What a fixture prints as JSON. */
async function resultOf(name: string, env: NodeJS.ProcessEnv): Promise<unknown> {
  const { code, signal, stdout, stderr } = await runFixture(name, [], env);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

/** The number of the system call that a process is in; `null` where the kernel does not say. */
function systemCallOf(pid: number | undefined): number | null {
  try {
    const [number = ''] = readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ');
    return number === 'running' ? null : Number(number);
  } catch {
    return null;
  }
}

const EPOLL_PWAIT2 = 441;

describe('without epoll_pwait2', () => {
  for (const forced of ['0', '1']) {
    it(`no wait is early: IOMUX_NO_PWAIT2=${forced}`, async () => {
      expect(await resultOf('precision.mjs', { IOMUX_NO_PWAIT2: forced })).toEqual({
        ways: expect.arrayContaining([...selectorBackends(), 'select()', 'Poll.poll()']),
        early: [],
      });
    });
  }

  for (const way of selectorBackends().includes('epoll') ? ['epoll', 'Epoll.poll()'] : []) {
    for (const forced of ['0', '1']) {
      it(`waits in another system call, and in no other with it: ${way}, IOMUX_NO_PWAIT2=${forced}`, async ({
        skip,
      }) => {
        const child = startFixture('waiting-process.mjs', [way, '1000'], { IOMUX_NO_PWAIT2: forced });
        const outcome = outcomeOf(child);
        await once(child.stdout ?? child, 'data');
        await sleep(200);
        const number = systemCallOf(child.pid);
        expect(await outcome).toMatchObject({ code: 0, signal: null });
        skip(number === null, 'the kernel does not say');
        if (forced === '1') expect(number).not.toBe(EPOLL_PWAIT2);
        else if (hasPwait2()) expect(number).toBe(EPOLL_PWAIT2);
      });
    }
  }
});

describe('with the stack of return addresses refilled, or not', () => {
  for (const forced of ['0', '1']) {
    it(`each call does what it does: IOMUX_REFILL_RETURNS=${forced}`, async () => {
      expect(await resultOf('exchanges.mjs', { IOMUX_REFILL_RETURNS: forced })).toEqual({
        streams: { nobody: null, received: 16_000, waited: 0, nothing: -1, end: 0, broken: 'EPIPE' },
        datagrams: { sent: 18_000, received: 18_000, nothing: null },
        messages: { received: 16_000, descriptors: 2000, refused: 'ECONNREFUSED' },
      });
    });
  }
});

describe('with a pipe for a waker', () => {
  for (const forced of ['0', '1']) {
    it(`wakes arrive, fill nothing and block nobody: IOMUX_PIPE_WAKER=${forced}`, async () => {
      const outcomes = (await resultOf('waker-flood.mjs', { IOMUX_PIPE_WAKER: forced })) as {
        backend: string;
        kind: string | null;
      }[];
      expect(outcomes.map(({ backend }) => backend)).toEqual(selectorBackends());
      for (const { backend, kind, ...outcome } of outcomes) {
        expect(outcome).toEqual({
          woken: true,
          undisturbed: true,
          emptied: true,
          closed: false,
          sent: 2_000,
          late: 0,
          stillWoken: false,
        });
        if (kind === null || backend === 'kqueue') continue;
        if (forced === '1') expect(kind).toBe('pipe');
        else expect(['anon_inode:[eventfd]', 'pipe']).toContain(kind);
      }
    });
  }
});

describe.skipIf(process.platform !== 'linux')('what wakes a selector', () => {
  for (const [forced, kinds] of [
    ['0', ['anon_inode:[eventfd]']],
    ['1', ['pipe', 'pipe']],
  ] as const) {
    it(`cannot be watched by itself, is not inherited, and ends with it: IOMUX_PIPE_WAKER=${forced}`, async () => {
      const refused = kinds.map((kind) => `${kind}: ERR_ALREADY_REGISTERED`);
      expect(await resultOf('own-descriptors.mjs', { IOMUX_PIPE_WAKER: forced })).toEqual({
        epoll: [...refused, 'anon_inode:[eventpoll]: EINVAL'],
        poll: refused,
        select: refused,
        inherited: 0,
        left: 0,
      });
    });
  }
});

describe('the variable IOMUX_SELECTOR', () => {
  const backends = selectorBackends();
  const best = backends[0];

  for (const backend of backends) {
    it(`makes ${backend} the default, and touches no other name`, async () => {
      expect(await resultOf('default-selector.mjs', { IOMUX_SELECTOR: backend })).toEqual({
        backends,
        made: backend,
        created: backend,
        named: backends,
      });
    });
  }

  it('changes nothing where it is empty', async () => {
    expect(await resultOf('default-selector.mjs', { IOMUX_SELECTOR: '' })).toMatchObject({
      made: best,
      created: best,
    });
  });

  for (const name of ['nonsense', 'EPOLL', 'toString', '__proto__', ' poll']) {
    it(`refuses '${name}', and says what works`, async () => {
      const error = {
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_VALUE',
        message: `IOMUX_SELECTOR must be one of ${backends.join(', ')}, not '${name}'`,
      };
      expect(await resultOf('default-selector.mjs', { IOMUX_SELECTOR: name })).toEqual({
        backends,
        made: error,
        created: error,
        named: backends,
      });
    });
  }

  for (const name of (['epoll', 'kqueue'] as const).filter((backend) => !backends.includes(backend))) {
    it(`refuses ${name}, which this system has not, and says what works`, async () => {
      const error = {
        name: 'StateError',
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(new RegExp(`^${name} .*${backends.join(', ')}$`)),
      };
      expect(await resultOf('default-selector.mjs', { IOMUX_SELECTOR: name })).toMatchObject({
        made: error,
        created: error,
        named: backends,
      });
    });
  }
});
