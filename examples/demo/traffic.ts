/** Real traffic from Node's own sockets: many connections at once, every byte of every answer compared. */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface TrafficOptions {
  readonly port: number;
  readonly connections: number;
  /** How long each connection goes on sending, ms. */
  readonly duration: number;
  /** Called with every answer that arrived as it should. */
  readonly onMessage: () => void;
}

export interface TrafficResult {
  readonly messages: number;
  readonly bytes: number;
  /** From the first message sent to the last answer, ms. */
  readonly elapsed: number;
  /** From each message's first byte sent to its answer's last byte, ms, ascending. */
  readonly latencies: Float64Array;
}

/** Small messages, whole segments, and some that need several reads. */
const SIZES = [64, 200, 512, 1024, 64, 4096, 1460, 100, 16_384, 2048];
/** As many connects are under way at once: a listener's queue is not endless. */
const CONNECTS_AT_ONCE = 100;
/** A server that answers nothing for so long has failed, ms. */
const SILENCE = 10_000;

// What messages are cut from: at another place for each message and connection, so that no answer can be mistaken.
const noise = randomFillSync(Buffer.allocUnsafeSlow(1 << 20));

/** Drives the server, and ends every connection in order. @throws Error: an answer was wrong, late or missing. */
export async function drive(options: TrafficOptions): Promise<TrafficResult> {
  const sockets = await connectAll(options.port, options.connections);
  try {
    const latencies: number[] = [];
    const start = performance.now();
    const bytes = await Promise.all(
      sockets.map((socket, index) => converse(socket, index, start + options.duration, latencies, options)),
    );
    const elapsed = performance.now() - start;
    return {
      messages: latencies.length,
      bytes: bytes.reduce((sum, count) => sum + count, 0),
      elapsed,
      latencies: Float64Array.from(latencies).sort(),
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function connectAll(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(CONNECTS_AT_ONCE, count - sockets.length) }, () =>
      connect({ port, host: '127.0.0.1', noDelay: true }),
    );
    for (const socket of batch) {
      socket.setTimeout(SILENCE, () => socket.destroy(new Error(`nothing was heard for ${SILENCE} ms`)));
      // Between its connect and its first message nobody else listens; the conversation finds it destroyed.
      socket.on('error', () => {});
    }
    sockets.push(...batch);
    await Promise.all(batch.map((socket) => once(socket, 'connect')));
  }
  return sockets;
}

/** One connection: a message, its whole answer, the next. @returns the bytes sent. */
function converse(
  socket: Socket,
  index: number,
  deadline: number,
  latencies: number[],
  { onMessage }: TrafficOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let message = Buffer.alloc(0);
    let number = 0;
    let received = 0;
    let sentAt = 0;
    let bytes = 0;

    const next = () => {
      const size = SIZES[(index + number) % SIZES.length] as number;
      const at = (index * 7919 + number * 104_729) % (noise.length - size);
      message = noise.subarray(at, at + size);
      number++;
      received = 0;
      bytes += size;
      sentAt = performance.now();
      socket.write(message);
    };
    const fail = (reason: string) => {
      socket.destroy();
      reject(new Error(`connection ${index}, message ${number}: ${reason}`));
    };

    if (socket.destroyed) return fail('it was lost before the first message');
    socket.on('error', (error) => fail(error.message));
    socket.on('data', (data) => {
      if (received + data.length > message.length) return fail('more came back than was sent');
      if (data.compare(message, received, received + data.length) !== 0) return fail('other bytes came back');
      received += data.length;
      if (received < message.length) return;
      const now = performance.now();
      latencies.push(now - sentAt);
      onMessage();
      if (now < deadline) return next();
      // The server answers the end of our half with the end of its own.
      socket.end();
    });
    socket.on('end', () => {
      if (received === message.length && socket.writableEnded) return resolve(bytes);
      fail('the server closed the connection');
    });
    next();
  });
}
