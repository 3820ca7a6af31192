/** A selector that Node's loop waits for, by each host there is: libuv and a thread, on each backend. */
import { type Backend, createSelector, type Selector, selectorBackends } from 'iomux';
import { describe, onTestFinished } from 'vitest';

/** Who waits for which kind of selector. */
export interface Hosted {
  readonly backend: Backend;
  readonly host: 'uv' | 'thread';
}

export const hostedSettings: readonly Hosted[] = selectorBackends().flatMap((backend): Hosted[] => {
  using selector = createSelector(backend);
  const { pollable } = selector.capabilities;
  return [
    ...(pollable ? [{ backend, host: 'uv' } as const] : []),
    // Not libkqueue's, which nobody can wait for but itself.
    ...(pollable || backend !== 'kqueue' ? [{ backend, host: 'thread' } as const] : []),
  ];
});

/** Has whatever begins to be hosted in this test hosted by `host`. */
export function useHost(host: string): void {
  const before = process.env['IOMUX_HOST'];
  process.env['IOMUX_HOST'] = host;
  onTestFinished(() => {
    if (before === undefined) delete process.env['IOMUX_HOST'];
    else process.env['IOMUX_HOST'] = before;
  });
}

/** What a child process needs to be hosted so. */
export function environmentOf({ backend, host }: Hosted): NodeJS.ProcessEnv {
  return { IOMUX_SELECTOR: backend, IOMUX_HOST: host };
}

/** Runs `suite` once for each; `open` gives a selector that is closed when the test ends. */
export function describeHosts(suite: (setting: Hosted, open: <T>() => Selector<T>) => void): void {
  for (const setting of hostedSettings) {
    const { backend, host } = setting;
    describe(`waited for by ${host}, ${backend}`, () => {
      suite(setting, <T>() => {
        useHost(host);
        const selector = createSelector<T>(backend);
        onTestFinished(() => selector.close());
        return selector;
      });
    });
  }
}
