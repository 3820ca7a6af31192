/** Datagrams of many senders: each is told who sent it, however many took turns in between. */
import { type Address, AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, Socket } from 'iomux';
import { afterEach, describe, expect, it } from 'vitest';
import { TemporaryFolder } from '../support/temporary.js';

/** More than are remembered. */
const MANY = 200;
const sockets: Socket[] = [];

function bound(family: number, address: Address): Socket {
  const socket = new Socket(family, SOCK_DGRAM);
  sockets.push(socket);
  socket.bind(address);
  return socket;
}

function received(socket: Socket): Address {
  const datagram = socket.recvFrom(Buffer.alloc(16));
  if (datagram === null || datagram.address === null) throw new Error('nothing came');
  return datagram.address;
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

describe.each([
  ['IPv4', AF_INET, '127.0.0.1'],
  ['IPv6', AF_INET6, '::1'],
] as const)('%s', (_name, family, address) => {
  it('names the sender of each, where more of them take turns than are remembered', () => {
    const receiver = bound(family, { address, port: 0 });
    const senders = Array.from({ length: MANY }, () => bound(family, { address, port: 0 }));
    for (let round = 0; round < 3; round++) {
      for (const sender of senders) {
        sender.sendTo(Buffer.from('x'), receiver.localAddress);
        expect(received(receiver)).toEqual(sender.localAddress);
      }
    }
  });

  it('gives the address of one sender again, frozen, and as good for an answer', () => {
    const receiver = bound(family, { address, port: 0 });
    const sender = bound(family, { address, port: 0 });
    // Asked for between two datagrams, it could take the sender's place among what is remembered.
    const destination = receiver.localAddress;
    const addresses = Array.from({ length: 3 }, () => {
      sender.sendTo(Buffer.from('x'), destination);
      return received(receiver);
    });
    expect(new Set(addresses).size).toBe(1);
    const [known] = addresses;
    expect(Object.isFrozen(known)).toBe(true);
    receiver.sendTo(Buffer.from('answer'), known as Address);
    expect(received(sender)).toEqual(receiver.localAddress);
  });
});

it.runIf(process.platform === 'linux')(
  'tells hosts apart that differ in nothing but their last number',
  () => {
    const receiver = bound(AF_INET, { address: '127.0.0.1', port: 0 });
    const { port } = receiver.localAddress as { port: number };
    const hosts = [2, 3, 4, 66].map((last) => `127.0.0.${last}`);
    const senders = hosts.map((address) => bound(AF_INET, { address, port }));
    for (let round = 0; round < 2; round++) {
      for (const [index, sender] of senders.entries()) {
        sender.sendTo(Buffer.from('x'), receiver.localAddress);
        expect(received(receiver)).toMatchObject({ address: hosts[index], port });
      }
    }
  },
);

it('does not give the path of a Unix socket twice where it is a Buffer, which its owner may change', () => {
  using folder = new TemporaryFolder();
  const receiver = bound(AF_UNIX, { path: folder.join('receiver') });
  const path = Buffer.concat([Buffer.from(folder.join('sender-')), Buffer.from([0xff])]);
  const sender = bound(AF_UNIX, { path });
  const paths = [0, 1].map(() => {
    sender.sendTo(Buffer.from('x'), receiver.localAddress);
    const address = received(receiver);
    if (!('path' in address) || typeof address.path === 'string') throw new Error('no bytes');
    const { path: bytes } = address;
    const copy = Buffer.from(bytes);
    bytes.fill(0);
    return copy;
  });
  expect(paths).toEqual([path, path]);
});
