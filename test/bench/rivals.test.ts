/** The echo servers, ours and those that iomux is measured beside: whoever does not echo right would win too easily. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../support/processes.js';
import { TemporaryFolder } from '../support/temporary.js';
import { hasRival, toolEnvironment } from '../support/tools.js';

interface Rival {
  readonly name: string;
  readonly command: readonly string[];
  readonly ours: boolean;
  readonly missing?: string;
}

const bench = fileURLToPath(new URL('../../bench', import.meta.url));
const { echoServer, serverNames } = await import(join(bench, 'support/echo-servers.mjs'));
const servers: Rival[] = serverNames.map(echoServer);
/** More than the buffers of two sockets hold. */
const FLOOD = 10_000_000;
/** Milliseconds. */
const PATIENCE = 20_000;

describe.concurrent('each server that is installed', { timeout: 30_000 }, () => {
  for (const rival of servers) {
    it.runIf(hasRival(rival))(`${rival.name} echoes each byte, and ends at SIGTERM`, async () => {
      const [program = '', ...args] = rival.command;
      const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
      const env = rival.ours ? process.env : toolEnvironment();
      const child = spawn(program, args, { env, stdio });
      const ended = outcomeOf(child);
      try {
        const port = await portOf(child);
        const sockets = await Promise.all([connect(port), connect(port)]);
        for (const socket of sockets) {
          const message = randomBytes(1024);
          socket.write(message);
          expect((await read(socket, message.length)).equals(message)).toBe(true);
        }
        const [first, second] = sockets;
        const flood = randomBytes(FLOOD);
        first.write(flood);
        // Nobody reads what comes back, until all buffers are full, and the server must wait as well.
        await sleep(100);
        const other = randomBytes(64);
        second.write(other);
        expect((await read(second, other.length)).equals(other)).toBe(true);
        expect((await read(first, FLOOD)).equals(flood)).toBe(true);
        // One that is open and one that is gone: neither keeps the server.
        first.destroy();
        child.kill('SIGTERM');
        // A loop that never returns to Node's hears of no signal, which ends it as it ends any other.
        const end = rival.ours ? { code: null, signal: 'SIGTERM' } : { code: 0, signal: null };
        expect(await ended).toMatchObject({ ...end, stderr: '' });
        second.destroy();
      } finally {
        child.kill('SIGKILL');
        await ended;
      }
    });
  }
});

describe.runIf(process.platform === 'linux')('the C programs', { timeout: 60_000 }, () => {
  /** What nativeProgram() says in a copy of the benchmarks that has compiled nothing yet. */
  function ask(folder: string, names: string[], env: NodeJS.ProcessEnv) {
    for (const name of ['build.sh', 'load', 'rivals', 'support']) {
      cpSync(join(bench, name), join(folder, name), { recursive: true });
    }
    const script = `import { nativeProgram } from '${folder}/support/native.mjs';
      console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => nativeProgram(name).missing ?? 'compiled')));`;
    const args = ['--input-type=module', '-e', script];
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    const options = { encoding: 'utf8' as const, env: { ...process.env, ...env }, stdio };
    return JSON.parse(execFileSync(process.execPath, args, options));
  }

  it('are missing where there is no compiler', () => {
    using folder = new TemporaryFolder();
    expect(ask(folder.path, ['epoll-echo', 'libuv-echo'], { CC: 'no-such-compiler' })).toEqual([
      'apt install gcc libc6-dev',
      'apt install gcc libc6-dev',
    ]);
  });

  it('are compiled without those whose library is missing, of which an old one does not stay', () => {
    using folder = new TemporaryFolder();
    const tools = folder.join('tools');
    mkdirSync(tools);
    writeFileSync(join(tools, 'pkg-config'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    // A compiler that makes something of anything, in no time.
    writeFileSync(join(tools, 'cc'), '#!/bin/sh\ntouch "$7"\nchmod +x "$7"\n', { mode: 0o755 });
    const PATH = `${tools}:${process.env['PATH']}`;
    mkdirSync(folder.join('build'));
    writeFileSync(folder.join('build/libuv-echo'), '', { mode: 0o755 });
    expect(ask(folder.path, ['echo-load', 'libuv-echo', 'libevent-echo'], { PATH, CC: 'cc' })).toEqual([
      'compiled',
      'apt install pkg-config libuv1-dev',
      'apt install pkg-config libevent-dev',
    ]);
    expect(readdirSync(folder.join('build')).filter((name) => name.includes('.'))).toEqual([]);
  });

  it('that do not compile are a failure, and not missing', () => {
    using folder = new TemporaryFolder();
    symlinkSync('/bin/false', folder.join('broken'));
    expect(() => ask(folder.path, ['epoll-echo'], { CC: folder.join('broken') })).toThrow(/Command failed/);
  });
});

async function portOf(child: ChildProcess): Promise<number> {
  let output = '';
  while (!output.includes('\n')) {
    const [chunk] = await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, 'data'),
      once(child, 'close'),
    ]);
    if (typeof chunk !== 'string') throw new Error(`it does not listen: ended with ${chunk}`);
    output += chunk;
  }
  return Number(/^listening (\d+)\n/.exec(output)?.[1]);
}

async function connect(port: number): Promise<Socket> {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** So many bytes: what comes beyond them was not sent. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const signal = AbortSignal.timeout(PATIENCE);
  for (let received = 0; received < length; ) {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new Error(`closed after ${received} bytes`);
      await once(socket, 'readable', { signal });
      continue;
    }
    chunks.push(chunk);
    received += chunk.length;
  }
  return Buffer.concat(chunks);
}
