/** A client made of Node's own sockets, which share no code with ours. */
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket as NetSocket } from 'node:net';
import type { Readable } from 'node:stream';

/** Connected; its half stays open until it is ended. */
export async function connected(where: NetConnectOpts): Promise<NetSocket> {
  const socket = connect({ ...where, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** The next `length` bytes; fewer where the stream ends. */
export async function take(stream: Readable, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let missing = length;
  while (missing > 0) {
    const chunk: Buffer | null = stream.read(Math.min(missing, Math.max(1, stream.readableLength)));
    if (chunk !== null) {
      chunks.push(chunk);
      missing -= chunk.length;
    } else if (stream.readableEnded) {
      break;
    } else {
      const settled = new AbortController();
      const { signal } = settled;
      await Promise.race([once(stream, 'readable', { signal }), once(stream, 'end', { signal })]);
      settled.abort();
    }
  }
  return Buffer.concat(chunks);
}

/** All bytes until the stream ends. */
export async function takeAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Sends `text`, and what came back when as much of it did. */
export async function roundTrip(socket: NetSocket, text: string): Promise<string> {
  socket.write(text);
  return (await take(socket, Buffer.byteLength(text))).toString();
}
