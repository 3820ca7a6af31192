/** Which descriptors a selector watches: keys, generations, and lookup by descriptor or by object. */
import { DescriptorTable } from '../descriptor-table.js';
import { descriptorOrClosed, type FileLike } from '../files.js';
import { isOneshot, type TriggerMode } from './capabilities.js';

/** A registration as its owner sees it. Immutable: `modify` makes a new one. */
export interface SelectorKey<T = unknown> {
  /** The very object that was registered. */
  readonly fileobj: FileLike;
  /** The descriptor it had then. */
  readonly fd: number;
  readonly events: number;
  readonly mode: TriggerMode;
  readonly data: T;
}

/** A key and what it is ready for. */
export type ReadyKey<T = unknown> = readonly [key: SelectorKey<T>, events: number];

// What is said of a registration in one word, which delivery asks at each event.
const EXCLUSIVE = 1;
const ONESHOT = 2;
const FIRED = 4;

/** A key, and what only the selector knows of its registration: one object, because both are asked at each event. */
export class Registration<T> implements SelectorKey<T> {
  readonly fileobj: FileLike;
  readonly fd: number;
  readonly events: number;
  readonly mode: TriggerMode;
  readonly data: T;
  #generation: number;
  #state: number;

  constructor(key: SelectorKey<T>, generation: number, exclusive: boolean) {
    this.#generation = generation;
    this.#state = (exclusive ? EXCLUSIVE : 0) | (isOneshot(key.mode) ? ONESHOT : 0);
    this.fileobj = key.fileobj;
    this.fd = key.fd;
    this.events = key.events;
    this.mode = key.mode;
    this.data = key.data;
    Object.freeze(this);
  }

  /** Names this registration in the kernel, so that an event can be told from one of its predecessors. */
  get generation(): number {
    return this.#generation;
  }

  get exclusive(): boolean {
    return (this.#state & EXCLUSIVE) !== 0;
  }

  get oneshot(): boolean {
    return (this.#state & ONESHOT) !== 0;
  }

  /** Whether a oneshot registration has fired and waits to be armed again. */
  get fired(): boolean {
    return (this.#state & FIRED) !== 0;
  }

  // What changes a registration is no method: whoever has the key must not find it there.

  static fire(registration: Registration<unknown>): void {
    registration.#state |= FIRED;
  }

  /** The kernel reports it again, under this generation. */
  static arm(registration: Registration<unknown>, generation: number): void {
    registration.#generation = generation;
    registration.#state &= ~FIRED;
  }

  /** The same registration with other data: the kernel is told nothing. */
  static withData<T>(registration: Registration<T>, data: T): Registration<T> {
    const { fileobj, fd, events, mode, generation, exclusive } = registration;
    const changed = new Registration({ fileobj, fd, events, mode, data }, generation, exclusive);
    changed.#state = registration.#state;
    return changed;
  }
}

/** The registrations by descriptor. */
export class Registry<T> extends DescriptorTable<Registration<T>> {
  #generation = 0;

  /** An int32, as the events array holds it. */
  nextGeneration(): number {
    this.#generation = (this.#generation + 1) | 0;
    return this.#generation;
  }

  /** By descriptor; an object that was closed, and so has none any more, by identity. */
  find(file: FileLike): Registration<T> | undefined {
    const fd = descriptorOrClosed(file);
    const found = fd < 0 ? undefined : this.get(fd);
    if (found !== undefined || typeof file === 'number') return found;
    for (const registration of this) if (registration.fileobj === file) return registration;
    return undefined;
  }

  /** Adds a registration, or puts it in the place of the one that its descriptor has. */
  put(registration: Registration<T>): void {
    this.set(registration.fd, registration);
  }
}

/** A live, read-only view: descriptor → key, in the order of descriptors. Files are looked up as well as numbers. */
export class KeyMap<T> implements ReadonlyMap<number, SelectorKey<T>> {
  readonly #registry: Registry<T>;

  constructor(registry: Registry<T>) {
    this.#registry = registry;
  }

  get size(): number {
    return this.#registry.size;
  }

  has(file: FileLike): boolean {
    return this.get(file) !== undefined;
  }

  get(file: FileLike): SelectorKey<T> | undefined {
    return typeof file === 'number' ? this.#registry.get(file) : this.#registry.find(file);
  }

  forEach(
    callback: (key: SelectorKey<T>, fd: number, map: ReadonlyMap<number, SelectorKey<T>>) => void,
    receiver?: unknown,
  ): void {
    for (const [fd, key] of this) callback.call(receiver, key, fd, this);
  }

  *entries(): MapIterator<[number, SelectorKey<T>]> {
    for (const key of this.#registry) yield [key.fd, key];
    return undefined;
  }

  *keys(): MapIterator<number> {
    for (const { fd } of this.#registry) yield fd;
    return undefined;
  }

  *values(): MapIterator<SelectorKey<T>> {
    yield* this.#registry;
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[number, SelectorKey<T>]> {
    return this.entries();
  }
}
