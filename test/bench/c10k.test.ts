/** The cell of many connections, run for a moment: what it finds and how it collects, not how much of it there is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { openConnections, withConnections } from '../../bench/cells/c10k/connections.mjs';
import { memoryGroup } from '../../bench/cells/c10k/memory.mjs';
import { c10k } from '../../bench/cells/c10k.mjs';
import { comesToRest } from '../../bench/support/activity.mjs';
import { startServer } from '../../bench/support/programs.mjs';
import type { Group } from '../../bench/support/results.mjs';
import { columnOf, isComplete, rowOf, valuesOf } from '../../bench/support/results.mjs';

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const COLLECT = path('support/collect.mjs');
const ALONE = 'c10k, throughput alone';
const AMONG_IDLE = 'c10k, throughput among idle';
/** An echo server that ends its third connection when it was answered. */
const FORGETFUL = `
  import { createServer } from 'node:net';
  let count = 0;
  const server = createServer((socket) => {
    const forgotten = ++count === 3;
    socket.on('data', (chunk) => socket.write(chunk, () => forgotten && setTimeout(() => socket.destroy(), 20)));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => console.log('listening ' + server.address().port));
`;
/** Works for half a second, in pieces, and then does nothing. */
const BUSY = `
  console.log('begun');
  const end = performance.now() + 500;
  const work = () => {
    if (performance.now() > end) return console.log('ended');
    for (const pause = performance.now() + 20; performance.now() < pause; );
    setTimeout(work, 1);
  };
  work();
  setTimeout(() => {}, 60_000);
`;

// What a process does is read from /proc.
describe.runIf(process.platform === 'linux')('the cell c10k', { timeout: 60_000 }, () => {
  it('measures throughput alone and among idle connections, memory and an idle second, each to its end', async () => {
    const groups: Group[] = await c10k.measure({ pass: 'moment', cores: null });
    const [alone, among, memory, idle] = groups;
    expect(groups.map(({ id }) => id)).toEqual([ALONE, AMONG_IDLE, 'c10k, memory', 'c10k, idle second']);
    for (const { rows, figures } of groups) {
      for (const row of rows) {
        expect(row).toSatisfy(isComplete);
        for (const { key } of figures) expect(row.samples[0]?.[key]).toSatisfy(Number.isFinite);
      }
    }
    const namesIn = (group: Group | undefined) => group?.rows.map(({ name }) => name);
    expect(namesIn(alone)).toEqual(['dispatch, epoll']);
    expect(namesIn(among)).toEqual(['dispatch, epoll']);
    const ours = ['dispatch, in turns', 'protocol, hosted', 'streams, hosted'];
    expect(namesIn(memory)).toEqual([...ours, 'node:net', 'node:net, for await']);
    expect(memory?.rows.filter((row) => row.ours).map(({ name }) => name)).toEqual(ours);
    // A loop that blocks is not woken by anything.
    expect(idle?.rows).toMatchObject([
      { name: 'dispatch, epoll', samples: [{ involuntary: 0, voluntary: 0, cpuMilliseconds: 0 }] },
    ]);

    // Both of the same rounds, so that either can be divided by the other.
    for (const { key, beside = [] } of among?.figures ?? []) {
      const place = { group: AMONG_IDLE, row: 'dispatch, epoll', figure: key };
      const [idleOnes, none]: number[][] = [AMONG_IDLE, ALONE].map((id) =>
        columnOf(rowOf(groups, id, 'dispatch, epoll'), key),
      );
      expect(idleOnes).toHaveLength(2);
      expect(beside).toHaveLength(1);
      expect(valuesOf(groups, place, beside[0])).toEqual(
        idleOnes?.map((value, round) => value / (none?.[round] ?? 0)),
      );
    }
    const shares = [ALONE, AMONG_IDLE].flatMap((id) =>
      columnOf(rowOf(groups, id, 'dispatch, epoll'), 'coreShare'),
    );
    for (const share of shares) expect(share).toBeGreaterThan(0);
    // It has one core, and clocks are not read at the same moment.
    for (const share of shares) expect(share).toBeLessThan(1.5);
  });

  it('fails where the server lost one of the connections, however many other descriptors it has', async () => {
    const server = await startServer([process.execPath, '--input-type=module', '-e', FORGETFUL], undefined);
    try {
      const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
      await expect(withConnections(server, 5, undefined, pause)).rejects.toThrow(
        'of 5 connections the server has 4',
      );
    } finally {
      await server.stop();
    }
  });

  it('does not take those of others for one that the server lost', async () => {
    const server = await startServer([process.execPath, '--input-type=module', '-e', FORGETFUL], undefined);
    try {
      const { check, close } = await openConnections(server, 5, undefined);
      const other = createConnection(server.port, '127.0.0.1').on('error', () => {});
      try {
        other.write('x');
        // It has been accepted: from here on the server has six, and then five.
        await once(other, 'data');
        await vi.waitFor(() => expect(() => check(1)).toThrow('of 5 connections the server has 4'));
      } finally {
        other.destroy();
        await close();
      }
    } finally {
      await server.stop();
    }
  });

  it('waits for a server until its CPU clock stands still', async () => {
    const child = spawn(process.execPath, ['-e', BUSY], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let output = '';
      child.stdout.on('data', (text) => {
        output += text;
      });
      await once(child.stdout, 'data');
      expect(output).toBe('begun\n');
      await comesToRest(child.pid as number);
      expect(output).toBe('begun\nended\n');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('measures the memory of servers in C and in Python as well, or says what to install', async () => {
    const size = { connections: 20, rounds: 1, everybody: true, hurry: true };
    const { rows }: Group = await memoryGroup(size, null);
    expect(rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['watchers, hosted', 'epoll in C', 'asyncio, streams', 'uvloop, streams']),
    );
    for (const { missing, failure, samples } of rows) {
      expect(failure).toBeUndefined();
      if (missing === undefined) expect(samples).toHaveLength(1);
      else expect(missing).toMatch(/^apt install /);
    }
  });

  it('leaves nothing of a young generation that had grown, in a process that is told to collect', async () => {
    const program = `
      import { getHeapSpaceStatistics } from 'node:v8';
      const kept = Array.from({ length: 300_000 }, (_, index) => ({ index }));
      const size = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size;
      console.log(size());
      setTimeout(() => {}, 60_000);
      process.on('SIGHUP', () => process.exit(console.log(size(), kept.length)));
    `;
    const options = ['--expose-gc', '--import', COLLECT, '--input-type=module', '-e', program];
    const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [grown] = await once(child.stdout, 'data');
      expect(Number(grown)).toBeGreaterThan(4 * 1024 * 1024);
      child.kill('SIGUSR2');
      expect(`${await once(child.stdout, 'data')}`).toBe('collected\n');
      child.kill('SIGHUP');
      const [small] = await once(child.stdout, 'data');
      expect(Number.parseInt(small, 10)).toBeLessThanOrEqual(2 * 1024 * 1024);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
