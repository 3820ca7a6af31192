/** Messages to a reactor from other threads. */
import { AsyncResource } from 'node:async_hooks';
import { Deserializer, Serializer } from 'node:v8';
import { checkFunction, checkInteger, checkIterable } from '../arguments.js';
import { isDetached } from '../buffers.js';
import { check, invalidType, invalidValue } from '../native/errors.js';
import { native } from '../native/load.js';
import type { Selector } from '../selectors/selector.js';
import { Waker, type WakerHandle } from '../selectors/waker.js';
import type { Arrivals } from './arrivals.js';
import type { Report } from './errors.js';
import { checkReturned } from './promises.js';

/** What another thread needs to post: numbers and shared memory, so it survives `postMessage`. */
interface RemoteHandle {
  readonly waker: WakerHandle;
  /** Names the mailbox to the addon, in all threads. */
  readonly mailbox: number;
  /** Its first word is 1 where something was posted that has not been taken. */
  readonly posted: SharedArrayBuffer;
}

/** Messages taken from the mailbox, and delivered, before others have their turn. */
const MESSAGES_PER_TURN = 1024;
/** Bytes that hold the length of a message, before it. */
const PREFIX = 4;

/**
 * Posts values to a reactor from any thread, and wakes it. They arrive in its `onMessage`, those of one thread in the
 * order in which they were posted.
 *
 * @example
 * ```ts
 * worker.postMessage(reactor.remote.handle);
 * // in the worker:
 * parentPort.once('message', (handle) => Remote.from(handle).post({ hello: 'reactor' }));
 * ```
 */
export class Remote {
  /** For `postMessage` or `workerData`, to {@link Remote.from} in another thread. */
  readonly handle: unknown;
  readonly #mailbox: number;
  readonly #posted: Int32Array;
  readonly #waker: Waker;

  private constructor(handle: RemoteHandle) {
    this.handle = Object.freeze(handle);
    this.#mailbox = handle.mailbox;
    this.#posted = new Int32Array(handle.posted);
    this.#waker = Waker.from(handle.waker);
  }

  /** The remote behind a handle that came from another thread. @throws TypeError: it is none. */
  static from(handle: unknown): Remote {
    if (!isHandle(handle)) throw invalidType('handle', "the handle of a reactor's remote", handle);
    checkInteger(handle.mailbox, 'handle.mailbox', 1, 0xffff_ffff);
    return new Remote({ waker: handle.waker, mailbox: handle.mailbox, posted: handle.posted });
  }

  /**
   * Posts a copy of a value, as the structured clone algorithm makes it.
   *
   * @param transfer - ArrayBuffers that are moved: nobody here can use them afterwards.
   * @returns `false`: the reactor is closed.
   * @throws TypeError `ERR_INVALID_ARG_VALUE`: something in it cannot be cloned (a function, a SharedArrayBuffer, a
   * MessagePort), or transferred. SystemError `EMSGSIZE`: it is 4 GiB or more.
   */
  post(value: unknown, transfer: readonly unknown[] = []): boolean {
    checkIterable(transfer, 'transfer');
    const moved = [...transfer].map(transferable);
    const message = serialized(value);
    if (this.#waker.closed) return false;
    if (moved.length > 0) move(moved);
    if (check(native.mailboxPut(this.#mailbox, message), 'post') === 0) return false;
    Atomics.store(this.#posted, 0, 1);
    return this.#waker.wake();
  }
}

function isHandle(handle: unknown): handle is RemoteHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  return 'waker' in handle && 'mailbox' in handle && 'posted' in handle && isWord(handle.posted);
}

function isWord(memory: unknown): boolean {
  return memory instanceof SharedArrayBuffer && memory.byteLength === Int32Array.BYTES_PER_ELEMENT;
}

function transferable(buffer: unknown): ArrayBuffer {
  if (!(buffer instanceof ArrayBuffer)) throw invalidValue('transfer', 'only of ArrayBuffers', buffer);
  if (isDetached(buffer)) throw invalidValue('transfer', 'of buffers that were not moved away', buffer);
  return buffer;
}

/** Takes the memory away from buffers here: all of them, or none. */
function move(buffers: ArrayBuffer[]): void {
  try {
    structuredClone(undefined, { transfer: buffers });
  } catch (cause) {
    const error = invalidValue(
      'transfer',
      `of buffers that can be moved (${(cause as Error).message})`,
      buffers,
    );
    throw Object.assign(error, { cause });
  }
}

function serialized(value: unknown): Buffer {
  const serializer = new Serializer();
  serializer.writeHeader();
  try {
    serializer.writeValue(value);
  } catch (cause) {
    const error = new TypeError(`value cannot be cloned: ${(cause as Error).message}`, { cause });
    throw Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
  }
  return serializer.releaseBuffer();
}

/** The reactor's side. What comes before there is a handler waits for one. */
export class Messages implements Arrivals {
  readonly remote: Remote;
  readonly #id: number;
  readonly #posted: Int32Array;
  #handler: ((value: unknown) => void) | null = null;
  // The same, in the asynchronous context in which it was set.
  #deliver: (value: unknown) => void = () => {};
  #taken: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(selector: Selector<unknown>) {
    this.#id = selector.setId;
    const mailbox = new Int32Array(1);
    check(native.mailboxOpen(this.#id, mailbox), 'mailbox');
    const posted = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.#posted = new Int32Array(posted);
    const [number = 0] = new Uint32Array(mailbox.buffer);
    this.remote = Remote.from({ waker: selector.waker.handle, mailbox: number, posted });
  }

  get handler(): ((value: unknown) => void) | null {
    return this.#handler;
  }

  set handler(handler: ((value: unknown) => void) | null) {
    if (handler !== null) checkFunction(handler, 'onMessage');
    this.#handler = handler;
    if (handler !== null) this.#deliver = AsyncResource.bind(handler, 'iomux.Message');
  }

  get pending(): boolean {
    return this.#handler !== null && (this.#at < this.#taken.length || Atomics.load(this.#posted, 0) === 1);
  }

  deliver(report: Report): number {
    if (this.#at >= this.#taken.length) {
      // The mark goes first: what is posted now sets it again.
      Atomics.store(this.#posted, 0, 0);
      this.#taken = native.mailboxTake(this.#id) ?? this.#taken;
      this.#at = 0;
    }
    let delivered = 0;
    while (this.#at < this.#taken.length && delivered < MESSAGES_PER_TURN && this.#handler !== null) {
      delivered++;
      try {
        checkReturned(this.#deliver(this.#next()));
      } catch (error) {
        report(error, { message: 'onMessage threw', source: 'callback' });
      }
    }
    return delivered;
  }

  #next(): unknown {
    const start = this.#at + PREFIX;
    const end = start + this.#taken.readUInt32LE(this.#at);
    this.#at = end;
    const deserializer = new Deserializer(this.#taken.subarray(start, end));
    deserializer.readHeader();
    return deserializer.readValue();
  }
}
