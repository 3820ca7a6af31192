/** The demo, a short run of it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket as NetSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSelector, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { table } from '../../examples/demo/table.js';
import { drive, type TrafficResult } from '../../examples/demo/traffic.js';
import { Program, runProgram } from '../support/programs.js';

const PROGRAM = 'examples/demo';

describe('the demo', () => {
  it('prints one table with a row for each backend, level and, where it can, edge', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--connections', '50', '--seconds', '0.3']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('demo:') });
    const expected = selectorBackends().flatMap((backend) => {
      using selector = createSelector(backend);
      return selector.capabilities.modes
        .filter((mode) => mode === 'level' || mode === 'edge')
        .map((mode) => `${backend} ${mode} 50`);
    });
    const [headings, ...rows] = stdout.trimEnd().split('\n');
    expect(headings?.split(/ {2,}/)).toEqual([
      'backend',
      'mode',
      'connections',
      'messages',
      'messages/s',
      'p50 ms',
      'p99 ms',
    ]);
    expect(rows.map((row) => row.split(/ +/).slice(0, 3).join(' '))).toEqual(expected);
    for (const row of rows) {
      const [messages, rate, median, worst] = row
        .split(/ +/)
        .slice(3)
        .map((cell) => Number(cell.replaceAll(',', '')));
      expect(messages).toBeGreaterThanOrEqual(50);
      expect(rate).toBeGreaterThan(0);
      expect(median).toBeGreaterThan(0);
      expect(worst).toBeGreaterThanOrEqual(median as number);
      // The traffic went on for 0.3 s at least.
      expect(rate).toBeLessThanOrEqual(Math.ceil((messages as number) / 0.3));
    }
    // Not a terminal: a plain line for each row, and nothing that moves a cursor.
    expect(stderr.trimEnd().split('\n')).toHaveLength(rows.length);
    for (const code of ['\r', '\x1b']) expect(stderr).not.toContain(code);
  });

  it('makes do with the descriptors that may be open, and says so', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--seconds', '0.2'], {
      before: 'ulimit -n 160',
    });
    expect(code).toBe(0);
    expect(stderr).toContain('60 connections instead of 1000: 160 descriptors may be open\n');
    const [, ...rows] = stdout.trimEnd().split('\n');
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toMatch(/^\w+ +\w+ +60 /);
  });

  it.each([
    ['--seconds', '0'],
    ['--seconds', 'Infinity'],
    ['--connections', 'many'],
  ])('says that %s must not be %s, and exits 1', async (option, value) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, [option, value]);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `demo: ${option} must be a number above 0, not '${value}'\n`,
    });
  });

  it.runIf(process.platform === 'linux')('takes its server with it when it is told to end', async () => {
    using demo = new Program(PROGRAM, ['--connections', '2', '--seconds', '100']);
    const children = `/proc/${demo.pid}/task/${demo.pid}/children`;
    while (readFileSync(children, 'utf8') === '') await sleep(10);
    demo.kill('SIGTERM');
    // The server writes to the same standard error: that is at its end once both are gone.
    expect(await demo.outcome()).toMatchObject({ code: 1, stdout: '' });
  });
});

describe("the demo's table", () => {
  it('has text to the left and numbers to the right, whole ones with separators', () => {
    const rows = [
      ['poll', 1234567, 0.5],
      ['select', 8, 12.25],
    ];
    expect(table(['name', 'count', 'ms'], rows)).toBe(
      'name        count     ms\n' + 'poll    1,234,567   0.50\n' + 'select          8  12.25\n',
    );
  });
});

/** What the demo's clients say of a server that does something else than it should. */
async function drivenAgainst(behaviour: (socket: NetSocket) => void): Promise<TrafficResult> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    behaviour(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await drive({ port, connections: 5, duration: 100, onMessage: () => {} });
  } finally {
    server.close();
  }
}

describe("the demo's clients", () => {
  it('agree with another echo server, and count what it served', async () => {
    let bytes = 0;
    const start = performance.now();
    const result = await drivenAgainst((socket) => {
      socket.on('data', (data) => {
        bytes += data.length;
      });
      socket.pipe(socket);
    });
    expect(result).toMatchObject({ bytes });
    expect(bytes).toBeGreaterThan(0);
    const { messages, elapsed, latencies } = result;
    expect(elapsed).toBeGreaterThanOrEqual(100);
    expect(elapsed).toBeLessThanOrEqual(performance.now() - start);
    expect(latencies).toHaveLength(messages);
    expect([...latencies]).toEqual([...latencies].sort((a, b) => a - b));
    for (const latency of latencies) expect(latency).toBeLessThanOrEqual(elapsed);
  });

  it('notice one wrong byte', async () => {
    let turn = 0;
    const driven = drivenAgainst((socket) => {
      socket.on('data', (data) => {
        if (turn++ === 20) data[data.length - 1] = (data.at(-1) ?? 0) ^ 1;
        socket.write(data);
      });
    });
    await expect(driven).rejects.toThrow(/^connection \d, message \d+: other bytes came back$/);
  });

  it('notice a byte too many', async () => {
    const driven = drivenAgainst((socket) => {
      socket.on('data', (data) => socket.write(Buffer.concat([data, data])));
    });
    await expect(driven).rejects.toThrow(/^connection \d, message \d+: more came back than was sent$/);
  });

  it("notice another connection's bytes", async () => {
    const sockets: NetSocket[] = [];
    const driven = drivenAgainst((socket) => {
      const index = sockets.push(socket) - 1;
      socket.on('data', (data) => sockets[(index + 1) % 5]?.write(data));
    });
    await expect(driven).rejects.toThrow(/(other bytes|more) came back/);
  });

  it('notice a server that closes early', async () => {
    const driven = drivenAgainst((socket) => {
      socket.once('data', () => socket.end());
    });
    await expect(driven).rejects.toThrow(/message 1: the server closed the connection$/);
  });
});
