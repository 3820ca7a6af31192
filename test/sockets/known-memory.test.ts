/** The addon knows the memory of the last call, and is not told of it again: bytes must land where they belong all the same. */
import { Socket } from 'iomux';
import { expect, it, onTestFinished } from 'vitest';
import { thrownBy } from '../support/expecting.js';

function pair(): [Socket, Socket] {
  const sockets = Socket.pair();
  onTestFinished(() => sockets.forEach((socket) => void socket.close()));
  return sockets;
}

/** Sends each text from memory of its own, and has `read` receive it. */
function roundTrips(texts: readonly string[], read: (socket: Socket, text: string) => string): void {
  const [one, other] = pair();
  for (const text of texts) {
    one.send(Uint8Array.from(Buffer.from(text)));
    expect(read(other, text)).toBe(text);
  }
}

const TEXTS = ['a', 'bc', 'def', 'ghij', 'a', 'bc'];
/** More than is kept alive for being known. */
const LARGE = 2 << 20;

it('reaches each of several buffers that take turns', () => {
  const buffers = [16, 16, LARGE, LARGE].map((size) => new Uint8Array(size));
  let turn = 0;
  for (let round = 0; round < 3; round++) {
    roundTrips(TEXTS, (socket, text) => {
      const buffer = buffers[turn++ % buffers.length] as Uint8Array;
      buffer.fill(0);
      expect(socket.recv(buffer)).toBe(text.length);
      return Buffer.from(buffer).toString('latin1', 0, text.length);
    });
  }
});

it('reaches each part of one memory', () => {
  const memory = new ArrayBuffer(64);
  const views = [0, 8, 16, 40].map((start) => new Uint8Array(memory, start, 8));
  let turn = 0;
  roundTrips(TEXTS, (socket, text) => {
    const view = views[turn++ % views.length] as Uint8Array;
    expect(socket.recv(view, 1)).toBe(text.length);
    const { byteOffset } = view;
    return Buffer.from(memory, byteOffset + 1, text.length).toString();
  });
});

it.each([16, LARGE])('refuses memory of %i bytes that was given away since the last call', (size) => {
  const [one, other] = pair();
  const buffer = new Uint8Array(size);
  const another = new Uint8Array(buffer.buffer, 8);
  one.send(Buffer.from('before'));
  expect(other.recv(buffer)).toBe(6);
  const moved = structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
  one.send(Buffer.from('after'));
  expect(thrownBy(() => other.recv(buffer))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  expect(thrownBy(() => other.recv(another))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  expect(Buffer.from(moved, 0, 6).toString()).toBe('before');
  const next = Buffer.alloc(16);
  expect(other.recv(next)).toBe(5);
  expect(next.toString('latin1', 0, 5)).toBe('after');
});

it('leaves nothing known by a call that is refused', () => {
  const [one, other] = pair();
  const [good, refused] = [new Uint8Array(8), new Uint8Array(8)];
  one.send(Buffer.from('x'));
  expect(other.recv(good)).toBe(1);
  expect(thrownBy(() => other.recv(refused, 9))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  one.send(Buffer.from('y'));
  expect(other.recv(refused)).toBe(1);
  expect([good[0], refused[0]]).toEqual([120, 121]);
});
