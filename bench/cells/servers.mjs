/** Echo servers under one load: each a process of its own, taking short turns with its rivals. */
import { fileURLToPath } from 'node:url';
import { C_SERVER, LOAD } from '../support/baseline.mjs';
import { notMeasured, shown, twoDigits, verdict } from '../support/figures.mjs';
import { measure, startServer } from '../support/programs.mjs';
import { uvloopCommand } from '../support/python.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';

/**
 * @typedef {object} Rival
 * @property {string} name
 * @property {string[] | null} command - `null`: it is not installed.
 * @property {string} [install] - how it would be.
 */
/** @typedef {Record<string, number>} Sample - one line of bench/baseline/echo-load.c. */
/** @typedef {Map<string, Sample[]>} Samples - by name, a sample for each round. */
/**
 * @typedef {object} Load
 * @property {string} title - for the progress.
 * @property {number} connections
 * @property {number} size - bytes of a message.
 * @property {number} seconds - that a turn is measured.
 * @property {number} warmup - seconds that the first turn runs before.
 * @property {number} rounds
 * @property {[number, number] | null} cores - one for the server, one for the load.
 */
/**
 * @typedef {object} Target
 * @property {string} ours
 * @property {string} rival
 * @property {number} ratio - at most so many times the rival's.
 */
/** @typedef {import('../support/attempts.mjs').Attempts} Attempts */

export const C_LOOP = 'C loop';
export const NODE_NET = 'node:net';
const SETTLE_SECONDS = 0.05;

/**
 * @param {string} script - in bench/servers.
 * @param {string[]} args
 */
function serverOf(script, args = []) {
  return [process.execPath, fileURLToPath(new URL(`../servers/${script}`, import.meta.url)), ...args];
}

/** @type {(backend: string) => Rival} */
export const dispatchRival = (backend) => ({
  name: `dispatch, ${backend}`,
  command: serverOf('dispatch.mjs', ['--backend', backend]),
});

/** @type {(mode: string) => Rival} */
export const watchersRival = (mode) => ({
  name: `watchers, ${mode}`,
  command: serverOf('watchers.mjs', ['--backend', 'epoll', '--mode', mode]),
});

/** @type {Rival} */
export const protocolRival = { name: 'protocol, hosted', command: serverOf('protocol.mjs') };

/** @type {Rival} */
export const streamsRival = { name: 'streams, hosted', command: serverOf('streams.mjs') };

/** @type {(layer: 'protocol' | 'streams') => Rival} */
export const uvloopRival = (layer) => ({
  name: `uvloop, ${layer}`,
  command: uvloopCommand(layer),
  install: 'python3-uvloop of Debian',
});

/** @type {Rival} */
export const cRival = { name: C_LOOP, command: [C_SERVER] };

/** @type {Rival} */
export const netRival = { name: NODE_NET, command: serverOf('net.mjs') };

/** @type {Rival} */
export const netAwaitRival = { name: `${NODE_NET}, for await`, command: serverOf('net-await.mjs') };

/**
 * The rivals in turn, round by round. The servers live through all rounds, so V8 has compiled them in the first, which
 * leaves no sample; the later ones only let new connections settle. A server whose turn it is not waits, and costs the
 * others nothing.
 *
 * @param {readonly Rival[]} rivals
 * @param {Load} load
 * @param {Attempts} attempts
 * @returns {Promise<Samples>}
 */
export async function measureServers(rivals, load, attempts) {
  const { title, rounds, warmup, cores } = load;
  /** @type {Samples} */
  const samples = new Map();
  /** @type {Map<string, import('../support/programs.mjs').Server>} */
  const servers = new Map();
  try {
    for (const { name, command, install } of rivals) {
      samples.set(name, []);
      if (command === null) {
        attempts.failures.set(name, `not installed: ${install}`);
        continue;
      }
      const server = await attempts.attempt(name, () => startServer(command, cores?.[0]));
      if (server !== undefined) servers.set(name, server);
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [name, server] of servers) {
        const settle = round === 0 ? warmup : SETTLE_SECONDS;
        const sample = await attempts.attempt(name, () => turnOf(server, load, settle));
        if (sample === undefined) continue;
        const cpu = `${twoDigits(sample['cpuMicrosecondsPerMessage'] ?? Number.NaN)} µs of CPU per message`;
        console.error(`${title} ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}: ${name}: ${cpu}`);
        if (round > 0) samples.get(name)?.push(sample);
      }
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
  return samples;
}

/**
 * @param {import('../support/programs.mjs').Server} server
 * @param {Load} load
 * @param {number} settle - seconds that are not measured.
 * @returns {Promise<Sample>}
 */
function turnOf({ port, pid }, { connections, size, seconds, cores }, settle) {
  const command = [LOAD, '--port', `${port}`, '--server-pid', `${pid}`];
  command.push('--connections', `${connections}`, '--size', `${size}`);
  command.push('--warmup', `${settle}`, '--seconds', `${seconds}`);
  return measure(command, cores?.[1], settle + seconds);
}

/**
 * What one figure of a sample was in each round.
 *
 * @param {Samples} samples
 * @param {string} name
 * @param {string} figure
 */
export function columnOf(samples, name, figure) {
  return (samples.get(name) ?? []).map((sample) => sample[figure] ?? Number.NaN);
}

/**
 * A row for each server: medians of some figures, and of the first its ratio to the rivals that set the measure.
 *
 * @param {readonly Rival[]} rivals
 * @param {Samples} samples
 * @param {Attempts} attempts
 * @param {readonly (readonly [figure: string, title: string, shown: (value: number) => string])[]} figures
 */
export function serversTable(rivals, samples, { failures }, figures) {
  const [first, ...others] = figures.map(([figure, title, show]) => ({
    figure,
    title,
    /** @param {string} name */
    median: (name) => show(spreadOf(columnOf(samples, name, figure)).median),
  }));
  if (first === undefined) throw new TypeError('a table has one figure at least');
  const measures = [C_LOOP, NODE_NET];
  const rows = rivals.map(({ name }) => {
    const failure = failures.get(name);
    if (failure !== undefined) return [name, failure];
    const ratios = measures.map((rival) => {
      if (failures.has(rival)) return '–';
      if (name === rival) return '1';
      return shown(ratioOf(columnOf(samples, name, first.figure), columnOf(samples, rival, first.figure)));
    });
    return [name, first.median(name), ...ratios, ...others.map(({ median }) => median(name))];
  });
  const titles = others.map(({ title }) => title);
  return table(['server', first.title, ...measures.map((rival) => `÷ ${rival}`), ...titles], rows);
}

/**
 * What is promised of one figure, and whether it was kept.
 *
 * @param {readonly Target[]} targets
 * @param {Samples} samples
 * @param {Attempts} attempts
 * @param {string} figure
 */
export function serverVerdicts(targets, samples, { failures }, figure) {
  return targets
    .map(({ ours, rival, ratio }) => {
      const target = `${ours} ≤ ${ratio} × ${rival}`;
      if ([ours, rival].some((name) => !samples.has(name) || failures.has(name))) return notMeasured(target);
      const { median } = ratioOf(columnOf(samples, ours, figure), columnOf(samples, rival, figure));
      return verdict(target, median, ratio);
    })
    .join('\n');
}
