/**
 * Measures an echo server on `selector.dispatch` beside the same loop in C and beside node:net, and what descriptors
 * that are merely registered cost a wait.
 *
 *   npm run bench:echo -- [--connections 64] [--size 1024] [--seconds 0.15] [--warmup 2] [--rounds 101]
 *                         [--backend epoll]… [--idle 10]… [--out FILE.json]
 *
 * Each server is a process of its own on one core, each meets the same load generator on another: a closed loop that
 * verifies every byte. They take short turns, so that all meet the same disturbances of a shared machine; a result is
 * the median of the per-round ratios, with the least and the greatest beside it. The tables go to standard output,
 * progress to standard error, raw samples to `--out`. Exit code 1: something that is promised here could not be
 * measured.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { selectorBackends } from '../dist/lib/index.js';
import { describeMachine, twoCores } from './support/machine.mjs';
import { measure, startServer } from './support/programs.mjs';
import { ratioOf, spreadOf } from './support/statistics.mjs';
import { table } from './support/table.mjs';

/**
 * @typedef {object} Rival
 * @property {string} name
 * @property {string[]} command
 */
/** @typedef {Record<string, number>} Sample - one line of bench/baseline/echo-load.c. */

/** What is promised of the blocking loop on epoll: CPU per message, at most so many times the rival's. */
const TARGETS = [
  { rival: 'C loop', ratio: 1.05 },
  { rival: 'node:net', ratio: 0.75 },
];
const OURS = 'dispatch, epoll';
const SETTLE_SECONDS = '0.05';
/** poll and select look at every descriptor in every wait: with many, that is all they do. */
const FEW_CONNECTIONS = 100;

const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '64' },
    size: { type: 'string', default: '1024' },
    seconds: { type: 'string', default: '0.15' },
    warmup: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '101' },
    backend: { type: 'string', multiple: true },
    idle: { type: 'string', multiple: true, default: ['10', '1000', '9000'] },
    out: { type: 'string' },
  },
});
const connections = positive('connections');
const rounds = positive('rounds');
// Each round of these is a new process, and the median of several samples already.
const idleRounds = Math.min(rounds, 5);
positive('seconds');

/** @type {Map<string, string>} What could not be measured, and why. */
const failures = new Map();
const machine = describeMachine();
const cores = twoCores();

/** @param {'connections' | 'rounds' | 'seconds'} name */
function positive(name) {
  const value = Number(options[name]);
  if (value > 0) return value;
  console.error(`--${name} must be a positive number, not '${options[name]}'`);
  return process.exit(1);
}

/** @param {string} path - from this folder. */
function pathOf(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** @param {number} value */
const twoDigits = (value) => value.toFixed(2);

/** @param {import('./support/statistics.mjs').Spread} spread */
function shown({ median, min, max }) {
  const digits = median < 10 ? 3 : 0;
  return `${median.toFixed(digits)} (${min.toFixed(digits)} – ${max.toFixed(digits)})`;
}

/** @returns {Rival[]} */
function rivals() {
  const backends = options.backend ?? (connections <= FEW_CONNECTIONS ? selectorBackends() : ['epoll']);
  return [
    { name: 'C loop', command: [pathOf('baseline/build/echo-server')] },
    ...backends.map((backend) => ({
      name: `dispatch, ${backend}`,
      command: [process.execPath, pathOf('servers/dispatch.mjs'), '--backend', backend],
    })),
    { name: 'node:net', command: [process.execPath, pathOf('servers/net.mjs')] },
  ];
}

/**
 * Builds the C programs. Where that fails nobody has a rival, nor a load to serve.
 *
 * @param {readonly Rival[]} all
 */
function buildBaseline(all) {
  let reason = 'not available: it is written for epoll, Linux';
  try {
    if (process.platform === 'linux') {
      execFileSync('sh', [pathOf('baseline/build.sh')], { stdio: ['ignore', 2, 2] });
      return;
    }
  } catch {
    reason = 'not installed: a C compiler; `apt install gcc`, or name one in CC';
  }
  for (const { name } of all) failures.set(name, 'not measured: the load generator is a C program');
  failures.set('C loop', reason);
}

/**
 * One turn of a server.
 *
 * @param {import('./support/programs.mjs').Server} server
 * @param {string} warmup - seconds.
 * @returns {Promise<Sample>}
 */
function turnOf({ port, pid }, warmup) {
  const load = [pathOf('baseline/build/echo-load'), '--port', `${port}`, '--server-pid', `${pid}`];
  load.push('--connections', options.connections, '--size', options.size);
  load.push('--warmup', warmup, '--seconds', options.seconds);
  return measure(load, cores?.[1], Number(warmup) + Number(options.seconds));
}

/**
 * The rivals in turn, round by round. The servers live through all rounds, so V8 has compiled them in the first, which
 * leaves no sample; the later ones only let new connections settle. A server whose turn it is not waits, and costs the
 * others nothing.
 *
 * @param {readonly Rival[]} all
 * @returns {Promise<Map<string, Sample[]>>} by name, a sample for each round.
 */
async function measureEcho(all) {
  /** @type {Map<string, Sample[]>} */
  const samples = new Map();
  /** @type {Map<string, import('./support/programs.mjs').Server>} */
  const servers = new Map();
  try {
    for (const { name, command } of all) {
      samples.set(name, []);
      const server = await attempt(name, () => startServer(command, cores?.[0]));
      if (server !== undefined) servers.set(name, server);
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [name, server] of servers) {
        const sample = await attempt(name, () =>
          turnOf(server, round === 0 ? options.warmup : SETTLE_SECONDS),
        );
        if (sample === undefined) continue;
        const cpu = `${twoDigits(sample['cpuMicrosecondsPerMessage'] ?? Number.NaN)} µs of CPU per message`;
        console.error(`echo ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}: ${name}: ${cpu}`);
        if (round > 0) samples.get(name)?.push(sample);
      }
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
  return samples;
}

/**
 * @param {readonly Rival[]} all
 * @param {ReadonlyMap<string, Sample[]>} samples
 */
function echoTable(all, samples) {
  /**
   * @param {string} name
   * @param {string} figure
   */
  const column = (name, figure) => (samples.get(name) ?? []).map((sample) => sample[figure] ?? Number.NaN);
  /** @param {string} name */
  const cpu = (name) => column(name, 'cpuMicrosecondsPerMessage');
  const head = ['server', 'CPU µs/message', '÷ C loop', '÷ node:net', 'messages/s', 'p50 µs', 'p99 µs'];
  const rows = all.map(({ name }) => {
    const failure = failures.get(name);
    if (failure !== undefined) return [name, failure];
    /** @param {string} figure */
    const median = (figure) => spreadOf(column(name, figure)).median;
    return [
      name,
      twoDigits(spreadOf(cpu(name)).median),
      ...['C loop', 'node:net'].map((rival) => {
        if (failures.has(rival)) return '–';
        return name === rival ? '1' : shown(ratioOf(cpu(name), cpu(rival)));
      }),
      Math.round(median('messagesPerSecond')).toLocaleString('en'),
      Math.round(median('p50')).toString(),
      Math.round(median('p99')).toString(),
    ];
  });
  const verdicts = TARGETS.map(({ rival, ratio }) => {
    const target = `${OURS} ≤ ${ratio} × ${rival}`;
    if (!samples.has(OURS) || failures.has(OURS) || failures.has(rival)) return `${target}: not measured`;
    const { median } = ratioOf(cpu(OURS), cpu(rival));
    return `${target}: ${median <= ratio ? 'met' : 'NOT met'} (${median.toFixed(3)})`;
  });
  return `${table(head, rows)}\n\n${verdicts.map((verdict) => `- ${verdict}`).join('\n')}`;
}

/**
 * @typedef {object} Cell
 * @property {string} name
 * @property {string} backend
 * @property {string} idle
 * @property {number[]} microseconds - one for each round.
 */

/** @returns {Promise<Cell[]>} */
async function measureIdle() {
  /** @type {Cell[]} */
  const cells = (options.backend ?? selectorBackends()).flatMap((backend) =>
    options.idle.map((idle) => ({ name: `${backend}, ${idle} idle`, backend, idle, microseconds: [] })),
  );
  for (let round = 1; round <= idleRounds; round++) {
    console.error(`idle round ${round}/${idleRounds}`);
    for (const { name, backend, idle, microseconds } of cells) {
      const command = [process.execPath, pathOf('idle.mjs'), '--backend', backend, '--idle', idle];
      const result = await attempt(name, () => measure(command, cores?.[0]));
      if (result !== undefined) microseconds.push(result['microseconds'] ?? Number.NaN);
    }
  }
  return cells;
}

/** @param {readonly Cell[]} cells */
function idleTable(cells) {
  const [fewest] = options.idle;
  const head = ['backend', 'idle descriptors', 'CPU µs/wait', `÷ ${fewest} idle`];
  const rows = cells.map(({ name, backend, idle, microseconds }) => {
    const row = [backend, Number(idle).toLocaleString('en')];
    const failure = failures.get(name);
    if (failure !== undefined) return [...row, failure];
    row.push(twoDigits(spreadOf(microseconds).median));
    if (idle === fewest) return [...row, '1'];
    const base = cells.find((cell) => cell.backend === backend && cell.idle === fewest);
    if (base === undefined || failures.has(base.name)) return [...row, '–'];
    return [...row, shown(ratioOf(microseconds, base.microseconds))];
  });
  return table(head, rows);
}

/**
 * What one turn measured. Where it failed there is nothing in this round nor in those to come, and the others go on.
 *
 * @template Result
 * @param {string} name - whose turn it is.
 * @param {() => Promise<Result>} turn
 * @returns {Promise<Result | undefined>}
 */
async function attempt(name, turn) {
  if (failures.has(name)) return undefined;
  try {
    return await turn();
  } catch (error) {
    failures.set(name, `not measured: ${/** @type {Error} */ (error).message}`);
    return undefined;
  }
}

const { kernel, cpu, node, compiler } = machine;
const pinned = cores === null ? 'not pinned' : `server on core ${cores[0]}, load on core ${cores[1]}`;
console.log(`${kernel}; ${cpu}, ${machine.cores} cores; Node.js ${node}; ${compiler || 'no C compiler'}`);
console.log(
  `${connections} connections, ${options.size} bytes, ${rounds} rounds of ${options.seconds} s; ${pinned}\n`,
);

const all = rivals();
buildBaseline(all);
const echo = await measureEcho(all);
console.log(`Echo, median of ${rounds} rounds (min – max)\n\n${echoTable(all, echo)}\n`);
const idle = await measureIdle();
console.log(
  `One selector.dispatch(0, …) with one descriptor ready, median (min – max)\n\n${idleTable(idle)}`,
);

if (options.out !== undefined) {
  const measured = { echo: Object.fromEntries(echo), idle, failures: Object.fromEntries(failures) };
  writeFileSync(options.out, `${JSON.stringify({ machine, cores, options, ...measured }, null, 2)}\n`);
}
for (const [name, reason] of failures) console.error(`${name}: ${reason}`);
if (failures.size > 0) process.exitCode = 1;
