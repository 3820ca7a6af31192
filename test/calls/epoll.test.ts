/** epoll(7), one to one: what the kernel answers, and what it tells of which file. */
import { closeSync, openSync } from 'node:fs';
import {
  constants,
  createSelector,
  Epoll,
  EVENT_READ,
  type FileLike,
  Socket,
  StateError,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { canReadFlags, duplicate, isCloseOnExec } from '../support/descriptors.js';
import { thrownBy, timed } from '../support/expecting.js';
import { openPipe, openPipes } from '../support/pipes.js';
import { waitUnderSignals } from '../support/signals.js';
import { refusingAddress, tcpPair } from '../support/sockets.js';

const here = process.platform === 'linux';
const {
  EPOLLIN: IN,
  EPOLLPRI: PRI,
  EPOLLOUT: OUT,
  EPOLLERR: ERR,
  EPOLLHUP: HUP,
  EPOLLRDHUP: RDHUP,
  EPOLLET: ET,
  EPOLLONESHOT: ONESHOT,
  EPOLLEXCLUSIVE: EXCLUSIVE,
  MSG_OOB,
} = constants as Record<
  | 'EPOLLIN'
  | 'EPOLLPRI'
  | 'EPOLLOUT'
  | 'EPOLLERR'
  | 'EPOLLHUP'
  | 'EPOLLRDHUP'
  | 'EPOLLET'
  | 'EPOLLONESHOT'
  | 'EPOLLEXCLUSIVE'
  | 'MSG_OOB',
  number
>;
const { EPOLLWAKEUP: WAKEUP = 1 << 29 } = constants;
const ONE_BYTE = Buffer.from('x');

/** What one file is reported with now. */
function eventsOf(epoll: Epoll, timeout = 0): number | undefined {
  const ready = epoll.poll(timeout);
  expect(ready.length).toBeLessThanOrEqual(1);
  return ready[0]?.[1];
}

function refusal(action: () => unknown): unknown {
  const { name, code, syscall } = thrownBy(action);
  return name === 'SystemError' && syscall === 'epoll_ctl' ? code : name;
}

function closeAll(...sockets: Disposable[]): void {
  for (const socket of sockets) socket[Symbol.dispose]();
}

describe.skipIf(here)('Epoll, elsewhere', () => {
  it('says that this system has none', () => {
    expect(thrownBy(() => new Epoll())).toMatchObject({ name: 'StateError', code: 'ERR_UNSUPPORTED' });
  });
});

describe.runIf(here)('Epoll, the object', () => {
  it('has a descriptor of its own, which is close-on-exec', () => {
    using epoll = new Epoll();
    using other = new Epoll();
    expect(epoll.fileno()).toBeGreaterThan(2);
    expect(other.fileno()).not.toBe(epoll.fileno());
    if (canReadFlags) expect(isCloseOnExec(epoll.fileno())).toBe(true);
  });

  it('closes once, and refuses everything from then on', () => {
    using pipe = openPipe();
    const epoll = new Epoll();
    const fd = epoll.fileno();
    expect(epoll.closed).toBe(false);
    epoll.close();
    expect(epoll.closed).toBe(true);
    const next = openSync('/dev/null', 'r');
    expect(next, 'the number is free').toBe(fd);
    epoll.close();
    epoll[Symbol.dispose]();
    closeSync(next); // would be EBADF, had one of them closed it again
    for (const action of [
      () => epoll.fileno(),
      () => epoll.register(pipe.reader),
      () => epoll.modify(pipe.reader, IN),
      () => epoll.unregister(pipe.reader),
      () => epoll.poll(0),
      () => epoll.poll('1' as unknown as number),
      () => epoll.register('x' as unknown as FileLike, 0.5),
    ]) {
      const error = thrownBy(action);
      expect(error).toBeInstanceOf(StateError);
      expect(error['code']).toBe('ERR_CLOSED');
    }
  });

  it('closes at the end of a using block, and leaves what it watched open', () => {
    using pipe = openPipe();
    let kept: Epoll;
    {
      using epoll = new Epoll();
      epoll.register(pipe.writer, OUT);
      kept = epoll;
    }
    expect(kept.closed).toBe(true);
    expect(pipe.writer.write('x')).toBe(1);
  });

  it('leaves the selectors that watch it when it closes', () => {
    using selector = createSelector();
    const epoll = new Epoll();
    selector.register(epoll, EVENT_READ);
    epoll.close();
    expect(selector.getMap().size).toBe(0);
    selector.verify();
  });

  it('shares one set between two objects with the same descriptor', () => {
    using pipe = openPipe();
    const epoll = new Epoll();
    const shared = Epoll.fromFd(epoll.fileno());
    expect(shared).toBeInstanceOf(Epoll);
    expect(shared.fileno()).toBe(epoll.fileno());
    epoll.register(pipe.writer, OUT);
    expect(shared.poll(0)).toEqual([[pipe.writer.fileno(), OUT]]);
    shared.unregister(pipe.writer);
    expect(epoll.poll(0)).toEqual([]);
    epoll.close();
    expect(shared.closed).toBe(false);
    expect(thrownBy(() => shared.poll(0))).toMatchObject({ code: 'EBADF', syscall: 'epoll_wait' });
    expect(thrownBy(() => shared.register(pipe.writer))).toMatchObject({
      code: 'EBADF',
      syscall: 'epoll_ctl',
    });
    expect(thrownBy(() => shared.close())).toMatchObject({ code: 'EBADF', syscall: 'close' });
    expect(shared.closed).toBe(true);
  });

  it('wraps a duplicate of a set, which outlives the first', () => {
    using pipe = openPipe();
    const epoll = new Epoll();
    using shared = Epoll.fromFd(duplicate(epoll.fileno()));
    epoll.register(pipe.writer, OUT);
    epoll.close();
    expect(shared.poll(0)).toEqual([[pipe.writer.fileno(), OUT]]);
  });

  it('refuses to wrap what is closed or no descriptor', () => {
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    expect(thrownBy(() => Epoll.fromFd(closed))['code']).toBe('EBADF');
    expect(thrownBy(() => Epoll.fromFd(-1))['code']).toBe('ERR_OUT_OF_RANGE');
    for (const fd of ['1', null, undefined] as unknown as number[]) {
      expect(thrownBy(() => Epoll.fromFd(fd))['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
  });

  it('says EINVAL on use where the wrapped descriptor is another kind of file', () => {
    using pipe = openPipe();
    const wrong = Epoll.fromFd(pipe.reader.fileno());
    expect(refusal(() => wrong.register(pipe.writer))).toBe('EINVAL');
    expect(thrownBy(() => wrong.poll(0))['code']).toBe('EINVAL');
  });

  it('refuses to be called without new', () => {
    expect(thrownBy(() => (Epoll as unknown as () => void)())).toBeInstanceOf(TypeError);
  });
});

describe.runIf(here)('Epoll, registrations', () => {
  it('registers objects and numbers, for IN, PRI and OUT where no mask is given', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one);
    epoll.register(other.fileno());
    other.send(ONE_BYTE);
    expect(new Map(epoll.poll(0))).toEqual(
      new Map([
        [one.fileno(), IN | OUT],
        [other.fileno(), OUT],
      ]),
    );
    closeAll(one, other);

    using urgent = new Epoll();
    const [client, server] = tcpPair();
    urgent.register(server);
    client.send(Buffer.from('!'), 0, 1, MSG_OOB);
    let events = 0;
    for (let i = 0; i < 1000 && (events & PRI) === 0; i++) events = urgent.poll(1)[0]?.[1] ?? 0;
    expect(events).toBe(PRI | OUT);
    closeAll(client, server);
  });

  it('says EEXIST, ENOENT, EBADF, EPERM and EINVAL as the kernel does, with the descriptor', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    const file = openSync(process.execPath, 'r');
    const folder = openSync('/', 'r');
    const closed = openSync('/dev/null', 'r');
    closeSync(closed);
    epoll.register(pipe.reader, IN);
    const wrong: [string, number, () => unknown][] = [
      ['EEXIST', pipe.reader.fileno(), () => epoll.register(pipe.reader)],
      ['EEXIST', pipe.reader.fileno(), () => epoll.register(pipe.reader.fileno(), OUT)],
      ['ENOENT', pipe.writer.fileno(), () => epoll.modify(pipe.writer, IN)],
      ['ENOENT', pipe.writer.fileno(), () => epoll.unregister(pipe.writer)],
      ['EBADF', closed, () => epoll.register(closed)],
      ['EBADF', closed, () => epoll.modify(closed, IN)],
      ['EBADF', closed, () => epoll.unregister(closed)],
      ['EPERM', file, () => epoll.register(file)],
      ['EPERM', folder, () => epoll.register(folder)],
      ['EINVAL', epoll.fileno(), () => epoll.register(epoll)],
    ];
    for (const [code, fd, action] of wrong) {
      const error = thrownBy(action);
      expect(error).toMatchObject({ name: 'SystemError', syscall: 'epoll_ctl', code, fd });
      expect(error.message).toBe(`epoll_ctl ${code} (fd ${fd})`);
    }
    pipe.writer.write('x');
    expect(epoll.poll(0), 'the registration is as it was').toEqual([[pipe.reader.fileno(), IN]]);
    closeSync(file);
    closeSync(folder);
  });

  it('refuses what is no file and no mask, before anything changed', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, OUT);
    for (const call of ['register', 'modify', 'unregister'] as const) {
      for (const file of ['1', null, undefined, {}, true, [], { fd: '1' }] as unknown as FileLike[]) {
        expect(thrownBy(() => epoll[call](file, IN))['code']).toBe('ERR_INVALID_ARG_TYPE');
      }
      for (const fd of [-1, 1.5, 2 ** 31, Number.NaN]) {
        expect(thrownBy(() => epoll[call](fd, IN))['code']).toBe('ERR_OUT_OF_RANGE');
      }
    }
    for (const call of ['register', 'modify'] as const) {
      for (const events of [-(2 ** 31) - 1, 2 ** 32, 0.5, Number.NaN]) {
        expect(thrownBy(() => epoll[call](pipe.writer, events))['code']).toBe('ERR_OUT_OF_RANGE');
      }
      for (const events of ['1', null, {}, 1n] as unknown as number[]) {
        expect(thrownBy(() => epoll[call](pipe.writer, events))['code']).toBe('ERR_INVALID_ARG_TYPE');
      }
    }
    expect(thrownBy(() => epoll.modify(pipe.writer, undefined as unknown as number))['code']).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
    const closed = new Socket();
    closed.close();
    expect(thrownBy(() => epoll.register(closed))['code']).toBe('ERR_CLOSED');
    expect(epoll.poll(0)).toEqual([[pipe.writer.fileno(), OUT]]);
  });

  it('changes a mask with modify and forgets with unregister', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, IN);
    expect(epoll.poll(0)).toEqual([]);
    epoll.modify(pipe.writer, OUT);
    expect(eventsOf(epoll)).toBe(OUT);
    epoll.unregister(pipe.writer);
    expect(epoll.poll(0)).toEqual([]);
    epoll.register(pipe.writer, OUT);
    expect(eventsOf(epoll)).toBe(OUT);
  });

  it('nests: a set is readable in another while something in it is ready', () => {
    using outer = new Epoll();
    using inner = new Epoll();
    using pipe = openPipe();
    inner.register(pipe.reader, IN);
    outer.register(inner, IN);
    expect(outer.poll(0)).toEqual([]);
    pipe.writer.write('x');
    expect(outer.poll(0)).toEqual([[inner.fileno(), IN]]);
    expect(inner.poll(0)).toEqual([[pipe.reader.fileno(), IN]]);
    pipe.reader.read();
    expect(outer.poll(0)).toEqual([]);
  });

  it('says ELOOP to sets that watch each other, and to ones nested too deep', () => {
    using one = new Epoll();
    using other = new Epoll();
    using third = new Epoll();
    one.register(other, IN);
    expect(refusal(() => other.register(one, IN))).toBe('ELOOP');
    other.register(third, IN);
    expect(refusal(() => third.register(one, IN))).toBe('ELOOP');
    const chain = Array.from({ length: 8 }, () => new Epoll());
    const answers = chain.slice(1).map((epoll, index) => {
      try {
        epoll.register(chain[index] as Epoll, IN);
        return 'taken';
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    expect(answers).toContain('ELOOP');
    expect(new Set(answers)).toEqual(new Set(['taken', 'ELOOP']));
    closeAll(...chain);
  });
});

describe.runIf(here)('Epoll, EPOLLEXCLUSIVE', () => {
  const companions: [what: string, events: () => number, answer: string][] = [
    ['alone', () => 0, 'taken'],
    ['with IN', () => IN, 'taken'],
    ['with OUT', () => OUT, 'taken'],
    ['with IN and OUT', () => IN | OUT, 'taken'],
    ['with ET', () => IN + ET, 'taken'],
    ['with WAKEUP', () => IN | WAKEUP, 'taken'],
    ['with ERR and HUP', () => IN | ERR | HUP, 'taken'],
    ['with ONESHOT', () => IN | ONESHOT, 'EINVAL'],
    ['with PRI', () => PRI, 'EINVAL'],
    ['with RDHUP', () => IN | RDHUP, 'EINVAL'],
  ];
  for (const [what, events, answer] of companions) {
    it(`${answer === 'taken' ? 'is taken' : 'is refused'} ${what}`, () => {
      using epoll = new Epoll();
      const [one, other] = Socket.pair();
      const add = () => epoll.register(one, (EXCLUSIVE | events()) >>> 0);
      if (answer === 'taken') expect(add).not.toThrow();
      else expect(refusal(add)).toBe(answer);
      closeAll(one, other);
    });
  }

  it('cannot be given to a registration by modify, nor modified afterwards', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one, IN);
    expect(refusal(() => epoll.modify(one, IN | EXCLUSIVE))).toBe('EINVAL');
    epoll.unregister(one);
    epoll.register(one, IN | EXCLUSIVE);
    expect(refusal(() => epoll.modify(one, IN))).toBe('EINVAL');
    expect(refusal(() => epoll.modify(one, IN | EXCLUSIVE))).toBe('EINVAL');
    other.send(ONE_BYTE);
    expect(epoll.poll(0), 'it still watches').toEqual([[one.fileno(), IN]]);
    closeAll(one, other);
  });

  it('is refused for an epoll set', () => {
    using outer = new Epoll();
    using inner = new Epoll();
    expect(refusal(() => outer.register(inner, IN | EXCLUSIVE))).toBe('EINVAL');
  });
});

describe.runIf(here)('Epoll, the wait', () => {
  it('lets level-triggered files take turns where maxEvents is smaller than what is ready', () => {
    using epoll = new Epoll();
    const pipes = openPipes(6);
    for (const { writer } of pipes) epoll.register(writer, OUT);
    const fds = new Set(pipes.map(({ writer }) => writer.fileno()));
    const turns = Array.from({ length: 4 }, () => epoll.poll(0, 2).map(([fd]) => fd));
    for (const turn of turns) expect(turn).toHaveLength(2);
    expect(new Set(turns.slice(0, 3).flat()), 'three waits serve all six').toEqual(fds);
    expect(turns[3], 'then the first again').toEqual(turns[0]);
    closeAll(...pipes);
  });

  it('loses nothing that is edge-triggered where maxEvents is smaller than what is ready', () => {
    using epoll = new Epoll();
    const pipes = openPipes(5);
    for (const { writer } of pipes) epoll.register(writer, OUT + ET);
    const seen: number[] = [];
    for (let i = 0; i < 5; i++) seen.push(...epoll.poll(0, 1).map(([fd]) => fd));
    expect(seen.toSorted()).toEqual(pipes.map(({ writer }) => writer.fileno()).toSorted());
    expect(epoll.poll(0)).toEqual([]);
    closeAll(...pipes);
  });

  it('takes any maxEvents from 1, and refuses the rest', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, OUT);
    for (const maxEvents of [1, 2, 1024, 100_000, 0x7fff_ffff]) {
      expect(epoll.poll(0, maxEvents)).toEqual([[pipe.writer.fileno(), OUT]]);
    }
    // There is no room made for what no wait returns at once.
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(2 ** 30);
    for (const maxEvents of [0, -1, -2, 1.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      const error = thrownBy(() => epoll.poll(0, maxEvents));
      expect(error).toBeInstanceOf(RangeError);
      expect(error['code']).toBe('ERR_OUT_OF_RANGE');
    }
    for (const maxEvents of ['1', null, {}] as unknown as number[]) {
      expect(thrownBy(() => epoll.poll(0, maxEvents))['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
  });

  it('returns more than a thousand files in one wait when asked to', () => {
    using epoll = new Epoll();
    const pairs = Array.from({ length: 600 }, () => Socket.pair());
    for (const socket of pairs.flat()) epoll.register(socket, OUT);
    expect(epoll.poll(0, 4096)).toHaveLength(1200);
    expect(epoll.poll(0)).toHaveLength(1023);
    closeAll(...pairs.flat());
  });

  it('sleeps with an empty set, and not shorter than asked', () => {
    using epoll = new Epoll();
    for (const timeout of [0.1, 0.3, 1.2, 20]) {
      const [result, elapsed] = timed(() => epoll.poll(timeout));
      expect(result).toEqual([]);
      expect(elapsed).toBeGreaterThanOrEqual(timeout);
    }
  });

  it('does not wait with 0 and less', () => {
    using epoll = new Epoll();
    for (const timeout of [0, -0, -1, -1e-100, -(2 ** 40), Number.NEGATIVE_INFINITY]) {
      const [result, elapsed] = timed(() => epoll.poll(timeout));
      expect(result).toEqual([]);
      expect(elapsed).toBeLessThan(5000);
    }
  });

  it('takes no timeout, or one beyond an int, as what ends with readiness', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, OUT);
    for (const timeout of [undefined, null, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40, 1e300]) {
      expect(epoll.poll(timeout)).toEqual([[pipe.writer.fileno(), OUT]]);
    }
  });

  it('refuses a timeout that is no number', () => {
    using epoll = new Epoll();
    for (const timeout of ['1', {}, true, 1n] as unknown as number[]) {
      expect(thrownBy(() => epoll.poll(timeout))['code']).toBe('ERR_INVALID_ARG_TYPE');
    }
    expect(thrownBy(() => epoll.poll(Number.NaN))['code']).toBe('ERR_OUT_OF_RANGE');
  });

  it('waits on through signals, to its full time', async () => {
    const { ready, elapsed, handled } = await waitUnderSignals('epoll', 300);
    expect(ready).toEqual([]);
    expect(elapsed).toBeGreaterThanOrEqual(300);
    expect(handled).toBeGreaterThan(0);
  });
});

describe.runIf(here)('Epoll, trigger modes', () => {
  it('reports what is level-triggered as long as it holds', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.reader, IN);
    pipe.writer.write('two');
    for (let i = 0; i < 3; i++) expect(eventsOf(epoll)).toBe(IN);
    pipe.reader.read(1);
    expect(eventsOf(epoll), 'something is left').toBe(IN);
    pipe.reader.read();
    expect(eventsOf(epoll)).toBeUndefined();
  });

  it('reports what is ready already when it is added edge-triggered, once', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    pipe.writer.write('x');
    epoll.register(pipe.reader, IN + ET);
    expect(eventsOf(epoll)).toBe(IN);
    expect(eventsOf(epoll)).toBeUndefined();
  });

  it('does not report an edge again for what a partial read left, but for new data', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one, IN + ET);
    other.send(Buffer.from('first'));
    expect(eventsOf(epoll)).toBe(IN);
    expect(one.recv(Buffer.alloc(2))).toBe(2);
    expect(eventsOf(epoll)).toBeUndefined();
    other.send(Buffer.from('second'));
    expect(eventsOf(epoll), 'though the first is not drained').toBe(IN);
    expect(eventsOf(epoll)).toBeUndefined();
    closeAll(one, other);
  });

  it('reports the writable side too with an edge that new data made', () => {
    using epoll = new Epoll();
    const [client, server] = tcpPair();
    epoll.register(client, IN + OUT + ET);
    expect(eventsOf(epoll)).toBe(OUT);
    expect(eventsOf(epoll)).toBeUndefined();
    server.send(ONE_BYTE);
    expect(eventsOf(epoll, 5000)).toBe(IN | OUT);
    expect(eventsOf(epoll)).toBeUndefined();
    closeAll(client, server);
  });

  it('reports the close of the peer as one edge', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one, IN + OUT + ET);
    expect(eventsOf(epoll)).toBe(OUT);
    other.close();
    expect(eventsOf(epoll)).toBe(IN | OUT | HUP);
    expect(eventsOf(epoll)).toBeUndefined();
    one.close();
  });

  it('reports an edge again after a modify with the same mask, if it still holds', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.reader, IN + ET);
    pipe.writer.write('x');
    expect(eventsOf(epoll)).toBe(IN);
    expect(eventsOf(epoll)).toBeUndefined();
    epoll.modify(pipe.reader, IN + ET);
    expect(eventsOf(epoll)).toBe(IN);
    pipe.reader.read();
    epoll.modify(pipe.reader, IN + ET);
    expect(eventsOf(epoll)).toBeUndefined();
  });

  it('mutes a oneshot registration that has fired, hang-up included, and keeps it', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one, IN | ONESHOT);
    other.send(ONE_BYTE);
    expect(eventsOf(epoll)).toBe(IN);
    other.send(ONE_BYTE);
    expect(eventsOf(epoll)).toBeUndefined();
    other.close();
    expect(eventsOf(epoll)).toBeUndefined();
    expect(refusal(() => epoll.register(one, IN))).toBe('EEXIST');
    epoll.modify(one, IN | ONESHOT);
    expect(eventsOf(epoll), 'armed again, it reports what waits').toBe(IN | HUP);
    expect(eventsOf(epoll)).toBeUndefined();
    one.close();
  });

  it('takes a mask that was made with |, which JavaScript makes negative with EPOLLET', () => {
    expect(IN | ET).toBeLessThan(0);
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, OUT | ET);
    expect(eventsOf(epoll)).toBe(OUT);
    expect(eventsOf(epoll)).toBeUndefined();
    epoll.modify(pipe.writer, OUT | ET | ONESHOT);
    expect(eventsOf(epoll)).toBe(OUT);
  });

  it('takes EPOLLET as the unsigned number it is', () => {
    expect(ET).toBe(0x8000_0000);
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, OUT + ET);
    expect(eventsOf(epoll)).toBe(OUT);
    expect(eventsOf(epoll)).toBeUndefined();
  });
});

describe.runIf(here)('Epoll, what events mean', () => {
  it('reports a half-close as readable, and as RDHUP where that is asked for', () => {
    using plain = new Epoll();
    using asking = new Epoll();
    using silent = new Epoll();
    const [client, server] = tcpPair();
    plain.register(client, IN);
    asking.register(client, IN | RDHUP);
    silent.register(client, 0);
    server.shutdown('write');
    expect(eventsOf(asking, 5000)).toBe(IN | RDHUP);
    expect(IN | RDHUP).toBe(0x2001);
    expect(eventsOf(plain)).toBe(IN);
    expect(eventsOf(silent), 'an empty mask hears nothing of it').toBeUndefined();
    closeAll(client, server);
  });

  it('reports a hang-up whatever the mask is, once both directions are shut', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one, 0);
    expect(eventsOf(epoll)).toBeUndefined();
    other.close();
    expect(eventsOf(epoll)).toBe(HUP);
    one.close();
  });

  it('reports a refused connect as OUT, ERR and HUP, and the error once', () => {
    using epoll = new Epoll();
    using socket = new Socket();
    expect(socket.connect(refusingAddress())).toBe(false);
    epoll.register(socket, OUT);
    expect(eventsOf(epoll, 5000)).toBe(OUT | ERR | HUP);
    expect(socket.takeError()).toMatchObject({ code: 'ECONNREFUSED' });
    expect(socket.takeError()).toBeNull();
    expect(eventsOf(epoll), 'still ready: the writer must go').toBe(OUT | HUP);
  });

  it('reports the end of a pipe as HUP without IN', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.reader, IN);
    pipe.writer.close();
    expect(eventsOf(epoll)).toBe(HUP);
    expect(pipe.reader.read()).toBe('');
  });

  it('reports a pipe that nobody reads as OUT and ERR', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    epoll.register(pipe.writer, OUT);
    pipe.reader.close();
    expect(eventsOf(epoll)).toBe(OUT | ERR);
    expect(thrownBy(() => pipe.writer.write('x'))['code']).toBe('EPIPE');
  });

  it('reports out-of-band data as PRI, and not as IN', () => {
    using epoll = new Epoll();
    const [client, server] = tcpPair();
    epoll.register(server, IN | PRI);
    client.send(Buffer.from('!'), 0, 1, MSG_OOB);
    expect(eventsOf(epoll, 5000)).toBe(PRI);
    expect(server.recv(Buffer.alloc(1))).toBe(WOULD_BLOCK);
    closeAll(client, server);
  });

  it('reports a fresh, unconnected TCP socket as OUT and HUP', () => {
    using epoll = new Epoll();
    using socket = new Socket();
    epoll.register(socket, IN | OUT);
    expect(eventsOf(epoll)).toBe(OUT | HUP);
  });

  it('reports a listener as readable while a connection waits', () => {
    using epoll = new Epoll();
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    epoll.register(listener, IN);
    expect(eventsOf(epoll)).toBeUndefined();
    using client = new Socket();
    client.connect(listener.localAddress);
    expect(eventsOf(epoll, 5000)).toBe(IN);
    listener.accept()?.close();
    expect(eventsOf(epoll)).toBeUndefined();
  });
});

describe.runIf(here)('Epoll, closed descriptors', () => {
  it('forgets a file with its last descriptor', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    epoll.register(one, IN | OUT);
    const fd = one.fileno();
    one.close();
    expect(epoll.poll(0)).toEqual([]);
    expect(refusal(() => epoll.unregister(fd))).toBe('EBADF');
    other.close();
  });

  it('goes on reporting a file under its closed number while a duplicate keeps it open', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    const kept = duplicate(one);
    const fd = one.fileno();
    epoll.register(one, IN);
    one.close();
    other.send(ONE_BYTE);
    expect(epoll.poll(0)).toEqual([[fd, IN]]);
    expect(refusal(() => epoll.unregister(fd))).toBe('EBADF');
    expect(
      refusal(() => epoll.unregister(kept)),
      'the duplicate is not registered',
    ).toBe('ENOENT');
    expect(epoll.poll(0)).toEqual([[fd, IN]]);
    closeSync(kept);
    expect(epoll.poll(0)).toEqual([]);
    other.close();
  });

  it('does not take a new file under an old number for the one registered', () => {
    using epoll = new Epoll();
    const [one, other] = Socket.pair();
    const kept = duplicate(one);
    const fd = one.fileno();
    epoll.register(one, IN);
    one.close();
    const [reused, peer] = Socket.pair();
    expect(reused.fileno(), 'the lowest free number').toBe(fd);
    peer.send(ONE_BYTE);
    expect(epoll.poll(0), 'no event of the new file').toEqual([]);
    expect(refusal(() => epoll.modify(reused, IN))).toBe('ENOENT');
    other.send(ONE_BYTE);
    expect(epoll.poll(0), 'the old file under the number it had').toEqual([[fd, IN]]);
    epoll.register(reused, IN);
    expect(epoll.poll(0), 'both, under one number').toEqual([
      [fd, IN],
      [fd, IN],
    ]);
    closeSync(kept);
    expect(epoll.poll(0)).toEqual([[fd, IN]]);
    closeAll(reused, peer, other);
  });

  it('takes a duplicate as another file', () => {
    using epoll = new Epoll();
    using pipe = openPipe();
    const copy = duplicate(pipe.writer);
    epoll.register(pipe.writer, OUT);
    epoll.register(copy, OUT);
    expect(epoll.poll(0).map(([fd]) => fd)).toEqual([pipe.writer.fileno(), copy]);
    closeSync(copy);
  });
});
