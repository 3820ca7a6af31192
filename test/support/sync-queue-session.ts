/** A queue beside a model of it: any sequence of steps, after each of which both must agree. */
import type { Future } from 'iomux';
import type { Queue } from 'iomux/sync';
import { expect } from 'vitest';
import { refusal } from './refusals.js';
import { type Fate, failureOf, fateOf, type Steps } from './sync-futures.js';

const CLOSED = 'QueueError ERR_QUEUE_CLOSED';

interface Entry {
  readonly item: number;
  readonly sequence: number;
}

interface Put {
  readonly future: Future<void>;
  readonly item: number;
  fate: Fate;
}

interface Get {
  readonly future: Future<number>;
  fate: Fate;
  entry: Entry | null;
  looked: boolean;
}

/** Whether one entry is to be got before another. */
export type Order = (a: Entry, b: Entry) => boolean;

export class QueueSession {
  readonly #queue: Queue<number>;
  readonly #maxSize: number;
  readonly #isBefore: Order;
  #entries: Entry[] = [];
  readonly #puts: Put[] = [];
  readonly #gets: Get[] = [];
  readonly #joins: { readonly future: Future<void>; fate: Fate }[] = [];
  #sequence = 0;
  #unfinished = 0;
  #closed = false;

  constructor(queue: Queue<number>, maxSize: number, isBefore: Order) {
    this.#queue = queue;
    this.#maxSize = maxSize;
    this.#isBefore = isBefore;
  }

  /** Each with a number that is the item, or chooses among the puts and gets. */
  readonly steps: Steps = {
    put: (item) => this.#put(item),
    get: () => this.#get(),
    'put now': (item) => this.#putNow(item),
    'get now': () => this.#getNow(),
    'cancel a put': (pick) => this.#cancel(this.#puts[pick % this.#puts.length]),
    'cancel a get': (pick) => this.#cancel(this.#gets[pick % this.#gets.length]),
    'give back': (pick) => this.#giveBack(this.#gets[pick % this.#gets.length]),
    look: (pick) => this.#look(this.#gets[pick % this.#gets.length]),
    'task done': () => this.#taskDone(),
    join: () => this.#join(),
    close: () => this.#close(),
  };

  check(): void {
    const all = [...this.#puts, ...this.#gets, ...this.#joins];
    expect(all.map(({ future }) => fateOf(future))).toEqual(all.map(({ fate }) => fate));
    const { size, empty, full, closed } = this.#queue;
    expect({ size, empty, full, closed }).toEqual({
      size: this.#entries.length,
      empty: this.#entries.length === 0,
      full: this.#full,
      closed: this.#closed,
    });
  }

  /** Takes what is left, so that each item is accounted for, and nobody waits at the end. */
  end(): void {
    while (this.#entries.length > 0) this.#getNow();
    this.#close();
    while (this.#unfinished > 0) this.#taskDone();
    this.check();
    for (const { fate } of [...this.#puts, ...this.#gets, ...this.#joins]) expect(fate).not.toBe('waiting');
    for (const get of this.#gets)
      if (get.fate === 'fulfilled') expect(get.future.result()).toBe(get.entry?.item);
  }

  get #full(): boolean {
    return this.#maxSize > 0 && this.#entries.length >= this.#maxSize;
  }

  #put(item: number): void {
    const put: Put = { future: this.#queue.put(item), item, fate: 'waiting' };
    this.#puts.push(put);
    if (this.#closed) this.#fail(put);
    else this.#admit();
  }

  #get(): void {
    const get: Get = { future: this.#queue.get(), fate: 'waiting', entry: null, looked: false };
    if (this.#entries.length > 0) this.#receive(get, this.#take());
    else if (this.#closed) this.#fail(get);
    this.#gets.push(get);
  }

  #putNow(item: number): void {
    const expected = this.#closed ? CLOSED : this.#full ? 'QueueError ERR_QUEUE_FULL' : 'nothing';
    expect(refusal(() => this.#queue.putNowait(item))).toBe(expected);
    if (expected === 'nothing') this.#accept(item);
  }

  #getNow(): void {
    if (this.#entries.length === 0) {
      expect(refusal(() => this.#queue.getNowait())).toBe(
        this.#closed ? CLOSED : 'QueueError ERR_QUEUE_EMPTY',
      );
      return;
    }
    expect(this.#queue.getNowait()).toBe(this.#take().item);
  }

  #cancel(operation: Put | Get | undefined): void {
    if (operation === undefined) return;
    const waits = operation.fate === 'waiting';
    expect(operation.future.cancel()).toBe(waits);
    if (waits) operation.fate = 'cancelled';
  }

  /** As a task that is cancelled before the item reaches it. */
  #giveBack(get: Get | undefined): void {
    if (get?.fate !== 'fulfilled') return;
    get.future.giveBack();
    if (get.looked || get.entry === null) return;
    get.fate = 'cancelled';
    this.#offer(get.entry);
  }

  #look(get: Get | undefined): void {
    if (get?.fate !== 'fulfilled') return;
    expect(get.future.result()).toBe(get.entry?.item);
    get.looked = true;
  }

  #taskDone(): void {
    if (this.#unfinished === 0) {
      expect(refusal(() => this.#queue.taskDone())).toBe('StateError ERR_INVALID_STATE');
      return;
    }
    this.#queue.taskDone();
    this.#unfinished--;
    if (this.#unfinished === 0) for (const join of this.#joins) join.fate = 'fulfilled';
  }

  #join(): void {
    this.#joins.push({ future: this.#queue.join(), fate: this.#unfinished === 0 ? 'fulfilled' : 'waiting' });
  }

  #close(): void {
    this.#queue.close();
    this.#closed = true;
    for (const operation of [...this.#puts, ...this.#gets]) {
      if (operation.fate === 'waiting') this.#fail(operation);
    }
  }

  #fail(operation: Put | Get): void {
    operation.fate = 'failed';
    expect(failureOf(operation.future)).toBe(CLOSED);
  }

  #accept(item: number): void {
    this.#unfinished++;
    this.#offer({ item, sequence: this.#sequence++ });
  }

  #offer(entry: Entry): void {
    const get = this.#gets.find(({ fate }) => fate === 'waiting');
    if (get === undefined) this.#entries.push(entry);
    else this.#receive(get, entry);
  }

  #receive(get: Get, entry: Entry): void {
    get.fate = 'fulfilled';
    get.entry = entry;
  }

  #take(): Entry {
    const next = this.#entries.reduce((best, entry) => (this.#isBefore(entry, best) ? entry : best));
    this.#entries = this.#entries.filter((entry) => entry !== next);
    this.#admit();
    return next;
  }

  #admit(): void {
    for (const put of this.#puts) {
      if (this.#full) return;
      if (put.fate !== 'waiting') continue;
      put.fate = 'fulfilled';
      this.#accept(put.item);
    }
  }
}
