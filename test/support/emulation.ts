/**
 * kqueue on Linux is libkqueue's, made of epoll. The selector is the same, but what it stands on does some things in
 * another way than the kernels of macOS and the BSDs:
 *
 * - One kevent() returns at most 512 events, however many there is room for.
 * - It reads SO_ERROR to fill in an event, and the error is then gone for the socket's owner.
 * - The descriptors behind a kqueue are closed some time after the kqueue itself, by a thread, and those of that thread
 *   come and go with it.
 * - A filter outlives the close of its descriptor, and stands for whatever gets the number.
 * - The kqueue's own descriptor is a blocking eventfd, and cannot be watched.
 */
import { type Backend, selectorBackends } from 'iomux';
import { expect } from 'vitest';
import { openDescriptors } from './descriptors.js';

/** Long enough for a loaded machine; who gets here has leaked. */
const PATIENCE = 3_000;
/** More than the thread, and the kqueue that is being closed, ever have open; far less than what many rounds leak. */
const LATE = 15;

export const isEmulated = (backend: Backend): boolean => backend === 'kqueue' && process.platform === 'linux';

const atWork = selectorBackends().some(isEmulated);

/** Asserts that what is open now was open before: nearly, where the emulation may be at work beside the test. */
export function expectGivenBack(before: readonly number[]): void {
  if (!atWork) {
    expect(openDescriptors()).toEqual(before);
    return;
  }
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const most = before.length + LATE;
  const limit = performance.now() + PATIENCE;
  while (openDescriptors().length > most && performance.now() < limit) Atomics.wait(clock, 0, 0, 5);
  expect(openDescriptors().length).toBeLessThanOrEqual(most);
}
