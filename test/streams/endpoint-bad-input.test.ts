/** What createConnection, createServer and createDatagramEndpoint refuse, before anything is opened. */
import { type Address, AF_INET, Reactor, SOCK_DGRAM, SOCK_SEQPACKET, Socket } from 'iomux';
import {
  createConnection,
  createDatagramEndpoint,
  createServer,
  type DatagramProtocol,
  type Endpoint,
  type Protocol,
} from 'iomux/streams';
import { describe, expect, it, onTestFinished } from 'vitest';
import { descriptorCount } from '../support/leaks.js';
import { refusal } from '../support/refusals.js';
import { listenerOn } from '../support/server-peers.js';
import { openReactor } from '../support/task-scenes.js';

const TYPE = 'TypeError ERR_INVALID_ARG_TYPE';
const VALUE = 'TypeError ERR_INVALID_ARG_VALUE';
const RANGE = 'RangeError ERR_OUT_OF_RANGE';
const CLOSED = 'StateError ERR_CLOSED';

const long = 'x'.repeat(200);
const zero = '\0';

function kept<S extends Socket>(socket: S): S {
  onTestFinished(() => socket.close());
  return socket;
}

function closedSocket(): Socket {
  const socket = new Socket();
  socket.close();
  return socket;
}

/** How a call is refused, which must leave nothing open. */
function refused(call: (reactor: Reactor) => unknown): string {
  const reactor = openReactor();
  const before = descriptorCount();
  const words = refusal(() => call(reactor));
  expect(descriptorCount()).toBe(before);
  expect(reactor.selector.getMap().size).toBe(0);
  return words;
}

/** Endpoints that mean nothing, wherever they are given. */
const ENDPOINTS: readonly (readonly [what: string, endpoint: unknown, refusal: string])[] = [
  ['nothing', undefined, TYPE],
  ['null', null, TYPE],
  ['a string', 'localhost:80', TYPE],
  ['an object without an endpoint', {}, TYPE],
  ['a port alone', { port: 80 }, TYPE],
  ['a host and a path', { host: 'localhost', port: 80, path: '/x' }, TYPE],
  ['an address that is a name', { address: 'localhost', port: 80 }, VALUE],
  ['an address that is no string', { address: 7, port: 80 }, TYPE],
  ['an address without a port', { address: '127.0.0.1' }, TYPE],
  ['a port that is text', { address: '127.0.0.1', port: '80' }, TYPE],
  ['a port beyond the last', { address: '127.0.0.1', port: 65_536 }, RANGE],
  ['a negative port', { host: 'localhost', port: -1 }, RANGE],
  ['half a port', { host: '127.0.0.1', port: 80.5 }, RANGE],
  ['a host that is no string', { host: 1, port: 80 }, TYPE],
  ['an empty host', { host: '', port: 80 }, VALUE],
  ['a host with a NUL', { host: `a${zero}b`, port: 80 }, VALUE],
  ['a path that is no string', { path: 7 }, TYPE],
  ['a path of null', { path: null }, TYPE],
  ['a path that is too long', { path: long }, RANGE],
  ['a path with a NUL inside', { path: `a${zero}b` }, VALUE],
  ['a socket that is none', { socket: 3 }, TYPE],
];

describe('an endpoint', () => {
  it.each(ENDPOINTS)('is refused where it is %s', (_, endpoint, expected) => {
    const given = endpoint as Endpoint;
    expect(refused((reactor) => createConnection({}, given, { reactor }))).toBe(expected);
    expect(refused((reactor) => createServer(() => ({}), given, { reactor }))).toBe(expected);
  });

  it('names what is wrong', () => {
    expect(() => createConnection({}, { address: 'example.com', port: 1 })).toThrow(
      "endpoint.address must be numeric, not 'example.com'",
    );
    expect(() => createConnection({}, { port: 1 } as unknown as Endpoint)).toThrow(
      'endpoint must be an object with address and port, host and port, path, or socket, not one with port',
    );
  });
});

describe('createConnection', () => {
  const connect = (endpoint: Endpoint, options: object = {}, protocol: unknown = {}) =>
    refused((reactor) => createConnection(protocol as Protocol, endpoint, { reactor, ...options }));

  it('needs a port, or a path, that somebody can listen on', () => {
    expect(connect({ address: '127.0.0.1', port: 0 })).toBe(RANGE);
    expect(connect({ host: 'localhost', port: 0 })).toBe(RANGE);
    expect(connect({ host: '::1', port: 0 })).toBe(RANGE);
    expect(connect({ path: '' })).toBe(VALUE);
  });

  it('takes connected stream sockets only, and leaves the others as they are', () => {
    const [sequential] = Socket.pair(undefined, SOCK_SEQPACKET).map(kept);
    const datagrams = kept(new Socket(AF_INET, SOCK_DGRAM));
    for (const socket of [sequential, datagrams, kept(new Socket()), listenerOn()]) {
      expect(connect({ socket: socket as Socket })).toBe(VALUE);
      expect(socket?.closed).toBe(false);
    }
    expect(connect({ socket: closedSocket() })).toBe(CLOSED);
  });

  it('leaves a socket that somebody reads to him', () => {
    const [near] = Socket.pair().map(kept) as [Socket, Socket];
    const reactor = openReactor();
    reactor.addReader(near, () => {});
    expect(refusal(() => createConnection({}, { socket: near }, { reactor }))).toBe(
      'StateError ERR_ALREADY_REGISTERED',
    );
    expect(near.closed).toBe(false);
    expect(reactor.removeReader(near)).toBe(true);
  });

  it('refuses what is no protocol, and options that mean nothing', () => {
    const endpoint = { address: '127.0.0.1', port: 1 };
    for (const protocol of [null, 7, 'x', { dataReceived: 7 }]) {
      expect(connect(endpoint, {}, protocol)).toBe(TYPE);
    }
    for (const options of [{ reactor: {} }, { timeout: '1' }, { signal: {} }, { noDelay: 1 }]) {
      expect(connect(endpoint, options)).toBe(TYPE);
    }
    expect(connect(endpoint, { timeout: Number.NaN })).toBe(RANGE);
    expect(refusal(() => createConnection({}, endpoint, null as unknown as object))).toBe(TYPE);
    const closed = new Reactor();
    closed.close();
    expect(connect(endpoint, { reactor: closed })).toBe(CLOSED);
  });
});

describe('createServer', () => {
  const serve = (endpoint: Endpoint, options: object = {}, protocol: unknown = () => ({})) =>
    refused((reactor) => createServer(protocol as () => Protocol, endpoint, { reactor, ...options }));

  it('takes listening stream sockets only, and leaves the others as they are', () => {
    const [near] = Socket.pair().map(kept);
    for (const socket of [near, kept(new Socket(AF_INET, SOCK_DGRAM)), kept(new Socket())]) {
      expect(serve({ socket: socket as Socket })).toBe(VALUE);
      expect(socket?.closed).toBe(false);
    }
    expect(serve({ socket: closedSocket() })).toBe(CLOSED);
    const listener = listenerOn();
    const reactor = openReactor();
    reactor.addReader(listener, () => {});
    expect(refusal(() => createServer(() => ({}), { socket: listener }, { reactor }))).toBe(
      'StateError ERR_ALREADY_REGISTERED',
    );
    expect(listener.closed).toBe(false);
  });

  it('refuses what makes no protocol, and options that mean nothing', () => {
    const endpoint = { address: '127.0.0.1', port: 0 };
    for (const protocol of [null, {}, 'x']) expect(serve(endpoint, {}, protocol)).toBe(TYPE);
    for (const options of [
      { reactor: {} },
      { backlog: '1' },
      { maxConnections: '1' },
      { reusePort: 1 },
      { noDelay: 'yes' },
    ]) {
      expect(serve(endpoint, options)).toBe(TYPE);
    }
    for (const options of [
      { backlog: -1 },
      { backlog: 1.5 },
      { maxConnections: 0 },
      { maxConnections: -1 },
      { maxConnections: 0.5 },
      { maxConnections: Number.NaN },
    ]) {
      expect(serve(endpoint, options)).toBe(RANGE);
    }
    expect(refusal(() => createServer(() => ({}), endpoint, 7 as unknown as object))).toBe(TYPE);
    const closed = new Reactor();
    closed.close();
    expect(serve(endpoint, { reactor: closed })).toBe(CLOSED);
  });
});

describe('createDatagramEndpoint', () => {
  const open = (options: object, protocol: unknown = {}) =>
    refused((reactor) => createDatagramEndpoint(protocol as DatagramProtocol, { reactor, ...options }));
  const local = { address: '127.0.0.1', port: 0 };

  it('needs an address, and two of one family', () => {
    expect(open({})).toBe(VALUE);
    expect(open({ local, remote: { address: '::1', port: 9 } })).toBe(VALUE);
    expect(open({ local, remote: { path: '/tmp/x' } })).toBe(VALUE);
    expect(open({ remote: local })).toBe(RANGE);
    expect(open({ remote: { path: '' } })).toBe(VALUE);
    for (const address of [7, null, { address: 5, port: 1 }, {}] as unknown as Address[]) {
      expect(open({ local: address })).toBe(TYPE);
      expect(open({ remote: address })).toBe(TYPE);
    }
    expect(open({ local: { address: 'localhost', port: 1 } })).toBe(VALUE);
    expect(open({ local: { address: '127.0.0.1', port: -1 } })).toBe(RANGE);
    expect(open({ local: { path: long } })).toBe(RANGE);
  });

  it('refuses what is no protocol, and options that mean nothing', () => {
    for (const protocol of [null, () => ({}), { datagramReceived: true }]) {
      expect(open({ local }, protocol)).toBe(TYPE);
    }
    expect(open({ local, reusePort: 1 })).toBe(TYPE);
    expect(open({ local, reactor: 1 })).toBe(TYPE);
    expect(refusal(() => createDatagramEndpoint({}, undefined as unknown as object))).toBe(TYPE);
    const closed = new Reactor();
    closed.close();
    expect(open({ local, reactor: closed })).toBe(CLOSED);
  });
});
