/** The reactor that is there without being made: watch() and ready() in an ordinary program. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  defaultReactor,
  EVENT_HANGUP,
  EVENT_READ,
  EVENT_WRITE,
  type Reactor,
  ready,
  type Socket,
  watch,
} from 'iomux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostedSettings } from '../support/hosts.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { openPipe } from '../support/pipes.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';

/** Long enough for what should not happen. */
const MOMENT = 20;

/** Stops a reactor that Node's loop hosts, and closes it. */
async function end(reactor: Reactor): Promise<void> {
  reactor.stop();
  while (reactor.state === 'hosted') await sleep(1);
  reactor.close();
}

for (const { backend, host } of hostedSettings) {
  describe(`without a reactor of one's own, hosted by ${host}, ${backend}`, () => {
    const before = { selector: process.env['IOMUX_SELECTOR'], host: process.env['IOMUX_HOST'] };

    beforeEach(() => {
      process.env['IOMUX_SELECTOR'] = backend;
      process.env['IOMUX_HOST'] = host === 'thread' ? 'thread' : '';
    });

    afterEach(async () => {
      await end(defaultReactor());
      process.env['IOMUX_SELECTOR'] = before.selector ?? '';
      process.env['IOMUX_HOST'] = before.host ?? '';
    });

    describe('defaultReactor', () => {
      it('is the same each time, and runs already', () => {
        const reactor = defaultReactor();
        expect(defaultReactor()).toBe(reactor);
        expect(reactor.state).toBe('hosted');
        expect(reactor.selector.backend).toBe(backend);
      });

      it('runs timers, callbacks and socket operations', async () => {
        const reactor = defaultReactor();
        const [near, far] = socketPair();
        const log: string[] = [];
        const future = reactor.sockRecv(near, Buffer.alloc(8));
        reactor.callSoon(() => log.push('callback'));
        reactor.callLater(5, () => {
          log.push('timer');
          send(far, 'data');
        });
        expect(await future).toBe(4);
        expect(log).toEqual(['callback', 'timer']);
      });

      it('is another one once it was stopped and closed', async () => {
        const first = defaultReactor();
        await end(first);
        const second = defaultReactor();
        expect(second).not.toBe(first);
        expect(second.state).toBe('hosted');
      });
    });

    describe('watch', () => {
      it('watches with the default reactor', async () => {
        const [near, far] = socketPair();
        const received: string[] = [];
        const buffer = Buffer.alloc(16);
        const ended = new Promise<void>((resolve) => {
          const watcher = watch(near, EVENT_READ, (events, self) => {
            expect(self).toBe(watcher);
            expect(events & EVENT_READ).toBe(EVENT_READ);
            const count = near.recv(buffer);
            received.push(buffer.toString('utf8', 0, count));
            if (count > 0) return;
            watcher.close();
            resolve();
          });
          expect(defaultReactor().selector.getMap().has(near.fileno())).toBe(true);
        });
        send(far, 'one');
        await sleep(5);
        send(far, 'two');
        await sleep(5);
        far.close();
        await ended;
        expect(received.join(' ').trim()).toBe('one two');
      });

      it('watches what Node has no class for, a pipe for example', async () => {
        using pipe = openPipe();
        const text = await new Promise<string>((resolve) => {
          watch(pipe.reader, EVENT_READ, (_events, watcher) => {
            watcher.close();
            resolve(pipe.reader.read());
          });
          pipe.writer.write('through the pipe');
        });
        expect(text).toBe('through the pipe');
      });

      it('refuses what a reactor refuses', () => {
        const [near] = socketPair();
        watch(near, EVENT_READ, () => {});
        expect(refusal(() => watch(near, EVENT_READ, () => {}))).toBe('StateError ERR_ALREADY_REGISTERED');
        expect(refusal(() => watch(near, 0, () => {}))).toBe('TypeError ERR_INVALID_ARG_VALUE');
        expect(refusal(() => watch(-1, EVENT_READ, () => {}))).toBe('RangeError ERR_OUT_OF_RANGE');
        expect(refusal(() => watch(999_999, EVENT_READ, () => {}))).toBe('SystemError EBADF');
        expect(refusal(() => watch(near, EVENT_WRITE, undefined as unknown as () => void))).toBe(
          'TypeError ERR_INVALID_ARG_TYPE',
        );
        expect(defaultReactor().selector.getMap().size).toBe(1);
      });
    });

    describe('ready', () => {
      it('resolves with what is ready, at once or later, and reads nothing', async () => {
        const [near, far] = socketPair();
        expect(await ready(near, EVENT_WRITE)).toBe(EVENT_WRITE);
        const later = ready(near, EVENT_READ);
        setTimeout(() => send(far), 5);
        expect(await later).toBe(EVENT_READ);
        expect(await ready(near, EVENT_READ | EVENT_WRITE)).toBe(EVENT_READ | EVENT_WRITE);
        expect(drain(near)).toBe(1);
      });

      it('resolves once, and leaves the descriptor to the next', async () => {
        const [near] = readableSockets(1) as [Socket];
        await ready(near, EVENT_READ);
        // Whose turn it is now, the direction is free.
        watch(near, EVENT_READ, () => {}).close();
        await sleep(MOMENT);
        expect(defaultReactor().selector.getMap().size).toBe(0);
      });

      it('resolves with a hang-up, too', async () => {
        const [near, far] = socketPair();
        far.close();
        const events = await ready(near, EVENT_READ);
        expect(events).toBe(EVENT_READ | (backend === 'select' ? 0 : EVENT_HANGUP));
      });

      it('resolves with 0 at the timeout, not before it, and waits no more', async () => {
        const [near, far] = socketPair();
        const start = performance.now();
        expect(await ready(near, EVENT_READ, { timeout: 10 })).toBe(0);
        expect(performance.now() - start).toBeGreaterThanOrEqual(10);
        send(far);
        expect(await ready(near, EVENT_READ, { timeout: 10_000 })).toBe(EVENT_READ);
      });

      it.each([0, -1])('with timeout %d says what is ready now', async (timeout) => {
        const [near, far] = socketPair();
        expect(await ready(near, EVENT_READ, { timeout })).toBe(0);
        send(far);
        expect(await ready(near, EVENT_READ, { timeout })).toBe(EVENT_READ);
      });

      it('with an infinite timeout waits', async () => {
        const [near, far] = socketPair();
        setTimeout(() => send(far), 5);
        expect(await ready(near, EVENT_READ, { timeout: Number.POSITIVE_INFINITY })).toBe(EVENT_READ);
      });

      it('rejects with the reason of its signal, and waits no more', async () => {
        const [near, far] = socketPair();
        const controller = new AbortController();
        const reason = new Error('enough');
        const waiting = ready(near, EVENT_READ, { signal: controller.signal, timeout: 60_000 });
        setTimeout(() => controller.abort(reason), 5);
        await expect(waiting).rejects.toBe(reason);
        send(far);
        expect(await ready(near, EVENT_READ)).toBe(EVENT_READ);
      });

      it('rejects at once where the signal was aborted before, and watches nothing', async () => {
        const [near] = readableSockets(1) as [Socket];
        const waiting = ready(near, EVENT_READ, { signal: AbortSignal.abort() });
        expect(defaultReactor().selector.getMap().size).toBe(0);
        await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
      });

      it('is not disturbed by a signal that comes too late', async () => {
        const [near] = readableSockets(1) as [Socket];
        const controller = new AbortController();
        expect(await ready(near, EVENT_READ, { signal: controller.signal })).toBe(EVENT_READ);
        controller.abort();
        await sleep(MOMENT);
        expect(await ready(near, EVENT_READ)).toBe(EVENT_READ);
      });

      it('waits for many at once', async () => {
        const sockets = readableSockets(50);
        const all = await Promise.all(sockets.map((socket) => ready(socket, EVENT_READ)));
        expect(all).toEqual(sockets.map(() => EVENT_READ));
      });

      it('rejects where its socket is closed meanwhile: nobody else would tell', {
        timeout: 5_000,
      }, async () => {
        const [near] = socketPair();
        const waiting = ready(near, EVENT_READ);
        setTimeout(() => near.close(), 5);
        expect(await rejection(() => waiting)).toBe('SystemError ECANCELED');
      });

      it('rejects what cannot be watched', async () => {
        const [near] = socketPair();
        near.close();
        const [taken] = socketPair();
        watch(taken, EVENT_READ, () => {});
        expect(await rejection(() => ready(999_999, EVENT_READ))).toBe('SystemError EBADF');
        expect(await rejection(() => ready(near, EVENT_READ))).toBe('StateError ERR_CLOSED');
        expect(await rejection(() => ready(taken, EVENT_READ))).toBe('StateError ERR_ALREADY_REGISTERED');
        expect(await rejection(() => ready(taken, 0))).toBe('TypeError ERR_INVALID_ARG_VALUE');
        const wrong = (options: object) => rejection(() => ready(taken, EVENT_WRITE, options));
        expect(await wrong({ timeout: Number.NaN })).toBe('RangeError ERR_OUT_OF_RANGE');
        expect(await wrong({ timeout: 'soon' })).toBe('TypeError ERR_INVALID_ARG_TYPE');
        expect(await wrong({ signal: {} })).toBe('TypeError ERR_INVALID_ARG_TYPE');
        // None of them has taken the direction.
        expect(await ready(taken, EVENT_WRITE)).toBe(EVENT_WRITE);
      });
    });
  });
}
