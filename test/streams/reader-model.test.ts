/** Whatever the chunks, and whoever is cancelled: a reader says the same as a model that has the whole text. */
import fc from 'fast-check';
import type { Future } from 'iomux';
import { IncompleteReadError, LimitOverrunError, type StreamReader } from 'iomux/streams';
import { expect, it } from 'vitest';
import { Chunks } from '../../lib/streams/chunks.js';
import { readerMaker } from '../support/stream-ends.js';

type Read =
  | { readonly kind: 'read'; readonly max: number | undefined }
  | { readonly kind: 'readExactly'; readonly length: number }
  | { readonly kind: 'readUntil'; readonly separators: readonly string[] }
  | { readonly kind: 'readLine' }
  | { readonly kind: 'readAll' };

/** What becomes of a read: its result is used; it is cancelled where it has waited so long; it gives back what it got. */
interface Step {
  readonly read: Read;
  readonly fate: 'use' | 'cancel' | 'give back';
  readonly patience: number;
}

interface Match {
  readonly start: number;
  readonly end: number;
}

/** By definition: of all matches those that end first, of those the one that begins first. */
function firstMatch(text: string, separators: readonly string[]): Match | null {
  let first: Match | null = null;
  for (const separator of separators) {
    const start = text.indexOf(separator);
    if (start === -1) continue;
    const end = start + separator.length;
    if (first === null || end < first.end || (end === first.end && start < first.start))
      first = { start, end };
  }
  return first;
}

/** Plays reads while a text arrives, and holds each result against the text. */
class Session {
  // What is used of the text.
  #position = 0;
  readonly #reader: StreamReader;
  readonly #text: string;
  readonly #limit: number;
  readonly #steps: Step[];
  #pending: { readonly step: Step; readonly future: Future<Buffer | string | null>; waited: number } | null =
    null;

  constructor(reader: StreamReader, text: string, limit: number, steps: readonly Step[]) {
    this.#reader = reader;
    this.#text = text;
    this.#limit = limit;
    this.#steps = [...steps];
  }

  play(chunks: readonly Buffer[]): void {
    this.#turn();
    for (const chunk of chunks) {
      this.#reader.feed(chunk);
      // What the reader was given is somebody else's from now on.
      chunk.fill('#');
      this.#turn();
    }
    this.#reader.end(null, true);
    this.#turn();
    expect(this.#pending).toBeNull();
    expect(this.#steps).toEqual([]);
    // Whatever was not used is there still.
    const rest = this.#reader.readAll();
    expect((rest.result() as Buffer).toString('latin1')).toBe(this.#text.slice(this.#position));
    expect(this.#reader.atEnd).toBe(true);
  }

  /** Begins reads until one has to wait. */
  #turn(): void {
    for (;;) {
      if (this.#pending === null) {
        const step = this.#steps.shift();
        if (step === undefined) return;
        this.#pending = { step, future: this.#begin(step.read), waited: 0 };
      }
      const { step, future, waited } = this.#pending;
      if (future.done()) {
        this.#finish(step, future);
      } else if (step.fate === 'cancel' && waited >= step.patience) {
        expect(future.cancel()).toBe(true);
      } else {
        this.#pending.waited++;
        return;
      }
      this.#pending = null;
    }
  }

  #begin(read: Read): Future<Buffer | string | null> {
    switch (read.kind) {
      case 'read':
        return this.#reader.read(read.max);
      case 'readExactly':
        return this.#reader.readExactly(read.length);
      case 'readUntil':
        return this.#reader.readUntil(read.separators);
      case 'readLine':
        return this.#reader.readLine();
      case 'readAll':
        return this.#reader.readAll();
    }
  }

  #finish({ read, fate }: Step, future: Future<Buffer | string | null>): void {
    if (fate === 'give back') {
      future.giveBack();
      if (future.cancelled()) return;
    }
    const rest = this.#text.slice(this.#position);
    const error = future.exception();
    if (error !== null) {
      this.#checkError(read, rest, error);
      return;
    }
    const result = future.result();
    const got = Buffer.isBuffer(result) ? result.toString('latin1') : result;
    if (read.kind === 'read') {
      if (read.max === 0) expect(got).toBe('');
      else if (got === null) expect(rest).toBe('');
      else expect([got.length > 0, got.length <= (read.max ?? 1000)]).toEqual([true, true]);
      expect(rest.startsWith(got ?? '')).toBe(true);
      this.#position += got?.length ?? 0;
    } else if (read.kind === 'readLine') {
      const match = firstMatch(rest, ['\n', '\r\n']) ?? { start: rest.length, end: rest.length };
      expect(got).toBe(rest === '' ? null : rest.slice(0, match.start));
      expect(match.start).toBeLessThanOrEqual(this.#limit);
      this.#position += match.end;
    } else {
      const end =
        read.kind === 'readAll'
          ? rest.length
          : read.kind === 'readExactly'
            ? read.length
            : firstMatch(rest, read.separators)?.end;
      expect(got).toBe(rest.slice(0, end ?? Number.NaN));
      this.#position += end ?? 0;
    }
  }

  #checkError(read: Read, rest: string, error: unknown): void {
    if (error instanceof IncompleteReadError) {
      expect(error.partial.toString('latin1')).toBe(rest);
      if (read.kind === 'readExactly') {
        expect(error.expected).toBe(read.length);
        expect(rest.length).toBeLessThan(read.length);
      } else {
        expect(error.expected).toBe(Number.POSITIVE_INFINITY);
        expect(read.kind === 'readUntil' && firstMatch(rest, read.separators)).toBeNull();
      }
      this.#position = this.#text.length;
      return;
    }
    if (!(error instanceof LimitOverrunError)) throw error;
    const separators = read.kind === 'readUntil' ? read.separators : ['\n', '\r\n'];
    const start = firstMatch(rest, separators)?.start ?? rest.length;
    expect(start).toBeGreaterThan(this.#limit);
    expect(error.consumed).toBeGreaterThan(this.#limit);
    expect(error.consumed).toBeLessThanOrEqual(start);
  }
}

const TEXT = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\r', '\n'), maxLength: 60 });
const SEPARATOR = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n'), minLength: 1, maxLength: 4 });
const READ: fc.Arbitrary<Read> = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), max: fc.option(fc.nat(9), { nil: undefined }) }),
  fc.record({ kind: fc.constant('readExactly' as const), length: fc.nat(12) }),
  fc.record({
    kind: fc.constant('readUntil' as const),
    separators: fc.array(SEPARATOR, { minLength: 1, maxLength: 3 }),
  }),
  fc.constant({ kind: 'readLine' as const }),
  fc.constant({ kind: 'readLine' as const }),
);

const STEPS = fc.array(
  fc.record({
    read: READ,
    fate: fc.constantFrom('use', 'use', 'cancel', 'give back'),
    patience: fc.nat(3),
  }),
  { maxLength: 24 },
);
const SIZES = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 40 });

/** Cuts a text into chunks of these sizes, the last of them repeated. */
function chunksOf(text: string, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let size = 1;
  for (let start = 0, index = 0; start < text.length; start += size, index++) {
    size = sizes[index] ?? size;
    chunks.push(Buffer.from(text.slice(start, start + size), 'latin1'));
  }
  return chunks;
}

it('reads the same whatever the chunks, and loses nothing to those who are cancelled', () => {
  const makeReader = readerMaker();
  fc.assert(
    fc.property(TEXT, SIZES, STEPS, fc.integer({ min: 1, max: 20 }), (text, sizes, steps, limit) => {
      new Session(makeReader(limit), text, limit, steps).play(chunksOf(text, sizes));
    }),
    { numRuns: 3000 },
  );
});

it('finds separators across chunks beyond the stretch in which it looks for several', () => {
  const makeReader = readerMaker();
  const filler = fc.integer({ min: 0, max: 2100 });
  const separators = fc.array(SEPARATOR, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(filler, TEXT, separators, fc.integer({ min: 1, max: 1500 }), (length, text, wanted, size) => {
      const whole = 'c'.repeat(length) + text;
      const steps: Step[] = Array.from({ length: 8 }, () => ({
        read: { kind: 'readUntil', separators: wanted },
        fate: 'use',
        patience: 0,
      }));
      new Session(makeReader(65_536), whole, 65_536, steps).play(chunksOf(whole, [size]));
    }),
    { numRuns: 500 },
  );
});

/** What becomes of chunks: each is applied to the same bytes in one piece as well. */
type Change =
  | { readonly kind: 'append'; readonly text: string }
  | { readonly kind: 'put back'; readonly text: string }
  | { readonly kind: 'take'; readonly length: number }
  | { readonly kind: 'copy'; readonly length: number }
  | { readonly kind: 'search'; readonly bytes: string; readonly from: number; readonly length: number };

const PART = fc.string({ unit: fc.constantFrom('a', 'a', 'a', 'b'), minLength: 1, maxLength: 4 });
/** Above the size up to which chunks are joined, or not. */
const CHUNK = fc.tuple(PART, fc.integer({ min: 100, max: 400 })).map(([text, times]) => text.repeat(times));
const CHANGE: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), text: CHUNK }),
  fc.record({ kind: fc.constant('append' as const), text: CHUNK }),
  fc.record({ kind: fc.constant('put back' as const), text: CHUNK }),
  fc.record({ kind: fc.constant('take' as const), length: fc.nat(2000) }),
  fc.record({ kind: fc.constant('copy' as const), length: fc.nat(2000) }),
  fc.record({
    kind: fc.constant('search' as const),
    bytes: PART,
    from: fc.nat(9000),
    length: fc.nat(9000),
  }),
);

it('keeps chunks that say the same as their bytes in one piece, wherever was searched before', () => {
  fc.assert(
    fc.property(fc.array(CHANGE, { maxLength: 60 }), (changes) => {
      const chunks = new Chunks();
      let whole = '';
      for (const change of changes) {
        switch (change.kind) {
          case 'append':
            chunks.join(Buffer.from(change.text)) || chunks.push(Buffer.from(change.text));
            whole += change.text;
            break;
          case 'put back':
            chunks.prepend(Buffer.from(change.text));
            whole = change.text + whole;
            break;
          case 'take': {
            const length = Math.min(change.length, whole.length);
            expect(chunks.take(length).toString()).toBe(whole.slice(0, length));
            whole = whole.slice(length);
            break;
          }
          case 'copy': {
            const length = Math.min(change.length, whole.length);
            expect(chunks.copy(length).toString()).toBe(whole.slice(0, length));
            break;
          }
          case 'search': {
            const from = Math.min(change.from, whole.length);
            const to = Math.min(from + change.length, whole.length);
            const found = whole.slice(from, to).indexOf(change.bytes);
            expect(chunks.indexOf(Buffer.from(change.bytes), from, to)).toBe(
              found === -1 ? -1 : from + found,
            );
          }
        }
        expect(chunks.length).toBe(whole.length);
      }
    }),
    { numRuns: 1000 },
  );
});

it('goes on to search where it stopped, however many chunks there are', () => {
  for (const separator of ['\n', '\r\n', ['\n', '\r\n']]) {
    const reader = readerMaker()(Number.MAX_SAFE_INTEGER);
    const read = reader.readUntil(separator);
    const chunk = Buffer.alloc(513);
    const begin = performance.now();
    for (let i = 0; i < 100_000; i++) reader.feed(chunk);
    reader.feed(Buffer.from('\r\n'));
    // Each time from the front it takes several times as long.
    expect(performance.now() - begin).toBeLessThan(4000);
    expect(read.done()).toBe(true);
  }
}, 60_000);
