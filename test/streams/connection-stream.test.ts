/** A connection as a stream.Duplex, over TCP to Node's own sockets: reading, writing, ending, being destroyed, failing. */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import type { Socket as NetSocket } from 'node:net';
import { Duplex, PassThrough, Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { ConnectionStream } from '../../lib/streams/connection-stream.js';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { hosted, pairOfStreams, streamAndPeer } from '../support/duplex-peers.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { take } from '../support/net-client.js';

const MEGABYTE = 1 << 20;

/** What happens to a stream, in order. */
function recorded(stream: Duplex): string[] {
  const events: string[] = [];
  for (const name of ['end', 'finish', 'close']) stream.on(name, () => events.push(name));
  stream.on('error', (error: NodeJS.ErrnoException) => events.push(`error ${error.code ?? error.message}`));
  return events;
}

/** Everything that comes; the stream is not destroyed after that, as async iteration would. */
async function collected(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

/** Writes until the stream asks to wait, and the kernel has taken what it takes. @returns how many bytes. */
async function fill(stream: Duplex): Promise<number> {
  const chunk = Buffer.alloc(256 * 1024);
  let written = 0;
  for (let full = 0; full < 5; ) {
    if (stream.writableNeedDrain) {
      full++;
      await turn();
    } else {
      full = 0;
      stream.write(chunk);
      written += chunk.length;
      if (written > 256 * MEGABYTE) throw new Error(`nobody asks to wait after ${written} bytes`);
    }
  }
  return written;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Whether by an error or not. */
function closed(stream: Duplex | NetSocket): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}

describe('a stream of a connection, reading and writing', () => {
  it(
    'is a Duplex that says it is no net.Socket and not encrypted',
    hosted(async (reactor) => {
      const [stream] = await streamAndPeer(reactor);
      expect(stream).toBeInstanceOf(Duplex);
      expect('_handle' in stream).toBe(false);
      expect('encrypted' in stream).toBe(false);
      expect(stream.readyState).toBe('open');
    }),
  );

  it(
    'reads what the peer sends, and sends what is written in any encoding',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      peer.write('from the peer');
      expect((await take(stream, 13)).toString()).toBe('from the peer');
      stream.write('grüße', 'utf8');
      stream.write('6162', 'hex');
      stream.write(new Uint8Array([99]));
      expect((await take(peer, 10)).toString()).toBe('grüßeabc');
      expect([stream.bytesRead, stream.bytesWritten]).toEqual([13, 10]);
    }),
  );

  it(
    'gives each reader memory of its own: what was received later does not change it',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      for (const text of ['first', 'other']) {
        peer.write(text);
        await once(stream, 'data');
      }
      expect(chunks.map(String)).toEqual(['first', 'other']);
    }),
  );

  it(
    'sends what is corked as one',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      stream.cork();
      for (const text of ['a', 'b', 'c']) stream.write(text);
      await turn();
      expect(stream.bytesWritten).toBe(0);
      stream.uncork();
      expect(stream.bytesWritten).toBe(3);
      expect((await take(peer, 3)).toString()).toBe('abc');
    }),
  );

  it(
    'carries megabytes in both directions at once, unchanged',
    hosted(async (reactor) => {
      const [one, other] = await pairOfStreams(reactor);
      const sent = [one, other].map(() => randomFillSync(Buffer.allocUnsafe(8 * MEGABYTE)));
      const received = [collected(other), collected(one)];
      one.end(sent[0]);
      other.end(sent[1]);
      for (const [index, bytes] of (await Promise.all(received)).entries()) {
        expect(bytes.equals(sent[index] as Buffer)).toBe(true);
      }
    }),
  );

  it(
    'has the peer wait while nobody reads, and loses nothing of it',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const written = await fill(peer);
      expect(peer.writableLength).toBeGreaterThan(0);
      const before = stream.bytesRead;
      await sleep(50);
      expect(stream.bytesRead).toBe(before);
      expect(stream.readableLength).toBeLessThan(MEGABYTE);
      peer.end();
      expect((await collected(stream)).length).toBe(written);
    }),
  );

  it(
    'says that a writer is to wait, calls back when the kernel has it all, and goes on when the peer reads',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const written = await fill(stream);
      let called = false;
      stream.write('!', () => {
        called = true;
      });
      await sleep(50);
      expect(called).toBe(false);
      expect(stream.writableNeedDrain).toBe(true);
      const drained = once(stream, 'drain');
      expect((await take(peer, written + 1)).length).toBe(written + 1);
      await drained;
      expect(called).toBe(true);
      expect(stream.bytesWritten).toBe(written + 1);
    }),
  );

  it(
    'pauses and goes on',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      let received = 0;
      stream.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      peer.write('one');
      await once(stream, 'data');
      stream.pause();
      peer.write('two');
      await sleep(50);
      expect(received).toBe(3);
      stream.resume();
      await once(stream, 'data');
      expect(received).toBe(6);
    }),
  );
});

describe('a stream of a connection, ending', () => {
  it(
    'ends when the peer does, and can be written to after that',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      peer.end('last words');
      expect((await collected(stream)).toString()).toBe('last words');
      await sleep(20);
      expect(events).toEqual(['end']);
      expect(stream.readyState).toBe('writeOnly');
      stream.end('answer');
      expect((await collected(peer)).toString()).toBe('answer');
      await closed(stream);
      expect(events).toEqual(['end', 'finish', 'close']);
      expect(stream.readyState).toBe('closed');
    }),
  );

  it(
    'can be read after its own end',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      stream.end('question');
      expect((await collected(peer)).toString()).toBe('question');
      expect(events).toEqual(['finish']);
      expect(stream.readyState).toBe('readOnly');
      peer.end('answer');
      expect((await collected(stream)).toString()).toBe('answer');
      await closed(stream);
      expect(events).toEqual(['finish', 'end', 'close']);
    }),
  );

  it(
    'ends with its peer where it is not to stay half open',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      stream.allowHalfOpen = false;
      const events = recorded(stream);
      peer.end();
      peer.resume();
      await once(peer, 'end');
      await closed(stream);
      expect(events).toEqual(['end', 'finish', 'close']);
    }),
  );

  it(
    'notices the end of its peer though nobody reads',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      peer.end();
      await once(stream, 'end');
      expect(stream.readyState).toBe('writeOnly');
    }),
  );

  it(
    'has sent everything, end included, before it says that it is finished',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const written = await fill(stream);
      stream.end();
      const order: string[] = [];
      stream.once('finish', () => order.push(`finish ${stream.bytesWritten}`));
      await sleep(50);
      expect(order).toEqual([]);
      expect((await collected(peer)).length).toBe(written);
      await finished(stream, { readable: false });
      expect(order).toEqual([`finish ${written}`]);
    }),
  );

  it(
    'destroySoon() sends what was written first',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const written = await fill(stream);
      stream.destroySoon();
      expect(stream.destroyed).toBe(false);
      expect((await collected(peer)).length).toBe(written);
      await closed(stream);
    }),
  );

  it(
    'refuses what is written after its end',
    hosted(async (reactor) => {
      const [stream] = await streamAndPeer(reactor);
      const events = recorded(stream);
      stream.end();
      stream.write('too late');
      await closed(stream);
      expect(events).toContain('error ERR_STREAM_WRITE_AFTER_END');
      expect(events.at(-1)).toBe('close');
    }),
  );
});

describe('a stream of a connection, destroyed or failing', () => {
  it(
    'destroy() closes the connection at once and emits no error',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      peer.on('error', () => {}).resume();
      stream.destroy();
      await Promise.all([closed(stream), once(peer, 'end')]);
      expect(events).toEqual(['close']);
    }),
  );

  it(
    'destroy(error) emits it once, and then closes',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      peer.on('error', () => {}).resume();
      stream.destroy(new Error('enough')).destroy(new Error('again'));
      await Promise.all([closed(stream), once(peer, 'end')]);
      expect(events).toEqual(['error enough', 'close']);
    }),
  );

  it(
    'drops what is not sent when it is destroyed, and tells those who wrote it',
    hosted(async (reactor) => {
      const [stream] = await streamAndPeer(reactor);
      const events = recorded(stream);
      await fill(stream);
      const outcomes: (string | undefined)[] = [];
      for (const text of ['one', 'two']) {
        stream.write(text, (error) => outcomes.push((error as NodeJS.ErrnoException | null)?.code));
      }
      stream.destroy();
      await closed(stream);
      await turn();
      expect(outcomes).toEqual(['ERR_CLOSED', 'ERR_CLOSED']);
      expect(events).toEqual(['close']);
    }),
  );

  it(
    'emits the reset of a peer that is read, once, and closes',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      stream.resume();
      peer.resetAndDestroy();
      await closed(stream);
      expect(events).toEqual(['error ECONNRESET', 'close']);
      expect(stream.errored).toMatchObject({ code: 'ECONNRESET', syscall: 'recv' });
    }),
  );

  it(
    'emits the reset of a peer though nobody reads',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      peer.resetAndDestroy();
      await closed(stream);
      expect(events).toEqual(['error ECONNRESET', 'close']);
    }),
  );

  it(
    'that takes the rest emits all that came before a reset, though it is paused, and then the reset',
    hosted(async (reactor) => {
      const [near, far] = Socket.pair();
      const stream = new ConnectionStream(SocketTransport.start(reactor, near, {}), { takesRest: true });
      const events = recorded(stream);
      const outcomes: unknown[] = [];
      stream.on('data', (chunk: Buffer) => {
        events.push(`data ${chunk}`);
        // As TLS does, which answers while it decrypts.
        stream.write('too late', (error) => {
          outcomes.push((error as NodeJS.ErrnoException | null)?.code);
        });
      });
      stream.pause();
      // Closing a socket that has something unread resets its peer.
      stream.write('never read');
      far.send(Buffer.from('heard'));
      far.close();
      await until(() => events.includes('close'));
      expect(events).toEqual(['data heard', 'error ECONNRESET', 'close']);
      expect(outcomes).toEqual(['ECONNRESET']);
    }),
  );

  it(
    'fails the write that a reset interrupts, and those behind it',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      const outcomes: unknown[] = [];
      for (let index = 0; index < 3; index++) {
        stream.write(Buffer.alloc(8 * MEGABYTE), (error) => {
          outcomes.push((error as NodeJS.ErrnoException | null)?.code);
        });
      }
      await sleep(20);
      peer.resetAndDestroy();
      await closed(stream);
      expect(outcomes).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
      expect(events).toEqual(['error ECONNRESET', 'close']);
    }),
  );

  it(
    'fails the write to a peer that is gone',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const events = recorded(stream);
      peer.end();
      await once(stream, 'end');
      peer.resetAndDestroy();
      await closed(peer);
      while (!stream.destroyed) {
        stream.write('anybody there?');
        await turn();
      }
      await closed(stream);
      expect(events).toEqual(['end', expect.stringMatching(/^error (EPIPE|ECONNRESET)$/), 'close']);
    }),
  );

  it(
    'ends when its transport is closed by somebody else, with what had come',
    hosted(async (reactor) => {
      const [stream, peer, transport] = await streamAndPeer(reactor);
      const events = recorded(stream);
      peer.write('before');
      await once(stream, 'readable');
      transport.close();
      expect((await collected(stream)).toString()).toBe('before');
      await closed(stream);
      expect(events.toSorted()).toEqual(['close', 'end', 'finish']);
    }),
  );

  it(
    'emits ECANCELED when its socket is closed behind its back',
    hosted(async (reactor) => {
      const [stream, , transport] = await streamAndPeer(reactor);
      const events = recorded(stream);
      transport.socket.close();
      await closed(stream);
      expect(events).toEqual(['error ECANCELED', 'close']);
    }),
  );

  it(
    'leaves no descriptor open, however it ends',
    hosted(async (reactor) => {
      const before = descriptorCount();
      for (const end of ['end', 'destroy', 'reset'] as const) {
        const [stream, peer] = await streamAndPeer(reactor);
        stream.on('error', () => {}).resume();
        peer.on('error', () => {}).resume();
        if (end === 'reset') peer.resetAndDestroy();
        else stream[end]();
        if (!peer.destroyed) peer.end();
        await Promise.all([closed(stream), closed(peer)]);
      }
      await expectNoLeak(before + 3); // the listeners of the peers
    }),
  );
});

describe("a stream of a connection in Node's stream functions", () => {
  it(
    'pipeline() carries it through others to its end',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const upper = new Transform({
        transform: (chunk, _, callback) => callback(null, String(chunk).toUpperCase()),
      });
      const echo = pipeline(stream, upper, stream);
      peer.end('hello');
      expect((await collected(peer)).toString()).toBe('HELLO');
      await echo;
    }),
  );

  it(
    'pipeline() destroys it when another stream of it fails',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      const failing = new PassThrough();
      const running = pipeline(stream, failing);
      peer.write('x');
      await once(failing, 'readable');
      failing.destroy(new Error('broken'));
      await expect(running).rejects.toThrow('broken');
      await closed(stream);
    }),
  );

  it(
    'finished() tells the error of a reset, and of an early close',
    hosted(async (reactor) => {
      const [reset, peer] = await streamAndPeer(reactor);
      const failed = finished(reset.on('error', () => {}));
      peer.resetAndDestroy();
      await expect(failed).rejects.toMatchObject({ code: 'ECONNRESET' });
      const [destroyed] = await streamAndPeer(reactor);
      const early = finished(destroyed);
      destroyed.destroy();
      await expect(early).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    }),
  );

  it(
    'is iterated to its end, and closed by whoever leaves earlier',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      peer.end('abc');
      let text = '';
      for await (const chunk of stream) text += chunk;
      expect(text).toBe('abc');
      const [left, other] = await streamAndPeer(reactor);
      other.on('error', () => {}).write('x');
      for await (const _ of left) break;
      await closed(left);
      other.resume();
      await closed(other.end());
    }),
  );

  it(
    'throws the reset of its peer out of an iteration',
    hosted(async (reactor) => {
      const [stream, peer] = await streamAndPeer(reactor);
      peer.write('x');
      const reading = (async () => {
        for await (const _ of stream) peer.resetAndDestroy();
      })();
      await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' });
    }),
  );
});
