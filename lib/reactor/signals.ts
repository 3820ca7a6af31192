/** Signals of the process as callbacks of a reactor. */
import { AsyncResource } from 'node:async_hooks';
import { constants } from 'node:os';
import { checkFunction } from '../arguments.js';
import { check, invalidType, invalidValue } from '../native/errors.js';
import { native } from '../native/load.js';
import type { Selector } from '../selectors/selector.js';
import type { Arrivals } from './arrivals.js';
import type { Report } from './errors.js';
import { checkReturned } from './promises.js';

const NUMBERS: Readonly<Partial<Record<NodeJS.Signals, number>>> = constants.signals;
/** Those that no handler can be set for, and those that a fault raises again as soon as its handler returns. */
const UNCATCHABLE: ReadonlySet<string> = new Set([
  'SIGKILL',
  'SIGSTOP',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
]);

type SignalCallback = (signal: NodeJS.Signals) => void;

interface Handler {
  /** How often the signal was delivered and not taken yet; src-native/signals.cc adds. */
  readonly count: Int32Array;
  callback: SignalCallback;
}

/** Those of this thread that have handlers. */
const listening = new Set<Signals>();

/** Node, whose listeners come and go by process.on() and off(), has set the disposition of a signal anew. */
function listenAgain(name: string | symbol): void {
  for (const signals of listening) signals.listenAgain(name as NodeJS.Signals);
}

function listen(signals: Signals): void {
  // Ours come after Node's own listeners of these events.
  if (listening.size === 0) process.on('newListener', listenAgain).on('removeListener', listenAgain);
  listening.add(signals);
}

function ignore(signals: Signals): void {
  if (!listening.delete(signals) || listening.size > 0) return;
  process.off('newListener', listenAgain).off('removeListener', listenAgain);
}

export class Signals implements Arrivals {
  readonly #selector: Selector<unknown>;
  readonly #handlers = new Map<NodeJS.Signals, Handler>();

  constructor(selector: Selector<unknown>) {
    this.#selector = selector;
  }

  set(signal: NodeJS.Signals, callback: SignalCallback): void {
    const number = numberOf(signal);
    checkFunction(callback, 'callback');
    const present = this.#handlers.get(signal);
    const bound = AsyncResource.bind(callback, 'iomux.Signal');
    if (present !== undefined) {
      present.callback = bound;
      return;
    }
    const count = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    check(native.signalListen(this.#selector.setId, number, count), 'sigaction');
    this.#handlers.set(signal, { count, callback: bound });
    listen(this);
  }

  /** Somebody else may have taken a signal over. */
  listenAgain(signal: NodeJS.Signals): void {
    const handler = this.#handlers.get(signal);
    if (handler === undefined || this.#selector.closed) return;
    native.signalListen(this.#selector.setId, NUMBERS[signal] ?? 0, handler.count);
  }

  /** @returns whether there was a handler. */
  remove(signal: NodeJS.Signals): boolean {
    if (!this.#handlers.delete(signal)) return false;
    if (this.#handlers.size === 0) ignore(this);
    if (!this.#selector.closed) native.signalIgnore(this.#selector.setId, NUMBERS[signal] ?? 0);
    return true;
  }

  get pending(): boolean {
    for (const { count } of this.#handlers.values()) if (Atomics.load(count, 0) > 0) return true;
    return false;
  }

  deliver(report: Report): number {
    let delivered = 0;
    for (const [signal, handler] of [...this.#handlers]) {
      let times = Atomics.exchange(handler.count, 0, 0);
      // A handler that removes or replaces itself is not called again.
      for (; times > 0 && this.#handlers.get(signal) === handler; times--) {
        delivered++;
        try {
          checkReturned(handler.callback(signal));
        } catch (error) {
          report(error, { message: `the handler of ${signal} threw`, source: 'signal' });
        }
      }
    }
    return delivered;
  }

  close(): void {
    this.#handlers.clear();
    ignore(this);
  }
}

function numberOf(signal: NodeJS.Signals): number {
  if (typeof signal !== 'string') throw invalidType('signal', "a signal's name", signal);
  const number = NUMBERS[signal];
  if (number === undefined) throw invalidValue('signal', "the name of a signal, as 'SIGTERM'", signal);
  if (UNCATCHABLE.has(signal)) throw invalidValue('signal', 'one that can be handled', signal);
  return number;
}
