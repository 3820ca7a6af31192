/**
 * What each backend reports for each state a descriptor can be in: the table golden/readiness.json, a column a backend.
 * A backend without a column is not tested; the failure of a new one shows what the column should hold.
 */
import { readFileSync } from 'node:fs';
import {
  type Backend,
  constants,
  createSelector,
  Epoll,
  type FileLike,
  Poll,
  StateError,
  SystemError,
  selectorBackends,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { eventsNamed, namesIn } from '../support/event-names.js';
import { nestedSituations, POLL_BITS, Scene, situations } from '../support/situations.js';

type Column = Readonly<Record<string, string>>;
/** Situation → interest → column → what is reported. */
type Table = Readonly<Record<string, Readonly<Record<string, Column>>>>;

const table: Table = JSON.parse(readFileSync(new URL('golden/readiness.json', import.meta.url), 'utf8'));
const INTERESTS = [
  'READ',
  'WRITE',
  'READ|WRITE',
  'PRIORITY',
  'READ_CLOSED',
  'READ|READ_CLOSED',
  'READ|WRITE|PRIORITY|READ_CLOSED',
];
const { POLLIN = 0, POLLOUT = 0, POLLPRI = 0, POLLRDHUP = 0 } = constants;
const everySituation = { ...situations, ...nestedSituations };

/** What a registration says: the events of the first wait, or why it was refused. */
function reported(backend: Backend, file: FileLike, interest: string): string {
  using selector = createSelector(backend);
  try {
    selector.register(file, eventsNamed(interest));
  } catch (error) {
    expect(selector.getMap().size).toBe(0);
    if (error instanceof StateError || error instanceof SystemError) return error.code;
    throw error;
  }
  const first = selector.select(0);
  expect(first.length).toBeLessThanOrEqual(1);
  // What holds is reported by every wait.
  expect(selector.select(0)).toEqual(first);
  return namesIn(first[0]?.[1] ?? 0);
}

function rawPoll(file: FileLike, mask: number): string {
  const poll = new Poll();
  poll.register(file, mask);
  return namesIn(poll.poll(0)[0]?.[1] ?? 0, POLL_BITS);
}

function rawEpoll(file: FileLike, mask: number): string {
  using epoll = new Epoll();
  try {
    epoll.register(file, mask);
  } catch (error) {
    if (error instanceof SystemError) return error.code;
    throw error;
  }
  return namesIn(epoll.poll(0)[0]?.[1] ?? 0, POLL_BITS);
}

/** The rows of one situation as a column says they should be. */
function goldenRows(situation: string, column: string): Record<string, string | undefined> {
  const rows = Object.entries(table[situation] ?? {}).filter(([, cells]) => column in cells);
  return Object.fromEntries(rows.map(([interest, cells]) => [interest, cells[column]]));
}

function hasColumn(column: string): boolean {
  return Object.values(table).some((rows) => Object.values(rows).some((cells) => column in cells));
}

it('has a row for every situation and no other', () => {
  if (Object.keys(nestedSituations).length === 0) return;
  expect(Object.keys(table)).toEqual(Object.keys(everySituation));
});

for (const backend of selectorBackends()) {
  describe.skipIf(!hasColumn(backend))(`${backend} selector, table of readiness`, () => {
    for (const [situation, make] of Object.entries(everySituation)) {
      it(`reports what it always did: ${situation}`, () => {
        using scene = new Scene();
        const file = make(scene);
        const rows = INTERESTS.map((interest) => [interest, reported(backend, file, interest)]);
        expect(Object.fromEntries(rows)).toEqual(goldenRows(situation, backend));
      });
    }
  });
}

const masks = { nothing: 0, everything: POLLIN | POLLOUT | POLLPRI | POLLRDHUP };
for (const [column, ask] of [
  ['poll(2)', rawPoll],
  ['epoll(7)', rawEpoll],
] as const) {
  const available = column === 'poll(2)' || selectorBackends().includes('epoll');
  describe.skipIf(!available || process.platform !== 'linux')(`${column}, table of readiness`, () => {
    for (const [situation, make] of Object.entries(everySituation)) {
      it(`reports what it always did: ${situation}`, () => {
        using scene = new Scene();
        const file = make(scene);
        const rows = Object.entries(masks).map(([name, mask]) => [name, ask(file, mask)]);
        expect(Object.fromEntries(rows)).toEqual(goldenRows(situation, column));
      });
    }
  });
}
