/** A blocking run inside of a promise reaction, where no promise moves: what would hang says so. */
import { EVENT_READ, type Future, Reactor, Remote, StateError } from 'iomux';
import { expect, it, onTestFinished } from 'vitest';
import { readableSockets } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';
import { streaming } from '../support/stream-ends.js';

/** A promise that a callback returns, and nobody waits for. */
const later = async (): Promise<void> => {};

function open(): { reactor: Reactor; errors: string[] } {
  const errors: string[] = [];
  const reactor = new Reactor({
    onError: (error, { source }) =>
      errors.push(`${source}: ${error instanceof StateError ? error.code : error}`),
  });
  onTestFinished(() => reactor.close());
  return { reactor, errors };
}

it('reports each callback that returns a promise, by what it was set with', async () => {
  await null;
  const { reactor, errors } = open();
  const [near] = readableSockets(1);
  reactor.callSoon(later);
  reactor.watch(near ?? -1, EVENT_READ, (_events, watcher) => {
    watcher.close();
    return later();
  });
  reactor.onMessage = later;
  Remote.from(reactor.remote.handle).post('work');
  reactor.addSignalHandler('SIGUSR2', later);
  process.kill(process.pid, 'SIGUSR2');
  reactor.callLater(1, later);
  reactor.callLater(20, () => reactor.stop());
  reactor.runForever();
  expect(errors.sort()).toEqual(
    ['callback', 'callback', 'signal', 'timer', 'watcher'].map((source) => `${source}: ERR_IN_MICROTASK`),
  );
});

it('reports none where promises move, nor a callback that returns something else', async () => {
  const { reactor, errors } = open();
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      reactor.callSoon(later);
      reactor.callLater(1, () => reactor.stop());
      reactor.runForever();
      resolve();
    });
  });
  await null;
  reactor.callSoon(() => ({}));
  reactor.callSoon(() => 7);
  reactor.callLater(1, () => reactor.stop());
  reactor.runForever();
  expect(errors).toEqual([]);
});

it('throws at the then() of a future, be it done or not', async () => {
  await null;
  const { reactor, errors } = open();
  const [pending, done, awaited] = [1, 2, 3].map(() => reactor.createFuture<number>()) as Future<number>[];
  done?.setResult(1);
  awaited?.setResult(1);
  void awaited?.then();
  const reactions: unknown[] = [];
  reactor.callSoon(() => {
    for (const future of [pending, done, awaited]) {
      reactions.push(refusal(() => void future?.then(() => reactions.push('must not come'))));
    }
  });
  reactor.callLater(1, () => reactor.stop());
  reactor.runForever();
  await null;
  expect(reactions).toEqual(Array(3).fill('StateError ERR_IN_MICROTASK'));
  expect(errors).toEqual([]);
});

it('refuses to begin where an iteration waits for a chunk, and such a step later on', async () => {
  await null;
  const { reactor } = open();
  const { reader, writer } = streaming(reactor);
  const chunks = reader[Symbol.asyncIterator]();
  const early = chunks.next();
  const limit = reactor.callLater(100, () => reactor.stop());
  expect(refusal(() => reactor.runForever())).toBe('StateError ERR_IN_MICROTASK');
  limit.cancel();
  reader.feed(Buffer.from('arrived'));
  expect(await early).toEqual({ value: Buffer.from('arrived'), done: false });

  let late: Promise<unknown> | undefined;
  reactor.callSoon(() => {
    late = chunks.next();
    late.catch(() => {});
    reactor.stop();
  });
  reactor.runForever();
  await expect(late).rejects.toMatchObject({ code: 'ERR_IN_MICROTASK' });
  // What was refused waits for nothing: the next step is the first in line.
  const next = chunks.next();
  reader.feed(Buffer.from('more'));
  expect(await next).toEqual({ value: Buffer.from('more'), done: false });
  writer.abort();
});
