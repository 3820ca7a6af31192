/** Protocols that lend their own memory to a connection with TLS: they may fail, wait or end it while they lend. */
import { Reactor } from 'iomux';
import { createConnection, createServer, type Protocol, type Transport } from 'iomux/streams';
import { beforeEach, describe, expect, it } from 'vitest';
import { afterwards, hosted, portOfServer } from '../support/duplex-peers.js';
import { later } from '../support/stream-ends.js';
import type { Reported } from '../support/task-scenes.js';
import { Authority } from '../support/tls-certificates.js';

const authority = new Authority();
const ca = authority.ca.cert;
const identity = authority.issue('localhost', 'IP:127.0.0.1');

const GREETING = 'hello world';

/** Connects to a server that says something at once. */
async function greeted(reactor: Reactor, encrypted: boolean, protocol: Protocol): Promise<Transport> {
  const greet = { connectionMade: (transport: Transport) => void transport.write(GREETING) };
  const options = encrypted ? { reactor, tls: identity } : { reactor };
  const server = await createServer(() => greet, { address: '127.0.0.1', port: 0 }, options);
  afterwards(() => {
    server.close();
    server.abortClients();
    return server.waitClosed();
  });
  const endpoint = { address: '127.0.0.1', port: portOfServer(server) };
  const transport = await createConnection(
    protocol,
    endpoint,
    encrypted ? { reactor, tls: { ca } } : { reactor },
  );
  afterwards(() => transport.abort());
  return transport;
}

/** A protocol that lends memory, and does something else as well. */
class Lender implements Protocol {
  readonly buffer = Buffer.alloc(5);
  readonly counts: number[] = [];
  readonly lost: (Error | null)[] = [];
  text = '';
  transport: Transport | null = null;
  #whileLending: (transport: Transport | null) => void;

  constructor(whileLending: (transport: Transport | null) => void) {
    this.#whileLending = whileLending;
  }

  connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  getBuffer(): Buffer {
    this.#whileLending(this.transport);
    return this.buffer;
  }

  bufferUpdated(count: number): void {
    this.counts.push(count);
    this.text += this.buffer.toString('latin1', 0, count);
  }

  connectionLost(error: Error | null): void {
    this.lost.push(error);
  }

  /** Lends without more ado from now on. */
  calm(): void {
    this.#whileLending = () => {};
  }
}

describe.each([
  ['with TLS', true],
  ['without', false],
])('a protocol that lends its memory, %s', (_, encrypted) => {
  let reported: Reported[] = [];
  beforeEach(() => {
    reported = [];
  });
  const scene = (play: (reactor: Reactor) => Promise<void>) => () =>
    hosted(play, new Reactor({ onError: (...error) => reported.push(error) }))();

  it(
    'and throws is reported as getBuffer, and the connection ends with what it threw',
    scene(async (reactor) => {
      const thrown = new Error('no memory');
      const lender = new Lender(() => {
        throw thrown;
      });
      await greeted(reactor, encrypted, lender);
      await expect.poll(() => lender.lost).toEqual([thrown]);
      expect(reported.map(([error]) => error)).toEqual([thrown]);
      expect(reported[0]?.[1]).toMatchObject({
        source: 'transport',
        message: expect.stringMatching(/^getBuffer\(\)/),
      });
      expect(lender.counts).toEqual([]);
    }),
  );

  it(
    'and lends nothing is reported as getBuffer',
    scene(async (reactor) => {
      const lender = Object.defineProperty(new Lender(() => {}), 'getBuffer', {
        value: () => Buffer.alloc(0),
      });
      await greeted(reactor, encrypted, lender);
      await expect.poll(() => lender.lost.length).toBe(1);
      expect(lender.lost[0]).toBeInstanceOf(TypeError);
      expect(reported.map(([error]) => error)).toEqual(lender.lost);
      expect(reported[0]?.[1].message).toMatch(/^getBuffer\(\)/);
      expect(lender.counts).toEqual([]);
    }),
  );

  it(
    'and pauses is told of nothing until it goes on, and then of all',
    scene(async (reactor) => {
      const lender = new Lender((transport) => transport?.pauseReading());
      const transport = await greeted(reactor, encrypted, lender);
      await later(reactor, 50);
      expect([lender.counts, lender.lost, transport.bytesRead]).toEqual([[], [], 0]);
      lender.calm();
      transport.resumeReading();
      await expect.poll(() => lender.text).toBe(GREETING);
      expect(lender.counts).toEqual([5, 5, 1]);
      expect(reported).toEqual([]);
    }),
  );

  it.each(['abort', 'close'] as const)('and ends the connection by %s() is told of no more data', (end) =>
    scene(async (reactor) => {
      const lender = new Lender((transport) => transport?.[end]());
      await greeted(reactor, encrypted, lender);
      await expect.poll(() => lender.lost).toEqual([null]);
      await later(reactor, 5);
      expect([lender.counts, reported]).toEqual([[], []]);
    })(),
  );
});
