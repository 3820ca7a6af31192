/** Signals as callbacks of a reactor: counted, on its own thread, and what was there before comes back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Reactor, selectorBackends } from 'iomux';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Outcome, outcomeOf, startFixture } from '../support/processes.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play, runFor, runToStop } from '../support/running.js';
import { exitOf, messageOf, startWorker, TERMINATE_LIMIT, terminate } from '../support/workers.js';

/** A process does nothing on it by default: where it comes when nobody listens any more, nothing is harmed. */
const SIGNAL = 'SIGURG';
const OTHER = 'SIGWINCH';

function raise(signal: NodeJS.Signals = SIGNAL): void {
  process.kill(process.pid, signal);
}

/** Has this process signalled from outside. */
async function raiseLater(milliseconds: number): Promise<void> {
  const command = `sleep ${milliseconds / 1000}; kill -URG ${process.pid}`;
  await once(spawn('sh', ['-c', command], { stdio: 'ignore' }), 'spawn');
}

function nothing(): void {}

describeReactors((setting, open) => {
  describe('a signal', () => {
    it('is an ordinary callback: it comes when the one that runs is over, with its name', async () => {
      const reactor = open();
      const order: string[] = [];
      reactor.addSignalHandler(SIGNAL, (...args) => {
        order.push(`signal ${args} ${reactor.state}`);
        reactor.stop();
      });
      reactor.callSoon(() => {
        raise();
        order.push('callback');
      });
      await runToStop(reactor, setting);
      expect(order).toEqual(['callback', `signal ${SIGNAL} ${setting.mode}`]);
    });

    // ThreadSanitizer holds a signal back while the thread is in a system call that it does not know.
    it.skipIf(process.env['TSAN_OPTIONS'] !== undefined)(
      'ends a wait that has nothing else to wait for',
      async () => {
        const reactor = open();
        let called = 0;
        reactor.addSignalHandler(SIGNAL, () => {
          called++;
          reactor.stop();
        });
        await raiseLater(30);
        await runToStop(reactor, setting);
        expect(called).toBe(1);
        // The wait was one, not many short ones.
        expect(reactor.selector.stats.waits).toBeLessThan(20);
      },
    );

    it('is counted: several deliveries are several calls', async () => {
      const reactor = open();
      const calls: string[] = [];
      reactor.addSignalHandler(SIGNAL, (signal) => calls.push(signal));
      reactor.addSignalHandler(OTHER, (signal) => calls.push(signal));
      reactor.callSoon(() => {
        for (let i = 0; i < 100; i++) raise();
        for (let i = 0; i < 3; i++) raise(OTHER);
      });
      await runFor(reactor, setting, 10);
      expect(calls.filter((signal) => signal === SIGNAL)).toHaveLength(100);
      expect(calls.filter((signal) => signal === OTHER)).toHaveLength(3);
      await runFor(reactor, setting, 2);
      expect(calls).toHaveLength(103);
    });

    it('that comes while the reactor is idle is kept for its next run', async () => {
      const reactor = open();
      let called = 0;
      reactor.addSignalHandler(SIGNAL, () => called++);
      for (let i = 0; i < 3; i++) raise();
      await runFor(reactor, setting, 2);
      expect(called).toBe(3);
    });

    it('is handled by the callback that was added last', async () => {
      const reactor = open();
      const calls: string[] = [];
      reactor.addSignalHandler(SIGNAL, () => calls.push('first'));
      raise();
      reactor.addSignalHandler(SIGNAL, () => calls.push('second'));
      raise();
      await runFor(reactor, setting, 2);
      expect(calls).toEqual(['second', 'second']);
      // There is one handler, not two.
      expect(reactor.removeSignalHandler(SIGNAL)).toBe(true);
      expect(reactor.removeSignalHandler(SIGNAL)).toBe(false);
    });

    it('is not handled any more once its handler is removed, even where it came before', async () => {
      const reactor = open();
      let called = 0;
      reactor.addSignalHandler(SIGNAL, () => called++);
      raise();
      expect(reactor.removeSignalHandler(SIGNAL)).toBe(true);
      expect(reactor.removeSignalHandler(SIGNAL)).toBe(false);
      raise();
      await runFor(reactor, setting, 5);
      expect(called).toBe(0);
      reactor.addSignalHandler(SIGNAL, () => called++);
      await runFor(reactor, setting, 2);
      expect(called).toBe(0);
      raise();
      await runFor(reactor, setting, 2);
      expect(called).toBe(1);
    });

    it('comes no more to a handler that removed itself', async () => {
      const reactor = open();
      let called = 0;
      reactor.addSignalHandler(SIGNAL, () => {
        called++;
        expect(reactor.removeSignalHandler(SIGNAL)).toBe(true);
      });
      for (let i = 0; i < 5; i++) raise();
      await runFor(reactor, setting, 5);
      expect(called).toBe(1);
    });

    it('goes to a handler that the one before put in its place', async () => {
      const reactor = open();
      const calls: string[] = [];
      reactor.addSignalHandler(SIGNAL, () => {
        calls.push('first');
        reactor.addSignalHandler(SIGNAL, () => calls.push('second'));
      });
      for (let i = 0; i < 3; i++) raise();
      await runFor(reactor, setting, 5);
      expect(calls).toEqual(['first', 'second', 'second']);
    });

    it('tells every reactor that listens, and those that went on when one ceased to', async () => {
      const [first, second] = [open(), open()];
      const calls: string[] = [];
      first.addSignalHandler(SIGNAL, () => calls.push('first'));
      second.addSignalHandler(SIGNAL, () => calls.push('second'));
      raise();
      raise();
      await runFor(first, setting, 2);
      await runFor(second, setting, 2);
      expect(calls).toEqual(['first', 'first', 'second', 'second']);
      first.removeSignalHandler(SIGNAL);
      raise();
      await runFor(first, setting, 2);
      await runFor(second, setting, 2);
      expect(calls.slice(4)).toEqual(['second']);
    });

    it('whose handler throws is reported, and the next deliveries come', async () => {
      const errors: unknown[] = [];
      const reactor = open({
        onError: (error, { source, message }) => errors.push([error, source, message.includes(SIGNAL)]),
      });
      const error = new Error('of the handler');
      let called = 0;
      reactor.addSignalHandler(SIGNAL, () => {
        called++;
        if (called < 3) throw error;
        reactor.stop();
      });
      for (let i = 0; i < 3; i++) raise();
      await runToStop(reactor, setting);
      expect(called).toBe(3);
      expect(errors).toEqual([
        [error, 'signal', true],
        [error, 'signal', true],
      ]);
    });

    it('may stop the reactor, and what was not delivered then comes with the next run', async () => {
      const reactor = open();
      let called = 0;
      reactor.addSignalHandler(SIGNAL, () => {
        called++;
        reactor.stop();
      });
      reactor.callSoon(() => {
        raise();
        raise();
      });
      await runToStop(reactor, setting);
      expect(called).toBeGreaterThan(0);
      if (called < 2) await runToStop(reactor, setting);
      expect(called).toBe(2);
    });

    it('does not disturb a reactor that does not listen for it', async () => {
      const [reactor, other] = [open(), open()];
      other.addSignalHandler(SIGNAL, nothing);
      await play(reactor, setting, async () => {
        for (let i = 0; i < 20; i++) raise();
        await new Promise((resolve) => reactor.callLater(20, () => resolve(null)));
      });
      expect(reactor.selector.stats.waits).toBeLessThan(20);
    });
  });

  describe('a worker', () => {
    it('has a reactor of its own told, while the main thread has another', async () => {
      const reactor = open();
      let called = 0;
      reactor.addSignalHandler(SIGNAL, () => called++);
      const worker = startWorker('signalled-worker.mjs', { ...setting, signal: SIGNAL });
      onTestFinished(async () => void (await worker.terminate()));
      expect(await messageOf(worker)).toBe('ready');
      for (let i = 0; i < 3; i++) {
        raise();
        expect(await messageOf(worker)).toBe(SIGNAL);
      }
      await runFor(reactor, setting, 2);
      expect(called).toBe(3);
      const exit = exitOf(worker);
      expect(await terminate(worker)).toBeLessThan(TERMINATE_LIMIT);
      await exit;
      // Nothing is left of it that a signal could touch.
      for (let i = 0; i < 100; i++) raise();
      await runFor(reactor, setting, 2);
      expect(called).toBe(103);
    });
  });
});

describe('addSignalHandler', () => {
  it('refuses what is no signal, or cannot be handled', () => {
    using reactor = new Reactor();
    const values = [
      'SIGNONE',
      'sigint',
      'INT',
      '',
      'SIGKILL',
      'SIGSTOP',
      'SIGSEGV',
      'SIGBUS',
      'SIGFPE',
      'SIGILL',
    ];
    const inherited = ['constructor', 'toString', '__proto__'];
    for (const name of [...values, ...inherited]) {
      expect([name, refusal(() => reactor.addSignalHandler(name as NodeJS.Signals, nothing))]).toEqual([
        name,
        'TypeError ERR_INVALID_ARG_VALUE',
      ]);
      expect(reactor.removeSignalHandler(name as NodeJS.Signals)).toBe(false);
    }
    for (const value of [undefined, null, 2, {}, ['SIGINT']]) {
      expect(refusal(() => reactor.addSignalHandler(value as never, nothing))).toBe(
        'TypeError ERR_INVALID_ARG_TYPE',
      );
    }
    for (const value of [undefined, null, 'callback', {}]) {
      expect(refusal(() => reactor.addSignalHandler(SIGNAL, value as never))).toBe(
        'TypeError ERR_INVALID_ARG_TYPE',
      );
    }
    expect(reactor.removeSignalHandler(SIGNAL)).toBe(false);
  });

  it('leaves the handler that is there where the new one is refused', () => {
    using reactor = new Reactor();
    let called = 0;
    reactor.addSignalHandler(SIGNAL, () => called++);
    expect(refusal(() => reactor.addSignalHandler(SIGNAL, 1 as never))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
    raise();
    reactor.runOnce(0);
    expect(called).toBe(1);
  });

  it('is refused by a closed reactor, whose handlers are gone', () => {
    const reactor = new Reactor();
    reactor.addSignalHandler(SIGNAL, nothing);
    reactor.close();
    expect(refusal(() => reactor.addSignalHandler(SIGNAL, nothing))).toBe('StateError ERR_CLOSED');
    expect(reactor.removeSignalHandler(SIGNAL)).toBe(false);
    raise();
  });

  it('is refused to more reactors than a signal has room for, and harms none', () => {
    const reactors = Array.from({ length: 65 }, () => new Reactor());
    onTestFinished(() => {
      for (const reactor of reactors) reactor.close();
    });
    let called = 0;
    const refusals = reactors.map((reactor) =>
      refusal(() => reactor.addSignalHandler(SIGNAL, () => called++)),
    );
    expect(refusals.slice(0, -1)).toEqual(Array.from({ length: 64 }, () => 'nothing'));
    expect(refusals.at(-1)).toBe('SystemError ENOSPC');
    expect(reactors.at(-1)?.removeSignalHandler(SIGNAL)).toBe(false);
    raise();
    for (const reactor of reactors) reactor.runOnce(0);
    expect(called).toBe(64);
    reactors[0]?.close();
    reactors.at(-1)?.addSignalHandler(SIGNAL, nothing);
  });

  it('takes every signal that the system can deliver to a handler', () => {
    using reactor = new Reactor();
    const signals = [
      'SIGHUP',
      'SIGINT',
      'SIGQUIT',
      'SIGUSR1',
      'SIGUSR2',
      'SIGPIPE',
      'SIGALRM',
      'SIGTERM',
    ] as const;
    const calls: string[] = [];
    for (const signal of [...signals, 'SIGCHLD', 'SIGCONT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const) {
      reactor.addSignalHandler(signal, (name) => calls.push(name));
      raise(signal);
      reactor.runOnce(0);
      expect(calls.pop()).toBe(signal);
      expect(reactor.removeSignalHandler(signal)).toBe(true);
    }
  });
});

describe('when nobody listens any more, a process', () => {
  const LIMIT = 20_000;

  function outcome(options: object): Promise<Outcome> {
    return outcomeOf(startFixture('signal-dispositions.mjs', [JSON.stringify(options)]), LIMIT);
  }

  for (const backend of selectorBackends()) {
    for (const ending of ['remove', 'close']) {
      it.each(['SIGUSR2', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGALRM'] as const)(
        `is ended by %s as before: ${backend}, ${ending}`,
        async (signal) => {
          expect(await outcome({ backend, ending, signal, scene: 'alone' })).toEqual({
            code: null,
            signal,
            stdout: 'reactor\n',
            stderr: '',
          });
        },
      );

      it(`ignores what it ignored: ${backend}, ${ending}`, async () => {
        // Node ignores this one from its beginning.
        const signal = 'SIGPIPE';
        expect(await outcome({ backend, ending, signal, scene: 'alone' })).toEqual({
          code: 0,
          signal: null,
          stdout: 'reactor\nalive\n',
          stderr: '',
        });
      });

      it(`calls the listener that was there before, and did so meanwhile: ${backend}, ${ending}`, async () => {
        const signal = 'SIGUSR2';
        expect(await outcome({ backend, ending, signal, scene: 'with a listener' })).toEqual({
          code: 0,
          signal: null,
          stdout: 'reactor\nlistener\nlistener\nalive\n',
          stderr: '',
        });
      });

      it(`calls the listener that came after: ${backend}, ${ending}`, async () => {
        const signal = 'SIGUSR2';
        expect(await outcome({ backend, ending, signal, scene: 'with a later listener' })).toEqual({
          code: 0,
          signal: null,
          stdout: 'listener\nalive\n',
          stderr: '',
        });
      });

      it(`calls the listener that came after, and did so meanwhile, as the reactors: ${backend}, ${ending}`, async () => {
        const signal = 'SIGUSR2';
        expect(await outcome({ backend, ending, signal, scene: 'a listener between two reactors' })).toEqual({
          code: 0,
          signal: null,
          stdout: 'first\nsecond\nlistener\nlistener\nalive\n',
          stderr: '',
        });
      });

      it(`calls the reactor after its listener has gone, and is then ended by it: ${backend}, ${ending}`, async () => {
        const signal = 'SIGUSR2';
        for (const scene of ['a listener before, for once', 'a listener after, for a while']) {
          expect(await outcome({ backend, ending, signal, scene })).toEqual({
            code: null,
            signal,
            stdout: 'reactor\nlistener\nreactor\nreactor\n',
            stderr: '',
          });
        }
      });

      it(`is ended by it after the last of two reactors: ${backend}, ${ending}`, async () => {
        const signal = 'SIGUSR2';
        expect(await outcome({ backend, ending, signal, scene: 'two reactors' })).toEqual({
          code: null,
          signal,
          stdout: 'first\nsecond\nsecond\n',
          stderr: '',
        });
      });

      it(`is ended by it after one reactor and then another: ${backend}, ${ending}`, async () => {
        const signal = 'SIGUSR2';
        expect(await outcome({ backend, ending, signal, scene: 'twice' })).toEqual({
          code: null,
          signal,
          stdout: 'reactor\nreactor\n',
          stderr: '',
        });
      });
    }

    it(`is ended by it as before, where a worker that listened was terminated: ${backend}`, async () => {
      const signal = 'SIGUSR2';
      expect(await outcome({ backend, signal, scene: 'in a worker' })).toEqual({
        code: null,
        signal,
        stdout: 'worker\n',
        stderr: '',
      });
    });

    it(`ends as it does, with a signal in its last moment: ${backend}`, async () => {
      const signal = 'SIGUSR2';
      expect(await outcome({ backend, signal, scene: 'left to the end of the process' })).toEqual({
        code: 0,
        signal: null,
        stdout: 'alive\n',
        stderr: '',
      });
    });
  }
});
