/** Two transports that talk to each other: random commands at each end, and what became of every byte. */
import * as fc from 'fast-check';
import type { Future, Reactor, Socket } from 'iomux';
import type { Protocol, Transport } from 'iomux/streams';
import { SocketTransport } from '../../lib/streams/socket-transport.js';
import { Random } from './random.js';

export type Command =
  | { readonly kind: 'write'; readonly size: number }
  | { readonly kind: 'writev'; readonly sizes: readonly number[] }
  | { readonly kind: 'limits'; readonly high: number }
  /** Lends a buffer of so many bytes from now on; 0: is given views. */
  | { readonly kind: 'receive'; readonly size: number }
  | { readonly kind: 'wait'; readonly iterations: number }
  | { readonly kind: 'pause' | 'resume' | 'flush' };

const size = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 150_000 }) },
);

export const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), size }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('writev' as const),
        sizes: fc.oneof(
          fc.array(size, { maxLength: 8 }),
          fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1_000, maxLength: 1_500 }),
        ),
      }),
    },
    fc.record({ kind: fc.constant('limits' as const), high: fc.integer({ min: 0, max: 200_000 }) }),
    fc.record({ kind: fc.constant('receive' as const), size: fc.constantFrom(0, 7, 1_000, 100_000) }),
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('wait' as const),
        iterations: fc.integer({ min: 1, max: 5 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('pause', 'resume', 'flush') }) },
  ),
  { maxLength: 30 },
);

/** What is sent, by its position: a byte that is lost, doubled or moved is seen. */
const text = Buffer.alloc(1 << 16);
const random = new Random(20_260_401);
for (let index = 0; index < text.length; index++) text[index] = random.below(256);

/** `length` bytes of the endless stream, from `position` on, in memory of its own. */
function passage(position: number, length: number): Buffer {
  const passed = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const start = (position + done) % text.length;
    done += text.copy(passed, done, start, start + length - done);
  }
  return passed;
}

/** One end. */
class Speaker {
  readonly faults: string[] = [];
  readonly events: string[] = [];
  written = 0;
  received = 0;
  readonly #reactor: Reactor;
  readonly #transport: Transport;
  #lent = Buffer.alloc(0);
  readonly #ended: Future<void>;
  readonly #lost: Future<void>;

  constructor(reactor: Reactor, socket: Socket) {
    this.#reactor = reactor;
    this.#ended = reactor.createFuture();
    this.#lost = reactor.createFuture();
    this.#transport = SocketTransport.start(reactor, socket, this.#protocol(0));
  }

  async speak(script: readonly Command[]): Promise<void> {
    const transport = this.#transport;
    const flushes: PromiseLike<void>[] = [];
    for (const command of script) {
      const before = transport.writeBufferSize;
      if (command.kind === 'write') this.#write(command.size);
      else if (command.kind === 'writev') this.#writev(command.sizes);
      else if (command.kind === 'limits') transport.setWriteBufferLimits(command.high);
      else if (command.kind === 'receive') transport.setProtocol(this.#protocol(command.size));
      else if (command.kind === 'wait') await this.#iterations(command.iterations);
      else if (command.kind === 'pause') transport.pauseReading();
      else if (command.kind === 'resume') transport.resumeReading();
      else flushes.push(transport.flush());
      if (transport.writeBufferSize < before && command.kind !== 'wait')
        this.faults.push('it sent nothing, but buffers less');
      if (transport.bytesWritten + transport.writeBufferSize !== this.written)
        this.faults.push(`of ${this.written} bytes ${transport.writeBufferSize} are buffered`);
    }
    transport.writeEof();
    transport.resumeReading();
    await Promise.all(flushes);
    await this.#ended;
    await transport.flush();
    if (transport.bytesWritten !== this.written) this.faults.push('flushed, but not all is sent');
    transport.close();
    await this.#lost;
    if (transport.bytesRead !== this.received) this.faults.push(`${transport.bytesRead} bytes read`);
  }

  #write(length: number): void {
    const data = passage(this.written, length);
    this.written += length;
    this.#transport.write(data);
    data.fill(0);
  }

  #writev(sizes: readonly number[]): void {
    const chunks = sizes.map((length) => {
      const chunk = passage(this.written, length);
      this.written += length;
      return chunk;
    });
    this.#transport.writev(chunks);
    for (const chunk of chunks) chunk.fill(0);
  }

  async #iterations(count: number): Promise<void> {
    for (let left = count; left > 0; left--) {
      const turn = this.#reactor.createFuture<void>();
      this.#reactor.callSoon(() => turn.setResult());
      await turn;
    }
  }

  #protocol(lent: number): Protocol {
    const common: Protocol = {
      connectionMade: () => this.events.push('made'),
      eofReceived: () => {
        this.events.push('eof');
        this.#ended.setResult();
        return true;
      },
      pauseWriting: () => this.events.push('pause'),
      resumeWriting: () => this.events.push('resume'),
      connectionLost: (error) => {
        if (error !== null) this.faults.push(String(error));
        this.events.push('lost');
        if (!this.#ended.done()) this.#ended.setResult();
        this.#lost.setResult();
      },
    };
    if (lent === 0) return { ...common, dataReceived: (data) => this.#take(data) };
    return {
      ...common,
      getBuffer: () => {
        this.#lent = Buffer.alloc(lent);
        return this.#lent;
      },
      bufferUpdated: (length) => this.#take(this.#lent.subarray(0, length)),
    };
  }

  #take(data: Buffer): void {
    if (this.events.at(-1) !== 'data') this.events.push('data');
    if (!data.equals(passage(this.received, data.length)))
      this.faults.push(`wrong from byte ${this.received} on`);
    this.received += data.length;
  }
}

/** Has both ends speak at once, and end in order. @returns what was wrong. */
export async function converse(
  reactor: Reactor,
  sockets: readonly [Socket, Socket],
  scripts: readonly [readonly Command[], readonly Command[]],
): Promise<string[]> {
  const [one, other] = [new Speaker(reactor, sockets[0]), new Speaker(reactor, sockets[1])];
  await Promise.all([one.speak(scripts[0]), other.speak(scripts[1])]);
  const faults = [...one.faults, ...other.faults];
  for (const [here, there] of [
    [one, other],
    [other, one],
  ] as const) {
    if (here.written !== there.received) faults.push(`${there.received} of ${here.written} bytes arrived`);
    const told = here.events.filter((event) => event !== 'pause' && event !== 'resume').join(' ');
    if (!/^made( data)* eof lost$/.test(told)) faults.push(`told in this order: ${told}`);
    const flow = here.events.filter((event) => event === 'pause' || event === 'resume').join(' ');
    if (!/^(pause resume ?)*$/.test(flow)) faults.push(`held back in this order: ${flow}`);
  }
  for (const socket of sockets) if (!socket.closed) faults.push('a socket is still open');
  return faults;
}
