/** A reactor in each way it can run: blocking, hosted by libuv, hosted by a thread, on each backend. */
import { type Backend, createSelector, type ErrorContext, Reactor, selectorBackends } from 'iomux';
import { describe, onTestFinished } from 'vitest';

/** One way to run. */
export interface Setting {
  readonly backend: Backend;
  readonly mode: 'blocking' | 'hosted';
  /** Who waits for a hosted reactor; `null` where it waits itself. */
  readonly host: 'uv' | 'thread' | null;
}

interface OpenOptions {
  readonly onError?: (error: unknown, context: ErrorContext) => void;
}

const settings: readonly Setting[] = selectorBackends().flatMap((backend): Setting[] => {
  using selector = createSelector(backend);
  const { pollable } = selector.capabilities;
  return [
    { backend, mode: 'blocking', host: null },
    ...(pollable ? [{ backend, mode: 'hosted', host: 'uv' } as const] : []),
    ...(pollable || backend !== 'kqueue' ? [{ backend, mode: 'hosted', host: 'thread' } as const] : []),
  ];
});

/** Runs `suite` once for each setting of this machine, in a describe named after it. */
export function describeReactors(
  suite: (setting: Setting, open: (options?: OpenOptions) => Reactor) => void,
): void {
  for (const setting of settings) {
    const { backend, mode, host } = setting;
    describe(`${mode}${host === null ? '' : ` by ${host}`}, ${backend}`, () => {
      suite(setting, (options) => openReactor(setting, options));
    });
  }
}

/** A reactor that is closed when the test ends. Its errors fail the test, unless `onError` takes them. */
function openReactor({ backend, host }: Setting, { onError }: OpenOptions = {}): Reactor {
  const before = process.env['IOMUX_HOST'];
  if (host === 'thread') process.env['IOMUX_HOST'] = 'thread';
  else delete process.env['IOMUX_HOST'];
  const errors: unknown[] = [];
  const reactor = new Reactor({
    selector: createSelector(backend),
    onError: onError ?? ((error) => errors.push(error)),
  });
  onTestFinished(() => {
    if (before === undefined) delete process.env['IOMUX_HOST'];
    else process.env['IOMUX_HOST'] = before;
    if (reactor.state === 'hosted') reactor.stop();
    reactor.close();
    if (errors.length > 0) throw errors[0];
  });
  return reactor;
}

/** Runs a reactor until it is stopped. A blocking run begins outside of any promise reaction. */
export function run(reactor: Reactor, { mode }: Setting): Promise<void> {
  return mode === 'hosted' ? reactor.run() : outsideOfMicrotasks(() => reactor.runForever());
}

/** The same, until `awaitable` settles: its result. */
export function runUntil<T>(reactor: Reactor, setting: Setting, awaitable: PromiseLike<T>): Promise<T> {
  if (setting.mode === 'blocking') return outsideOfMicrotasks(() => reactor.runUntilComplete(awaitable));
  const stop = () => reactor.stop();
  const running = reactor.run();
  // A promise that settles in a batch stops the reactor before the next one.
  awaitable.then(stop, stop);
  return running.then(() => awaitable);
}

/** Does something where no promise reaction is under way: its result. */
export function outsideOfMicrotasks<T>(action: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(action());
      } catch (error) {
        reject(error);
      }
    });
  });
}
