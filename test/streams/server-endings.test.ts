/** Servers that end their connections: what the handlers still at work hear, and what of it is reported. */
import { closeSync } from 'node:fs';
import {
  type Connection,
  type ConnectionHandler,
  type IncompleteReadError,
  openConnection,
  type Server,
  type StreamWriter,
  startServer,
} from 'iomux/streams';
import { describe, expect, it } from 'vitest';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { play } from '../support/running.js';
import { addressOf, clientOf, LOOPBACK, serving, until } from '../support/server-scenes.js';
import { later } from '../support/stream-ends.js';
import { HOSTED, openReactor, playTask, type Reported } from '../support/task-scenes.js';
import { errorOf } from '../support/transport-peers.js';

const ENDS = ['closeClients', 'abortClients'] as const;
type End = (typeof ENDS)[number];

/** More than the kernel takes. */
const MUCH = Buffer.alloc(8_000_000);

/**
 * Serves one client, and ends its connection while the handler is at work.
 *
 * @param handlerOf - makes a handler that is at work when it calls `reached`, and goes on when that resolves.
 * @param sent - by the client.
 * @returns what was reported, some time after the handler went on; the handler's connection.
 */
async function interrupted(
  handlerOf: (reached: () => PromiseLike<void>) => ConnectionHandler,
  interrupt: (server: Server) => void,
  sent = 'question',
): Promise<{ reported: Reported[]; connection: Connection }> {
  const reported: Reported[] = [];
  const reactor = openReactor(reported);
  const connection = await play(reactor, HOSTED, async () => {
    const atWork = reactor.createFuture<Connection>();
    const goOn = reactor.createFuture<void>();
    const handler: ConnectionHandler = (connection) =>
      handlerOf(() => {
        atWork.setResult(connection);
        return goOn;
      })(connection);
    await using server = await startServer(handler, LOOPBACK, { reactor });
    const client = await openConnection(addressOf(server), { reactor });
    client.writer.write(sent);
    const served = await atWork;
    server.close();
    interrupt(server);
    await later(reactor, 5);
    goOn.setResult();
    await later(reactor, 10);
    client.writer.abort();
    return served;
  });
  return { reported, connection };
}

type Reached = () => PromiseLike<void>;

const WRITING: Readonly<Record<string, (reached: Reached) => ConnectionHandler>> = {
  'an async function that then writes': (reached) => async (connection) => {
    await reached();
    connection.writer.write('answer');
  },
  'a generator that then writes': (reached) =>
    function* (connection) {
      yield reached();
      connection.writer.write('answer');
    },
  'an async function that then waits for room': (reached) => async (connection) => {
    await reached();
    await connection.writer.drain();
  },
  'a generator that then waits for room': (reached) =>
    function* (connection) {
      yield reached();
      yield connection.writer.drain();
    },
};

describe('a handler whose connection its server ends', () => {
  const cases = ENDS.flatMap((end) => Object.keys(WRITING).map((name) => [end, name] as const));

  it.each(cases)('by %s() is not reported: %s', async (end, name) => {
    const handlerOf = WRITING[name] as (reached: Reached) => ConnectionHandler;
    const { reported, connection } = await interrupted(handlerOf, (server) => server[end]());
    expect(reported).toEqual([]);
    expect(refusal(() => connection.writer.write('.'))).toBe('StateError ERR_CLOSED');
    expect(connection.writer.transport.socket.closed).toBe(true);
  });

  it.each([
    [
      'async function',
      (reached: Reached) => async (connection: Connection) => {
        connection.writer.write(MUCH);
        reached();
        await connection.writer.drain();
      },
    ],
    [
      'generator',
      (reached: Reached) =>
        function* (connection: Connection) {
          connection.writer.write(MUCH);
          reached();
          yield connection.writer.drain();
        },
    ],
  ])('while it waits for room is not reported: %s', async (_, handlerOf) => {
    const { reported, connection } = await interrupted(handlerOf, (server) => server.abortClients());
    expect(reported).toEqual([]);
    expect(connection.writer.transport.socket.closed).toBe(true);
  });

  const MISTAKES: Readonly<Record<string, (writer: StreamWriter) => void>> = {
    'closed its writer': (writer) => void writer.close(),
    'aborted its writer': (writer) => writer.abort(),
    'ended its half': (writer) => writer.writeEof(),
  };

  it.each(Object.entries(MISTAKES))(
    'is reported where it writes after it has itself %s',
    async (_, mistake) => {
      const handlerOf = (reached: Reached) => async (connection: Connection) => {
        mistake(connection.writer);
        await reached();
        connection.writer.write('answer');
      };
      const { reported } = await interrupted(handlerOf, () => {});
      expect(reported).toEqual([
        [
          expect.objectContaining({ name: 'StateError', code: 'ERR_CLOSED' }),
          expect.objectContaining({ source: 'server', message: 'the handler of a connection threw' }),
        ],
      ]);
    },
  );

  it('is reported for what else goes wrong', async () => {
    const handlerOf = (reached: Reached) => async (connection: Connection) => {
      await reached();
      expect(refusal(() => connection.writer.write('answer'))).toBe('StateError ERR_CLOSED');
      throw new Error('of its own');
    };
    const { reported } = await interrupted(handlerOf, (server) => server.closeClients());
    expect(reported.map(([error]) => error)).toEqual([new Error('of its own')]);
  });
});

describe('an upload that the server breaks off', () => {
  /** What a read of all rejected with. */
  async function brokenOff(end: End, sent: string): Promise<{ error: Error; reported: Reported[] }> {
    let error = new Error('it was not rejected');
    const handlerOf = (reached: Reached) => async (connection: Connection) => {
      const [first] = await connection.reader.readExactly(1);
      expect(first).toBe(sent.charCodeAt(0));
      const all = connection.reader.readAll();
      reached();
      error = await errorOf(all);
      throw error;
    };
    const { reported } = await interrupted(handlerOf, (server) => server[end](), sent);
    return { error, reported };
  }

  it.each(ENDS)('by %s() is not taken for whole by readAll()', async (end) => {
    const { error, reported } = await brokenOff(end, 'half of it');
    expect(error).toMatchObject({ code: 'ERR_INCOMPLETE_READ', expected: Number.POSITIVE_INFINITY });
    expect(String((error as IncompleteReadError).partial)).toBe('alf of it');
    expect(reported).toEqual([]);
  });

  it.each(ENDS)('by %s() is not taken for one of nothing either', async (end) => {
    const { error, reported } = await brokenOff(end, '1');
    expect(error).toMatchObject({ code: 'ERR_CLOSED' });
    expect(reported).toEqual([]);
  });

  it.each(ENDS)('by %s() ends with no line that was cut off', async (end) => {
    const lines: unknown[] = [];
    const handlerOf = (reached: Reached) => async (connection: Connection) => {
      lines.push(await connection.reader.readLine());
      const reading = connection.reader.readLine();
      reached();
      await reading.then(
        (line) => lines.push(line),
        () => {},
      );
    };
    await interrupted(handlerOf, (server) => server[end](), 'one\nDELETE FROM t WHERE');
    expect(lines.filter((line) => line !== null)).toEqual(['one']);
  });
});

describe('a writer that closes', () => {
  it('is told that its server dropped what it had written', async () => {
    let error: Error | null = null;
    const handlerOf = (reached: Reached) => async (connection: Connection) => {
      connection.writer.write(MUCH);
      const closed = connection.writer.close();
      reached();
      error = await errorOf(closed);
    };
    const { reported } = await interrupted(handlerOf, (server) => server.abortClients());
    expect(error).toMatchObject({ name: 'StateError', code: 'ERR_CLOSED' });
    expect(reported).toEqual([]);
  });

  it('is not reported for that where its handler does not catch it', async () => {
    const handlerOf = (reached: Reached) => async (connection: Connection) => {
      connection.writer.write(MUCH);
      reached();
      await connection.writer.close();
    };
    const { reported } = await interrupted(handlerOf, (server) => server.abortClients());
    expect(reported).toEqual([]);
  });
});

describeReactors((setting, open) => {
  it('counts off a connection whose descriptor was closed behind our back', async () => {
    const reactor = open();
    await playTask(reactor, setting, function* () {
      const { server, protocols, address } = yield* serving();
      clientOf(address);
      yield* until(() => server.connections === 1);
      const transport = protocols[0]?.transport;
      const closed = server.waitClosed();
      server.close();
      closeSync(transport?.socket.fileno() ?? -1);
      transport?.abort();
      yield closed;
      expect(server.connections).toBe(0);
      expect(protocols[0]?.events).toEqual(['made', 'lost']);
      expect(transport?.socket.closed).toBe(true);
    });
  });
});
