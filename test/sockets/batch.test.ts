/** Datagrams in batches: many in one call, with their order, their addresses and their lengths. */
import { type Address, AF_INET, AF_UNIX, DatagramBatch, SOCK_DGRAM, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { makeBlocking } from '../support/blocking.js';
import { datagramSocket, portOf } from '../support/connections.js';
import { openDescriptors } from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { isReadable, untilReadable } from '../support/readiness.js';
import { TemporaryFolder } from '../support/temporary.js';

/** What a batch holds, as text. */
function texts(batch: DatagramBatch, count: number): string[] {
  return Array.from({ length: count }, (_, index) => batch.payload(index).toString());
}

/** Receives until `count` datagrams came: the loopback may hand them over in several parts. */
function receiveAll(
  socket: Socket,
  batch: DatagramBatch,
  count: number,
): { text: string; from: Address | null }[] {
  const received: { text: string; from: Address | null }[] = [];
  while (received.length < count) {
    untilReadable(socket);
    const came = socket.recvBatch(batch);
    for (let index = 0; index < came; index++) {
      received.push({ text: batch.payload(index).toString(), from: batch.address(index) });
    }
  }
  return received;
}

for (const host of ['127.0.0.1', '::1']) {
  describe(`a batch over UDP at ${host}`, () => {
    it('carries many datagrams in order, each with its sender', () => {
      using receiver = datagramSocket(host);
      using sender = datagramSocket(host);
      const batch = new DatagramBatch(64, 32);
      for (let index = 0; index < 64; index++) {
        batch.set(index, Buffer.from(`datagram ${index}`), receiver.localAddress);
        expect(batch.address(index)).toEqual(receiver.localAddress);
      }
      expect(sender.sendBatch(batch, 64)).toBe(64);
      const received = receiveAll(receiver, new DatagramBatch(64, 32), 64);
      expect(received.map(({ text }) => text)).toEqual(Array.from({ length: 64 }, (_, i) => `datagram ${i}`));
      for (const { from } of received) expect(from).toEqual(sender.localAddress);
      expect(receiver.recvBatch(batch)).toBe(0);
    });

    it('goes to a different address each', () => {
      using sender = datagramSocket(host);
      const receivers = Array.from({ length: 5 }, () => datagramSocket(host));
      const batch = new DatagramBatch(5, 8);
      receivers.forEach((receiver, index) => {
        batch.set(index, Buffer.from(`to ${index}`), receiver.localAddress);
      });
      expect(sender.sendBatch(batch, 5)).toBe(5);
      receivers.forEach((receiver, index) => {
        untilReadable(receiver);
        const buffer = Buffer.alloc(8);
        expect(receiver.recv(buffer)).toBe(4);
        expect(buffer.toString('utf8', 0, 4)).toBe(`to ${index}`);
        expect(receiver.recv(buffer)).toBe(-1);
        receiver.close();
      });
    });

    it('comes from a different address each', () => {
      using receiver = datagramSocket(host);
      const senders = Array.from({ length: 5 }, () => datagramSocket(host));
      senders.forEach((sender, index) => {
        sender.sendTo(Buffer.from(`${index}`), receiver.localAddress);
      });
      const received = receiveAll(receiver, new DatagramBatch(8, 8), 5);
      expect(received).toEqual(
        senders.map((sender, index) => ({ text: `${index}`, from: sender.localAddress })),
      );
      for (const sender of senders) sender.close();
    });

    it('goes back as it came', () => {
      using server = datagramSocket(host);
      using client = datagramSocket(host);
      const batch = new DatagramBatch(4, 16);
      for (const text of ['one', 'two', '']) client.sendTo(Buffer.from(text), server.localAddress);
      let echoed = 0;
      while (echoed < 3) {
        untilReadable(server);
        const count = server.recvBatch(batch);
        expect(server.sendBatch(batch, count)).toBe(count);
        echoed += count;
      }
      const received = receiveAll(client, new DatagramBatch(4, 16), 3);
      expect(received.map(({ text }) => text)).toEqual(['one', 'two', '']);
      for (const { from } of received) expect(from).toEqual(server.localAddress);
    });
  });
}

describe('a batch', () => {
  it('receives nothing where nothing is waiting, and keeps what it held', () => {
    using socket = datagramSocket();
    const batch = new DatagramBatch(2, 8);
    batch.set(0, Buffer.from('kept'), socket.localAddress);
    expect(socket.recvBatch(batch)).toBe(0);
    expect(batch.payload(0).toString()).toBe('kept');
    expect(batch.address(0)).toEqual(socket.localAddress);
  });

  it('waits for no more than has come, although somebody made the socket blocking', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    makeBlocking(one.fileno());
    const batch = new DatagramBatch(4, 16);
    other.send(Buffer.from('first'));
    other.send(Buffer.from('second'));
    expect(one.recvBatch(batch)).toBe(2);
    expect(texts(batch, 2)).toEqual(['first', 'second']);
    expect(one.recvBatch(batch)).toBe(0);
    one.close();
    other.close();
  });

  it('goes to the connected peer where it names no address', () => {
    using receiver = datagramSocket();
    using sender = datagramSocket();
    sender.connect(receiver.localAddress);
    const batch = new DatagramBatch(2, 8);
    // The second set takes the address of the first away again.
    batch.set(0, Buffer.from('a'), { address: '127.0.0.1', port: 9 });
    batch.set(0, Buffer.from('a'));
    batch.set(1, Buffer.from('b'));
    expect([batch.address(0), batch.address(1)]).toEqual([null, null]);
    expect(sender.sendBatch(batch, 2)).toBe(2);
    expect(receiveAll(receiver, batch, 2).map(({ text }) => text)).toEqual(['a', 'b']);
  });

  it('carries empty datagrams, and datagrams of the greatest length, beside others', () => {
    using receiver = datagramSocket();
    using sender = datagramSocket();
    const batch = new DatagramBatch(4, 16);
    for (const [index, text] of ['', '0123456789abcdef', '', 'x'].entries()) {
      batch.set(index, Buffer.from(text), receiver.localAddress);
    }
    expect(sender.sendBatch(batch, 4)).toBe(4);
    expect(receiveAll(receiver, new DatagramBatch(4, 16), 4).map(({ text }) => text)).toEqual([
      '',
      '0123456789abcdef',
      '',
      'x',
    ]);
  });

  it('cuts datagrams that are longer than its slots, says which, and touches no other slot', () => {
    using receiver = datagramSocket();
    using sender = datagramSocket();
    for (const text of ['abcd', 'abcdefgh', 'x', 'abcde']) {
      sender.sendTo(Buffer.from(text), receiver.localAddress);
    }
    const batch = new DatagramBatch(1, 4);
    const seen: [string, boolean][] = [];
    while (seen.length < 4) {
      untilReadable(receiver);
      expect(receiver.recvBatch(batch)).toBe(1);
      seen.push([batch.payload(0).toString(), batch.truncated(0)]);
    }
    expect(seen).toEqual([
      ['abcd', false],
      ['abcd', true],
      ['x', false],
      ['abcd', true],
    ]);
    // What is set is whole, whatever its slot held before.
    batch.set(0, Buffer.from('y'));
    expect(batch.truncated(0)).toBe(false);
    for (const text of ['11111', '2', '33333']) sender.sendTo(Buffer.from(text), receiver.localAddress);
    expect(receiveAll(receiver, new DatagramBatch(3, 4), 3).map(({ text }) => text)).toEqual([
      '1111',
      '2',
      '3333',
    ]);
  });

  it('is whole where only what came beside a datagram was dropped, and keeps none of that open', () => {
    const before = openDescriptors();
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    one.sendMessage(Buffer.from('whole'), { fds: [one, other] });
    const batch = new DatagramBatch(1, 8);
    expect(other.recvBatch(batch)).toBe(1);
    expect([batch.payload(0).toString(), batch.truncated(0)]).toEqual(['whole', false]);
    one.close();
    other.close();
    expect(openDescriptors()).toEqual(before);
  });

  it('gives addresses that lead to their senders, also when it holds others by then', () => {
    using receiver = datagramSocket();
    const senders = Array.from({ length: 6 }, () => datagramSocket());
    const batch = new DatagramBatch(2, 8);
    const addresses: (Address | null)[] = [];
    for (const [index, sender] of senders.entries()) {
      sender.sendTo(Buffer.from('x'), receiver.localAddress);
      if (index % 2 === 0) continue;
      addresses.push(...receiveAll(receiver, batch, 2).map(({ from }) => from));
    }
    expect(addresses).toEqual(senders.map((sender) => sender.localAddress));
    for (const [index, sender] of senders.entries()) {
      receiver.sendTo(Buffer.from(`${index}`), addresses[index] as Address);
      untilReadable(sender);
      const buffer = Buffer.alloc(8);
      expect(buffer.toString('utf8', 0, sender.recv(buffer))).toBe(`${index}`);
      expect(isReadable(sender)).toBe(false);
      sender.close();
    }
  });

  it('takes at most its capacity, and the rest the next time', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    for (let index = 0; index < 7; index++) one.send(Buffer.from(`${index}`));
    const batch = new DatagramBatch(3, 8);
    expect(other.recvBatch(batch)).toBe(3);
    expect(texts(batch, 3)).toEqual(['0', '1', '2']);
    expect(other.recvBatch(batch)).toBe(3);
    expect(texts(batch, 3)).toEqual(['3', '4', '5']);
    expect(other.recvBatch(batch)).toBe(1);
    // The others are those of the last time.
    expect(texts(batch, 3)).toEqual(['6', '4', '5']);
    expect(other.recvBatch(batch)).toBe(0);
    one.close();
    other.close();
  });

  it('sends the part asked for, from start', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    const batch = new DatagramBatch(5, 8);
    for (let index = 0; index < 5; index++) batch.set(index, Buffer.from(`${index}`));
    expect(one.sendBatch(batch, 0)).toBe(0);
    expect(one.sendBatch(batch, 2, 3)).toBe(2);
    expect(one.sendBatch(batch, 1)).toBe(1);
    expect(one.sendBatch(batch, 0, 5)).toBe(0);
    const into = new DatagramBatch(8, 8);
    expect(other.recvBatch(into)).toBe(3);
    expect(texts(into, 3)).toEqual(['3', '4', '0']);
    one.close();
    other.close();
  });

  it('sends a part where the rest would block, and nothing twice', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    const capacity = 1024;
    const batch = new DatagramBatch(capacity, 8);
    for (let index = 0; index < capacity; index++) batch.set(index, Buffer.from(`${index}`));
    const into = new DatagramBatch(capacity, 8);
    const received: string[] = [];
    let sent = 0;
    let partial = 0;
    while (sent < capacity) {
      const count = one.sendBatch(batch, capacity - sent, sent);
      sent += count;
      if (sent < capacity) {
        partial++;
        // Nothing more goes while nobody reads.
        expect(one.sendBatch(batch, capacity - sent, sent)).toBe(0);
      }
      const came = other.recvBatch(into);
      expect(came).toBe(count);
      received.push(...texts(into, came));
    }
    expect(partial).toBeGreaterThan(0);
    expect(received).toEqual(Array.from({ length: capacity }, (_, index) => `${index}`));
    one.close();
    other.close();
  });

  it('stops before a datagram that fails, and the next call says why', () => {
    using receiver = datagramSocket();
    using sender = datagramSocket();
    const batch = new DatagramBatch(3, 65_535);
    const { localAddress } = receiver;
    batch.set(0, Buffer.from('first'), localAddress);
    batch.set(1, Buffer.alloc(65_535), localAddress);
    batch.set(2, Buffer.from('third'), localAddress);
    expect(sender.sendBatch(batch, 3)).toBe(1);
    expect(thrownBy(() => sender.sendBatch(batch, 2, 1))).toMatchObject({
      name: 'SystemError',
      code: 'EMSGSIZE',
      syscall: 'sendmmsg',
      fd: sender.fileno(),
    });
    expect(sender.sendBatch(batch, 1, 2)).toBe(1);
    expect(receiveAll(receiver, new DatagramBatch(4, 100), 2).map(({ text }) => text)).toEqual([
      'first',
      'third',
    ]);
    expect(isReadable(receiver)).toBe(false);
  });

  it('needs an address or a peer', () => {
    using sender = datagramSocket();
    const batch = new DatagramBatch(1, 8);
    batch.set(0, Buffer.from('x'));
    expect(thrownBy(() => sender.sendBatch(batch, 1))).toMatchObject({ code: 'EDESTADDRREQ' });
  });

  it('hears of a peer that is gone', () => {
    const receiver = datagramSocket();
    using sender = datagramSocket();
    sender.connect(receiver.localAddress);
    receiver.close();
    const batch = new DatagramBatch(2, 8);
    sender.send(Buffer.from('x'));
    untilReadable(sender);
    expect(thrownBy(() => sender.recvBatch(batch))).toMatchObject({
      name: 'SystemError',
      code: 'ECONNREFUSED',
      syscall: 'recvmmsg',
      fd: sender.fileno(),
    });
    expect(sender.recvBatch(batch)).toBe(0);
  });

  it('carries Unix names, and none where the sender has none', () => {
    using folder = new TemporaryFolder();
    using receiver = new Socket(AF_UNIX, SOCK_DGRAM);
    receiver.bind({ path: folder.join('receiver') });
    using named = new Socket(AF_UNIX, SOCK_DGRAM);
    named.bind({ path: folder.join('named') });
    using nameless = new Socket(AF_UNIX, SOCK_DGRAM);
    const batch = new DatagramBatch(2, 8);
    batch.set(0, Buffer.from('a'), { path: folder.join('receiver') });
    expect(named.sendBatch(batch, 1)).toBe(1);
    expect(nameless.sendBatch(batch, 1)).toBe(1);
    expect(named.sendBatch(batch, 1)).toBe(1);
    const into = new DatagramBatch(4, 8);
    expect(receiver.recvBatch(into)).toBe(3);
    expect([0, 1, 2].map((index) => into.address(index))).toEqual([
      { path: folder.join('named') },
      null,
      { path: folder.join('named') },
    ]);
  });

  it('gives views into itself, the same one for the same length', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    const batch = new DatagramBatch(2, 8);
    one.send(Buffer.from('aaa'));
    other.recvBatch(batch);
    const first = batch.payload(0);
    expect(batch.payload(0)).toBe(first);
    one.send(Buffer.from('bbb'));
    other.recvBatch(batch);
    expect(first.toString()).toBe('bbb');
    one.send(Buffer.from('cc'));
    other.recvBatch(batch);
    expect(batch.payload(0).toString()).toBe('cc');
    expect(batch.payload(1)).toHaveLength(0);
    one.close();
    other.close();
  });

  it('copies what it is given', () => {
    const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
    const batch = new DatagramBatch(2, 8);
    const payload = Buffer.from('before');
    batch.set(0, payload);
    payload.write('after!');
    batch.set(1, batch.payload(0).subarray(0, 3));
    expect(one.sendBatch(batch, 2)).toBe(2);
    const into = new DatagramBatch(2, 8);
    expect(other.recvBatch(into)).toBe(2);
    expect(texts(into, 2)).toEqual(['before', 'bef']);
    one.close();
    other.close();
  });

  it('serves several sockets and both directions', () => {
    const batch = new DatagramBatch(8, 16);
    for (let round = 0; round < 3; round++) {
      const [one, other] = Socket.pair(AF_UNIX, SOCK_DGRAM);
      batch.set(0, Buffer.from(`round ${round}`));
      one.sendBatch(batch, 1);
      expect(other.recvBatch(batch)).toBe(1);
      expect(texts(batch, 1)).toEqual([`round ${round}`]);
      one.close();
      other.close();
    }
  });

  it('has the capacity and the length that it was made with, up to the greatest', () => {
    const least = new DatagramBatch(1, 1);
    expect([least.capacity, least.maxLength]).toEqual([1, 1]);
    const most = new DatagramBatch(1024, 65_535);
    expect([most.capacity, most.maxLength]).toEqual([1024, 65_535]);
    using receiver = datagramSocket();
    using sender = new Socket(AF_INET, SOCK_DGRAM);
    most.set(1023, Buffer.from('last'), { address: '127.0.0.1', port: portOf(receiver.localAddress) });
    expect(sender.sendBatch(most, 1, 1023)).toBe(1);
    untilReadable(receiver);
    expect(receiver.recvBatch(most)).toBe(1);
    expect(most.payload(0).toString()).toBe('last');
  });
});
