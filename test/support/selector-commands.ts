/** Random operations on a selector and on what it watches, for a property test. */

import * as fc from 'fast-check';
import type { TriggerMode } from 'iomux';
import { namesIn } from './event-names.js';
import type { Kind } from './open-files.js';
import type { SelectorSession } from './selector-session.js';

/** So many descriptors are open at once, and no more. */
const MOST = 16;

/** A step: what it is about is chosen when it comes to run, from what there is then. */
class Step implements fc.Command<SelectorSession, SelectorSession> {
  constructor(
    private readonly name: string,
    private readonly possible: (session: Readonly<SelectorSession>) => boolean,
    private readonly action: (session: SelectorSession) => void,
  ) {}

  check(session: Readonly<SelectorSession>): boolean {
    return this.possible(session);
  }

  run(session: SelectorSession): void {
    this.action(session);
    session.check();
  }

  toString(): string {
    return this.name;
  }
}

function pick(from: readonly number[], choice: number): number {
  return from[choice % from.length] as number;
}

/** A step about one of the descriptors that `from` lists. */
function about(
  name: string,
  choice: number,
  from: (session: Readonly<SelectorSession>) => number[],
  action: (session: SelectorSession, fd: number) => void,
  possible: (session: Readonly<SelectorSession>, fd: number) => boolean = () => true,
): Step {
  return new Step(
    `${name} #${choice}`,
    (session) => from(session).length > 0 && possible(session, pick(from(session), choice)),
    (session) => action(session, pick(from(session), choice)),
  );
}

const open = (session: Readonly<SelectorSession>) => session.files.descriptors;
const registered = (session: Readonly<SelectorSession>) => session.registered;
const either = (session: Readonly<SelectorSession>) => session.candidates;

/** Whether an edge of a closed descriptor could still be seen: that it is then nobody's is all one could say of it. */
function leavesAnEdge(session: Readonly<SelectorSession>, fd: number): boolean {
  const watch = session.model.watches.get(fd);
  const others = (session.files.at(fd)?.descriptors.size ?? 0) > 1;
  return others && watch?.mode.startsWith('edge') === true;
}

/** Sequences of up to `length` steps, for a selector with these interests and modes. */
export function steps(interests: number, modes: readonly TriggerMode[], length: number) {
  const choice = fc.nat(2 * MOST);
  const events = fc.integer({ min: 1, max: interests }).filter((mask) => (mask & ~interests) === 0);
  const mode = fc.constantFrom(...modes);
  const size = fc.constantFrom(1, 100, 4096, 1_000_000);
  const kind = fc.constantFrom<Kind>('stream', 'stream', 'datagram', 'seqpacket', 'pipe');
  const register = fc
    .tuple(choice, events, mode)
    .map(([at, mask, how]) =>
      about(`register ${namesIn(mask)} ${how}`, at, either, (session, fd) => session.register(fd, mask, how)),
    );
  const select = fc.constant(
    new Step(
      'select',
      () => true,
      (session) => session.select(),
    ),
  );
  return fc.commands(
    [
      kind.map(
        (which) =>
          new Step(
            `open ${which}`,
            ({ files }) => files.descriptors.length < MOST - 1,
            ({ files }) => files.open(which),
          ),
      ),
      register,
      register,
      register,
      fc.tuple(choice, events, mode).map(([at, mask, how]) =>
        about(
          `modify ${namesIn(mask)} ${how}`,
          at,
          registered,
          (session, fd) => session.modify(fd, mask, how),
          ({ model }, fd) => !model.isAmbiguous(fd),
        ),
      ),
      choice.map((at) =>
        about(
          'rearm',
          at,
          registered,
          (session, fd) => session.rearm(fd),
          ({ model }, fd) => !model.isAmbiguous(fd),
        ),
      ),
      choice.map((at) => about('unregister', at, registered, (session, fd) => session.unregister(fd))),
      choice.map((at) => about('close', at, open, (session, fd) => session.close(fd))),
      choice.map((at) =>
        about(
          'close behind its back',
          at,
          open,
          (session, fd) => session.closeBehindItsBack(fd),
          (session, fd) => session.model.knowsClosed && !leavesAnEdge(session, fd),
        ),
      ),
      choice.map((at) =>
        about(
          'duplicate',
          at,
          open,
          ({ files }, fd) => files.duplicate(fd),
          ({ files }) => files.descriptors.length < MOST,
        ),
      ),
      fc.tuple(choice, choice).map(([at, other]) =>
        about(
          `put #${other} in the place of`,
          at,
          open,
          (session, fd) => {
            session.closeBehindItsBack(fd);
            const rest = session.files.descriptors;
            if (rest.length > 0) session.files.duplicate(pick(rest, other));
          },
          (session, fd) => session.model.knowsClosed && !leavesAnEdge(session, fd),
        ),
      ),
      fc
        .tuple(choice, size)
        .map(([at, bytes]) =>
          about(`write ${bytes}`, at, open, (session, fd) =>
            session.happened(session.files.write(fd, bytes)),
          ),
        ),
      fc
        .tuple(choice, size)
        .map(([at, bytes]) =>
          about(`read ${bytes}`, at, open, (session, fd) => session.happened(session.files.read(fd, bytes))),
        ),
      fc
        .tuple(choice, fc.constantFrom('read' as const, 'write' as const, 'both' as const))
        .map(([at, how]) =>
          about(`shutdown ${how}`, at, open, (session, fd) =>
            session.happened(session.files.shutdown(fd, how)),
          ),
        ),
      select,
      select,
      select,
      fc.constantFrom('unregister' as const, 'rearm' as const).map(
        (what) =>
          new Step(
            `dispatch with ${what}`,
            ({ model }) => model.consistent && !model.rebuildDue,
            (session) => session.dispatch(what),
          ),
      ),
    ],
    { maxCommands: length, size: 'max' },
  );
}
