/** Random sequences of operations, each checked against a model that is built on poll(2), and some that failed once. */
import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import {
  type Backend,
  createSelector,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
  selectorBackends,
} from 'iomux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack } from '../support/emulation.js';
import { type Kind, OpenFiles } from '../support/open-files.js';
import { steps } from '../support/selector-commands.js';
import {
  FilterModel,
  HandedOverSetModel,
  KeptSetModel,
  pollOracle,
  type SelectorModel,
  selectOracle,
} from '../support/selector-model.js';
import { SelectorSession } from '../support/selector-session.js';
import { TemporaryFolder } from '../support/temporary.js';

const SEQUENCES = 500;
const LENGTH = 60;

const models: Readonly<Record<Backend, (files: OpenFiles) => SelectorModel>> = {
  epoll: (files) => new KeptSetModel(files, pollOracle),
  kqueue: (files) => new FilterModel(files, pollOracle),
  poll: (files) => new HandedOverSetModel(files, pollOracle),
  select: (files) => new HandedOverSetModel(files, selectOracle),
};

let folder: TemporaryFolder;
let fifos: string[];

beforeAll(() => {
  folder = new TemporaryFolder();
  fifos = ['a', 'b', 'c', 'd'].map((name) => folder.join(name));
  execFileSync('mkfifo', fifos);
});

afterAll(() => folder[Symbol.dispose]());

for (const backend of selectorBackends()) {
  const modelOf = models[backend];

  /** Runs `action` with a selector that watches nothing yet, and then looks for what is left open. */
  function inSession(kinds: readonly Kind[], action: (session: SelectorSession) => void): void {
    const before = openDescriptors();
    const files = new OpenFiles(fifos);
    for (const kind of kinds) files.open(kind);
    const session = new SelectorSession(createSelector<number>(backend), modelOf(files), files);
    try {
      action(session);
    } finally {
      session.end();
    }
    expectGivenBack(before);
  }

  describe(`${backend} selector, any sequence of operations`, () => {
    it('reports exactly what poll(2) and the modes say, and leaves no descriptor open', () => {
      using probe = createSelector(backend);
      const { modes, readClosed, priority } = probe.capabilities;
      const interests =
        backend === 'kqueue'
          ? EVENT_READ | EVENT_WRITE
          : EVENT_READ | EVENT_WRITE | (priority ? EVENT_PRIORITY : 0) | (readClosed ? EVENT_READ_CLOSED : 0);
      // An edge is there again after any change of a filter: too much may be reported for a model to say.
      const modelled = backend === 'kqueue' ? modes.filter((mode) => !mode.startsWith('edge')) : modes;
      fc.assert(
        fc.property(steps(interests, modelled, LENGTH), (sequence) =>
          inSession(['stream', 'pipe'], (session) => {
            fc.modelRun(() => ({ model: session, real: session }), sequence);
          }),
        ),
        { numRuns: SEQUENCES },
      );
    });

    it('agrees with the kernel when a handler arms a oneshot whose event is in the batch already', () => {
      inSession(['stream', 'stream'], (session) => {
        for (const fd of session.files.descriptors) session.register(fd, EVENT_WRITE, 'oneshot');
        session.dispatch('rearm');
        session.check();
        session.select();
        session.check();
        session.select();
      });
    });

    it.skipIf(backend === 'kqueue')(
      'registers a number that was closed, and then given to the same open file again',
      () => {
        inSession(['stream'], (session) => {
          const [fd = -1] = session.files.descriptors;
          const survivor = session.files.duplicate(fd);
          session.register(fd, EVENT_WRITE, 'level');
          session.closeBehindItsBack(fd);
          session.unregister(fd);
          expect(session.files.duplicate(survivor)).toBe(fd);
          session.register(fd, EVENT_READ, 'level');
          session.check();
          session.select();
          session.check();
        });
      },
    );

    it.skipIf(backend === 'kqueue')(
      'does not watch a stranger that got the number of a closed descriptor while the set was rebuilt',
      () => {
        inSession(['stream', 'stream', 'stream'], (session) => {
          const [zombie = -1, closed = -1, stranger = -1] = session.files.descriptors;
          session.files.duplicate(zombie);
          session.register(zombie, EVENT_WRITE, 'level');
          session.register(closed, EVENT_WRITE, 'level');
          session.closeBehindItsBack(closed);
          expect(session.files.duplicate(stranger)).toBe(closed);
          session.closeBehindItsBack(zombie);
          session.unregister(zombie);
          session.select();
          session.select();
          session.check();
          session.select();
        });
      },
    );

    it.skipIf(backend === 'kqueue')('keeps a fired oneshot mute while the set is rebuilt', () => {
      inSession(['stream', 'stream'], (session) => {
        const [zombie = -1, , fired = -1, peer = -1] = session.files.descriptors;
        session.register(fired, EVENT_READ, 'oneshot');
        session.happened(session.files.write(peer, 1));
        session.select();
        // Nothing holds that would make the kernel mute it by itself.
        session.happened(session.files.read(fired, 1));
        session.files.duplicate(zombie);
        session.register(zombie, EVENT_WRITE, 'level');
        session.closeBehindItsBack(zombie);
        session.unregister(zombie);
        session.select();
        session.select();
        session.check();
        session.select();
        session.happened(session.files.write(peer, 1));
        session.select();
        session.rearm(fired);
        session.select();
        session.check();
      });
    });
  });
}
