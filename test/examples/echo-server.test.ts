/** The echo server as people run it: a process, real clients, signals. */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type NetConnectOpts, type Socket as NetSocket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { createSelector, Socket, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from '../../examples/echo/options.js';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack, isEmulated } from '../support/emulation.js';
import { runLimitedFixture } from '../support/limits.js';
import { connected, roundTrip, take, takeAll } from '../support/net-client.js';
import { canReadCosts, processorTime, residentBytes } from '../support/process-costs.js';
import { Program, type ProgramOptions, runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';
import { exitOf } from '../support/workers.js';

const PROGRAM = 'examples/echo-server';
const MEGABYTE = 1 << 20;
const CHUNK = 64 * 1024;

/** Each backend with each of its modes under each loop: how it is shown, and the options that ask for it. */
const variants = selectorBackends().flatMap((backend) => {
  using selector = createSelector(backend);
  return selector.capabilities.modes.flatMap((mode) =>
    [null, 'hosted', 'blocking'].map((reactor) => ({
      backend,
      mode,
      how: `${backend}, ${mode}${reactor === null ? '' : `, ${reactor} reactor`}`,
      options: [
        '--backend',
        backend,
        ...(mode.includes('edge') ? ['--edge'] : []),
        ...(mode.includes('oneshot') ? ['--oneshot'] : []),
        ...(reactor === null ? [] : ['--reactor', reactor]),
      ],
    })),
  );
});

/** A server on a free TCP port. */
async function serverOn(args: readonly string[], options?: ProgramOptions) {
  const program = new Program(PROGRAM, ['--port', '0', ...args], options);
  const [, port] = await program.until('stdout', /^listening on 127\.0\.0\.1:(\d+) /m);
  return { program, where: { host: '127.0.0.1', port: Number(port) } satisfies NetConnectOpts };
}

/** Ends a server as Ctrl-C does. @returns its summary. */
async function interrupted(program: Program): Promise<string> {
  program.kill('SIGINT');
  const { code, signal, stdout } = await program.outcome();
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  return stdout.slice(stdout.indexOf('\n') + 1);
}

/** A connection that is reset now and not ended in order. */
async function resetting(socket: NetSocket): Promise<void> {
  socket.on('error', () => {});
  socket.resetAndDestroy();
  await once(socket, 'close');
}

for (const { backend, how, options } of variants) {
  describe(`the echo server on ${how}`, () => {
    it('says where it listens, returns a line and ends after its client has', async () => {
      const { program, where } = await serverOn(options);
      using _ = program;
      expect(program.stdout).toBe(`listening on 127.0.0.1:${where.port} (${how})\n`);
      const client = await connected(where);
      client.end('hello\n');
      expect((await takeAll(client)).toString()).toBe('hello\n');
      expect(await interrupted(program)).toMatch(
        /^served 1 connection \(peak 1, failed 0\), 1 message, 6 bytes\n/,
      );
      expect(program.stderr).toBe('');
    });

    it('returns a line over a Unix socket, whose file is gone afterwards', async () => {
      using folder = new TemporaryFolder();
      const path = folder.join('echo');
      using program = new Program(PROGRAM, ['--unix', path, ...options]);
      await program.until('stdout', /^listening on .*\n/m);
      expect(program.stdout).toBe(`listening on ${path} (${how})\n`);
      const client = await connected({ path });
      client.end('hello\n');
      expect((await takeAll(client)).toString()).toBe('hello\n');
      await interrupted(program);
      expect(existsSync(path)).toBe(false);
    });

    it('gives every byte to a slow reader and keeps next to nothing of it in memory', async () => {
      const { program, where } = await serverOn(options);
      using _ = program;
      const sent = randomFillSync(Buffer.allocUnsafe(40 * MEGABYTE));
      const other = await connected(where);
      await roundTrip(other, 'warm');
      const before = canReadCosts ? residentBytes(program.pid) : 0;
      const client = await connected(where);
      let accepted = 0;
      const sending = (async () => {
        for (; accepted < sent.length; accepted += CHUNK) {
          await new Promise((resolve) => client.write(sent.subarray(accepted, accepted + CHUNK), resolve));
        }
        client.end();
      })();
      // It does not read. Once the server does not either, the kernel takes no more of us.
      for (let seen = -1; seen !== accepted; ) {
        seen = accepted;
        for (let turn = 0; turn < 50; turn++) expect(await roundTrip(other, 'still')).toBe('still');
      }
      expect(accepted).toBeLessThan(sent.length);
      if (canReadCosts) expect(residentBytes(program.pid) - before).toBeLessThan(20 * MEGABYTE);
      const received = await takeAll(client);
      await sending;
      expect(received.equals(sent)).toBe(true);
      if (canReadCosts) expect(residentBytes(program.pid) - before).toBeLessThan(20 * MEGABYTE);
      other.end();
      await takeAll(other);
      expect(await interrupted(program)).toContain('(peak 2, failed 0)');
    });

    it('drops a connection that is reset, and no other', async () => {
      const { program, where } = await serverOn(options);
      using _ = program;
      const other = await connected(where);
      const idle = await connected(where);
      expect(await roundTrip(idle, 'first')).toBe('first');
      await resetting(idle);
      // This one is owed more than its socket takes when it goes.
      const owed = await connected(where);
      owed.write(Buffer.alloc(16 * MEGABYTE));
      for (let turn = 0; turn < 50; turn++) expect(await roundTrip(other, 'still')).toBe('still');
      await resetting(owed);
      expect(await roundTrip(other, 'served')).toBe('served');
      other.end();
      await takeAll(other);
      const late = await connected(where);
      late.end('late');
      expect((await takeAll(late)).toString()).toBe('late');
      const failed = isEmulated(backend) ? '[12]' : '2';
      expect(await interrupted(program)).toMatch(
        new RegExp(`^served 4 connections \\(peak [23], failed ${failed}\\)`),
      );
    });

    it('serves others while one connection never stops sending', async () => {
      const { program, where } = await serverOn(options);
      using _ = program;
      const other = await connected(where);
      const flood = await connected(where);
      const chunk = Buffer.alloc(256 * 1024);
      const pour = () => {
        while (flood.write(chunk));
      };
      flood.on('error', () => {}).on('drain', pour);
      flood.resume();
      pour();
      for (let turn = 0; turn < 30; turn++)
        expect(await roundTrip(other, `turn ${turn}`)).toBe(`turn ${turn}`);
      expect(flood.bytesRead).toBeGreaterThan(0);
      flood.destroy();
      other.destroy();
      await interrupted(program);
    });

    it('lets connections beyond the most wait until one closes', async () => {
      const { program, where } = await serverOn([...options, '--max-connections', '2']);
      using _ = program;
      const [one, two] = [await connected(where), await connected(where)];
      expect(await roundTrip(one, 'one')).toBe('one');
      expect(await roundTrip(two, 'two')).toBe('two');
      const three = await connected(where);
      three.write('three');
      for (let turn = 0; turn < 20; turn++) await roundTrip(two, 'again');
      expect(three.bytesRead).toBe(0);
      one.end();
      expect((await take(three, 5)).toString()).toBe('three');
      expect(await roundTrip(two, 'two')).toBe('two');
      for (const socket of [two, three]) socket.destroy();
      expect(await interrupted(program)).toMatch(/^served 3 connections \(peak 2, failed 0\)/);
      expect(program.stderr).toBe('');
    });
  });
}

for (const { how, options } of variants.filter(({ mode }) => mode === 'level')) {
  it(`survives on ${how} that descriptors run out: it waits without spinning, and serves later`, async () => {
    const { program, where } = await serverOn(options, { before: 'ulimit -n 64' });
    using _ = program;
    const clients = await Promise.all(Array.from({ length: 100 }, () => connected(where)));
    await program.until('stderr', /cannot accept \(accept EMFILE/);
    if (canReadCosts) {
      const before = processorTime(program.pid);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(processorTime(program.pid) - before).toBeLessThan(500);
    }
    // Pauses of 5 ms, 10 ms, … 1 s, each with a line: a dozen in this time, not thousands.
    expect(program.stderr.split('\n').length).toBeLessThan(30);
    const answers = await Promise.all(
      clients.map(async (client, index) => {
        client.end(`client ${index}`);
        return (await takeAll(client)).toString();
      }),
    );
    expect(answers).toEqual(clients.map((_client, index) => `client ${index}`));
    expect(await interrupted(program)).toMatch(/^served 100 connections \(peak \d\d, failed 0\)/);
  });
}

it.each(['loop', 'reactor'])(
  'accepts again by itself when its pause is over, and its next pause is a short one, by a %s',
  async (loop) => {
    const { code, stdout, stderr } = await runLimitedFixture('echo-out-of-descriptors.mjs', 64, [loop]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ pauses: [5, 10, 5, 10], connections: 2 });
  },
);

it.each([null, { program: 'another' }])(
  "serves nobody in somebody else's worker, which has %j",
  async (workerData) => {
    const worker = new Worker(new URL(`../../dist/${PROGRAM}.js`, import.meta.url), { workerData });
    expect(await exitOf(worker)).toBe(0);
  },
);

describe('the echo server told to stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'closes its connections on %s, prints what it served, exits 0',
    async (signal) => {
      const { program, where } = await serverOn([]);
      using _ = program;
      const clients = await Promise.all(Array.from({ length: 10 }, () => connected(where)));
      for (const client of clients) expect(await roundTrip(client, 'hello')).toBe('hello');
      program.kill(signal);
      const { code, stdout } = await program.outcome();
      expect(code).toBe(0);
      expect(stdout).toContain('served 10 connections (peak 10, failed 0), 10 messages, 50 bytes\n');
      expect(stdout).toMatch(/\n\w+: \d+ waits \(\d+ empty\), \d+ events, 0 stale, 0 rebuilds\n$/);
      for (const client of clients) expect(await takeAll(client)).toHaveLength(0);
    },
  );

  it('obeys a second Ctrl-C no less', async () => {
    const { program } = await serverOn([]);
    using _ = program;
    program.kill('SIGINT');
    program.kill('SIGINT');
    expect(await program.outcome()).toMatchObject({ code: 0, signal: null });
  });

  it('leaves a file alone that has taken the place of its own', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('echo');
    using program = new Program(PROGRAM, ['--unix', path]);
    await program.until('stdout', /^listening/m);
    renameSync(path, folder.join('elsewhere'));
    writeFileSync(path, 'mine');
    await interrupted(program);
    expect(existsSync(path)).toBe(true);
  });
});

describe('the echo server at a Unix path', () => {
  it('takes the place of a server that died', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('echo');
    Socket.listen({ path }).close();
    expect(existsSync(path)).toBe(true);
    using program = new Program(PROGRAM, ['--unix', path]);
    await program.until('stdout', /^listening/m);
    const client = await connected({ path });
    expect(await roundTrip(client, 'hello')).toBe('hello');
    client.destroy();
    await interrupted(program);
  });

  it('refuses the path of a server that lives, and leaves it alone', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('echo');
    const living = createServer((socket) => socket.pipe(socket)).listen(path);
    await once(living, 'listening');
    try {
      const { code, stdout, stderr } = await runProgram(PROGRAM, ['--unix', path]);
      expect({ code, stdout, stderr }).toEqual({
        code: 1,
        stdout: '',
        stderr: `echo-server: bind EADDRINUSE ${path}\n`,
      });
      const client = await connected({ path });
      expect(await roundTrip(client, 'alive')).toBe('alive');
      client.destroy();
    } finally {
      living.close();
    }
  });

  it('refuses the path of a file that is no socket, and leaves it alone', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('precious');
    writeFileSync(path, 'mine');
    const { code, stderr } = await runProgram(PROGRAM, ['--unix', path]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `echo-server: bind EADDRINUSE ${path}\n` });
    expect(existsSync(path)).toBe(true);
  });
});

describe('the command line of the echo server', () => {
  it('takes the backend that IOMUX_SELECTOR names where there is no option', async () => {
    const { program } = await serverOn([], { env: { IOMUX_SELECTOR: 'poll' } });
    using _ = program;
    expect(program.stdout).toContain('(poll, level)');
    await interrupted(program);
  });

  it('says in one line that the port is taken, and exits 1', async () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const address = listener.localAddress;
    if ('path' in address) throw new Error('no TCP address');
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--port', String(address.port)]);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: `echo-server: bind EADDRINUSE 127.0.0.1:${address.port}\n`,
    });
  });

  it('is at port 7000 of this machine alone, level-triggered and without a most, where nothing is asked for', () => {
    using selector = createSelector();
    expect(parseOptions([])).toEqual({
      address: { address: '127.0.0.1', port: 7000 },
      backend: selector.backend,
      mode: 'level',
      reactor: null,
      workers: 1,
      maxConnections: Number.POSITIVE_INFINITY,
    });
    expect(parseOptions(['--host', '::', '--port', '65535', '--max-connections', '1'])).toMatchObject({
      address: { address: '::', port: 65_535 },
      maxConnections: 1,
    });
  });

  it('leaves no descriptor open, taken or refused', () => {
    const before = openDescriptors();
    parseOptions(['--oneshot']);
    expect(() => parseOptions(['--backend', 'poll', '--edge'])).toThrow(UsageError);
    expectGivenBack(before);
  });

  it('shows an IPv6 address in brackets', async () => {
    using program = new Program(PROGRAM, ['--host', '::1', '--port', '0']);
    const [, port] = await program.until('stdout', /^listening on \[::1\]:(\d+) /m);
    const client = await connected({ host: '::1', port: Number(port) });
    expect(await roundTrip(client, 'hello')).toBe('hello');
    client.destroy();
    await interrupted(program);
  });

  it.each(['--help', '-h'])('explains itself for %s', async (asked) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, [asked]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const options = ['backend', 'edge', 'oneshot', 'reactor', 'workers', 'host', 'port', 'unix'];
    for (const option of [...options, 'max-connections']) expect(stdout).toContain(`--${option}`);
  });

  it.each([
    [['--backend', 'uring'], /--backend must be one of .*, not 'uring'/],
    [['--backend', 'poll', '--edge'], /poll has no mode 'edge', only level, oneshot/],
    [['--backend', 'select', '--edge', '--oneshot'], /select has no mode 'edge-oneshot'/],
    [['--port', '65536'], /--port must be a whole number from 0 to 65535, not '65536'/],
    [['--port', '0x10'], /--port must be .* not '0x10'/],
    [['--port', '1e3'], /--port must be .* not '1e3'/],
    [['--port=-1'], /--port must be .* not '-1'/],
    [['--port', 'http'], /--port must be .* not 'http'/],
    [['--port', ''], /--port must be .* not ''/],
    [['--host', 'localhost'], /--host must be a numeric address, not 'localhost'/],
    [['--max-connections', '0'], /--max-connections must be a whole number of at least 1, not '0'/],
    [['--max-connections', '1.5'], /--max-connections must be .* not '1.5'/],
    [['--reactor', 'guest'], /--reactor must be hosted or blocking, not 'guest'/],
    [['--reactor', ''], /--reactor must be hosted or blocking, not ''/],
    [['--workers', '0'], /--workers must be a whole number from 1 to 256, not '0'/],
    [['--workers', '257'], /--workers must be .* not '257'/],
    [['--workers', 'all'], /--workers must be .* not 'all'/],
    [['--unix', '/tmp/echo', '--workers', '2'], /--unix has no port for --workers to share/],
    [['--unix', ''], /--unix must be a path/],
    [['--unix', '/tmp/echo', '--port', '1'], /--unix excludes --host and --port/],
    [['--unix', '/tmp/echo', '--host', '::1'], /--unix excludes --host and --port/],
    [['--port'], /--port/],
    [['--edge=yes'], /--edge/],
    [['--fast'], /Unknown option '--fast'/],
    [['loud'], /Unexpected argument 'loud'/],
  ])('refuses %j in one line', (args, reason) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(reason);
    expect(() => parseOptions(args)).not.toThrow(/\n/);
  });

  it('ends with exit code 2 where it is refused, and prints nothing else', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--port', '70000']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe("echo-server: --port must be a whole number from 0 to 65535, not '70000'\n");
  });

  it('refuses an IOMUX_SELECTOR that names nothing', async () => {
    const { code, stderr } = await runProgram(PROGRAM, [], { env: { IOMUX_SELECTOR: 'uring' } });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^echo-server: IOMUX_SELECTOR must be one of [^\n]+, not 'uring'\n$/);
  });

  it.skipIf(selectorBackends().includes('kqueue'))('refuses a backend that does not work here', async () => {
    const { code, stderr } = await runProgram(PROGRAM, ['--backend', 'kqueue']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^echo-server: kqueue is not available [^\n]+what works here: [^\n]+\n$/);
  });
});
