/** The benchmark of datagrams, run for a moment: that each receiver and sender is held to account, not how fast it is. */
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { datagrams } from '../../bench/cells/datagrams.mjs';
import { nativeProgram } from '../../bench/support/native.mjs';
import type { Row } from '../../bench/support/results.mjs';
import { outcomeOf } from '../support/processes.js';

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const load = nativeProgram('datagram-load') as { path: string; missing?: string };

/** A datagram as the load makes it: each word says its place. */
function datagram(sequence: number): Buffer {
  const words = Int32Array.from({ length: 16 }, (_, index) => sequence ^ Math.imul(index, 0x9e3779b1));
  return Buffer.from(words.buffer);
}

/** How a receiver ends that is sent `datagrams`; the first, which is empty, is answered. */
async function outcomeWith(command: readonly string[], datagrams: readonly Buffer[]) {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [line] = await once(child.stdout, 'data');
  const sender: Socket = createSocket('udp4');
  sender.connect(Number(/\d+/.exec(`${line}`)?.[0]), '127.0.0.1');
  await once(sender, 'connect');
  const outcome = outcomeOf(child);
  sender.send('');
  await once(sender, 'message');
  for (const each of datagrams) sender.send(each);
  const result = await outcome;
  sender.close();
  return result;
}

describe.runIf(load.missing === undefined)('the benchmark of datagrams', () => {
  it('counts what each receiver took and each sender sent, and nothing came that was not sent', async () => {
    const groups = await datagrams.measure({ pass: 'moment', cores: null });
    const figures = new Map(groups.map(({ id, rows }: { id: string; rows: Row[] }) => [id, rows]));
    expect([...figures.keys()]).toEqual([
      'datagrams, 64 B',
      'datagrams, 64 B, many senders',
      'datagrams, 64 B, sending',
    ]);
    const check = (id: string, names: string[], figure: string) => {
      const rows = figures.get(id) as Row[];
      expect(rows.map(({ name }) => name)).toEqual(names);
      for (const { name, samples, missing, failure } of rows) {
        expect(failure, name).toBeUndefined();
        if (missing !== undefined) continue;
        expect(samples, name).toHaveLength(1);
        expect(samples[0]?.[figure], name).toBeGreaterThan(0);
        expect(samples[0]?.['lostShare'], name).toBeGreaterThanOrEqual(0);
        expect(samples[0]?.['lostShare'], name).toBeLessThan(1);
        expect(samples[0]?.['coreShare'], name).toBeGreaterThan(0);
      }
    };
    const onSockets = ['recvBatch', 'recv', 'recvmmsg in C', 'recv in C'];
    const withAddresses = ['datagram transport', 'node:dgram'];
    const received = 'receivedPerCpuSecond';
    check('datagrams, 64 B', [...onSockets, ...withAddresses, 'asyncio', 'uvloop'], received);
    check('datagrams, 64 B, many senders', withAddresses, received);
    const senders = ['sendBatch', 'send', 'node:dgram', 'sendmmsg in C', 'send in C'];
    check('datagrams, 64 B, sending', senders, 'sentPerCpuSecond');
  });

  it('has as many senders as it is told, all of which hear of it', async () => {
    const receiver = createSocket('udp4');
    const senders = new Set<string>();
    const progress = new Float64Array([-1, 0, 0]);
    let [newest, count, sum] = [-1, 0, 0];
    receiver.on('message', (message, { port, address }) => {
      if (message.length > 0) {
        const sequence = message.readUInt32LE(0);
        [newest, count, sum] = [Math.max(newest, sequence), count + 1, sum + sequence];
        senders.add(address);
      }
      progress.set([newest, count, sum]);
      if (message.length === 0 || count % 256 === 0)
        receiver.send(Buffer.from(progress.buffer), port, address);
    });
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const args = ['--port', `${receiver.address().port}`, '--senders', '100', '--warmup', '0'];
    const { code, stderr } = await outcomeOf(spawn(load.path, [...args, '--seconds', '0.01']));
    receiver.close();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(senders.size).toBe(100);
  });

  it('fails where a receiver says it got more than was sent', async () => {
    const receiver = createSocket('udp4');
    let count = 0;
    receiver.on('message', (message, { port, address }) => {
      // Each a second time.
      if (message.length > 0) count += 2;
      receiver.send(Buffer.from(new Float64Array([count / 2 - 1, count, 0]).buffer), port, address);
    });
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    const args = ['--port', `${receiver.address().port}`, '--warmup', '0', '--seconds', '0.01'];
    const { code, stderr } = await outcomeOf(spawn(load.path, args));
    receiver.close();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('which are not the same') });
  });
});

const inNode = ['programs/datagrams-selector.mjs', 'programs/datagrams-transport.mjs', 'rivals/dgram.mjs'];
const receivers = [
  ...inNode.map((program) => [process.execPath, path(program)]),
  ...(load.missing === undefined ? [[nativeProgram('datagram-sink').path]] : []),
];

describe.each(receivers.map((command) => ({ program: command.at(-1)?.replace(/.*\/bench\//, ''), command })))(
  'the receiver $program',
  ({ command }) => {
    it('ends with an error at a datagram that is not as it was sent', async () => {
      const torn = datagram(7);
      torn.writeInt32LE(1, 60);
      const { code, stderr } = await outcomeWith(command, [datagram(6), torn]);
      expect(code).not.toBe(0);
      expect(stderr).toContain('datagram 7 is not as it was sent');
      expect(stderr).not.toContain('datagram 6');
    });
  },
);
