/** The time over UDP: its server and its client, each with a peer of Node's own. */
import { createSocket, type Socket as DatagramSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeTime, encodeTime } from '../../examples/udp-time/time-message.js';
import { Program, runProgram } from '../support/programs.js';

const PROGRAM = 'examples/udp-time';
const HOST = '127.0.0.1';

/** A socket of Node's own, gone when the test ends. */
async function datagramSocket(
  onMessage: (message: Buffer, from: RemoteInfo) => void,
): Promise<DatagramSocket> {
  const socket = createSocket('udp4', onMessage);
  onTestFinished(() => void socket.close());
  socket.bind(0, HOST);
  await once(socket, 'listening');
  return socket;
}

/** Runs the client, who asks a server of the test: what it printed, and how often it asked. */
async function asked(answer: (count: number, socket: DatagramSocket, from: RemoteInfo) => void) {
  let count = 0;
  const socket = await datagramSocket((_message, from) => answer(++count, socket, from));
  const outcome = await runProgram(PROGRAM, ['ask', HOST, `${socket.address().port}`]);
  return { ...outcome, count };
}

const MOON_LANDING = new Date('1969-07-20T20:17:40Z');

describe('the udp-time example', () => {
  it('asks itself, prints the time and ends', async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    const { code, stdout, stderr } = await runProgram(PROGRAM, []);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, time = ''] = /^asking 127\.0\.0\.1 \d+\n(\S+)\n$/.exec(stdout) ?? [];
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(time)).toBeLessThanOrEqual(Date.now());
  });

  it('tells everybody, and does not answer what could be an answer', async () => {
    using server = new Program(PROGRAM, ['serve', HOST, '0']);
    const [, port] = await server.until('stdout', /^telling the time at 127\.0\.0\.1 (\d+)\n/);
    const answers: Buffer[] = [];
    const clients = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await datagramSocket((message) => answers.push(message));
        const answered = once(client, 'message');
        client.send(encodeTime(new Date()), Number(port), HOST);
        client.send('hello', Number(port), HOST);
        client.send('', Number(port), HOST);
        return answered;
      }),
    );
    expect(clients).toHaveLength(50);
    // One each: what was sent before the question went unanswered.
    expect(answers).toHaveLength(50);
    const now = Date.now();
    for (const answer of answers) {
      expect(Math.abs((decodeTime(answer, new Date())?.getTime() ?? 0) - now)).toBeLessThan(10_000);
    }
    server.kill('SIGTERM');
    expect(await server.outcome()).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('asks again where nothing comes, and where what comes is no answer', async () => {
    const { code, stdout, stderr, count } = await asked((count, socket, from) => {
      if (count === 2) socket.send('no time', from.port, from.address);
      if (count === 3) socket.send(encodeTime(MOON_LANDING), from.port, from.address);
    });
    expect({ code, stdout, stderr, count }).toEqual({
      code: 0,
      stdout: '1969-07-20T20:17:40.000Z\n',
      stderr: '',
      count: 3,
    });
  });

  it('takes no answer from anybody else', async () => {
    const stranger = await datagramSocket(() => {});
    const { code, stdout } = await asked((count, socket, from) => {
      if (count === 1) stranger.send(encodeTime(new Date(0)), from.port, from.address);
      else socket.send(encodeTime(MOON_LANDING), from.port, from.address);
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1969-07-20T20:17:40.000Z\n' });
  });

  it('gives up where nobody answers', async () => {
    const { code, stdout, stderr, count } = await asked(() => {});
    expect({ code, stdout, count }).toEqual({ code: 1, stdout: '', count: 4 });
    expect(stderr).toContain('udp-time: no answer to 4 questions, 500 ms each\n');
  });

  it('says that nobody is there, without waiting', async () => {
    const gone = createSocket('udp4');
    gone.bind(0, HOST);
    await once(gone, 'listening');
    const { port } = gone.address();
    gone.close();
    await once(gone, 'close');
    const { code, stderr } = await runProgram(PROGRAM, ['ask', HOST, `${port}`]);
    expect(code).toBe(1);
    expect(stderr).toContain('ECONNREFUSED');
  });

  it.each([
    [['serve', HOST], 'ADDRESS and PORT are needed'],
    [['sing', HOST, '1'], 'no such command: sing'],
    [['serve', '192.0.2.1', '0'], 'bind EADDRNOTAVAIL 192.0.2.1'],
    [['ask', HOST, 'x'], 'port must be'],
  ])('says what is wrong with %j, and exits 1', async (args, message) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^udp-time: /);
    expect(stderr).toContain(message);
  });
});

describe('the time in four bytes', () => {
  it.each([
    // The first three are those of RFC 868.
    ['1970-01-01T00:00:00Z', 2_208_988_800],
    ['1976-01-01T00:00:00Z', 2_398_291_200],
    ['1980-01-01T00:00:00Z', 2_524_521_600],
    ['2036-02-07T06:28:15Z', 2 ** 32 - 1],
    ['2036-02-07T06:28:16Z', 0],
  ])('is, at %s, %d', (time, seconds) => {
    const bytes = encodeTime(new Date(time));
    expect(bytes.readUInt32BE()).toBe(seconds);
    const near = new Date('2020-01-01T00:00:00Z');
    expect(decodeTime(bytes, near)).toEqual(new Date(time));
  });

  it.each([0, 3, 5])('is not of %d bytes', (length) => {
    expect(decodeTime(Buffer.alloc(length), new Date())).toBeNull();
  });
});
