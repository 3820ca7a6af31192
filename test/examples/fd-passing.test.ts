/** The server that hands its connections to worker processes: whose they are, and when they end. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket as NetSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { connected, roundTrip, take, takeAll } from '../support/net-client.js';
import { Program, type ProgramOptions, runProgram } from '../support/programs.js';

const PROGRAM = 'examples/fd-passing';
const linux = process.platform === 'linux';

async function serverOf(workers: number, options?: ProgramOptions) {
  const program = new Program(PROGRAM, ['--port', '0', '--workers', `${workers}`], options);
  const [, port] = await program.until('stdout', /^listening on 127\.0\.0\.1:(\d+) \(\d workers\)$/m);
  return { program, where: { host: '127.0.0.1', port: Number(port) } };
}

interface Client {
  readonly socket: NetSocket;
  readonly worker: number;
  readonly pid: number;
}

/** The client's worker, as that says itself. */
async function greeted(socket: NetSocket): Promise<Client> {
  let line = '';
  while (!line.endsWith('\n')) {
    const byte = await take(socket, 1);
    if (byte.length === 0) throw new Error(`no greeting, but '${line}'`);
    line += byte.toString();
  }
  const [, worker, pid] = /^worker (\d), process (\d+)\n$/.exec(line) ?? [];
  return { socket, worker: Number(worker), pid: Number(pid) };
}

const client = async (where: { host: string; port: number }) => greeted(await connected(where));

/** Returns once a process has ended, though its parent may not have asked for its exit code yet. */
async function ends(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
      if (linux && /\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return;
    } catch {
      return;
    }
    await sleep(10);
  }
}

/** Returns once nobody can connect any more. */
async function untilRefused(where: { host: string; port: number }): Promise<void> {
  for (;;) {
    const socket = connect(where);
    const outcome = await Promise.race([
      once(socket, 'connect').then(() => 'connected'),
      once(socket, 'close').then(() => 'closed'),
    ]).catch(() => 'refused');
    socket.destroy();
    if (outcome === 'refused') return;
    await sleep(10);
  }
}

describe('the fd-passing example', () => {
  it('has its workers serve by turns, each in a process of its own', async () => {
    const { program, where } = await serverOf(3);
    using _ = program;
    const clients: Client[] = [];
    for (let count = 0; count < 7; count++) clients.push(await client(where));
    expect(clients.map(({ worker }) => worker)).toEqual([1, 2, 3, 1, 2, 3, 1]);
    const pids = new Set(clients.map(({ pid }) => pid));
    expect(pids.size).toBe(3);
    expect(pids).not.toContain(program.pid);
    for (const [index, { socket }] of clients.entries()) {
      expect(await roundTrip(socket, `client ${index}`)).toBe(`client ${index}`);
    }
    for (const { socket } of clients) socket.destroy();
    program.kill('SIGTERM');
    const { code, stdout, stderr } = await program.outcome();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^handed over 7 connections$/m);
  });

  it('has a connection end with its worker’s end of it: the parent keeps none', async () => {
    const { program, where } = await serverOf(1);
    using _ = program;
    const { socket } = await client(where);
    socket.end('last');
    expect((await takeAll(socket)).toString()).toBe('last');
  });

  it.runIf(linux)('opens nothing for good in the parent, however many it hands over', async () => {
    const { program, where } = await serverOf(2);
    using _ = program;
    (await client(where)).socket.destroy();
    const open = () => readdirSync(`/proc/${program.pid}/fd`).length;
    const before = open();
    const clients = await Promise.all(Array.from({ length: 200 }, () => client(where)));
    expect(open()).toBe(before);
    expect(new Set(clients.map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    for (const { socket } of clients) socket.destroy();
  });

  it('takes nobody after its end was asked for, and serves who is there', async () => {
    const { program, where } = await serverOf(2);
    using _ = program;
    const one = await client(where);
    const two = await client(where);
    program.kill('SIGINT');
    // As Ctrl-C does, which reaches each process of the terminal.
    for (const { pid } of [one, two]) process.kill(pid, 'SIGINT');
    await untilRefused(where);
    expect(await roundTrip(one.socket, 'still there')).toBe('still there');
    one.socket.destroy();
    await ends(one.pid);
    expect(await roundTrip(two.socket, 'and here')).toBe('and here');
    two.socket.destroy();
    expect(await program.outcome()).toMatchObject({ code: 0, stderr: '' });
  });

  it('does not wait for clients when it is told twice', async () => {
    const { program, where } = await serverOf(2);
    using _ = program;
    const clients = [await client(where), await client(where)];
    program.kill('SIGTERM');
    await untilRefused(where);
    program.kill('SIGTERM');
    expect(await program.outcome()).toMatchObject({ code: 0 });
    for (const { socket } of clients) {
      socket.on('error', () => {});
      expect(await takeAll(socket).catch(() => 'reset')).toHaveLength(0);
    }
  });

  it('goes on with the others where a worker dies, and ends with the last', async () => {
    const { program, where } = await serverOf(3);
    using _ = program;
    const clients = [await client(where), await client(where), await client(where)];
    const [one, two, three] = clients as [Client, Client, Client];
    process.kill(two.pid, 'SIGKILL');
    await ends(two.pid);
    expect(await takeAll(two.socket)).toHaveLength(0);
    expect(await roundTrip(one.socket, 'alive')).toBe('alive');
    const next: number[] = [];
    for (let count = 0; count < 4; count++) next.push((await client(where)).worker);
    expect(next).toEqual([1, 3, 1, 3]);
    for (const { pid } of [one, three]) process.kill(pid, 'SIGKILL');
    const { code, stderr } = await program.outcome();
    expect(code).toBe(1);
    expect(stderr).toContain('fd-passing: no worker is left\n');
  });

  it('leaves its connections alive when the parent dies; each worker ends with its last', async () => {
    const { program, where } = await serverOf(2);
    using _ = program;
    const clients = [await client(where), await client(where)];
    program.kill('SIGKILL');
    await ends(program.pid);
    for (const { socket, pid } of clients) {
      expect(await roundTrip(socket, 'who is there?')).toBe('who is there?');
      socket.destroy();
      await ends(pid);
    }
  });

  it('loses none where a worker, or all of them, take nothing for a while', async () => {
    const { program, where } = await serverOf(2);
    using _ = program;
    const [one, two] = [await client(where), await client(where)] as const;
    process.kill(one.pid, 'SIGSTOP');
    const sockets = await Promise.all(Array.from({ length: 450 }, () => connected(where)));
    const first = await Promise.all(sockets.filter((_, index) => index % 2 === 1).map(greeted));
    expect(first.every(({ pid }) => pid === two.pid)).toBe(true);
    process.kill(two.pid, 'SIGSTOP');
    const more = await Promise.all(Array.from({ length: 450 }, () => connected(where)));
    await sleep(100);
    for (const { pid } of [one, two]) process.kill(pid, 'SIGCONT');
    await Promise.all([...sockets.filter((_, index) => index % 2 === 0), ...more].map(greeted));
    for (const socket of [...sockets, ...more, one.socket, two.socket]) socket.destroy();
    program.kill('SIGTERM');
    const { code, stdout } = await program.outcome();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^handed over 902 connections$/m);
  });

  it('says so of connections for which a worker has no descriptor, and goes on', async () => {
    const { program, where } = await serverOf(1, { before: 'ulimit -n 60' });
    using _ = program;
    const sockets = await Promise.all(Array.from({ length: 80 }, () => connected(where)));
    const served = await Promise.allSettled(sockets.map(greeted));
    const count = served.filter(({ status }) => status === 'fulfilled').length;
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(60);
    const message = 'a connection is lost: there was no descriptor left for it\n';
    await program.until('stderr', new RegExp(`(?:${message}){${80 - count}}`));
    for (const socket of sockets) socket.destroy();
    // It has descriptors again as soon as it has noticed that.
    let next: Client | null = null;
    while (next === null) next = await client(where).catch(() => null);
    expect(next.worker).toBe(1);
    next.socket.destroy();
  });

  it.each([
    [['--workers', '0'], "--workers must be a whole number above 0, not '0'"],
    [['--port', '99999'], 'port must be'],
    [['--nonsense'], "Unknown option '--nonsense'"],
  ])('says what is wrong with %j, and exits 1', async (args, message) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^fd-passing: /);
    expect(stderr).toContain(message);
  });
});
