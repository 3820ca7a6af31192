/** Waiting until a descriptor is ready, for tests that need it to be and are not about waiting. */
import { constants, type FileLike, Poll } from 'iomux';

const { POLLIN = 0, POLLOUT = 0 } = constants;
/** Long enough for a loaded machine; a test that gets here has failed. */
const PATIENCE = 10_000;

function until(file: FileLike, events: number, wanted: string): void {
  const poll = new Poll();
  poll.register(file, events);
  if (poll.poll(PATIENCE).length === 0) throw new Error(`not ${wanted} within ${PATIENCE} ms`);
}

export function untilReadable(file: FileLike): void {
  until(file, POLLIN, 'readable');
}

export function untilWritable(file: FileLike): void {
  until(file, POLLOUT, 'writable');
}

/** What is readable right now, without waiting. */
export function isReadable(file: FileLike): boolean {
  const poll = new Poll();
  poll.register(file, POLLIN);
  return poll.poll(0).length > 0;
}
