/** openConnection() and startServer(): who serves a connection, and when it is closed. */
import { Socket } from 'iomux';
import {
  type Connection,
  type ConnectionHandler,
  openConnection,
  type Server,
  StreamReader,
  StreamWriter,
  startServer,
} from 'iomux/streams';
import { createTask, sleep, value } from 'iomux/tasks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play } from '../support/running.js';
import { type InetAddress, refusingAddress } from '../support/sockets.js';
import { later, stateOf } from '../support/stream-ends.js';
import {
  BLOCKING,
  HOSTED,
  iterations,
  openReactor,
  playTask,
  type Reported,
  thrownAt,
} from '../support/task-scenes.js';
import { codeOf, errorOf, reset } from '../support/transport-peers.js';

const ANY = { address: '127.0.0.1', port: 0 };

function endpointOf(server: Server): InetAddress {
  return server.addresses[0] as InetAddress;
}

const asyncEcho: ConnectionHandler = async ({ reader, writer }) => {
  for (;;) {
    const data = await reader.read();
    if (data === null) break;
    writer.write(data);
    await writer.drain();
  }
};

const generatorEcho: ConnectionHandler = function* ({ reader, writer }) {
  for (;;) {
    const data = yield* value(reader.read());
    if (data === null) break;
    writer.write(data);
    yield writer.drain();
  }
};

const plainEcho: ConnectionHandler = ({ reader, writer }) => {
  const next = () => {
    const reading = reader.read();
    reading.addDoneCallback(() => {
      const data = reading.result();
      if (data === null) {
        writer.close();
        return;
      }
      writer.write(data);
      next();
    });
  };
  next();
};

const HANDLERS = {
  'an async function': asyncEcho,
  'a generator function': generatorEcho,
  callbacks: plainEcho,
};

describeReactors((setting, open) => {
  it.each(Object.keys(HANDLERS) as (keyof typeof HANDLERS)[])(
    'echoes by %s to clients that are coroutines',
    async (name) => {
      const reactor = open();
      await playTask(reactor, setting, function* () {
        const server = yield* value(startServer(HANDLERS[name], ANY, { reactor }));
        const talk = function* (id: number) {
          const { reader, writer } = yield* value(openConnection(endpointOf(server)));
          for (let count = 0; count < 5; count++) {
            writer.write(`client ${id}, line ${count}\n`);
            expect(yield* value(reader.readLine())).toBe(`client ${id}, line ${count}`);
          }
          writer.writeEof();
          expect(yield* value(reader.readLine())).toBeNull();
          yield writer.close();
        };
        const clients = Array.from({ length: 8 }, (_, id) => createTask(talk(id)));
        for (const client of clients) yield client;
        server.close();
        // Each handler has closed its connection by ending.
        yield server.waitClosed();
        expect(server.connections).toBe(0);
      });
    },
  );

  it('serves async functions, awaited by async clients', async () => {
    const reactor = open();
    await play(reactor, setting, async () => {
      const server = await startServer(asyncEcho, ANY, { reactor });
      const { reader, writer } = await openConnection(endpointOf(server), { reactor });
      writer.write('one\ntwo');
      writer.writeEof();
      const lines: string[] = [];
      for await (const line of reader.lines()) lines.push(line);
      expect(lines).toEqual(['one', 'two']);
      await writer.close();
      server.close();
      await server.waitClosed();
    });
  });
});

it('needs no promise, so that it works where none moves', async () => {
  const reactor = openReactor();
  const scene = createTask(
    function* () {
      const server = yield* value(startServer(generatorEcho, ANY, { reactor }));
      const { reader, writer } = yield* value(openConnection(endpointOf(server)));
      writer.write('abc');
      writer.writeEof();
      const answer = yield* value(reader.readAll());
      yield writer.close();
      server.close();
      yield server.waitClosed();
      return String(answer);
    },
    { reactor },
  );
  // Inside of a promise reaction: a blocking run there moves no promise.
  const answer = await Promise.resolve().then(() => reactor.runUntilComplete(scene));
  expect(answer).toBe('abc');
});

describe('a handler', () => {
  /** One client of a server; what became of both. */
  async function served(
    handler: ConnectionHandler,
    client: (connection: Connection, reported: Reported[]) => Promise<void> = async () => {},
    patience = 10_000,
  ): Promise<{ reported: Reported[]; seen: string; open: number }> {
    const reported: Reported[] = [];
    const reactor = openReactor(reported);
    let open = 0;
    const seen = await play(reactor, HOSTED, async () => {
      const server = await startServer(handler, ANY, { reactor });
      const connection = await openConnection(endpointOf(server), { reactor });
      await client(connection, reported);
      const ended = connection.reader.readAll().then<string, string>(
        (bytes) => `end after '${bytes}'`,
        (error) => codeOf((error as Error).cause ?? error),
      );
      const result = await Promise.race([ended, later(reactor, patience).then(() => 'open')]);
      open = server.connections;
      server.close();
      server.abortClients();
      connection.writer.abort();
      await ended;
      return result;
    });
    return { reported, seen, open };
  }

  it('that is a plain function leaves the connection as it is', async () => {
    const { seen, open, reported } = await served(
      ({ writer }) => {
        writer.write('hello');
      },
      undefined,
      50,
    );
    expect([seen, open, reported]).toEqual(['open', 1, []]);
  });

  it.each([
    ['async', async ({ writer }) => void writer.write('hello')],
    [
      'generator',
      function* ({ writer }) {
        yield* iterations(2);
        writer.write('hello');
      },
    ],
    [
      'plain function that returns a promise',
      ({ writer }) => sleep(1).then(() => void writer.write('hello')),
    ],
  ] as [string, ConnectionHandler][])(
    'that is a %s has the connection closed when it ends',
    async (_, handler) => {
      const { seen, open, reported } = await served(handler);
      expect([seen, open, reported]).toEqual(["end after 'hello'", 0, []]);
    },
  );

  const boom = new Error('boom');

  it.each([
    [
      'throws',
      () => {
        throw boom;
      },
    ],
    ['rejects', () => Promise.reject(boom)],
    [
      'is an async function that throws later',
      async ({ reader }) => {
        await reader.read();
        throw boom;
      },
    ],
    [
      'is a generator that throws',
      function* ({ reader }) {
        yield reader.read();
        throw boom;
      },
    ],
  ] as [string, ConnectionHandler][])(
    'that %s is reported, and the connection aborted',
    async (_, handler) => {
      const { seen, open, reported } = await served(handler, async ({ writer }) => {
        writer.write('go');
      });
      expect(seen).not.toBe('open');
      expect(open).toBe(0);
      expect(reported).toEqual([
        [boom, { message: 'the handler of a connection threw', source: 'server', fd: expect.any(Number) }],
      ]);
    },
  );

  it.each([
    [
      'a task',
      function* () {
        yield* iterations(1);
        yield cancelled();
      },
    ],
    ['an async function', async () => cancelled()],
  ] as [string, ConnectionHandler][])(
    'that is %s which is cancelled has the connection aborted, which is no error',
    async (_, handler) => {
      const { seen, open, reported } = await served(handler);
      expect([seen, open, reported]).toEqual(["end after ''", 0, []]);
    },
  );

  function cancelled(): PromiseLike<void> {
    const never = sleep(1000);
    never.cancel();
    return never;
  }

  it('is told of a reset by its read, which it need not catch', async () => {
    const thrown: unknown[] = [];
    const handler = async (connection: Connection) => {
      try {
        await asyncEcho(connection);
      } catch (error) {
        thrown.push(error);
        throw error;
      }
    };
    const { reported } = await served(handler, async ({ writer }) => {
      reset(writer.transport.socket);
      while (thrown.length === 0) await sleep(1);
    });
    expect(thrown.map(codeOf)).toEqual(['ECONNRESET']);
    expect(reported).toEqual([]);
  });

  it('is reported for what it makes of a reset', async () => {
    const handler = async ({ reader }: Connection) => {
      await reader.readAll().catch(() => {
        throw new Error('of its own');
      });
    };
    const { reported } = await served(handler, async ({ writer }, told) => {
      reset(writer.transport.socket);
      while (told.length === 0) await sleep(1);
    });
    expect(reported.map(([error]) => error)).toEqual([new Error('of its own')]);
  });

  it.each([
    [
      'that is async, and reads more than comes',
      async ({ reader }) => void (await reader.readExactly(10)),
      'abc',
    ],
    [
      'that is a generator, and reads more than comes',
      function* ({ reader }) {
        yield reader.readExactly(10);
      },
      'abc',
    ],
    [
      'that is async, and gets a line over the limit',
      async ({ reader }) => void (await reader.readLine()),
      'a'.repeat(70_000),
    ],
    [
      'that is a generator, and gets a line over the limit',
      function* ({ reader }) {
        yield reader.readLine();
      },
      'a'.repeat(70_000),
    ],
  ] as [string, ConnectionHandler, string][])(
    '%s is not reported for it, and the connection is gone',
    async (_, handler, text) => {
      const { seen, open, reported } = await served(
        handler,
        async ({ writer }) => {
          writer.write(text);
          writer.writeEof();
        },
        1_000,
      );
      expect(reported).toEqual([]);
      expect(seen).not.toBe('open');
      expect(open).toBe(0);
    },
  );

  it('may hand the connection over, and close it before it returns', async () => {
    const { seen, open } = await served(async ({ writer }) => {
      writer.write('bye');
      await writer.close();
    });
    expect([seen, open]).toEqual(["end after 'bye'", 0]);
  });

  it.each([undefined, null, {}, 'echo'])('must be a function, not %s', (handler) => {
    expect(refusal(() => startServer(handler as never, ANY))).toBe('TypeError ERR_INVALID_ARG_TYPE');
  });

  it('must not be an async generator, which nobody would run', () => {
    const handler = async function* () {};
    expect(refusal(() => startServer(handler as never, ANY))).toBe('TypeError ERR_INVALID_ARG_VALUE');
  });
});

describe('openConnection()', () => {
  it('gives a reader and a writer of one transport', async () => {
    const reactor = openReactor();
    const [near, far] = Socket.pair();
    await play(reactor, HOSTED, async () => {
      const { reader, writer } = await openConnection({ socket: near }, { reactor });
      expect([reader, writer]).toEqual([expect.any(StreamReader), expect.any(StreamWriter)]);
      expect([writer.transport.socket, writer.transport.reactor]).toEqual([near, reactor]);
      far.send(Buffer.from('abc'));
      expect(String(await reader.read())).toBe('abc');
      writer.abort();
    });
    far.close();
  });

  it('limits what stands before a separator', async () => {
    const reactor = openReactor();
    const server: ConnectionHandler = async ({ reader, writer }) => {
      writer.write('123456\n');
      const error = await errorOf(reader.readLine());
      writer.write(`${error['code']}\n`);
    };
    await play(reactor, HOSTED, async () => {
      await using running = await startServer(server, ANY, { reactor, limit: 3 });
      const { reader, writer } = await openConnection(endpointOf(running), { reactor, limit: 5 });
      writer.write('1234\n');
      expect(await errorOf(reader.readLine())).toMatchObject({ code: 'ERR_LIMIT_OVERRUN' });
      expect(String(await reader.readExactly(7))).toBe('123456\n');
      expect(String(await reader.readAll())).toBe('ERR_LIMIT_OVERRUN\n');
      await writer.close();
    });
  });

  it('rejects with the error of the connect', async () => {
    const reactor = openReactor();
    await play(reactor, HOSTED, async () => {
      expect(codeOf(await errorOf(openConnection(refusingAddress(), { reactor })))).toBe('ECONNREFUSED');
      const aborted = AbortSignal.abort(new Error('no more'));
      const error = await errorOf(openConnection(refusingAddress(), { reactor, signal: aborted }));
      expect(error.message).toBe('no more');
    });
  });

  it.each([{ address: '127.0.0.1' }, { host: 'localhost' }])(
    'rejects with ECANCELED when its reactor is closed meanwhile (%j)',
    async (place) => {
      const reactor = openReactor();
      const listener = Socket.listen(ANY);
      onTestFinished(() => listener.close());
      const { port } = listener.localAddress as InetAddress;
      const opening = openConnection({ ...place, port }, { reactor });
      expect(stateOf(opening)).toBe('pending');
      reactor.close();
      await expect.poll(() => stateOf(opening)).toBe('ECANCELED');
      expect(codeOf(await errorOf(opening))).toBe('ECANCELED');
    },
  );

  it('closes the connection where whoever waits is cancelled, in any moment', async () => {
    const reactor = openReactor();
    await playTask(reactor, BLOCKING, function* () {
      const server = yield* value(startServer(generatorEcho, ANY, { reactor }));
      let opened = 0;
      for (let patience = 0; patience < 12; patience++) {
        const task = createTask(function* () {
          const { writer } = yield* value(openConnection(endpointOf(server)));
          opened++;
          writer.abort();
        });
        const future = openConnection(endpointOf(server));
        yield* iterations(patience);
        task.cancel();
        if (!future.cancel() && !future.cancelled()) (yield* value(future)).writer.abort();
        while (!task.done()) yield;
      }
      expect(opened).toBeGreaterThan(0);
      yield sleep(20);
      expect(server.connections).toBe(0);
      server.close();
      yield server.waitClosed();
    });
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a limit of %d', (limit) => {
    const endpoint = refusingAddress();
    expect(refusal(() => openConnection(endpoint, { limit }))).toBe('RangeError ERR_OUT_OF_RANGE');
    expect(refusal(() => startServer(plainEcho, ANY, { limit }))).toBe('RangeError ERR_OUT_OF_RANGE');
  });

  it('refuses what is no option or no endpoint at once', async () => {
    const reactor = openReactor();
    const endpoint = refusingAddress();
    expect(refusal(() => openConnection(endpoint, { limit: '1' as never }))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
    expect(refusal(() => openConnection(endpoint, null as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(refusal(() => startServer(plainEcho, ANY, 1 as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(refusal(() => openConnection({} as never, { reactor }))).toBe('TypeError ERR_INVALID_ARG_TYPE');
    expect(refusal(() => openConnection(endpoint, { reactor: {} as never }))).toBe(
      'TypeError ERR_INVALID_ARG_TYPE',
    );
    const closed = openReactor();
    closed.close();
    const { address, port } = endpoint;
    expect(refusal(() => openConnection({ address, port }, { reactor: closed }))).toBe(
      'StateError ERR_CLOSED',
    );
    await playTask(reactor, BLOCKING, function* () {
      expect(codeOf(yield* thrownAt(() => openConnection(endpoint)))).toBe('ECONNREFUSED');
    });
  });
});
