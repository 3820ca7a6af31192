/** The echo server in several threads: they share a port, and end together. */
import type { NetConnectOpts } from 'node:net';
import { Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { connected, roundTrip, takeAll } from '../support/net-client.js';
import { Program, runProgram } from '../support/programs.js';

const PROGRAM = 'examples/echo-server';
const WORK =
  /^(?:worker (\d+): |served )(\d+) connections? \(peak (?:at most )?(\d+), failed (\d+)\), (\d+) messages?, (\d+) bytes?$/;

/** The figures of a summary's line, after the number of the worker; NaN: the sum. */
function figuresOf(line = ''): number[] {
  const [, ...figures] = WORK.exec(line) ?? [];
  expect(figures, line).toHaveLength(6);
  return figures.map(Number);
}

async function serverWith(args: readonly string[]) {
  const program = new Program(PROGRAM, ['--port', '0', ...args]);
  const [, port] = await program.until('stdout', /^listening on 127\.0\.0\.1:(\d+) /m);
  return { program, where: { host: '127.0.0.1', port: Number(port) } satisfies NetConnectOpts };
}

for (const loop of [[], ['--reactor', 'hosted'], ['--reactor', 'blocking']]) {
  describe(`the echo server in several threads, ${loop[1] ?? 'no'} reactor`, () => {
    it('says how many they are, and ends them all on Ctrl-C, idle', async () => {
      const { program } = await serverWith([...loop, '--workers', '3']);
      using _ = program;
      expect(program.stdout).toMatch(loop.length > 0 ? / reactor, 3 workers\)\n/ : /level, 3 workers\)\n/);
      program.kill('SIGINT');
      const { code, signal, stdout, stderr } = await program.outcome();
      expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
      const [, ...lines] = stdout.trimEnd().split('\n');
      expect(lines.slice(0, 4)).toEqual([
        ...[1, 2, 3].map((w) => `worker ${w}: 0 connections (peak 0, failed 0), 0 messages, 0 bytes`),
        'served 0 connections (peak at most 0, failed 0), 0 messages, 0 bytes',
      ]);
      expect(lines).toHaveLength(5);
    });

    it('serves every connection once, whoever gets it, and its summary adds up', async () => {
      const { program, where } = await serverWith([...loop, '--workers', '3']);
      using _ = program;
      const clients = await Promise.all(Array.from({ length: 60 }, () => connected(where)));
      for (const [index, client] of clients.entries()) {
        expect(await roundTrip(client, `client ${index}`)).toBe(`client ${index}`);
      }
      program.kill('SIGTERM');
      const { code, stdout } = await program.outcome();
      expect(code).toBe(0);
      for (const client of clients) expect(await takeAll(client)).toHaveLength(0);
      const [, ...lines] = stdout.trimEnd().split('\n');
      const shares = lines.slice(0, 3).map((line) => figuresOf(line));
      expect(shares.map(([worker]) => worker)).toEqual([1, 2, 3]);
      const [, ...total] = figuresOf(lines[3]);
      expect(total).toEqual(
        [1, 2, 3, 4, 5].map((at) => shares.reduce((sum, share) => sum + (share[at] ?? 0), 0)),
      );
      expect(total).toEqual([60, 60, 0, 60, 10 * 'client 0'.length + 50 * 'client 10'.length]);
      // The kernel draws by the client's port: that one of three gets none of 60 happens in one of 10^10 runs.
      if (process.platform === 'linux') for (const [, served] of shares) expect(served).toBeGreaterThan(0);
    });
  });
}

describe('the echo server in several threads', () => {
  it('refuses a port that is taken, as one thread would, and starts none', async () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const address = listener.localAddress;
    if ('path' in address) throw new Error('no TCP address');
    const args = ['--port', `${address.port}`, '--workers', '2'];
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `echo-server: bind EADDRINUSE 127.0.0.1:${address.port}\n`,
    });
  });

  it('says why a worker failed, and exits 1 without a summary', async () => {
    const args = ['--port', '0', '--reactor', 'hosted', '--workers', '2'];
    const { code, stdout, stderr } = await runProgram(PROGRAM, args, { env: { IOMUX_HOST: 'nobody' } });
    expect(code).toBe(1);
    expect(stdout).not.toContain('served');
    expect(stderr).toMatch(/^echo-server: .*IOMUX_HOST must be one of uv, thread, not 'nobody'/m);
  });

  it('lets each of them serve no more than its most', async () => {
    const { program, where } = await serverWith(['--workers', '2', '--max-connections', '3']);
    using _ = program;
    const clients = await Promise.all(Array.from({ length: 40 }, () => connected(where)));
    const answers = await Promise.all(
      clients.map(async (client, index) => {
        client.end(`client ${index}`);
        return (await takeAll(client)).toString();
      }),
    );
    expect(answers).toEqual(clients.map((_client, index) => `client ${index}`));
    program.kill('SIGINT');
    const { stdout } = await program.outcome();
    const [, ...lines] = stdout.trimEnd().split('\n');
    for (const line of lines.slice(0, 2)) expect(figuresOf(line)[2]).toBeLessThanOrEqual(3);
    expect(figuresOf(lines[2])[1]).toBe(40);
  });
});
