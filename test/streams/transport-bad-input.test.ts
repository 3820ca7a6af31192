/** Arguments that mean nothing are refused before anything changes, and what they were given to goes on. */
import { Reactor, Socket } from 'iomux';
import type { Protocol, Transport } from 'iomux/streams';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { send, socketPair } from '../support/pairs.js';
import { isReadable } from '../support/readiness.js';
import { refusal } from '../support/refusals.js';
import { connected, fill, receiveNow } from '../support/transport-peers.js';
import { Recorder } from '../support/transport-recorder.js';

const TYPE = 'TypeError ERR_INVALID_ARG_TYPE';
const VALUE = 'TypeError ERR_INVALID_ARG_VALUE';

function openReactor(): Reactor {
  const reactor = new Reactor({
    onError(error) {
      throw error;
    },
  });
  onTestFinished(() => reactor.close());
  return reactor;
}

function detached(): Uint8Array {
  const buffer = new Uint8Array(16);
  structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  return buffer;
}

function resizable(): Uint8Array {
  const memory = Reflect.construct(ArrayBuffer, [16, { maxByteLength: 32 }]) as ArrayBuffer;
  return new Uint8Array(memory);
}

/** What cannot be written, and how it is refused. */
const NO_BYTES: Readonly<Record<string, [data: () => unknown, refused: string]>> = {
  undefined: [() => undefined, TYPE],
  null: [() => null, TYPE],
  'a number': [() => 65, TYPE],
  'an object': [() => ({ length: 3 }), TYPE],
  'an array of numbers': [() => [1, 2, 3], TYPE],
  'an ArrayBuffer': [() => new ArrayBuffer(3), TYPE],
  'a Uint16Array': [() => new Uint16Array(3), TYPE],
  'a DataView': [() => new DataView(new ArrayBuffer(3)), TYPE],
  'a String object': [() => new String('text'), TYPE],
  'shared memory': [() => new Uint8Array(new SharedArrayBuffer(16)), VALUE],
  'memory that was moved away': [detached, VALUE],
  'memory that may grow': [resizable, VALUE],
};

/** What a connection may be in the middle of. */
const STATES: Readonly<Record<string, (transport: Transport) => void>> = {
  'nothing is buffered': () => {},
  'something is buffered': (transport) => void fill(transport),
};

/** A connection in each state, and what the peer has not received yet. */
function inState(bring: (transport: Transport) => void) {
  const ends = connected(openReactor(), new Recorder());
  bring(ends.transport);
  const { writeBufferSize, bytesWritten } = ends.transport;
  return {
    ...ends,
    expectUnchanged() {
      expect([ends.transport.writeBufferSize, ends.transport.bytesWritten]).toEqual([
        writeBufferSize,
        bytesWritten,
      ]);
      expect(ends.transport.closing).toBe(false);
      expect(ends.protocol.count('lost')).toBe(0);
    },
  };
}

describe.each(Object.entries(STATES))('while %s', (_, bring) => {
  it.each(Object.entries(NO_BYTES))('write() refuses %s', (_name, [data, expected]) => {
    const { transport, expectUnchanged } = inState(bring);
    expect(refusal(() => transport.write(data() as Uint8Array))).toBe(expected);
    expectUnchanged();
  });

  it.each(Object.entries(NO_BYTES))(
    'writev() refuses %s among chunks, all of them',
    (_name, [data, expected]) => {
      const { transport, expectUnchanged } = inState(bring);
      const chunks = [Buffer.from('first'), data() as Uint8Array, Buffer.from('last')];
      expect(refusal(() => transport.writev(chunks))).toBe(expected);
      expectUnchanged();
    },
  );

  it.each([undefined, null, 'text', Buffer.from('bytes'), 7, {}, new Set([Buffer.from('x')])])(
    'writev() refuses %s in place of an array',
    (chunks) => {
      const { transport, expectUnchanged } = inState(bring);
      expect(refusal(() => transport.writev(chunks as unknown as Uint8Array[]))).toBe(TYPE);
      expectUnchanged();
    },
  );

  it('writev() refuses a string among chunks, and one that is missing', () => {
    const { transport, expectUnchanged } = inState(bring);
    expect(refusal(() => transport.writev(['text' as unknown as Uint8Array]))).toBe(TYPE);
    const sparse: Uint8Array[] = [Buffer.from('x')];
    sparse.length = 2;
    expect(refusal(() => transport.writev(sparse))).toBe(TYPE);
    expectUnchanged();
  });

  it('bad input is refused also where it could do no harm, after the connection was closed', () => {
    const { transport } = inState(bring);
    transport.abort();
    expect(refusal(() => transport.write(7 as unknown as string))).toMatch(/^(TypeError|StateError) /);
    expect(refusal(() => transport.writev(7 as unknown as Uint8Array[]))).toMatch(/^(TypeError|StateError) /);
  });
});

it('what follows a refused write is sent as if that had not been', () => {
  const { transport, far } = connected(openReactor(), new Recorder());
  transport.write('before ');
  for (const [data] of Object.values(NO_BYTES)) {
    expect(refusal(() => transport.write(data() as Uint8Array))).not.toBe('nothing');
  }
  expect(isReadable(far)).toBe(true);
  transport.write('after');
  expect(receiveNow(far).toString()).toBe('before after');
});

/** What is no protocol, and how it is refused. */
const NO_PROTOCOLS: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  'a number': 7,
  'a string': 'protocol',
  'one whose connectionMade is a number': { connectionMade: 1 },
  'one whose dataReceived is a string': { dataReceived: 'yes' },
  'one whose getBuffer is a buffer': { getBuffer: Buffer.alloc(1) },
  'one whose bufferUpdated is null': { bufferUpdated: null },
  'one that lends a buffer, and hears nothing of it': { getBuffer: () => Buffer.alloc(1) },
  'one that lends a buffer, and hears of data only': {
    getBuffer: () => Buffer.alloc(1),
    dataReceived: () => {},
  },
  'one whose eofReceived is true': { eofReceived: true },
  'one whose pauseWriting is an object': { pauseWriting: {} },
  'one whose resumeWriting is a symbol': { resumeWriting: Symbol('x') },
  'one whose connectionLost is a promise': { connectionLost: Promise.resolve() },
};

describe('what is no protocol', () => {
  it.each(Object.entries(NO_PROTOCOLS))('gets no connection: %s', (_, protocol) => {
    const reactor = openReactor();
    const [near] = socketPair();
    expect(refusal(() => SocketTransport.start(reactor, near, protocol as Protocol))).toBe(TYPE);
    expect(near.closed).toBe(false);
    expect(reactor.selector.getMap().size).toBe(0);
    // Another may serve it.
    const good = new Recorder();
    SocketTransport.start(reactor, near, good);
    expect(good.events).toEqual(['made']);
  });

  it.each(Object.entries(NO_PROTOCOLS))('takes no connection over: %s', (_, protocol) => {
    const reactor = openReactor();
    const { transport, protocol: before, far } = connected(reactor, new Recorder());
    expect(refusal(() => transport.setProtocol(protocol as Protocol))).toBe(TYPE);
    send(far, 'still here');
    reactor.runOnce(0);
    reactor.runOnce(0);
    expect(before.received.toString()).toBe('still here');
  });

  it('may be an object whose members are inherited', () => {
    const seen: string[] = [];
    const base: Protocol = { connectionMade: () => void seen.push('made') };
    connected(openReactor(), Object.create(base) as Protocol);
    expect(seen).toEqual(['made']);
  });
});

describe('a connection', () => {
  it('does not begin on a socket that is closed', () => {
    const reactor = openReactor();
    const [near] = Socket.pair();
    near.close();
    const protocol = new Recorder();
    expect(refusal(() => SocketTransport.start(reactor, near, protocol))).toMatch(/Error/);
    expect(protocol.events).toEqual([]);
    expect(reactor.selector.getMap().size).toBe(0);
  });

  it('does not begin on a socket that has one already', () => {
    const reactor = openReactor();
    const { transport, protocol } = connected(reactor, new Recorder());
    const second = new Recorder();
    expect(refusal(() => SocketTransport.start(reactor, transport.socket, second))).toBe(
      'StateError ERR_ALREADY_REGISTERED',
    );
    expect(second.events).toEqual([]);
    expect(protocol.events).toEqual(['made']);
    expect(transport.closing).toBe(false);
  });
});
