/** What the echo server owes a connection: every byte, in order, and no reading while that is too much. */
import { randomFillSync } from 'node:crypto';
import { EVENT_READ, EVENT_WRITE, type Socket, WOULD_BLOCK } from 'iomux';
import { describe, expect, it } from 'vitest';
import { Connection } from '../../examples/echo/connection.js';
import { drain, socketPair } from '../support/pairs.js';

/** Sends until not a byte more is taken. */
function fill(socket: Socket): void {
  while (socket.send(Buffer.from('.')) !== WOULD_BLOCK);
}

/** All that has come. */
function received(socket: Socket): Buffer {
  const chunks: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.alloc(65_536);
    const count = socket.recv(buffer);
    if (count === WOULD_BLOCK) return Buffer.concat(chunks);
    chunks.push(buffer.subarray(0, count));
  }
}

describe('a connection of the echo server', () => {
  it('keeps what a full socket takes nothing of, and sends it when there is room', () => {
    const [near, far] = socketPair();
    const connection = new Connection(near);
    fill(near);
    connection.echo(Buffer.from('hello, and no more'), 5);
    expect(connection.interest).toBe(EVENT_READ | EVENT_WRITE);
    connection.end();
    expect([connection.interest, connection.finished]).toEqual([EVENT_WRITE, false]);
    drain(far);
    connection.flush();
    expect(received(far).toString()).toBe('hello');
    expect([connection.interest, connection.finished]).toEqual([0, true]);
  });

  it('sends in order what comes while it still owes', () => {
    const [near, far] = socketPair();
    const connection = new Connection(near);
    const sent = randomFillSync(Buffer.alloc(4 << 20));
    const buffer = Buffer.alloc(40_000);
    const chunks: Buffer[] = [];
    for (let at = 0; at < sent.length; at += buffer.length) {
      const length = sent.copy(buffer, 0, at);
      connection.echo(buffer, length);
      // The peer reads a part now and then, which makes room for a part of what is owed.
      if (at % 160_000 !== 0) continue;
      const part = Buffer.alloc(60_000);
      chunks.push(part.subarray(0, Math.max(0, far.recv(part))));
      connection.flush();
    }
    while (connection.interest !== EVENT_READ) {
      chunks.push(received(far));
      connection.flush();
    }
    chunks.push(received(far));
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  });

  it('is not read from while it owes more than 64 KiB', () => {
    const [near, far] = socketPair();
    const connection = new Connection(near);
    fill(near);
    connection.echo(Buffer.alloc(65_536), 65_536);
    expect(connection.readable).toBe(true);
    connection.echo(Buffer.alloc(1), 1);
    expect([connection.readable, connection.interest]).toEqual([false, EVENT_WRITE]);
    connection.flush();
    expect(connection.readable).toBe(false);
    while (connection.interest !== EVENT_READ) {
      drain(far);
      connection.flush();
    }
    expect(connection.readable).toBe(true);
  });
});
