/** How values and errors get from the reactor's thread to a worker, and back. */
import { deserialize, serialize } from 'node:v8';

/** Where workers run, in tinypool's words. */
export type Runtime = 'worker_threads' | 'child_process';

/** What a worker is to do. */
export interface Order {
  readonly runtime: Runtime;
  readonly module: string;
  readonly name: string;
  readonly args: unknown;
}

/** What came of it. */
export type Outcome = { readonly value: unknown } | { readonly thrown: Thrown };

/**
 * A copy that can be sent to, or from, a worker: to a process as bytes, whose serialization is then ours alone.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE`: something in it cannot be cloned.
 */
export function pack(value: unknown, runtime: Runtime, what: string): unknown {
  try {
    return runtime === 'worker_threads' ? structuredClone(value) : serialize(value);
  } catch (error) {
    const refusal = new TypeError(`${what} cannot be cloned: ${(error as Error).message}`);
    throw Object.assign(refusal, { code: 'ERR_INVALID_ARG_VALUE' });
  }
}

export function unpack(packed: unknown, runtime: Runtime): unknown {
  return runtime === 'worker_threads' ? packed : deserialize(packed as Uint8Array);
}

/** What was thrown, in parts: cloned as a whole an error would lose its name and its code. */
interface Thrown {
  /** The error's own; `null` where something else was thrown. */
  readonly error: { readonly name: string; readonly message: string; readonly stack: string } | null;
  /** Its other properties, as far as they can be cloned; or what was thrown. */
  readonly packed: unknown;
}

const CLASSES: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

export function packThrown(thrown: unknown, runtime: Runtime): Thrown {
  if (!(thrown instanceof Error)) {
    try {
      return { error: null, packed: pack(thrown, runtime, 'what a function throws') };
    } catch (error) {
      return packThrown(error, runtime);
    }
  }
  const properties: Record<string, unknown> = {};
  for (const key of Object.getOwnPropertyNames(thrown)) {
    if (key === 'name' || key === 'message' || key === 'stack') continue;
    try {
      const value: unknown = Reflect.get(thrown, key);
      pack(value, runtime, key);
      properties[key] = value;
    } catch {
      // The error is worth more than this property.
    }
  }
  const { name, message, stack = '' } = thrown;
  // Whoever made it may have given it anything in place of a text, also what cannot be cloned.
  const error = { name: String(name), message: String(message), stack: String(stack) };
  return { error, packed: pack(properties, runtime, 'an error') };
}

export function unpackThrown({ error, packed }: Thrown, runtime: Runtime): unknown {
  const unpacked = unpack(packed, runtime);
  if (error === null) return unpacked;
  // Not what every object inherits: 'toString' is a name as well.
  const Class = Object.hasOwn(CLASSES, error.name) ? CLASSES[error.name] : undefined;
  const thrown = new (Class ?? Error)(error.message);
  const hidden = { stack: error.stack, ...(thrown.name !== error.name && { name: error.name }) };
  for (const [key, value] of Object.entries(hidden)) {
    Object.defineProperty(thrown, key, { value, configurable: true, writable: true });
  }
  return Object.assign(thrown, unpacked);
}
