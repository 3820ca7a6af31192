/** A single-threaded reactor over one selector. */
import { checkFunction, checkObject, checkSignal, finite, milliseconds, NO_LIMIT } from '../arguments.js';
import type { FileLike } from '../files.js';
import { invalidType, StateError } from '../native/errors.js';
import type { RegisterOptions } from '../selectors/capabilities.js';
import { DefaultSelector } from '../selectors/default.js';
import { EVENT_READ, EVENT_WRITE } from '../selectors/events.js';
import { Selector } from '../selectors/selector.js';
import type { Address } from '../sockets/address.js';
import type { Socket } from '../sockets/socket.js';
import { Callback, type Handle, type Runnable } from './callbacks.js';
import { type ErrorHandler, reporter } from './errors.js';
import { Future, type FutureOwner } from './future.js';
import { futureOf } from './future-of.js';
import { Loop } from './loop.js';
import { Messages, type Remote } from './remote.js';
import { Run } from './run.js';
import { Signals } from './signals.js';
import { type Received, SocketOperations } from './socket-operations.js';
import { Timer, type TimerHandle, type TimerOwner } from './timer.js';
import type { Watcher, WatcherCallback } from './watcher.js';
import type { Watchers } from './watchers.js';

export interface ReactorOptions {
  /** Becomes the reactor's, which closes it; a {@link DefaultSelector} where it is left out. */
  readonly selector?: Selector<unknown>;
  /**
   * Takes what callbacks throw. Left out, that is an 'uncaughtException' of the process; that a server is out of descriptors,
   * and tries again, is a 'warning' (`AcceptWarning`).
   */
  readonly onError?: ErrorHandler;
}

/**
 * A single-threaded reactor over one selector. Two ways to run it:
 *
 * - hosted: `await reactor.run()`. It lives inside of Node's loop; timers, promises, fs and net all go on.
 * - blocking: `runForever()`, `runUntilComplete()`, `runOnce()`. It owns the thread, as in C or Python: lowest latency;
 *   Node's own I/O stands still meanwhile. For workers, scripts, benchmarks.
 *
 * One iteration: callbacks that were queued before it, then I/O, then due timers; what they queue waits for the next.
 * Promises move between two. Where many files are ready and 24 promises were settled, the others come in the next.
 * A callback that throws goes to `onError`; nothing else is lost, and the loop goes on. Callbacks of watchers, timers and
 * `callSoon` run in the asynchronous context (AsyncLocalStorage) in which they were set.
 *
 * After `close()` what would begin something throws a {@link StateError} `ERR_CLOSED`.
 *
 * @example
 * ```ts
 * const reactor = new Reactor();
 * reactor.watch(fd, EVENT_READ, () => …);
 * reactor.callLater(1000, () => reactor.stop());
 * await reactor.run();
 * reactor.close();
 * ```
 */
export class Reactor implements Disposable {
  /** What waits. It is the reactor's: nobody else may register with it or wait for it. */
  readonly selector: Selector<unknown>;
  readonly #loop: Loop;
  readonly #run: Run;
  readonly #timerOwner: TimerOwner;
  readonly #futureOwner: FutureOwner;
  readonly #sockets: SocketOperations;
  #done: Future<void> | null = null;
  // Most reactors listen to nobody else.
  #signals: Signals | null = null;
  #messages: Messages | null = null;

  /** @throws TypeError: bad options. StateError `ERR_CLOSED`: the selector is closed; `ERR_INVALID_STATE`: it
   * is another reactor's. As {@link DefaultSelector}. */
  constructor(options: ReactorOptions = {}) {
    checkObject(options, 'options');
    const { selector: given, onError } = options;
    if (given !== undefined && !(given instanceof Selector)) {
      throw invalidType('options.selector', 'a Selector', given);
    }
    if (onError !== undefined) checkFunction(onError, 'options.onError');
    const selector = given ?? new DefaultSelector<unknown>();
    selector.claim();
    this.selector = selector;
    const report = reporter(onError);
    this.#loop = new Loop(this, selector, {
      report,
      isWaiting: () => this.#run.waiting,
      liveChanged: () => this.#run.update(),
    });
    this.#run = new Run(this.#loop, selector);
    this.#timerOwner = {
      moveTimer: (timer, delay) => {
        this.#run.checkOpen();
        const when = this.#dueIn(delay);
        this.#loop.timers.remove(timer);
        timer.when = when;
        this.#setTimer(timer);
      },
      removeTimer: (timer) => {
        this.#loop.timers.remove(timer);
        this.#run.update();
      },
    };
    this.#futureOwner = {
      reactor: this,
      report,
      promises: this.#loop.promises,
      enqueue: (callback) => this.#enqueue(callback),
    };
    this.#sockets = new SocketOperations({
      watchers: this.#loop.watchers,
      futures: this.#futureOwner,
      report,
      after: (delay, callback) => this.callLater(delay, callback),
    });
  }

  get state(): 'idle' | 'hosted' | 'blocking' | 'closed' {
    return this.#run.state;
  }

  /** The reactor's clock: monotonic, milliseconds, fractional. */
  time(): number {
    return this.#loop.time();
  }

  /** Runs a callback in the next iteration; callbacks run in the order in which they were queued. */
  callSoon<A extends unknown[]>(callback: (...args: A) => void, ...args: A): Handle {
    this.#run.checkOpen();
    checkFunction(callback, 'callback');
    const handle = new Callback(callback, args);
    this.#enqueue(handle);
    return handle;
  }

  /**
   * Runs a callback once, `delay` milliseconds from now. Never early; equal due times run in the order in which they were
   * set. What is due already, by a delay of 0 or less, runs in the next iteration, what was due first before the others.
   *
   * @throws TypeError: no function, no number. RangeError: the delay is not finite.
   */
  callLater<A extends unknown[]>(delay: number, callback: (...args: A) => void, ...args: A): TimerHandle {
    this.#run.checkOpen();
    checkFunction(callback, 'callback');
    return this.#newTimer(this.#dueIn(delay), callback, args);
  }

  /** The same, at `when` on the reactor's clock. */
  callAt<A extends unknown[]>(when: number, callback: (...args: A) => void, ...args: A): TimerHandle {
    this.#run.checkOpen();
    checkFunction(callback, 'callback');
    return this.#newTimer(finite(when, 'when'), callback, args);
  }

  /**
   * Calls back when a descriptor is ready. Each direction of a descriptor has one watcher; those of one descriptor share
   * mode and exclusiveness.
   *
   * @param callback - gets what holds of what was asked for, ERROR, HANGUP and INVALID; after INVALID, which says that
   * the descriptor was found closed, it is not called again.
   * @throws as `selector.register`. StateError `ERR_ALREADY_REGISTERED`: a direction is taken; `ERR_UNSUPPORTED`: also
   * another mode than that of the descriptor's other watcher.
   */
  watch(file: FileLike, events: number, callback: WatcherCallback, options?: RegisterOptions): Watcher {
    this.#run.checkOpen();
    return this.#loop.watchers.watch(file, events, callback, options);
  }

  /** @internal For the layers above, which must hear of a descriptor's close. */
  get watchers(): Watchers {
    return this.#loop.watchers;
  }

  /** @internal For the layers above, which make futures of their own. */
  get futures(): FutureOwner {
    return this.#futureOwner;
  }

  /** @internal A future that is done: one for all who have nothing to wait for. */
  get done(): Future<void> {
    if (this.#done === null) {
      this.#done = new Future<void>(this.#futureOwner);
      this.#done.setResult();
    }
    return this.#done;
  }

  /** Calls back while a file is readable; in place of the callback before. @throws as {@link Reactor.watch}. */
  addReader<A extends unknown[]>(file: FileLike, callback: (...args: A) => void, ...args: A): void {
    this.#addDirection(EVENT_READ, file, callback, args);
  }

  /** @returns whether `addReader` had set a callback. */
  removeReader(file: FileLike): boolean {
    return this.#loop.watchers.removeDirection(file, EVENT_READ);
  }

  /** Calls back while a file is writable; in place of the callback before. @throws as {@link Reactor.watch}. */
  addWriter<A extends unknown[]>(file: FileLike, callback: (...args: A) => void, ...args: A): void {
    this.#addDirection(EVENT_WRITE, file, callback, args);
  }

  /** @returns whether `addWriter` had set a callback. */
  removeWriter(file: FileLike): boolean {
    return this.#loop.watchers.removeDirection(file, EVENT_WRITE);
  }

  /** A result that is set by `setResult` or `setException`, and delivered by this reactor. */
  createFuture<T>(): Future<T> {
    return new Future<T>(this.#futureOwner);
  }

  /**
   * Accepts a connection. Out of descriptors one connection is closed unserved, which `onError` is told, and accepting is
   * tried again after a pause of 5 ms to 1 s.
   *
   * This and the other operations are tried at once, and finished when the socket is ready; those of one direction one
   * after the other, in the order of the calls. Cancelling one loses neither a byte nor a connection; closing the socket
   * fails it with `ECANCELED`.
   *
   * @returns its exception: the SystemError of the call.
   * @throws TypeError: bad arguments. StateError `ERR_ALREADY_REGISTERED`: a watcher has the direction; `ERR_CLOSED`.
   */
  sockAccept(socket: Socket): Future<Socket> {
    this.#run.checkOpen();
    return this.#sockets.accept(socket);
  }

  /** Connects. @throws as {@link Reactor.sockAccept}; the exception is the connection's own: `ECONNREFUSED`, … */
  sockConnect(socket: Socket, address: Address): Future<void> {
    this.#run.checkOpen();
    return this.#sockets.connect(socket, address);
  }

  /**
   * Receives what there is, up to the size of the buffer; 0 at the end of the stream. Where a task is cancelled that was not
   * told yet, the bytes stand in `buffer`.
   *
   * @throws as {@link Reactor.sockAccept}.
   */
  sockRecv(socket: Socket, buffer: Uint8Array): Future<number> {
    this.#run.checkOpen();
    return this.#sockets.recv(socket, buffer);
  }

  /**
   * Sends all of `data`, which must not change meanwhile. Where it fails or is cancelled, a part may have been sent.
   *
   * @throws as {@link Reactor.sockAccept}.
   */
  sockSendAll(socket: Socket, data: Uint8Array): Future<void> {
    this.#run.checkOpen();
    return this.#sockets.sendAll(socket, data);
  }

  /** Receives a datagram. @throws as {@link Reactor.sockAccept}. */
  sockRecvFrom(socket: Socket, buffer: Uint8Array): Future<Received> {
    this.#run.checkOpen();
    return this.#sockets.recvFrom(socket, buffer);
  }

  /** Sends a datagram. @returns its length. @throws as {@link Reactor.sockAccept}. */
  sockSendTo(socket: Socket, data: Uint8Array, address: Address): Future<number> {
    this.#run.checkOpen();
    return this.#sockets.sendTo(socket, data, address);
  }

  /**
   * Calls back when the process gets a signal, on this thread, as often as it was delivered; in place of the callback
   * before. Other reactors may listen as well, and `process.on` listeners that were there before go on. One that is set
   * later goes on as well. `SIGCHLD` is Node's own while it has children: watch a pidfd. It does not keep the process
   * alive.
   *
   * @throws TypeError `ERR_INVALID_ARG_VALUE`: there is no such signal, or it cannot be handled. StateError `ERR_CLOSED`.
   * SystemError `EINVAL`: the system refuses it; `ENOSPC`: 64 reactors listen already.
   */
  addSignalHandler(signal: NodeJS.Signals, callback: (signal: NodeJS.Signals) => void): void {
    this.#run.checkOpen();
    if (this.#signals === null) {
      this.#signals = new Signals(this.selector);
      this.#loop.arrivals.push(this.#signals);
    }
    this.#signals.set(signal, callback);
  }

  /** What the process did before on the signal it does again. @returns whether there was a callback. */
  removeSignalHandler(signal: NodeJS.Signals): boolean {
    return this.#signals?.remove(signal) ?? false;
  }

  /** What other threads post with: `Remote.from(reactor.remote.handle).post(value)`. */
  get remote(): Remote {
    return this.#mailbox().remote;
  }

  /**
   * Takes what other threads post. What comes while this is `null` waits. Setting it keeps a hosted reactor's process
   * alive.
   */
  get onMessage(): ((value: unknown) => void) | null {
    return this.#messages?.handler ?? null;
  }

  set onMessage(handler: ((value: unknown) => void) | null) {
    if (handler === null && this.#messages === null) return;
    this.#mailbox().handler = handler;
    this.#loop.kept = handler !== null;
    this.#run.wake();
  }

  /**
   * Runs inside of Node's loop until `stop()`.
   *
   * @param options.signal - ends the run; the promise is then rejected with its reason.
   * @throws (rejects) StateError `ERR_RUNNING`, `ERR_CLOSED`; `ERR_HOSTED`: the selector is waited for already.
   * SystemError: the wait itself failed.
   */
  async run(options: { signal?: AbortSignal } = {}): Promise<void> {
    checkObject(options, 'options');
    const { signal } = options;
    checkSignal(signal);
    this.#run.checkIdle();
    signal?.throwIfAborted();
    await this.#run.host(signal);
  }

  /**
   * Runs on this thread until `stop()`. `worker.terminate()` ends it, too.
   *
   * @throws StateError `ERR_RUNNING`: a reactor holds the thread; `ERR_CLOSED`; `ERR_IN_MICROTASK`: a promise waits for
   * the reactor, and cannot be moved from here. SystemError: the wait itself failed.
   */
  runForever(): void {
    this.#run.block(false, Number.POSITIVE_INFINITY, false);
  }

  /**
   * Runs on this thread until a future, promise or other thenable is done.
   *
   * @returns its result.
   * @throws what it is rejected with. TypeError: no thenable, or another reactor's future. StateError
   * `ERR_INVALID_STATE`: the reactor was stopped before, and the awaitable waits on; and as {@link Reactor.runForever}.
   */
  runUntilComplete<T>(awaitable: PromiseLike<T>): T {
    this.#run.checkIdle();
    const future = futureOf(awaitable, this.#futureOwner);
    let waiting = true;
    let ended = false;
    // Called in the next run where this one was stopped in the moment in which the future was done.
    const stop = () => {
      if (waiting) this.stop();
    };
    future.addDoneCallback(stop);
    try {
      this.#run.block(future !== awaitable, Number.POSITIVE_INFINITY, false);
    } finally {
      waiting = false;
      future.removeDoneCallback(stop);
      ended = future.done();
      // Nobody waits any more for what a promise becomes.
      if (!ended && future !== awaitable) future.cancel();
    }
    if (ended) return future.result();
    throw new StateError('ERR_INVALID_STATE', 'the reactor was stopped before the awaitable was done');
  }

  /**
   * One iteration on this thread.
   *
   * @param timeout - milliseconds to wait at most; none: until something happens.
   * @throws as {@link Reactor.runForever}.
   */
  runOnce(timeout?: number | null): void {
    const limit = milliseconds(timeout);
    this.#run.block(false, limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit, true);
  }

  /**
   * Ends the run, when the iteration in progress is complete; a hosted run that is between two iterations, at once. Of an
   * idle reactor: the next run, after one iteration. What is queued then waits for the next run.
   */
  stop(): void {
    this.#run.stop();
  }

  /** Whether live watchers, timers and a message handler keep the process alive while this is hosted: the default. */
  ref(): this {
    this.#run.referenced = true;
    return this;
  }

  unref(): this {
    this.#run.referenced = false;
    return this;
  }

  /**
   * Forgets callbacks, timers and watchers, and closes the selector. Descriptors stay open. Again: nothing.
   *
   * @throws StateError `ERR_RUNNING`.
   */
  close(): void {
    if (!this.#run.close()) return;
    this.#loop.close();
    this.#sockets.close();
    this.#signals?.close();
    this.selector.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #mailbox(): Messages {
    if (this.#messages === null) {
      this.#run.checkOpen();
      this.#messages = new Messages(this.selector);
      this.#loop.arrivals.push(this.#messages);
    }
    return this.#messages;
  }

  #enqueue(callback: Runnable): void {
    if (this.#run.state === 'closed') return;
    this.#loop.callbacks.push(callback);
    this.#run.wake();
  }

  #newTimer<A extends unknown[]>(when: number, callback: (...args: A) => void, args: A): TimerHandle {
    const run = args.length === 0 ? (callback as () => void) : () => callback(...args);
    const timer = new Timer(this.#timerOwner, when, run);
    this.#setTimer(timer);
    return timer;
  }

  #setTimer(timer: Timer): void {
    this.#loop.timers.add(timer);
    this.#run.update();
  }

  #dueIn(delay: number): number {
    return this.#loop.time() + finite(delay, 'delay');
  }

  #addDirection<A extends unknown[]>(
    events: number,
    file: FileLike,
    callback: (...args: A) => void,
    args: A,
  ): void {
    this.#run.checkOpen();
    checkFunction(callback, 'callback');
    this.#loop.watchers.setDirection(file, events, () => callback(...args));
  }
}
