/** The port scanner: what it says of ports, and how many it asks at once. */
import { type Address, Reactor, Socket } from 'iomux';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Finding, isConnectedToItself } from '../../examples/port-scan/probe.js';
import { scan } from '../../examples/port-scan/scan.js';
import { connect, portOf } from '../support/connections.js';
import { openDescriptors } from '../support/descriptors.js';
import { runProgram } from '../support/programs.js';

const PROGRAM = 'examples/port-scan';
const HOST = '127.0.0.1';
const ANY: Address = { address: HOST, port: 0 };

// Elsewhere a listener whose queue is full refuses.
const linux = process.platform === 'linux';

function untilTheEnd<S extends Socket>(socket: S): S {
  onTestFinished(() => socket.close());
  return socket;
}

/** A port on which somebody listens. */
function openPort(): number {
  return portOf(untilTheEnd(Socket.listen(ANY)).localAddress);
}

/** A port on which nobody listens, and nobody else can. */
function closedPort(): number {
  const socket = untilTheEnd(new Socket());
  socket.bind(ANY);
  return portOf(socket.localAddress);
}

/** A port that says nothing: the listener has no room for one more connection. */
function silentPort(): number {
  const listener = untilTheEnd(Socket.listen(ANY, { backlog: 0 }));
  connect(untilTheEnd(new Socket()), listener.localAddress);
  return portOf(listener.localAddress);
}

/** The findings of a scan, and how many sockets it had open when it had begun. */
async function scanned(ports: readonly number[], atOnce: number, timeout: number) {
  const reactor = untilClosed(new Reactor());
  const running = reactor.run();
  // What it needs itself is open then.
  await new Promise<void>((resolve) => reactor.callLater(1, resolve));
  const findings = new Map<number, Finding[]>();
  const before = openDescriptors().length;
  const scanning = scan(reactor, {
    address: HOST,
    ports,
    atOnce,
    timeout,
    onFound: (port, finding) => findings.set(port, [...(findings.get(port) ?? []), finding]),
  });
  const open = openDescriptors().length - before;
  await scanning;
  expect(openDescriptors()).toHaveLength(before);
  reactor.stop();
  await running;
  return { findings, open };
}

function untilClosed(reactor: Reactor): Reactor {
  onTestFinished(() => {
    if (reactor.state === 'hosted') reactor.stop();
    reactor.close();
  });
  return reactor;
}

describe('the port scanner', () => {
  it('finds the open ones among a thousand, and prints how many there were of each kind', async () => {
    const open = Array.from({ length: 5 }, openPort);
    const closed = Array.from({ length: 995 }, closedPort);
    const ports = [...closed.slice(0, 500), ...open, ...closed.slice(500)];
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--timeout', '60000', HOST, ports.join()]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(0, -1).map(Number).sort()).toEqual([...open].sort());
    expect(lines.at(-1)).toMatch(/^5 open, 995 closed, 0 silent; \d+\.\d\d s$/);
  });

  it('makes do with the descriptors that may be open, and misses none', async () => {
    const ports = [...Array.from({ length: 300 }, closedPort), openPort()];
    const { code, stdout, stderr } = await runProgram(PROGRAM, [HOST, ports.join()], {
      before: 'ulimit -n 60',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(`${ports.at(-1)}\n1 open, 300 closed, 0 silent; `);
  });

  it.runIf(linux)(
    'has a thousand connects under way at once, and does not wait for a silent port for ever',
    async () => {
      const silent = silentPort();
      const start = performance.now();
      const { findings, open } = await scanned(Array(1000).fill(silent), 1000, 200);
      expect(open).toBe(1000);
      expect(findings.get(silent)).toEqual(Array(1000).fill('silent'));
      const elapsed = performance.now() - start;
      expect(elapsed).toBeGreaterThanOrEqual(200);
      // One after the other they would take 200 s.
      expect(elapsed).toBeLessThan(60_000);
    },
  );

  it.runIf(linux)('has no more under way than it may, and none waits for a silent one', async () => {
    const silent = silentPort();
    const others = [openPort(), closedPort(), openPort()];
    const { findings, open } = await scanned([silent, ...others], 2, 500);
    expect(open).toBe(2);
    expect([...findings]).toEqual([
      [others[0], ['open']],
      [others[1], ['closed']],
      [others[2], ['open']],
      [silent, ['silent']],
    ]);
  });

  it('ends with the first failure that is not the port’s', async () => {
    const reactor = untilClosed(new Reactor());
    const found: number[] = [];
    // A multicast address is none that one can connect to.
    const options = { address: '224.0.0.1', ports: [1, 2, 3], atOnce: 1, timeout: 1000 };
    const scanning = scan(reactor, { ...options, onFound: (port) => found.push(port) });
    const running = reactor.run();
    await expect(scanning).rejects.toMatchObject({ syscall: 'connect', address: '224.0.0.1', port: 1 });
    reactor.stop();
    await running;
    expect(found).toEqual([]);
  });

  it('does not take a connection to itself for an open port', () => {
    const socket = untilTheEnd(new Socket());
    socket.bind(ANY);
    connect(socket, socket.localAddress);
    expect(isConnectedToItself(socket)).toBe(true);
    const client = untilTheEnd(new Socket());
    connect(client, { address: HOST, port: openPort() });
    expect(isConnectedToItself(client)).toBe(false);
  });

  it.each([
    [[], 'one HOST is needed'],
    [[HOST, '0'], "not '0'"],
    [[HOST, '1-65536'], "not '1-65536'"],
    [[HOST, '20-10'], "not '20-10'"],
    [[HOST, '80,http'], "not '80,http'"],
    [['--at-once', '0', HOST], '--at-once must be a whole number above 0'],
    [['--timeout', 'x', HOST], '--timeout must be milliseconds above 0'],
  ])('says what is wrong with %j, and exits 1', async (args, message) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^port-scan: /);
    expect(stderr).toContain(message);
  });
});
