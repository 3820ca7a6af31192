/** What callbacks do to watchers, sockets and numbers in the middle of a batch. */
import { closeSync } from 'node:fs';
import { EVENT_READ, EVENT_WRITE, type Socket, type Watcher } from 'iomux';
import { describe, expect, it, onTestFinished } from 'vitest';
import { drain, readableSockets, send, socketPair } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { runFor, runToStop } from '../support/running.js';
import { successor } from '../support/successor.js';

/** Long enough for an iteration that should not happen. */
const MOMENT = 20;

describeReactors((setting, open) => {
  describe('in the middle of a batch', () => {
    it('a watcher that is closed is not called for its event', async () => {
      const reactor = open();
      const seen: number[] = [];
      const watchers = readableSockets(5).map((socket, index) =>
        reactor.watch(socket, EVENT_READ, () => {
          seen.push(index);
          for (const [other, watcher] of watchers.entries()) if (other !== index) watcher.close();
        }),
      );
      reactor.callLater(MOMENT, () => reactor.stop());
      await runToStop(reactor, setting);
      expect(new Set(seen).size).toBe(1);
      expect(watchers.filter(({ active }) => active)).toHaveLength(1);
    });

    it('the other watcher of the same descriptor can be closed, too', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const seen: string[] = [];
      const reader = reactor.watch(near, EVENT_READ, () => {
        seen.push('reader');
        writer.close();
      });
      const writer = reactor.watch(near, EVENT_WRITE, () => {
        seen.push('writer');
        reader.close();
      });
      await runFor(reactor, setting, MOMENT);
      expect(new Set(seen).size).toBe(1);
    });

    it('a watcher that is changed is called for its new interest only', async () => {
      const reactor = open();
      const seen = new Map<number, number[]>();
      const sockets = readableSockets(3);
      const watchers = sockets.map((socket, index) =>
        reactor.watch(socket, EVENT_READ, (events) => {
          seen.set(index, [...(seen.get(index) ?? []), events]);
          if (seen.size === 1) {
            for (const [other, watcher] of watchers.entries())
              if (other !== index) watcher.modify(EVENT_WRITE);
          }
          if (seen.size === 3) reactor.stop();
        }),
      );
      await runToStop(reactor, setting);
      const [first = [], ...others] = seen.values();
      expect(new Set(first)).toEqual(new Set([EVENT_READ]));
      expect(new Set(others.flat())).toEqual(new Set([EVENT_WRITE]));
    });

    it('a watcher that is set gets no event of it', async () => {
      const reactor = open();
      const log: string[] = [];
      const sockets = readableSockets(2);
      const watchers = sockets.map((socket) => reactor.watch(socket, EVENT_READ, () => first(socket)));
      const first = (called: Socket) => {
        log.push('first');
        // The other's event is in the batch, or else it comes with the next.
        for (const watcher of watchers) watcher.close();
        for (const socket of sockets) {
          if (socket === called) continue;
          reactor.watch(socket, EVENT_READ, (_events, watcher) => {
            log.push('new');
            watcher.close();
            reactor.stop();
          });
        }
        reactor.callSoon(() => log.push('next iteration'));
      };
      await runToStop(reactor, setting);
      expect(log).toEqual(['first', 'next iteration', 'new']);
    });

    it('a watcher that is set for the other direction of a ready descriptor gets no event of it', async () => {
      const reactor = open();
      const log: string[] = [];
      const [near] = readableSockets(1) as [Socket];
      reactor.watch(near, EVENT_READ, (_events, reader) => {
        log.push('reader');
        reader.close();
        reactor.watch(near, EVENT_WRITE, (_also, writer) => {
          log.push('writer');
          writer.close();
          reactor.stop();
        });
        reactor.callSoon(() => log.push('next iteration'));
      });
      await runToStop(reactor, setting);
      expect(log).toEqual(['reader', 'next iteration', 'writer']);
    });

    it('a number that is closed and reused brings its new owner nothing of the old one', async () => {
      const reactor = open();
      const sockets = readableSockets(3);
      const seen: string[] = [];
      const peers: Socket[] = [];
      for (const socket of sockets) {
        reactor.watch(socket, EVENT_READ, () => {
          seen.push('old');
          drain(socket);
          for (const other of sockets.filter((candidate) => candidate !== socket)) {
            const fd = other.fileno();
            other.close();
            const [near, peer] = successor(fd);
            peers.push(peer);
            reactor.watch(near, EVENT_READ, () => {
              seen.push(`new ${drain(near)}`);
              if (seen.length === 3) reactor.stop();
            });
          }
          reactor.callLater(MOMENT, () => {
            expect(seen).toEqual(['old']);
            for (const peer of peers) send(peer, '12');
          });
        });
      }
      await runToStop(reactor, setting);
      expect(seen).toEqual(['old', 'new 2', 'new 2']);
    });

    it('a foreign number that is closed and reused brings its new owner nothing of the old one', async () => {
      const reactor = open();
      const descriptors = readableSockets(2).map((socket) => socket.detach());
      onTestFinished(() => closeSync(descriptors[0] as number));
      const seen: string[] = [];
      const watchers = new Map<number, Watcher>();
      for (const fd of descriptors) {
        const watcher = reactor.watch(fd, EVENT_READ, () => {
          seen.push('old');
          watcher.close();
          for (const [index, other] of descriptors.entries()) {
            if (other === fd) continue;
            watchers.get(other)?.close();
            closeSync(other);
            descriptors.splice(index, 1);
            const [near] = successor(other);
            reactor.watch(near, EVENT_READ, () => seen.push('new'));
          }
        });
        watchers.set(fd, watcher);
      }
      await runFor(reactor, setting, MOMENT);
      expect(seen).toEqual(['old']);
    });
  });

  describe('a socket that is closed', () => {
    it('takes its watchers with it, uncalled', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const watchers = [EVENT_READ, EVENT_WRITE].map((events) =>
        reactor.watch(near, events, () => expect.unreachable()),
      );
      reactor.callSoon(() => near.close());
      await runFor(reactor, setting, MOMENT);
      expect(watchers.map(({ active }) => active)).toEqual([false, false]);
      expect(watchers.map((watcher) => refusal(() => watcher.rearm()))).toEqual([
        'StateError ERR_CLOSED',
        'StateError ERR_CLOSED',
      ]);
      for (const watcher of watchers) watcher.close();
      expect(reactor.selector.getMap().size).toBe(0);
    });

    it('takes them with it in the middle of a batch', async () => {
      const reactor = open();
      const sockets = readableSockets(4);
      let calls = 0;
      const watchers = sockets.map((socket) =>
        reactor.watch(socket, EVENT_READ, () => {
          calls++;
          for (const each of sockets) each.close();
        }),
      );
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
      expect(watchers.some(({ active }) => active)).toBe(false);
    });

    it('takes them with it while a change of them is still to be told to the kernel', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const fd = near.fileno();
      const reader = reactor.watch(near, EVENT_READ, () => {
        reader.modify(EVENT_READ | EVENT_WRITE);
        near.close();
        const [next] = successor(fd);
        reactor.watch(next, EVENT_READ, () => expect.unreachable());
      });
      await runFor(reactor, setting, MOMENT);
      expect(reader.active).toBe(false);
      expect(reactor.selector.getKey(fd).events).toBe(EVENT_READ);
    });

    it('gives its descriptor away without its watchers', async () => {
      const reactor = open();
      const [near] = readableSockets(1) as [Socket];
      const watcher = reactor.watch(near, EVENT_READ, () => expect.unreachable());
      let fd = -1;
      reactor.callSoon(() => {
        fd = near.detach();
      });
      await runFor(reactor, setting, MOMENT);
      expect(watcher.active).toBe(false);
      let calls = 0;
      reactor.watch(fd, EVENT_READ, (_events, next) => {
        calls++;
        next.close();
        closeSync(fd);
      });
      await runFor(reactor, setting, MOMENT);
      expect(calls).toBe(1);
    });

    it('leaves its number to whoever gets it', async () => {
      const reactor = open();
      const [near] = socketPair();
      const fd = near.fileno();
      const old = reactor.watch(near, EVENT_READ, () => expect.unreachable());
      near.close();
      const [next, peer] = successor(fd);
      let received = 0;
      const fresh = reactor.watch(next, EVENT_READ, () => {
        received += drain(next);
        reactor.stop();
      });
      old.close();
      expect([old.active, fresh.active]).toEqual([false, true]);
      send(peer, 'for the new one');
      await runToStop(reactor, setting);
      expect(received).toBe(15);
    });
  });
});
