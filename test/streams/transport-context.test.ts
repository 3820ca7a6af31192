/** In which asynchronous context a connection calls back: that in which it was begun, whoever causes it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Transport } from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { send } from '../support/pairs.js';
import { describeReactors } from '../support/reactors.js';
import { play, runFor } from '../support/running.js';
import { connected, receiveAll } from '../support/transport-peers.js';
import { LendingRecorder, Recorder } from '../support/transport-recorder.js';

const storage = new AsyncLocalStorage<string>();

describeReactors((setting, open) => {
  /** Notes the store of each callback; a connection that was begun in a context of its own. */
  function begun() {
    const seen: Record<string, string | undefined> = {};
    const note = (callback: string) => {
      seen[callback] = storage.getStore();
    };
    const protocol = new Recorder({
      connectionMade: () => note('connectionMade'),
      dataReceived: () => note('dataReceived'),
      eofReceived() {
        note('eofReceived');
        return true;
      },
      resumeWriting: () => note('resumeWriting'),
      connectionLost: () => note('connectionLost'),
    });
    const reactor = open();
    const ends = storage.run('begun', () => connected(reactor, protocol));
    return { reactor, seen, ...ends };
  }

  describe('the context in which a connection was begun', () => {
    it('is that of what it receives, its end and its loss', async () => {
      const { reactor, seen, protocol, transport, far } = begun();
      await storage.run('elsewhere', async () => {
        send(far, 'data');
        await play(reactor, setting, () => protocol.untilReceived(4));
        transport.pauseReading();
        transport.resumeReading();
        far.shutdown('write');
        await play(reactor, setting, () => protocol.until(() => protocol.count('eof') > 0));
        transport.close();
        await play(reactor, setting, () => protocol.lost());
      });
      expect(seen).toEqual({
        connectionMade: 'begun',
        dataReceived: 'begun',
        eofReceived: 'begun',
        connectionLost: 'begun',
      });
    });

    it('is that of resumeWriting, whoever wrote', async () => {
      const { reactor, seen, transport, far } = begun();
      await storage.run('elsewhere', async () => {
        transport.write(Buffer.alloc(1_000_000));
        await play(reactor, setting, () => receiveAll(reactor, far, 1_000_000));
        await runFor(reactor, setting, 1);
      });
      expect(seen['resumeWriting']).toBe('begun');
    });

    it.each([
      ['abort()', (transport: Transport) => transport.abort()],
      ['socket.close()', (transport: Transport) => transport.socket.close()],
    ])('is that of connectionLost, whoever ends it by %s', async (_, end) => {
      const { reactor, seen, protocol, transport } = begun();
      storage.run('elsewhere', () => end(transport));
      await play(reactor, setting, () => protocol.lost());
      expect(seen['connectionLost']).toBe('begun');
    });

    it('is that of connectionLost where the reactor is closed', () => {
      const { reactor, seen } = begun();
      storage.run('elsewhere', () => reactor.close());
      expect(seen['connectionLost']).toBe('begun');
    });

    it('is that of connectionLost where the reactor is closed before it could tell', () => {
      const { reactor, seen, transport } = begun();
      storage.run('elsewhere', () => {
        transport.abort();
        reactor.close();
      });
      expect(seen['connectionLost']).toBe('begun');
    });

    it('is that of bufferUpdated as well, and is not left behind', async () => {
      const reactor = open();
      const seen: (string | undefined)[] = [];
      const [one, other] = ['one', 'other'].map((name) =>
        storage.run(name, () =>
          connected(reactor, new LendingRecorder(16, () => seen.push(storage.getStore()))),
        ),
      );
      for (const ends of [one, other, one]) if (ends !== undefined) send(ends.far);
      reactor.callSoon(() => seen.push(storage.getStore()));
      await runFor(reactor, setting, 5);
      expect(seen.sort()).toEqual(['one', 'other', undefined]);
    });
  });
});
