/**
 * The libevent benchmark: bytes that wander from pipe to pipe, of which most are idle.
 *
 *   node bench/programs/pipes.mjs [--backend epoll] [--mode level] [--pipes 100] [--active 1] [--writes 100]
 *     [--registrations 25] [--milliseconds 10] [--warm-up 100]
 *
 * All registrations are removed and added again, so many times, and after each time there are runs for so many
 * milliseconds, one at least. In a run each of the active pipes gets a byte, and whoever is readable takes one byte and
 * writes one to the next pipe, until that was done as often as `--writes` says, and the last byte is read. After a
 * warm-up it prints one line of JSON, the medians of CPU time, user and system: `microseconds` of a run from the first
 * wait until the last byte was read, and `registerMicroseconds` of the registrations; and how many `runs` there were, the
 * `bytes` that each of them read, and `coreShare`, what this had of its core.
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
    registrations: { type: 'string', default: '25' },
    milliseconds: { type: 'string', default: '10' },
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

/** So far, user and system. */
function cpuMicroseconds() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Removes every registration and adds it again. @returns the microseconds that took. */
function registerAnew() {
  const start = cpuMicroseconds();
  for (const { reader } of pipes) selector.unregister(reader);
  register();
  return cpuMicroseconds() - start;
}

/** A byte for each active pipe, then events until all are read. @returns the microseconds from the first wait on. */
function passBytes() {
  reads = 0;
  writesLeft = writes;
  const space = Math.floor(pipes.length / active);
  for (let index = 0; index < active; index++)
    write(/** @type {typeof pipes[0]} */ (pipes[index * space]).writer);
  const expected = active + writes;
  const start = cpuMicroseconds();
  while (reads < expected) selector.dispatch(null, handle);
  const microseconds = cpuMicroseconds() - start;
  const late = selector.dispatch(0, handle);
  if (reads !== expected || late > 0) throw new Error(`${reads} bytes were read, not ${expected}`);
  return microseconds;
}

/**
 * Once at least.
 *
 * @template Result
 * @param {number} milliseconds
 * @param {() => Result} part
 * @returns {Result[]}
 */
function repeatFor(milliseconds, part) {
  const end = performance.now() + milliseconds;
  const results = [part()];
  while (performance.now() < end) results.push(part());
  return results;
}

register();
const warmUp = Number(values['warm-up']);
repeatFor(warmUp / 2, registerAnew);
repeatFor(warmUp / 2, passBytes);
const start = { time: performance.now(), cpu: cpuMicroseconds() };
const measured = Array.from({ length: Number(values.registrations) }, () => ({
  registering: registerAnew(),
  passing: repeatFor(Number(values.milliseconds), passBytes),
}));
const coreShare = (cpuMicroseconds() - start.cpu) / 1000 / (performance.now() - start.time);
const runs = measured.flatMap((each) => each.passing);
const { median: microseconds } = spreadOf(runs);
const { median: registerMicroseconds } = spreadOf(measured.map((each) => each.registering));
console.log(
  JSON.stringify({ microseconds, registerMicroseconds, runs: runs.length, bytes: reads, coreShare }),
);
