/** Running whatever a server's user has a connection served by. */
import { types } from 'node:util';
import { checkFunction } from '../arguments.js';
import { Description, invalidValue, StateError } from '../native/errors.js';
import { CancelledError } from '../reactor/future.js';
import { type Coroutine, isCoroutine, isThenable } from '../tasks/coroutine.js';
import { createTask } from '../tasks/task.js';
import type { Connection } from './stream-protocol.js';
import type { Transport } from './transport.js';

/** A plain function, an async function or a generator function. */
export type ConnectionHandler = (connection: Connection) => void | PromiseLike<void> | Coroutine<void>;

/** @throws TypeError. */
export function checkHandler(handler: ConnectionHandler): void {
  checkFunction(handler, 'onConnection');
  if (types.isAsyncFunction(handler) && types.isGeneratorFunction(handler)) {
    const given = new Description('an async generator function');
    throw invalidValue('onConnection', 'a function, an async function or a generator function', given);
  }
}

/** Has a connection served. What goes wrong is reported, and aborts it; nothing is thrown. */
export function handle(connection: Connection, handler: ConnectionHandler): void {
  const { transport } = connection.writer;
  try {
    const returned = handler(connection);
    if (isCoroutine(returned)) followTask(returned, transport);
    else if (isThenable(returned)) followPromise(returned, transport);
  } catch (error) {
    failed(error, transport);
  }
}

function followTask(coroutine: Coroutine<unknown>, transport: Transport): void {
  const task = createTask(coroutine, { reactor: transport.reactor });
  task.addDoneCallback(() => {
    if (task.cancelled()) {
      transport.abort();
      return;
    }
    const error = task.exception();
    if (error === null) transport.close();
    else failed(error, transport);
  });
}

/** Not as a future: while the handler of each connection waits, that would be the better part of what one costs. */
function followPromise(promise: PromiseLike<unknown>, transport: Transport): void {
  const { promises } = transport.reactor.futures;
  promises.begin();
  // Of a promise this is itself; of what only looks like one it is one that settles once, and never throws.
  Promise.resolve(promise).then(
    () => {
      promises.end();
      transport.close();
    },
    (error: unknown) => {
      promises.end();
      if (error instanceof CancelledError) transport.abort();
      else failed(error, transport);
    },
  );
}

/** That a peer is gone is no mistake of the handler which did not catch it: nobody need be told, least of all the process. */
function failed(error: unknown, transport: Transport): void {
  if (isLoss(error, transport)) return;
  const fd = transport.socket.fileno();
  const message = 'the handler of a connection threw';
  transport.reactor.futures.report(error, { message, source: 'server', ...(fd >= 0 && { fd }) });
  transport.abort();
}

/** Whether an error is the one by which the connection was lost, or what became of it in a read or a write. */
function isLoss(error: unknown, { failure }: Transport): boolean {
  if (failure === null || !(error instanceof Error)) return false;
  const closed = error instanceof StateError && error.code === 'ERR_CLOSED';
  return error === failure || error.cause === failure || closed;
}
