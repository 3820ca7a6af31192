/** Readers and writers: a callback with arguments for each direction, replaced by the next one. */
import { closeSync } from 'node:fs';
import { EVENT_READ, EVENT_WRITE, type FileLike, type Reactor, type Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor, runToStop } from '../support/running.js';
import { successor } from '../support/successor.js';

/** Long enough for an iteration that should not happen. */
const MOMENT = 20;

const nothing = () => {};

describeReactors((setting, open) => {
  /** What the selector is asked to watch `file` for, once the reactor has gone round. */
  async function interest(reactor: Reactor, file: FileLike): Promise<number> {
    reactor.callSoon(() => reactor.stop());
    await runToStop(reactor, setting);
    return reactor.selector.getMap().size === 0 ? 0 : reactor.selector.getKey(file).events;
  }

  describe('a reader and a writer', () => {
    it('are called with their arguments, each when its direction is ready', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const seen: unknown[][] = [];
      reactor.addReader(
        near,
        (...args: unknown[]) => {
          seen.push(['reader', ...args]);
          reactor.stop();
        },
        1,
        'two',
      );
      reactor.addWriter(
        near,
        (...args: unknown[]) => {
          seen.push(['writer', ...args]);
          reactor.removeWriter(near);
          send(far);
        },
        near,
      );
      await runToStop(reactor, setting);
      expect(seen).toEqual([
        ['writer', near],
        ['reader', 1, 'two'],
      ]);
    });

    it('are called without arguments where they were given none', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: unknown[][] = [];
      reactor.addReader(near, (...args: unknown[]) => {
        seen.push(args);
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual([[]]);
    });

    it('share one registration, which watches what either wants', async () => {
      const reactor = open();
      const [near] = socketPair();
      const { selector } = reactor;
      reactor.addReader(near, nothing);
      expect(selector.getMap().size).toBe(1);
      expect(await interest(reactor, near)).toBe(EVENT_READ);
      reactor.addWriter(near.fileno(), nothing);
      expect(await interest(reactor, near)).toBe(EVENT_READ | EVENT_WRITE);
      expect(selector.getMap().size).toBe(1);
      expect(reactor.removeReader(near)).toBe(true);
      expect(await interest(reactor, near)).toBe(EVENT_WRITE);
      expect(reactor.removeWriter(near)).toBe(true);
      expect(await interest(reactor, near)).toBe(0);
    });

    it('are called in each iteration for as long as it holds', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let reads = 0;
      let writes = 0;
      const stop = () => {
        if (reads >= 3 && writes >= 3) reactor.stop();
      };
      reactor.addReader(near, () => {
        reads++;
        stop();
      });
      reactor.addWriter(near, () => {
        writes++;
        stop();
      });
      await runToStop(reactor, setting);
      expect(Math.abs(reads - writes)).toBeLessThanOrEqual(1);
    });

    it('may remove themselves', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: unknown[] = [];
      reactor.addReader(near, () => seen.push(['reader', reactor.removeReader(near)]));
      reactor.addWriter(near, () => seen.push(['writer', reactor.removeWriter(near)]));
      await runFor(reactor, setting, MOMENT);
      expect(seen.sort()).toEqual([
        ['reader', true],
        ['writer', true],
      ]);
      expect(reactor.selector.getMap().size).toBe(0);
    });
  });

  describe('adding again', () => {
    it('replaces callback and arguments', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      reactor.addReader(near, (name: string) => seen.push(name), 'old');
      reactor.addReader(
        near,
        (name: string) => {
          seen.push(name);
          reactor.stop();
        },
        'new',
      );
      await runToStop(reactor, setting);
      expect(seen).toEqual(['new']);
      expect(reactor.removeReader(near)).toBe(true);
      expect(reactor.removeReader(near)).toBe(false);
    });

    it('of the other direction replaces nothing', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      reactor.addReader(near, () => {
        seen.push('reader');
        reactor.removeReader(near);
      });
      reactor.addWriter(near, () => {
        seen.push('writer');
        reactor.removeWriter(near);
      });
      await runFor(reactor, setting, MOMENT);
      expect(seen.sort()).toEqual(['reader', 'writer']);
    });

    it('in the batch of the old one keeps it from being called; the new one waits for the next iteration', async () => {
      const reactor = open();
      const log: string[] = [];
      const sockets = readableSockets(2);
      for (const socket of sockets) {
        reactor.addReader(socket, () => {
          log.push('old');
          for (const other of sockets) {
            if (other === socket) reactor.removeReader(other);
            else {
              reactor.addReader(other, () => {
                log.push('new');
                reactor.stop();
              });
            }
          }
          reactor.callSoon(() => log.push('next iteration'));
        });
      }
      await runToStop(reactor, setting);
      expect(log).toEqual(['old', 'next iteration', 'new']);
    });

    it('in its own callback has the new one wait for the next iteration', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const log: string[] = [];
      reactor.addReader(near, () => {
        log.push('old');
        reactor.callSoon(() => log.push('next iteration'));
        reactor.addReader(near, () => {
          log.push('new');
          reactor.stop();
        });
      });
      await runToStop(reactor, setting);
      expect(log).toEqual(['old', 'next iteration', 'new']);
    });

    // poll and select are told a number, and watch whatever it means: there it needs no finding out.
    it('of a number that was closed and is a new file by now serves the new file', async () => {
      const reactor = open();
      const fd = socketPair()[0].detach();
      reactor.addReader(fd, () => expect.unreachable());
      closeSync(fd);
      const [near, peer] = successor(fd);
      let received = 0;
      reactor.addReader(near, () => {
        received += drain(near);
        reactor.stop();
      });
      send(peer, 'for the new one');
      await runToStop(reactor, setting);
      expect(received).toBe(15);
    });
  });

  describe('removing', () => {
    it('says whether there was one', () => {
      const reactor = open();
      const [near] = socketPair();
      expect([reactor.removeReader(near), reactor.removeWriter(near)]).toEqual([false, false]);
      reactor.addReader(near, nothing);
      expect([reactor.removeWriter(near), reactor.removeReader(near), reactor.removeReader(near)]).toEqual([
        false,
        true,
        false,
      ]);
      expect([reactor.removeReader(999_999), reactor.removeWriter(999_999)]).toEqual([false, false]);
    });

    it('from another callback of the same batch keeps it from being called', async () => {
      const reactor = open();
      const sockets = readableSockets(4);
      let calls = 0;
      const removed: boolean[] = [];
      for (const socket of sockets) {
        reactor.addReader(socket, () => {
          calls++;
          for (const each of sockets) removed.push(reactor.removeReader(each));
        });
      }
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
      expect(removed).toEqual([true, true, true, true]);
    });

    it('of a socket that is closed finds nothing: the close removed both', () => {
      const reactor = open();
      const [near] = socketPair();
      reactor.addReader(near, nothing);
      reactor.addWriter(near, nothing);
      near.close();
      expect([reactor.removeReader(near), reactor.removeWriter(near)]).toEqual([false, false]);
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('lets the next one be added at once, and served', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let received = 0;
      reactor.addReader(near, nothing);
      reactor.removeReader(near);
      reactor.addReader(near, () => {
        received += drain(near);
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(received).toBe(1);
    });
  });

  describe('beside watchers', () => {
    it('a direction belongs to one of them', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      const watcher = reactor.watch(near, EVENT_READ, () => {
        seen.push('watcher');
        reactor.stop();
      });
      expect(refusal(() => reactor.addReader(near, nothing))).toBe('StateError ERR_ALREADY_REGISTERED');
      reactor.addWriter(near, () => {
        seen.push('writer');
        reactor.removeWriter(near);
      });
      expect(refusal(() => reactor.watch(near, EVENT_WRITE, nothing))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      expect(refusal(() => watcher.modify(EVENT_WRITE))).toBe('StateError ERR_ALREADY_REGISTERED');
      await runToStop(reactor, setting);
      expect(seen.sort()).toEqual(['watcher', 'writer']);
    });

    it('only what was added is removed', () => {
      const reactor = open();
      const [near] = socketPair();
      const watcher = reactor.watch(near, EVENT_READ | EVENT_WRITE, nothing);
      expect([reactor.removeReader(near), reactor.removeWriter(near)]).toEqual([false, false]);
      expect(watcher.active).toBe(true);
    });

    it('they are level-triggered, so a oneshot watcher has its descriptor to itself', () => {
      const reactor = open();
      const [near] = socketPair();
      const watcher = reactor.watch(near, EVENT_READ, nothing, { mode: 'oneshot' });
      expect(refusal(() => reactor.addWriter(near, nothing))).toBe('StateError ERR_UNSUPPORTED');
      watcher.close();
      reactor.addWriter(near, nothing);
      expect(reactor.removeWriter(near)).toBe(true);
    });
  });

  describe('files that cannot be watched', () => {
    const calls: Record<string, (reactor: Reactor, file: FileLike) => unknown> = {
      addReader: (reactor, file) => reactor.addReader(file, nothing),
      addWriter: (reactor, file) => reactor.addWriter(file, nothing),
      removeReader: (reactor, file) => reactor.removeReader(file),
      removeWriter: (reactor, file) => reactor.removeWriter(file),
    };

    it.each(Object.entries(calls))('%s takes none without a descriptor', (_name, call) => {
      const reactor = open();
      for (const file of [{}, null, undefined, 'stdin', true, () => 0, { fd: '0' }]) {
        expect(refusal(() => call(reactor, file as unknown as FileLike))).toBe(
          'TypeError ERR_INVALID_ARG_TYPE',
        );
      }
      for (const fd of [-1, 0.5, Number.NaN, 2 ** 31]) {
        expect(refusal(() => call(reactor, fd))).toBe('RangeError ERR_OUT_OF_RANGE');
      }
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('a closed socket and a closed number are refused when they are added', () => {
      const reactor = open();
      const [near] = socketPair();
      const fd = near.fileno();
      near.close();
      for (const add of [calls['addReader'], calls['addWriter']]) {
        expect(refusal(() => add?.(reactor, near))).toBe('StateError ERR_CLOSED');
        expect(refusal(() => add?.(reactor, fd))).toBe('SystemError EBADF');
      }
      expect(reactor.removeReader(fd)).toBe(false);
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('what is no function is refused, and what was there goes on', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      reactor.addReader(near, () => {
        calls++;
        reactor.stop();
      });
      for (const callback of [undefined, null, {}, 'callback']) {
        expect(refusal(() => reactor.addReader(near, callback as unknown as () => void))).toBe(
          'TypeError ERR_INVALID_ARG_TYPE',
        );
        expect(refusal(() => reactor.addWriter(near, callback as unknown as () => void))).toBe(
          'TypeError ERR_INVALID_ARG_TYPE',
        );
      }
      await runToStop(reactor, setting);
      expect(calls).toBe(1);
      expect(reactor.removeWriter(near)).toBe(false);
    });
  });

  it('after the reactor is closed none can be added, and none removed', () => {
    const reactor = open();
    const [near] = socketPair();
    reactor.addReader(near, nothing);
    reactor.close();
    expect(refusal(() => reactor.addReader(near, nothing))).toBe('StateError ERR_CLOSED');
    expect(refusal(() => reactor.addWriter(near, nothing))).toBe('StateError ERR_CLOSED');
    expect([reactor.removeReader(near), reactor.removeWriter(near)]).toEqual([false, false]);
  });
});
