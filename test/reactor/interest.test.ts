/** What a reactor tells its selector: the difference, once for each descriptor and iteration. */
import { EVENT_READ, EVENT_WRITE, type Reactor, type Socket, type Watcher } from 'iomux';
import { describe, expect, it } from 'vitest';
import { FileWatcher } from '../../lib/reactor/watcher.js';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor, runToStop } from '../support/running.js';
import { type SetChange, setChanges } from '../support/set-changes.js';

const nothing = () => {};

/** What the reactor does with a listener while the process is out of descriptors. */
function pause(watcher: Watcher): void {
  if (!(watcher instanceof FileWatcher)) throw new Error('the watcher is of another kind');
  watcher.pause();
}

describeReactors((setting, open) => {
  /** Runs `action` as a callback of the reactor, and some iterations more: what the selector was told meanwhile. */
  async function changesOf(reactor: Reactor, action: () => void): Promise<SetChange[]> {
    const changes = setChanges(setting.backend);
    let left = 3;
    const next = () => {
      left--;
      if (left === 0) reactor.stop();
      else reactor.callSoon(next);
    };
    reactor.callSoon(() => {
      action();
      next();
    });
    await runToStop(reactor, setting);
    return changes;
  }

  /** A watched socket that is told of nothing: the reactor has settled down with it. */
  async function settled(reactor: Reactor, events: number): Promise<[Socket, Watcher]> {
    const [near] = socketPair();
    const watcher = reactor.watch(near, events, nothing);
    reactor.callSoon(() => reactor.stop());
    await runToStop(reactor, setting);
    return [near, watcher];
  }

  describe('the selector of a reactor', () => {
    it('is told of a first watcher at once, so that its errors are those of the call', () => {
      const reactor = open();
      const [near, far] = socketPair();
      const fd = far.fileno();
      far.close();
      const changes = setChanges(setting.backend);
      reactor.watch(near, EVENT_READ, nothing);
      expect(changes).toEqual([{ change: 'add', fd: near.fileno() }]);
      expect(reactor.selector.getKey(near).events).toBe(EVENT_READ);
      expect(refusal(() => reactor.watch(fd, EVENT_READ, nothing))).toBe('SystemError EBADF');
    });

    it.each([
      ['a socket', (near: Socket) => near],
      ['a bare number', (near: Socket) => near.fileno()],
    ])(
      'is told nothing of a writer of %s that is added and removed in one callback',
      async (_name, fileOf) => {
        const reactor = open();
        const [near] = socketPair();
        const file = fileOf(near);
        reactor.addReader(file, nothing);
        const changes = await changesOf(reactor, () => {
          for (let round = 0; round < 10; round++) {
            reactor.addReader(file, nothing);
            reactor.addWriter(file, nothing);
            reactor.removeWriter(file);
          }
        });
        expect(changes).toEqual([]);
        expect(reactor.selector.getKey(file).events).toBe(EVENT_READ);
      },
    );

    it('is told nothing of an interest that is changed and changed back', async () => {
      const reactor = open();
      const [, watcher] = await settled(reactor, EVENT_READ);
      const changes = await changesOf(reactor, () => {
        watcher.modify(EVENT_WRITE);
        watcher.modify(EVENT_READ | EVENT_WRITE);
        watcher.modify(EVENT_READ);
      });
      expect(changes).toEqual([]);
    });

    it('is told once of many changes of several watchers of one descriptor', async () => {
      const reactor = open();
      const [near, reader] = await settled(reactor, EVENT_READ);
      const writer = reactor.watch(near, EVENT_WRITE, nothing);
      const changes = await changesOf(reactor, () => {
        reader.close();
        writer.modify(EVENT_READ);
        writer.modify(EVENT_READ | EVENT_WRITE);
        writer.modify(EVENT_READ);
        reactor.addWriter(near, nothing);
      });
      expect(changes).toEqual([{ change: 'change', fd: near.fileno() }]);
      expect(reactor.selector.getKey(near).events).toBe(EVENT_READ | EVENT_WRITE);
    });

    it('is told of a watcher that comes while the one of the other direction pauses', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const reader = reactor.watch(near, EVENT_READ, () => expect.unreachable());
      let writable = 0;
      reactor.callLater(5, () => {
        pause(reader);
        send(far);
        // The pause is made known to the selector first.
        reactor.callLater(5, () =>
          reactor.watch(near, EVENT_WRITE, (_events, watcher) => {
            writable++;
            watcher.close();
            reactor.callLater(5, () => reactor.stop());
          }),
        );
      });
      await runToStop(reactor, setting);
      expect(writable).toBe(1);
    });

    it('is told of a watcher that comes in the moment in which the one of the other direction pauses', async () => {
      const reactor = open();
      const [near] = socketPair();
      const reader = reactor.watch(near, EVENT_READ, () => expect.unreachable());
      let writable = 0;
      reactor.callLater(5, () => {
        pause(reader);
        reactor.watch(near, EVENT_WRITE, (_events, watcher) => {
          writable++;
          watcher.close();
          reactor.callLater(5, () => reactor.stop());
        });
      });
      await runToStop(reactor, setting);
      expect(writable).toBe(1);
    });

    it('is told once for each of many descriptors', async () => {
      const reactor = open();
      const watchers: Watcher[] = [];
      for (let count = 0; count < 20; count++) watchers.push((await settled(reactor, EVENT_READ))[1]);
      const changes = await changesOf(reactor, () => {
        for (const events of [EVENT_WRITE, EVENT_READ, EVENT_READ | EVENT_WRITE]) {
          for (const watcher of watchers) watcher.modify(events);
        }
      });
      const told = changes.map(({ change, fd }) => `${change} ${fd}`);
      expect(told.sort()).toEqual(watchers.map(({ fd }) => `change ${fd}`).sort());
    });

    it('is told nothing while nothing changes, however often a watcher is called', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      reactor.watch(near, EVENT_READ, () => {
        calls++;
        if (calls === 100) reactor.stop();
      });
      const changes = setChanges(setting.backend);
      await runToStop(reactor, setting);
      expect(changes).toEqual([]);
    });

    it('is told before the next wait of what a callback changed: no event of the old interest comes', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const log: string[] = [];
      const watcher = reactor.watch(near, EVENT_READ, (events) => {
        log.push(`${events}`);
        drain(near);
        reactor.stop();
      });
      watcher.modify(EVENT_WRITE);
      reactor.callSoon(() => {
        watcher.modify(EVENT_READ);
        send(far);
      });
      await runToStop(reactor, setting);
      expect(log).toEqual([`${EVENT_READ}`]);
    });

    it('is told once of the last watcher of a foreign descriptor, at once: its owner may close it next', async () => {
      const reactor = open();
      const [near] = socketPair();
      const fd = near.fileno();
      const watcher = reactor.watch(fd, EVENT_READ, nothing);
      const changes = await changesOf(reactor, () => {
        watcher.close();
        expect(reactor.selector.getMap().size).toBe(0);
      });
      expect(changes).toEqual([{ change: 'remove', fd }]);
    });

    it('is told once of the last watcher of a socket', async () => {
      const reactor = open();
      const [near, watcher] = await settled(reactor, EVENT_READ);
      const changes = await changesOf(reactor, () => watcher.close());
      expect(changes).toEqual([{ change: 'remove', fd: near.fileno() }]);
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('is told nothing of a socket whose only watcher is replaced by one like it', async () => {
      const reactor = open();
      const [near, watcher] = await settled(reactor, EVENT_READ);
      const changes = await changesOf(reactor, () => {
        watcher.close();
        reactor.watch(near, EVENT_READ, nothing);
      });
      expect(changes).toEqual([]);
    });

    it('is told once of a socket that is closed with changes pending, and nothing of it afterwards', async () => {
      const reactor = open();
      const [near, watcher] = await settled(reactor, EVENT_READ);
      const fd = near.fileno();
      const changes = await changesOf(reactor, () => {
        watcher.modify(EVENT_READ | EVENT_WRITE);
        near.close();
      });
      expect(changes).toEqual([{ change: 'remove', fd }]);
    });

    it('is told nothing of a socket operation that need not wait', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const changes = await changesOf(reactor, () => {
        reactor.sockRecv(near, Buffer.alloc(1)).result();
        reactor.sockSendAll(near, Buffer.alloc(1)).result();
      });
      expect(changes).toEqual([]);
    });
  });

  describe('a reactor at rest', () => {
    /** More than it takes to settle down, far less than a loop makes that is never at rest. */
    const FEW = 30;

    const scenes: Record<string, (reactor: Reactor) => void> = {
      'a watcher of what is not ready': (reactor) => {
        reactor.watch(socketPair()[0], EVENT_READ, nothing);
      },
      'a closed watcher of a ready socket': (reactor) => {
        reactor.watch(readable(), EVENT_READ, nothing).close();
      },
      'a watcher that closed itself': (reactor) => {
        reactor.watch(readable(), EVENT_READ, (_events, watcher) => watcher.close());
      },
      'a closed watcher of a ready number': (reactor) => {
        reactor.watch(readable().fileno(), EVENT_READ, nothing).close();
      },
      'a writer that removed itself beside a reader': (reactor) => {
        const [near] = socketPair();
        reactor.addReader(near, nothing);
        reactor.addWriter(near, () => reactor.removeWriter(near));
      },
      'a oneshot watcher that was called': (reactor) => {
        reactor.watch(readable(), EVENT_READ, nothing, { mode: 'oneshot' });
      },
      'a oneshot watcher that was called beside one that was not': (reactor) => {
        const [near] = socketPair();
        reactor.watch(near, EVENT_READ, nothing, { mode: 'oneshot' });
        reactor.watch(near, EVENT_WRITE, nothing, { mode: 'oneshot' });
      },
      'a socket operation that was cancelled': (reactor) => {
        const [near, far] = socketPair();
        reactor.sockRecv(near, Buffer.alloc(1)).cancel();
        send(far);
      },
      'a socket operation that is done, with more to come': (reactor) => {
        const [near, far] = socketPair();
        reactor.sockRecv(near, Buffer.alloc(1));
        send(far, 'more');
      },
      'a closed socket': (reactor) => {
        const near = readable();
        reactor.watch(near, EVENT_READ, () => near.close());
      },
      'an edge-triggered watcher that leaves something unread': (reactor) => {
        const near = readable();
        const { modes } = reactor.selector.capabilities;
        reactor.watch(near, EVENT_READ, nothing, { mode: modes.includes('edge') ? 'edge' : 'oneshot' });
      },
    };

    function readable(): Socket {
      return readableSockets(1)[0] as Socket;
    }

    it.each(Object.entries(scenes))('waits and does nothing else, with %s', async (_name, begin) => {
      const reactor = open();
      begin(reactor);
      await runFor(reactor, setting, 5);
      const before = reactor.selector.stats.waits;
      await runFor(reactor, setting, 50);
      expect(reactor.selector.stats.waits - before).toBeLessThanOrEqual(FEW);
    });
  });
});
