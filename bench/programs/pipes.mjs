/**
 * The libevent benchmark: bytes that wander from pipe to pipe, of which most are idle.
 *
 *   node bench/programs/pipes.mjs [--backend epoll] [--mode level] [--pipes 100] [--active 1] [--writes 100]
 *     [--runs 25] [--warm-up 100]
 *
 * A run removes all registrations and adds them again; then each of the active pipes gets a byte, and whoever is
 * readable takes one byte and writes one to the next pipe, until that was done as often as `--writes` says, and the last
 * byte is read. After a warm-up, of so many milliseconds, it prints one line of JSON, the medians over all runs:
 * `microseconds` from the first wait until the last byte was read, and `registerMicroseconds` for the registrations; and
 * `bytes`, which each run read.
 */
import { parseArgs } from 'node:util';
import { createSelector, EVENT_READ, Socket } from '../../dist/lib/index.js';
import { spreadOf } from '../support/statistics.mjs';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'epoll' },
    mode: { type: 'string', default: 'level' },
    pipes: { type: 'string', default: '100' },
    active: { type: 'string', default: '1' },
    writes: { type: 'string', default: '100' },
    runs: { type: 'string', default: '25' },
    'warm-up': { type: 'string', default: '100' },
  },
});
const active = Number(values.active);
const writes = Number(values.writes);
const mode = /** @type {import('../../dist/lib/index.js').TriggerMode} */ (values.mode);
const oneshot = mode === 'oneshot';

/** The data of a key is where its byte goes on to. @type {import('../../dist/lib/index.js').Selector<Socket>} */
const selector = createSelector(/** @type {import('../../dist/lib/index.js').Backend} */ (values.backend));
const pipes = Array.from({ length: Number(values.pipes) }, () => {
  const [reader, writer] = Socket.pair();
  return { reader, writer, next: writer };
});
if (!(active <= pipes.length))
  throw new RangeError(`${values.active} of ${values.pipes} pipes cannot be active`);
for (const [index, pipe] of pipes.entries()) pipe.next = (pipes[index + 1] ?? pipes[0] ?? pipe).writer;

const byte = Buffer.from('e');
let reads = 0;
let writesLeft = 0;

/** @param {Socket} socket */
function write(socket) {
  if (socket.send(byte) !== 1) throw new Error('a byte was not sent');
}

/** @param {import('../../dist/lib/index.js').SelectorKey<Socket>} key */
function handle({ fileobj, data: next }) {
  const socket = /** @type {Socket} */ (fileobj);
  if (socket.recv(byte) !== 1) throw new Error('a pipe was not readable');
  if (oneshot) selector.rearm(socket);
  reads++;
  if (writesLeft === 0) return;
  writesLeft--;
  write(next);
}

function register() {
  for (const { reader, next } of pipes) selector.register(reader, EVENT_READ, next, { mode });
}

/** Removes every registration and adds it again. @returns the milliseconds that took. */
function registerAnew() {
  const start = performance.now();
  for (const { reader } of pipes) selector.unregister(reader);
  register();
  return performance.now() - start;
}

/** A byte for each active pipe, then events until all are read. @returns the milliseconds from the first wait on. */
function passBytes() {
  reads = 0;
  writesLeft = writes;
  const space = Math.floor(pipes.length / active);
  for (let index = 0; index < active; index++)
    write(/** @type {typeof pipes[0]} */ (pipes[index * space]).writer);
  const expected = active + writes;
  const start = performance.now();
  while (reads < expected) selector.dispatch(null, handle);
  const milliseconds = performance.now() - start;
  const late = selector.dispatch(0, handle);
  if (reads !== expected || late > 0) throw new Error(`${reads} bytes were read, not ${expected}`);
  return milliseconds;
}

/**
 * @param {number} milliseconds
 * @param {() => void} part
 */
function repeatFor(milliseconds, part) {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) part();
}

register();
const warmUp = Number(values['warm-up']);
repeatFor(warmUp / 2, registerAnew);
repeatFor(warmUp / 2, passBytes);
const runs = Array.from({ length: Number(values.runs) }, () => ({
  registering: registerAnew(),
  passing: passBytes(),
}));
const { median: registering } = spreadOf(runs.map((run) => run.registering));
const { median: passing } = spreadOf(runs.map((run) => run.passing));
console.log(
  JSON.stringify({ microseconds: 1000 * passing, registerMicroseconds: 1000 * registering, bytes: reads }),
);
