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

/** A registration as the selector sees it. */
export class Registration<T> {
  /** Whether a oneshot registration has fired and waits to be armed again. */
  fired = false;

  constructor(
    public key: SelectorKey<T>,
    /** Names this registration in the kernel, so that an event can be told from one of its predecessors. */
    public generation: number,
    public exclusive: boolean,
  ) {}

  get oneshot(): boolean {
    return isOneshot(this.key.mode);
  }

  /** Takes over what the kernel was told of `changed`, which is armed now. */
  become({ key, generation, exclusive }: Registration<T>): void {
    this.key = key;
    this.generation = generation;
    this.exclusive = exclusive;
    this.fired = false;
  }
}

/** The registrations by descriptor. */
export class Registry<T> implements Iterable<Registration<T>> {
  readonly #byDescriptor = new DescriptorTable<Registration<T>>();
  #size = 0;
  #generation = 0;

  get size(): number {
    return this.#size;
  }

  /** An int32, as the events array holds it. */
  nextGeneration(): number {
    this.#generation = (this.#generation + 1) | 0;
    return this.#generation;
  }

  at(fd: number): Registration<T> | undefined {
    return this.#byDescriptor.get(fd);
  }

  /** By descriptor; an object that was closed, and so has none any more, by identity. */
  find(file: FileLike): Registration<T> | undefined {
    const fd = descriptorOrClosed(file);
    const found = fd < 0 ? undefined : this.#byDescriptor.get(fd);
    if (found !== undefined || typeof file === 'number') return found;
    for (const registration of this) if (registration.key.fileobj === file) return registration;
    return undefined;
  }

  add(registration: Registration<T>): void {
    this.#byDescriptor.set(registration.key.fd, registration);
    this.#size++;
  }

  delete(fd: number): void {
    if (this.#byDescriptor.delete(fd)) this.#size--;
  }

  clear(): void {
    this.#byDescriptor.clear();
    this.#size = 0;
  }

  [Symbol.iterator](): Generator<Registration<T>> {
    return this.#byDescriptor[Symbol.iterator]();
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
    return typeof file === 'number' ? this.#registry.at(file)?.key : this.#registry.find(file)?.key;
  }

  forEach(
    callback: (key: SelectorKey<T>, fd: number, map: ReadonlyMap<number, SelectorKey<T>>) => void,
    receiver?: unknown,
  ): void {
    for (const [fd, key] of this) callback.call(receiver, key, fd, this);
  }

  *entries(): MapIterator<[number, SelectorKey<T>]> {
    for (const { key } of this.#registry) yield [key.fd, key];
    return undefined;
  }

  *keys(): MapIterator<number> {
    for (const { key } of this.#registry) yield key.fd;
    return undefined;
  }

  *values(): MapIterator<SelectorKey<T>> {
    for (const { key } of this.#registry) yield key;
    return undefined;
  }

  [Symbol.iterator](): MapIterator<[number, SelectorKey<T>]> {
    return this.entries();
  }
}
