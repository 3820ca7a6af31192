/** The load of the echo servers: whether it sleeps is what a server pays for, so it is not left to chance. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { canReadCosts, processorTime } from '../support/process-costs.js';
import { outcomeOf } from '../support/processes.js';
import { TemporaryFolder } from '../support/temporary.js';

const support = fileURLToPath(new URL('../../bench/support', import.meta.url));
const { nativeProgram } = await import(join(support, 'native.mjs'));
const { path, missing } = nativeProgram('echo-load');
const BUSY = '--busy';
/** Milliseconds. */
const SHOWN = 50;
const PATIENCE = 8_000;

describe('the load of an echo server', () => {
  it.each([
    ['polls on a core of its own', {}, true],
    ['sleeps where it is to, as a client does', { busy: false }, false],
  ])('%s', async (_, options, polls) => {
    using folder = new TemporaryFolder();
    const tools = folder.join('tools');
    mkdirSync(tools);
    // Says what it was told to run.
    writeFileSync(join(tools, 'taskset'), '#!/bin/sh\necho "{\\"command\\": \\"$*\\"}"\n', { mode: 0o755 });
    const load = JSON.stringify({ connections: 1, size: 64, seconds: 0.1, ...options });
    const source = `import { echoesInTurns } from '${join(support, 'echo-load.mjs')}';
      console.log((await echoesInTurns({ port: 1, pid: 1 }, ${load}, 1).turn(0)).command);`;
    const run = spawn(process.execPath, ['--input-type=module', '-e', source], {
      env: { ...process.env, PATH: `${tools}:${process.env['PATH']}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { code, stdout, stderr } = await outcomeOf(run);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^-c 1 .*echo-load --turns --port 1 /);
    expect(stdout.trim().split(' ').includes(BUSY)).toBe(polls);
  });

  it.runIf(canReadCosts && missing === undefined)(
    'takes its core while nothing comes back, or none of it',
    async () => {
      const silent = createServer((socket) => socket.on('error', () => {}).resume());
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const [busy, asleep] = [[BUSY], []].map((options) => {
        const load = spawn(path, ['--port', `${port}`, ...options], { stdio: 'ignore' });
        onTestFinished(() => void load.kill('SIGKILL'));
        return load.pid ?? 0;
      }) as [number, number];
      onTestFinished(() => void silent.close());
      await expect.poll(() => processorTime(busy), { timeout: PATIENCE }).toBeGreaterThanOrEqual(2 * SHOWN);
      expect(processorTime(asleep)).toBeLessThan(SHOWN);
    },
  );

  it.runIf(missing === undefined)(
    'takes turns over the same connections, until there are no more',
    async () => {
      let [connections, bytes] = [0, 0];
      const server = createServer((socket) => {
        connections++;
        socket
          .on('error', () => {})
          .on('data', (data) => {
            bytes += data.length;
            socket.write(data);
          });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      onTestFinished(() => void server.close());
      const { port } = server.address() as AddressInfo;
      const load = spawn(path, ['--port', `${port}`, '--connections', '3', '--seconds', '0.01', '--turns'], {
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      onTestFinished(() => void load.kill('SIGKILL'));
      const outcome = outcomeOf(load);
      for (const warmUp of ['0', '0.01', '0']) {
        const line = once(load.stdout, 'data');
        load.stdin.write(`${warmUp}\n`);
        const [printed] = await line;
        const { messages, size } = JSON.parse(`${printed}`);
        expect(messages).toBeGreaterThanOrEqual(3);
        // Of this turn, and of no other.
        expect(messages * size).toBeLessThanOrEqual(bytes);
        bytes = 0;
      }
      load.stdin.end();
      expect((await outcome).code).toBe(0);
      expect(connections).toBe(3);
    },
  );

  it.runIf(missing === undefined)('says what is wrong with a turn', async () => {
    const load = spawn(path, ['--port', '1', '--turns'], { stdio: ['pipe', 'pipe', 'pipe'] });
    load.stdin.end('soon\n');
    expect(await outcomeOf(load)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--warmup must be a number from 0 to 1000000, not 'soon'"),
    });
  });
});
