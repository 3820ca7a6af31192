/** Watchers: who is called for what, and how several share a descriptor. */
import {
  createSelector,
  EVENT_ERROR,
  EVENT_HANGUP,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
  type Socket,
  type Watcher,
} from 'iomux';
import { describe, expect, it, onTestFinished } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { untilReadable } from '../support/readiness.js';
import { refusal } from '../support/refusals.js';
import { runFor, runToStop } from '../support/running.js';
import { tcpPair } from '../support/sockets.js';
import { successor } from '../support/successor.js';

/** Long enough for an iteration that should not happen. */
const MOMENT = 20;

/** A Unix stream whose peer is closed. */
function goneSocket(): Socket {
  const [near, far] = socketPair();
  far.close();
  return near;
}

/** A TCP socket whose peer has reset the connection. */
function resetSocket(): Socket {
  const [client, server] = tcpPair();
  onTestFinished(() => client.close());
  // Closed with something unread, TCP says goodbye by a reset.
  send(client);
  untilReadable(server);
  server.close();
  untilReadable(client);
  return client;
}

describeReactors((setting, open) => {
  const { backend } = setting;
  using probe = createSelector(backend);
  const { capabilities } = probe;

  describe('a watcher', () => {
    it('is called with what is ready, and with itself', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const calls: [number, Watcher][] = [];
      const watcher = reactor.watch(near, EVENT_READ, (...call) => {
        calls.push(call);
        drain(near);
        reactor.stop();
      });
      expect([watcher.fd, watcher.events, watcher.active]).toEqual([near.fileno(), EVENT_READ, true]);
      reactor.callSoon(() => send(far));
      await runToStop(reactor, setting);
      expect(calls).toHaveLength(1);
      expect(calls[0]?.[0]).toBe(EVENT_READ);
      expect(calls[0]?.[1]).toBe(watcher);
    });

    it('is called again in each iteration for as long as its level holds, and then no more', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      let calls = 0;
      reactor.watch(near, EVENT_READ, () => {
        calls++;
        if (calls === 3) drain(near);
      });
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(3);
    });

    it('gets READ and WRITE in one call', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: number[] = [];
      reactor.watch(near, EVENT_READ | EVENT_WRITE, (events, watcher) => {
        seen.push(events);
        watcher.close();
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual([EVENT_READ | EVENT_WRITE]);
    });

    it('is not called any more once it is closed, by itself or by another', async () => {
      const reactor = open();
      const [own, others] = readableSockets(2) as [Socket, Socket];
      const seen: string[] = [];
      const other = reactor.watch(others, EVENT_READ, () => seen.push('other'));
      reactor.callSoon(() => other.close());
      reactor.watch(own, EVENT_READ, (_events, watcher) => {
        seen.push('own');
        watcher.close();
      });
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual(['own']);
      expect(other.active).toBe(false);
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('may be closed twice, by a scope too, and is good for nothing then', () => {
      const reactor = open();
      const [near] = socketPair();
      let kept: Watcher;
      {
        using watcher = reactor.watch(near, EVENT_READ, () => {});
        kept = watcher;
        watcher.close();
        watcher.close();
      }
      expect(kept.active).toBe(false);
      expect(refusal(() => kept.modify(EVENT_WRITE))).toBe('StateError ERR_CLOSED');
      expect(refusal(() => kept.rearm())).toBe('StateError ERR_CLOSED');
      // Closing it again has not closed what came after it.
      const next = reactor.watch(near, EVENT_READ, () => {});
      kept.close();
      expect(next.active).toBe(true);
      expect(reactor.selector.getMap().size).toBe(1);
    });

    it('is called for what it was changed to, and not for what it was before', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: number[] = [];
      const watcher = reactor.watch(near, EVENT_READ, (events) => {
        seen.push(events);
        if (seen.length === 1) watcher.modify(EVENT_WRITE);
        else reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual([EVENT_READ, EVENT_WRITE]);
      expect(watcher.events).toBe(EVENT_WRITE);
    });

    it.runIf(capabilities.pollable)('watches a selector, until that is closed', async () => {
      const reactor = open();
      const inner = createSelector<string>(backend);
      const [near, far] = socketPair();
      inner.register(near, EVENT_READ, 'inner');
      const seen: string[] = [];
      const watcher = reactor.watch(inner, EVENT_READ, () => {
        for (const [key] of inner.select(0)) seen.push(key.data);
        inner.close();
      });
      reactor.callSoon(() => send(far));
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual(['inner']);
      expect(watcher.active).toBe(false);
    });

    it('is refused where the kernel refuses, at once, and leaves nothing behind', async () => {
      const reactor = open();
      const [near] = socketPair();
      const fd = near.fileno();
      near.close();
      expect(refusal(() => reactor.watch(fd, EVENT_READ, () => {}))).toBe('SystemError EBADF');
      expect(refusal(() => reactor.watch(near, EVENT_READ, () => {}))).toBe('StateError ERR_CLOSED');
      expect(reactor.selector.getMap().size).toBe(0);
      const [next] = successor(fd);
      let calls = 0;
      reactor.watch(next, EVENT_WRITE, () => {
        calls++;
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(calls).toBe(1);
    });
  });

  describe('several watchers of one descriptor', () => {
    it('are called each for its own direction', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen = new Map<string, number>();
      const note = (name: string) => (events: number, watcher: Watcher) => {
        seen.set(name, events);
        watcher.close();
        if (seen.size === 2) reactor.stop();
      };
      reactor.watch(near, EVENT_WRITE, note('writer'));
      reactor.watch(near.fileno(), EVENT_READ, note('reader'));
      await runToStop(reactor, setting);
      expect(Object.fromEntries(seen)).toEqual({ reader: EVENT_READ, writer: EVENT_WRITE });
    });

    it('are not called for the direction of the other', async () => {
      const reactor = open();
      const [near] = socketPair();
      const seen: string[] = [];
      reactor.watch(near, EVENT_READ, () => seen.push('reader'));
      reactor.watch(near, EVENT_WRITE, () => {
        seen.push('writer');
        if (seen.length === 3) reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual(['writer', 'writer', 'writer']);
    });

    it('are refused where a direction is taken, and change nothing', async () => {
      const reactor = open();
      const [near] = socketPair();
      let calls = 0;
      const writer = reactor.watch(near, EVENT_WRITE, () => {
        calls++;
        reactor.stop();
      });
      const intruder = () => expect.unreachable();
      expect(refusal(() => reactor.watch(near, EVENT_WRITE, intruder))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      expect(refusal(() => reactor.watch(near, EVENT_READ | EVENT_WRITE, intruder))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      // Nor is the other half of the refused one left over.
      const reader = reactor.watch(near, EVENT_READ, intruder);
      expect(refusal(() => reader.modify(EVENT_READ | EVENT_WRITE))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      expect([reader.events, writer.events]).toEqual([EVENT_READ, EVENT_WRITE]);
      await runToStop(reactor, setting);
      expect(calls).toBe(1);
    });

    it.runIf(capabilities.priority)('have each interest bit to itself, not only the directions', () => {
      const reactor = open();
      const [client, server] = tcpPair();
      const watchers = [EVENT_READ, EVENT_WRITE, EVENT_PRIORITY].map((events) =>
        reactor.watch(client, events, () => {}),
      );
      expect(watchers.map(({ active }) => active)).toEqual([true, true, true]);
      expect(refusal(() => reactor.watch(client, EVENT_PRIORITY, () => {}))).toBe(
        'StateError ERR_ALREADY_REGISTERED',
      );
      client.close();
      server.close();
    });

    it('leave the direction free when they are closed', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      reactor.watch(near, EVENT_READ, () => seen.push('first')).close();
      reactor.watch(near, EVENT_READ, () => {
        seen.push('second');
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(seen).toEqual(['second']);
    });

    it('go on when one of them is closed', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      const reader = reactor.watch(near, EVENT_READ, () => seen.push('reader'));
      reactor.watch(near, EVENT_WRITE, () => {
        seen.push('writer');
        if (seen.length === 3) reactor.stop();
      });
      reader.close();
      await runToStop(reactor, setting);
      expect(seen).toEqual(['writer', 'writer', 'writer']);
    });

    it('must be of one mode', () => {
      const reactor = open();
      const [near] = socketPair();
      const reader = reactor.watch(near, EVENT_READ, () => {});
      const oneshot = { mode: 'oneshot' } as const;
      expect(refusal(() => reactor.watch(near, EVENT_WRITE, () => {}, oneshot))).toBe(
        'StateError ERR_UNSUPPORTED',
      );
      reader.close();
      expect(reactor.watch(near, EVENT_WRITE, () => {}, oneshot).active).toBe(true);
    });

    it.runIf(capabilities.exclusive)('must be of one exclusiveness', () => {
      const reactor = open();
      const [near] = socketPair();
      reactor.watch(near, EVENT_READ, () => {}, { exclusive: true });
      expect(refusal(() => reactor.watch(near, EVENT_WRITE, () => {}))).toBe('StateError ERR_UNSUPPORTED');
      expect(reactor.watch(near, EVENT_WRITE, () => {}, { exclusive: true }).active).toBe(true);
    });

    it.runIf(capabilities.readClosed)('are told apart where the peer will send no more', async () => {
      const reactor = open();
      const [near, far] = socketPair();
      const seen = new Map<string, number>();
      const note = (name: string) => (events: number, watcher: Watcher) => {
        seen.set(name, events);
        watcher.close();
        if (seen.size === 2) reactor.stop();
      };
      reactor.watch(near, EVENT_READ, note('reader'));
      reactor.watch(near, EVENT_READ_CLOSED, note('closed'));
      reactor.callSoon(() => far.shutdown('write'));
      await runToStop(reactor, setting);
      expect(Object.fromEntries(seen)).toEqual({ reader: EVENT_READ, closed: EVENT_READ_CLOSED });
    });

    it.each([
      // select(2) itself knows neither error nor hang-up.
      ['a peer that is gone', () => goneSocket(), backend === 'select' ? 0 : EVENT_HANGUP],
      ['a reset', () => resetSocket(), backend === 'select' ? 0 : EVENT_ERROR | EVENT_HANGUP],
    ] as const)('learn all of %s, each with its own direction', async (_name, make, failure) => {
      const reactor = open();
      const socket = make();
      const seen = new Map<string, number>();
      const note = (name: string) => (events: number, watcher: Watcher) => {
        seen.set(name, events);
        watcher.close();
        if (seen.size === 2) reactor.stop();
      };
      reactor.watch(socket, EVENT_READ, note('reader'));
      reactor.watch(socket, EVENT_WRITE, note('writer'));
      await runToStop(reactor, setting);
      expect(Object.fromEntries(seen)).toEqual({
        reader: EVENT_READ | failure,
        writer: EVENT_WRITE | failure,
      });
    });
  });

  it.runIf(setting.mode === 'hosted')(
    'watchers outlive a run, and serve the next one, hosted or blocking',
    async () => {
      const reactor = open();
      const [near, far] = socketPair();
      let received = 0;
      reactor.watch(near, EVENT_READ, () => {
        received += drain(near);
        reactor.stop();
      });
      const hosted = { ...setting, mode: 'hosted' } as const;
      const blocking = { ...setting, mode: 'blocking' } as const;
      for (const [index, each] of [hosted, blocking, blocking, hosted, hosted, blocking].entries()) {
        if (index % 2 === 0) send(far);
        else reactor.callLater(2, () => send(far));
        await runToStop(reactor, each);
        expect(received).toBe(index + 1);
      }
    },
  );
});
