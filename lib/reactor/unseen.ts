/** Errors that nobody has looked at: reported when nobody can any more, or when there is nothing left to do. */
import type { Report } from './errors.js';

/** Whose error it is may be gone. */
export interface Unseen {
  readonly error: unknown;
  readonly report: Report;
}

const all = new Set<Unseen>();
const collected = new FinalizationRegistry<Unseen>(reportUnseen);
let atExit = false;

/** Has an error reported, unless somebody looks at it before: {@link forgetUnseen}. */
export function watchUnseen(owner: object, error: unknown, report: Report): Unseen {
  releaseFrames(error);
  const entry = { error, report };
  all.add(entry);
  collected.register(owner, entry, owner);
  if (!atExit) {
    atExit = true;
    // A program that forgot to wait for what failed must not end as if all were well.
    process.on('beforeExit', () => [...all].forEach(reportUnseen));
  }
  return entry;
}

export function forgetUnseen(owner: object, entry: Unseen): void {
  all.delete(entry);
  collected.unregister(owner);
}

function reportUnseen(entry: Unseen): void {
  if (!all.delete(entry)) return;
  entry.report(entry.error, { message: 'nobody looked at the exception of a future', source: 'callback' });
}

/**
 * Until its stack is written out, an error holds the objects that were at work where it was thrown. Its owner is among them
 * where that is a task, and would never be garbage.
 */
function releaseFrames(error: unknown): void {
  if (error instanceof Error) String(error.stack);
}
