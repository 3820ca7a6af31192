/** Which selector one gets. */
import {
  type Backend,
  createSelector,
  DefaultSelector,
  EpollSelector,
  EVENT_READ,
  KqueueSelector,
  PollSelector,
  Selector,
  SelectSelector,
  selectorBackends,
} from 'iomux';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack } from '../support/emulation.js';
import { send, socketPair } from '../support/pairs.js';
import { refusal } from '../support/refusals.js';

const CLASSES = {
  epoll: EpollSelector,
  kqueue: KqueueSelector,
  poll: PollSelector,
  select: SelectSelector,
};
const ALL = Object.keys(CLASSES) as Backend[];

// What the suite itself is run with must not decide what these tests see.
beforeEach(() => vi.stubEnv('IOMUX_SELECTOR', undefined));
afterEach(() => vi.unstubAllEnvs());

describe('selectorBackends', () => {
  it('names what works here, best first', () => {
    const backends = selectorBackends();
    expect(backends.slice(-2)).toEqual(['poll', 'select']);
    if (process.platform === 'linux') expect(backends[0]).toBe('epoll');
    if (process.platform === 'darwin') expect(backends).toEqual(['kqueue', 'poll', 'select']);
    expect(new Set(backends).size).toBe(backends.length);
  });

  it('leaves nothing open from trying', () => {
    const before = openDescriptors();
    selectorBackends();
    expectGivenBack(before);
  });
});

describe('createSelector', () => {
  it('makes the backend that is named, and the class that is its own', () => {
    for (const backend of selectorBackends()) {
      using selector = createSelector(backend);
      expect(selector.backend).toBe(backend);
      expect(selector).toBeInstanceOf(CLASSES[backend]);
      using constructed = new CLASSES[backend]();
      expect(constructed.backend).toBe(backend);
    }
  });

  it('makes the best where none is named', () => {
    using selector = createSelector();
    expect(selector.backend).toBe(selectorBackends()[0]);
  });

  it('refuses a backend that this machine lacks, and says what works', () => {
    for (const backend of ALL.filter((name) => !selectorBackends().includes(name))) {
      expect(refusal(() => createSelector(backend))).toBe('StateError ERR_UNSUPPORTED');
      expect(() => createSelector(backend)).toThrow(`what works here: ${selectorBackends().join(', ')}`);
      expect(refusal(() => new CLASSES[backend]())).toBe('StateError ERR_UNSUPPORTED');
    }
  });

  it.each(['iocp', 'EPOLL', '', 'toString', '__proto__', null, 5, {}])(
    'refuses %j, which is no backend',
    (name) => {
      expect(refusal(() => createSelector(name as Backend))).toBe('TypeError ERR_INVALID_ARG_VALUE');
    },
  );
});

describe('Selector', () => {
  it('is made by its backends alone, and says so', () => {
    const Abstract = Selector as unknown as new () => Selector;
    expect(() => new Abstract()).toThrow('Selector is abstract: use createSelector() or DefaultSelector');
  });
});

describe('DefaultSelector', () => {
  it('is the best selector that works here', () => {
    using selector = new DefaultSelector<string>();
    expect(selector.backend).toBe(selectorBackends()[0]);
    expect(selector).toBeInstanceOf(Selector);
    expect(selector).toBeInstanceOf(DefaultSelector);
    const [near, far] = socketPair();
    const key = selector.register(near, EVENT_READ, 'data');
    send(far);
    expect(selector.select()).toEqual([[key, EVENT_READ]]);
  });
});

describe('IOMUX_SELECTOR', () => {
  it('names the backend in place of the best', () => {
    for (const backend of selectorBackends()) {
      vi.stubEnv('IOMUX_SELECTOR', backend);
      using selector = new DefaultSelector();
      using created = createSelector();
      expect([selector.backend, created.backend]).toEqual([backend, backend]);
    }
  });

  it('means nothing to who names a backend', () => {
    vi.stubEnv('IOMUX_SELECTOR', 'poll');
    using selector = createSelector('select');
    expect(selector.backend).toBe('select');
  });

  it('means nothing where it is empty', () => {
    vi.stubEnv('IOMUX_SELECTOR', '');
    using selector = new DefaultSelector();
    expect(selector.backend).toBe(selectorBackends()[0]);
  });

  it('is refused where it names what is unknown, with what works', () => {
    vi.stubEnv('IOMUX_SELECTOR', 'iocp');
    expect(refusal(() => new DefaultSelector())).toBe('TypeError ERR_INVALID_ARG_VALUE');
    expect(() => createSelector()).toThrow(
      `IOMUX_SELECTOR must be one of ${selectorBackends().join(', ')}, not 'iocp'`,
    );
  });

  it('is refused where it names what this machine lacks, with what works', () => {
    const missing = ALL.find((name) => !selectorBackends().includes(name));
    if (missing === undefined) return;
    vi.stubEnv('IOMUX_SELECTOR', missing);
    expect(refusal(() => new DefaultSelector())).toBe('StateError ERR_UNSUPPORTED');
    expect(() => createSelector()).toThrow(`what works here: ${selectorBackends().join(', ')}`);
  });
});

describe('capabilities', () => {
  it('cannot be changed', () => {
    for (const backend of selectorBackends()) {
      using selector = createSelector(backend);
      expect(Object.isFrozen(selector.capabilities)).toBe(true);
      expect(Object.isFrozen(selector.capabilities.modes)).toBe(true);
    }
  });

  it('say what each backend does on this OS', () => {
    for (const backend of selectorBackends()) {
      using selector = createSelector(backend);
      const { modes, pollable, exclusive, priority, readClosed, maxDescriptor } = selector.capabilities;
      const inKernel = backend === 'epoll' || backend === 'kqueue';
      expect(modes).toEqual(inKernel ? ['level', 'edge', 'oneshot', 'edge-oneshot'] : ['level', 'oneshot']);
      expect(exclusive).toBe(backend === 'epoll');
      if (!inKernel || backend === 'epoll') expect(pollable).toBe(inKernel);
      expect(maxDescriptor).toBe(0x7fff_ffff);
      if (backend === 'kqueue') continue;
      expect(priority).toBe(true);
      // POLLRDHUP is Linux's; select(2) has nothing like it anywhere.
      if (process.platform === 'linux') expect(readClosed).toBe(backend !== 'select');
    }
  });
});
