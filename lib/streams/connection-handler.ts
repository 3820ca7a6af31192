/** Running whatever a server's user has a connection served by. */
import { types } from 'node:util';
import { checkFunction } from '../arguments.js';
import { Description, invalidValue, StateError } from '../native/errors.js';
import { CancelledError } from '../reactor/future.js';
import { failureOf } from '../tasks/awaitables.js';
import { otherThanCancelled } from '../tasks/cancel-request.js';
import { type Coroutine, isCoroutine, isThenable } from '../tasks/coroutine.js';
import { createTask } from '../tasks/task.js';
import { IncompleteReadError, LimitOverrunError } from './errors.js';
import type { Connection } from './stream-protocol.js';
import type { StreamWriter } from './writer.js';

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
  const { writer } = connection;
  try {
    const returned = handler(connection);
    if (isCoroutine(returned)) followTask(returned, writer);
    else if (isThenable(returned)) followPromise(returned, writer);
  } catch (error) {
    failed(error, writer);
  }
}

function followTask(coroutine: Coroutine<unknown>, writer: StreamWriter): void {
  const { transport } = writer;
  const task = createTask(coroutine, { reactor: transport.reactor });
  task.addDoneCallback(() => {
    const failure = failureOf(task);
    const error = failure && otherThanCancelled(failure.error);
    if (failure === undefined) transport.close();
    else if (error === undefined) transport.abort();
    else failed(error, writer);
  });
}

/** Not as a future: while the handler of each connection waits, that would be the better part of what one costs. */
function followPromise(promise: PromiseLike<unknown>, writer: StreamWriter): void {
  writer.transport.reactor.futures.promises.begin();
  // Of a promise this is itself; of what only looks like one it is one that settles once, and never throws. Bound
  // functions are smaller than closures, and need no context.
  Promise.resolve(promise).then(fulfilled.bind(writer), rejected.bind(writer));
}

function fulfilled(this: StreamWriter): void {
  const { transport } = this;
  transport.reactor.futures.promises.end();
  transport.close();
}

function rejected(this: StreamWriter, error: unknown): void {
  const { transport } = this;
  transport.reactor.futures.promises.end();
  if (error instanceof CancelledError) transport.abort();
  else failed(error, this);
}

/** What only a peer, or the server's end, can cause is no mistake of the handler: nobody is told, least of all the process. */
function failed(error: unknown, writer: StreamWriter): void {
  const { transport } = writer;
  if (!isFate(error, writer)) {
    const fd = transport.socket.fileno();
    const message = 'the handler of a connection threw';
    transport.reactor.futures.report(error, { message, source: 'server', ...(fd >= 0 && { fd }) });
  }
  transport.abort();
}

function isFate(error: unknown, writer: StreamWriter): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof IncompleteReadError || error instanceof LimitOverrunError) return true;
  const { transport } = writer;
  const { failure } = transport;
  if (failure !== null && (error === failure || error.cause === failure)) return true;
  if (error === writer.dropped) return true;
  // Somebody else has closed it, and the handler went on.
  const closed = error instanceof StateError && error.code === 'ERR_CLOSED';
  return closed && transport.closing && !writer.closed;
}
