/** What a connection that is merely open costs a server in memory. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { notMeasured, shown, twoDigits, verdict } from '../support/figures.mjs';
import { startServer } from '../support/programs.mjs';
import { ratioOf, spreadOf } from '../support/statistics.mjs';
import { table } from '../support/table.mjs';
import { NODE_NET, netAwaitRival, netRival, protocolRival, streamsRival, watchersRival } from './servers.mjs';

const COLLECT = new URL('../support/collect.mjs', import.meta.url).href;
const CONNECTIONS = fileURLToPath(new URL('../programs/connections.mjs', import.meta.url));
const OURS = 'streams, hosted';
const TARGET = 0.5;

/**
 * The resident memory of a server with so many open connections less that with none, after its garbage was collected.
 *
 * @param {{ connections: number, rounds: number, cores: [number, number] | null }} options
 * @param {import('../support/attempts.mjs').Attempts} attempts
 */
export async function measureMemory({ connections, rounds, cores }, attempts) {
  const rivals = [watchersRival('hosted'), protocolRival, streamsRival, netRival, netAwaitRival];
  /** @type {Map<string, number[]>} in bytes, one for each round. */
  const samples = new Map(rivals.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, command } of rivals) {
      const label = `memory of ${name}`;
      const bytes = await attempts.attempt(label, () =>
        bytesPerConnection(command ?? [], connections, cores),
      );
      if (bytes === undefined) continue;
      console.error(`memory round ${round}/${rounds}: ${name}: ${Math.round(bytes)} bytes a connection`);
      samples.get(name)?.push(bytes);
    }
  }
  const net = samples.get(NODE_NET) ?? [];
  const rows = [...samples].map(([name, bytes]) => {
    const failure = attempts.failures.get(`memory of ${name}`);
    if (failure !== undefined) return [name, failure];
    const ratio = name === NODE_NET ? '1' : net.length < bytes.length ? '–' : shown(ratioOf(bytes, net));
    return [name, twoDigits(spreadOf(bytes).median / 1024), ratio];
  });
  const title = `Memory of ${connections.toLocaleString('en')} open connections, median of ${rounds} rounds (min – max)`;
  const promise = `${OURS} ≤ ${TARGET} × ${NODE_NET}'s memory`;
  const ours = samples.get(OURS) ?? [];
  const complete = ours.length === rounds && net.length === rounds;
  const kept = complete ? verdict(promise, ratioOf(ours, net).median, TARGET) : notMeasured(promise);
  return {
    samples,
    text: `${title}\n\n${table(['server', 'KiB/connection', `÷ ${NODE_NET}`], rows)}\n\n${kept}`,
  };
}

/**
 * @param {readonly string[]} command - of a server in Node.js.
 * @param {number} connections
 * @param {[number, number] | null} cores
 */
async function bytesPerConnection([node = '', ...script], connections, cores) {
  const server = await startServer([node, '--expose-gc', '--import', COLLECT, ...script], cores?.[0]);
  try {
    const { port } = server;
    // What the first connections cost is code.
    await withConnections(port, 100, cores, () => server.collect());
    const before = await residentAfter(server);
    return await withConnections(port, connections, cores, async () => {
      return ((await residentAfter(server)) - before) / connections;
    });
  } finally {
    await server.stop();
  }
}

/**
 * @template Result
 * @param {number} port
 * @param {number} count
 * @param {[number, number] | null} cores
 * @param {() => Promise<Result>} action
 */
async function withConnections(port, count, cores, action) {
  const command = [process.execPath, CONNECTIONS, '--port', `${port}`, '--connections', `${count}`];
  const client = await startServer(command, cores?.[1]);
  try {
    return await action();
  } finally {
    await client.stop();
  }
}

/** @param {import('../support/programs.mjs').Server} server */
async function residentAfter(server) {
  await server.collect();
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
