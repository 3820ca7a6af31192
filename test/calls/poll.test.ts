/** poll(2), one to one. */
import { constants, type FileLike, Poll, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { thrownBy, timed } from '../support/expecting.js';
import { openPipe, openPipes } from '../support/pipes.js';
import { waitUnderSignals } from '../support/signals.js';
import { refusingAddress, tcpPair } from '../support/sockets.js';

const { POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, MSG_OOB } = constants as Record<
  'POLLIN' | 'POLLPRI' | 'POLLOUT' | 'POLLERR' | 'POLLHUP' | 'POLLNVAL' | 'MSG_OOB',
  number
>;

describe('Poll, registrations', () => {
  it('watches for IN, PRI and OUT where no mask is given', () => {
    const poll = new Poll();
    const [here, there] = Socket.pair();
    poll.register(here);
    expect(poll.poll(0)).toEqual([[here.fileno(), POLLOUT]]);
    there.send(Buffer.from('x'));
    expect(poll.poll(0)).toEqual([[here.fileno(), POLLIN | POLLOUT]]);
    here.close();
    there.close();

    const [client, server] = tcpPair();
    const urgent = new Poll();
    urgent.register(server);
    client.send(Buffer.from('!'), 0, 1, MSG_OOB);
    let events = 0;
    for (let i = 0; i < 1000 && (events & POLLPRI) === 0; i++) events = urgent.poll(1)[0]?.[1] ?? 0;
    expect(events).toBe(POLLPRI | POLLOUT);
    client.close();
    server.close();
  });

  it('replaces the mask of a file that is registered again', () => {
    using pipe = openPipe();
    const { writer } = pipe;
    const poll = new Poll();
    poll.register(writer, POLLOUT);
    poll.register(writer, POLLIN);
    expect(poll.poll(0)).toEqual([]);
    poll.register(writer.fileno(), POLLOUT);
    expect(poll.poll(0)).toEqual([[writer.fileno(), POLLOUT]]);
    poll.unregister(writer);
    expect(poll.poll(0)).toEqual([]);
  });

  it('changes a mask with modify, by object or number', () => {
    using pipe = openPipe();
    const { writer } = pipe;
    const poll = new Poll();
    poll.register(writer, 0);
    expect(poll.poll(0)).toEqual([]);
    poll.modify(writer, POLLOUT);
    expect(poll.poll(0)).toEqual([[writer.fileno(), POLLOUT]]);
    poll.modify(writer.fileno(), POLLIN);
    expect(poll.poll(0)).toEqual([]);
  });

  it('finds an object that was closed, although its mask was changed by number', () => {
    const [socket, peer] = Socket.pair();
    using _peer = peer;
    const poll = new Poll();
    poll.register(socket, POLLIN);
    poll.modify(socket.fileno(), POLLOUT);
    socket.close();
    poll.unregister(socket);
    expect(poll.poll(0)).toEqual([]);
  });

  it('throws ENOENT where modify finds nothing, and registers nothing', () => {
    using pipe = openPipe();
    const poll = new Poll();
    const closed = new Socket();
    closed.close();
    for (const file of [pipe.writer, pipe.writer.fileno(), closed]) {
      const error = thrownBy(() => poll.modify(file, POLLOUT));
      expect(error).toMatchObject({ name: 'SystemError', code: 'ENOENT', syscall: 'poll' });
      expect(poll.poll(0)).toEqual([]);
    }
  });

  it('throws ERR_NOT_REGISTERED where unregister finds nothing, also the second time', () => {
    using pipe = openPipe();
    const poll = new Poll();
    expect(thrownBy(() => poll.unregister(pipe.writer))).toMatchObject({
      name: 'StateError',
      code: 'ERR_NOT_REGISTERED',
    });
    poll.register(pipe.writer);
    poll.unregister(pipe.writer);
    expect(thrownBy(() => poll.unregister(pipe.writer))['code']).toBe('ERR_NOT_REGISTERED');
    const closed = new Socket();
    closed.close();
    expect(thrownBy(() => poll.unregister(closed))['code']).toBe('ERR_NOT_REGISTERED');
  });

  it('unregisters by number and by object after a close', () => {
    const poll = new Poll();
    const [one, other] = Socket.pair();
    const fd = other.fileno();
    poll.register(one);
    poll.modify(one, POLLIN);
    poll.register(other);
    one.close();
    other.close();
    expect(poll.poll(0)).toHaveLength(2);
    poll.unregister(one);
    poll.unregister(fd);
    expect(poll.poll(0)).toEqual([]);
  });

  it('refuses masks that are not 16 bits, and keeps the mask there was', () => {
    using pipe = openPipe();
    const { writer } = pipe;
    const poll = new Poll();
    poll.register(writer, POLLOUT);
    for (const events of [-1, 65_536, 1.5, Number.NaN, 2 ** 40]) {
      for (const call of ['register', 'modify'] as const) {
        const error = thrownBy(() => poll[call](writer, events));
        expect(error).toBeInstanceOf(RangeError);
        expect(error['code']).toBe('ERR_OUT_OF_RANGE');
      }
    }
    for (const events of ['1', null, {}, 1n] as unknown as number[]) {
      for (const call of ['register', 'modify'] as const) {
        const error = thrownBy(() => poll[call](writer, events));
        expect(error).toBeInstanceOf(TypeError);
        expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
      }
    }
    expect(poll.poll(0)).toEqual([[writer.fileno(), POLLOUT]]);
    poll.modify(writer, 0xffff);
    expect((poll.poll(0)[0]?.[1] ?? 0) & POLLOUT).toBe(POLLOUT);
  });

  it('refuses what is no file', () => {
    const poll = new Poll();
    for (const file of ['1', null, undefined, {}, true, { fd: null }] as unknown as FileLike[]) {
      for (const call of ['register', 'modify', 'unregister'] as const) {
        const error = thrownBy(() => poll[call](file, POLLIN));
        expect(error).toBeInstanceOf(TypeError);
        expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
      }
    }
    for (const fd of [-1, 0.5, 2 ** 31]) {
      expect(thrownBy(() => poll.register(fd, POLLIN))['code']).toBe('ERR_OUT_OF_RANGE');
    }
    expect(poll.poll(0)).toEqual([]);
  });

  it('keeps sets apart from each other', () => {
    using pipe = openPipe();
    const one = new Poll();
    const other = new Poll();
    one.register(pipe.writer, POLLOUT);
    expect(other.poll(0)).toEqual([]);
    expect(one.poll(0)).toHaveLength(1);
  });
});

describe('Poll, results', () => {
  it('returns pairs in the order of registration, of what is ready alone', () => {
    const pipes = openPipes(5);
    const poll = new Poll();
    for (const { reader } of [...pipes].reverse()) poll.register(reader, POLLIN);
    for (const index of [0, 2, 4]) pipes[index]?.writer.write('x');
    const expected = [4, 2, 0].map((index) => [pipes[index]?.reader.fileno(), POLLIN]);
    expect(poll.poll(0)).toEqual(expected);
    expect(poll.poll(0), 'again: nothing was read').toEqual(expected);
    for (const pipe of pipes) pipe[Symbol.dispose]();
  });

  it('reports POLLNVAL for a closed descriptor each time, and the others with it', () => {
    using pipe = openPipe();
    const poll = new Poll();
    const socket = new Socket();
    const fd = socket.fileno();
    poll.register(socket, 0);
    poll.register(pipe.writer, POLLOUT);
    socket.close();
    for (let i = 0; i < 3; i++) {
      const [result, elapsed] = timed(() => poll.poll());
      expect(result).toEqual([
        [fd, POLLNVAL],
        [pipe.writer.fileno(), POLLOUT],
      ]);
      expect(elapsed).toBeLessThan(5000);
    }
  });

  it('reports POLLHUP and POLLERR whatever the mask is', () => {
    using pipe = openPipe();
    using other = openPipe();
    const poll = new Poll();
    poll.register(pipe.reader, 0);
    poll.register(other.writer, 0);
    expect(poll.poll(0)).toEqual([]);
    pipe.writer.close();
    other.reader.close();
    expect(poll.poll(0)).toEqual([
      [pipe.reader.fileno(), POLLHUP],
      [other.writer.fileno(), POLLERR],
    ]);
  });

  it('reports the end of a pipe together with what is left in it, then alone', () => {
    using pipe = openPipe();
    const poll = new Poll();
    poll.register(pipe.reader, POLLIN);
    pipe.writer.write('rest');
    pipe.writer.close();
    expect(poll.poll(0)).toEqual([[pipe.reader.fileno(), POLLIN | POLLHUP]]);
    expect(pipe.reader.read()).toBe('rest');
    expect(poll.poll(0)).toEqual([[pipe.reader.fileno(), POLLHUP]]);
    expect(pipe.reader.read()).toBe('');
  });

  it('reports a refused connect with the error and the hang-up', () => {
    using socket = new Socket();
    const poll = new Poll();
    const error = thrownBy(() => {
      socket.connect(refusingAddress());
      poll.register(socket, POLLOUT);
      expect(poll.poll(5000)).toEqual([[socket.fileno(), POLLOUT | POLLERR | POLLHUP]]);
      socket.finishConnect();
    });
    expect(error['code']).toBe('ECONNREFUSED');
  });

  it('returns everything at once, however much it is, then less, then more', () => {
    const [here, there] = Socket.pair();
    const pipes = openPipes(100);
    const poll = new Poll();
    for (const { writer } of pipes) poll.register(writer, POLLOUT);
    expect(poll.poll(0)).toHaveLength(100);
    for (const { writer } of pipes) poll.unregister(writer);
    expect(poll.poll(0)).toEqual([]);
    poll.register(here, POLLOUT);
    expect(poll.poll(0)).toEqual([[here.fileno(), POLLOUT]]);
    for (const { writer } of pipes) poll.register(writer, POLLOUT);
    for (const { reader } of pipes) poll.register(reader, POLLIN);
    for (const { writer } of pipes) writer.write('x');
    expect(poll.poll(0), 'more than ever before').toHaveLength(201);
    for (const pipe of pipes) pipe[Symbol.dispose]();
    here.close();
    there.close();
  });
});

describe('Poll, time', () => {
  it('sleeps with an empty set, and not shorter than asked', () => {
    const poll = new Poll();
    for (const timeout of [0.1, 0.2, 1.2, 20]) {
      const [result, elapsed] = timed(() => poll.poll(timeout));
      expect(result).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(timeout);
    }
  });

  it('does not wait with 0 and less, however little less', () => {
    using pipe = openPipe();
    const poll = new Poll();
    poll.register(pipe.reader, POLLIN);
    for (const timeout of [0, -0, -1, -1e-100, -(2 ** 40), Number.NEGATIVE_INFINITY]) {
      const [result, elapsed] = timed(() => poll.poll(timeout));
      expect(result).toEqual([]);
      expect(elapsed).toBeLessThan(5000);
    }
  });

  it('takes no timeout, or one beyond an int, as what ends with readiness', () => {
    using pipe = openPipe();
    const poll = new Poll();
    poll.register(pipe.writer, POLLOUT);
    for (const timeout of [undefined, null, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40, 1e300]) {
      expect(poll.poll(timeout)).toEqual([[pipe.writer.fileno(), POLLOUT]]);
    }
  });

  it('refuses a timeout that is no number', () => {
    const poll = new Poll();
    for (const timeout of ['1', {}, true, 1n] as unknown as number[]) {
      const error = thrownBy(() => poll.poll(timeout));
      expect(error).toBeInstanceOf(TypeError);
      expect(error['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
    expect(thrownBy(() => poll.poll(Number.NaN))['code']).toBe('ERR_OUT_OF_RANGE');
  });

  it('waits on through signals, to its full time', async () => {
    const { ready, elapsed, handled } = await waitUnderSignals('poll', 300);
    expect(ready).toEqual([]);
    expect(elapsed).toBeGreaterThanOrEqual(300);
    expect(handled).toBeGreaterThan(0);
  });
});
