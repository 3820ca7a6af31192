/** A selector beside its model: each operation is done to both, and both must agree on what it did. */
import assert from 'node:assert/strict';
import { EVENT_INVALID, type Selector, type SelectorKey, type TriggerMode } from 'iomux';
import { namesIn } from './event-names.js';
import type { Activity, OpenFiles } from './open-files.js';
import type { Expectation, Refusal, SelectorModel, Watch } from './selector-model.js';

type Meddling = 'unregister' | 'rearm';

export class SelectorSession {
  #lastId = 0;

  constructor(
    readonly selector: Selector<number>,
    readonly model: SelectorModel,
    readonly files: OpenFiles,
  ) {}

  /** Open descriptors, and registered ones that were closed. */
  get candidates(): number[] {
    return [...new Set([...this.files.descriptors, ...this.registered])].sort((a, b) => a - b);
  }

  get registered(): number[] {
    return [...this.model.watches.keys()].sort((a, b) => a - b);
  }

  register(fd: number, events: number, mode: TriggerMode): void {
    const watch: Watch = { id: ++this.#lastId, fd, events, mode, fired: false };
    this.#agree(
      () => this.selector.register(fd, events, watch.id, { mode }),
      this.model.register(watch),
      `register(${fd})`,
    );
  }

  modify(fd: number, events: number, mode: TriggerMode): void {
    const id = this.model.watches.get(fd)?.id;
    this.#agree(
      () => this.selector.modify(fd, events, id, { mode }),
      this.model.modify(fd, events, mode),
      `modify(${fd})`,
    );
  }

  rearm(fd: number): void {
    this.#agree(() => this.selector.rearm(fd), this.model.rearm(fd), `rearm(${fd})`);
  }

  unregister(fd: number): void {
    this.#agree(() => this.selector.unregister(fd), this.model.unregister(fd), `unregister(${fd})`);
  }

  happened(activity: Activity): void {
    this.model.happened(activity);
  }

  /** As a socket closes: it leaves the selector first. */
  close(fd: number): void {
    if (this.files.at(fd)?.kind === 'pipe') {
      if (this.model.watches.has(fd)) this.unregister(fd);
    } else {
      this.model.unregister(fd);
    }
    this.happened(this.files.close(fd, true));
  }

  closeBehindItsBack(fd: number): void {
    this.happened(this.files.close(fd, false));
  }

  select(): void {
    const before = this.selector.stats;
    const rebuilds = Number(this.model.rebuildDue);
    const { reports, stale } = this.model.wait();
    const ready = this.selector.select(0);
    const after = this.selector.stats;
    const delivered = this.#compare(ready, reports);
    const missed = reports.filter(({ watch, certain }) => certain && !delivered.has(watch));
    assert.deepEqual(missed.map(describe), [], 'was not reported');
    this.model.delivered(delivered);
    assert.equal(after.waits - before.waits, 1, 'waits');
    assert.equal(after.events - before.events, ready.length, 'events');
    assert.equal(after.staleEvents - before.staleEvents, stale, 'stale events');
    assert.equal(after.rebuilds - before.rebuilds, rebuilds, 'rebuilds');
  }

  /** The first handler of the batch unregisters, or arms again, every second registration. */
  dispatch(meddling: Meddling): void {
    const { reports } = this.model.wait();
    const invalid = new Set(
      reports.filter(({ events }) => events & EVENT_INVALID).map(({ watch }) => watch.fd),
    );
    const victims = this.registered.filter((fd, index) => index % 2 === 0 && !invalid.has(fd));
    const refusals = new Map<number, Refusal>();
    const ready: [SelectorKey<number>, number][] = [];
    this.selector.dispatch(0, (key, events) => {
      ready.push([key, events]);
      if (ready.length > 1) return;
      for (const fd of victims)
        refusals.set(
          fd,
          refusalOf(() => this.selector[meddling](fd)),
        );
    });
    const delivered = this.#compare(ready, reports);
    const [first, ...rest] = delivered;
    if (first === undefined) {
      assert.deepEqual(reports.filter(({ certain }) => certain).map(describe), [], 'was not reported');
      return;
    }
    this.model.delivered(new Set([first]));
    for (const fd of victims) {
      assert.equal(refusals.get(fd), this.model[meddling](fd), `${meddling}(${fd}) by a handler`);
    }
    this.model.delivered(new Set(rest));
    const meddled = new Set(victims);
    if (meddling === 'unregister') {
      assert.deepEqual(
        rest.filter(({ fd }) => meddled.has(fd)),
        [],
        'was reported after it was unregistered',
      );
    }
    // What was armed again may come now or with the next wait; a level is not touched by that.
    const excused = ({ watch }: Expectation) =>
      meddled.has(watch.fd) && (meddling === 'unregister' || watch.mode !== 'level');
    const missed = reports.filter(
      (report) => report.certain && !delivered.has(report.watch) && !excused(report),
    );
    assert.deepEqual(missed.map(describe), [], 'was not reported');
  }

  /** What must hold after every operation. */
  check(): void {
    const keys = [...this.selector.getMap().values()].map(({ fd, events, mode, data }) => ({
      fd,
      events,
      mode,
      data,
    }));
    const watches = this.registered.map((fd) => this.model.watches.get(fd) as Watch);
    assert.deepEqual(
      keys,
      watches.map(({ fd, events, mode, id }) => ({ fd, events, mode, data: id })),
    );
    if (this.model.consistent) this.selector.verify();
    else assert.throws(() => this.selector.verify(), /invariant/, 'verify() overlooks what the kernel has');
  }

  /** Closes every descriptor, then forgets what was registered: nothing may be left. */
  end(): void {
    this.files.closeAll();
    for (const fd of [...this.selector.getMap().keys()]) this.selector.unregister(fd);
    this.selector.close();
  }

  #agree(operation: () => unknown, refusal: Refusal, name: string): void {
    assert.equal(refusalOf(operation), refusal, name);
  }

  /** Each report must be one of the expected, and come once. */
  #compare(ready: readonly (readonly [SelectorKey<number>, number])[], reports: Expectation[]): Set<Watch> {
    const delivered = new Set<Watch>();
    for (const [key, events] of ready) {
      const expected = reports.find(({ watch }) => watch.id === key.data);
      if (expected === undefined) assert.fail(`${key.fd} was reported: ${namesIn(events)}`);
      const { comparable } = this.model;
      assert.equal(
        namesIn(events & comparable),
        namesIn(expected.events & comparable),
        `events of ${key.fd}`,
      );
      assert.ok(!delivered.has(expected.watch), `${key.fd} was reported twice`);
      delivered.add(expected.watch);
    }
    return delivered;
  }
}

function refusalOf(operation: () => unknown): Refusal {
  try {
    operation();
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code;
  }
}

function describe({ watch, events }: Expectation): string {
  return `${watch.fd} (${watch.mode}): ${namesIn(events)}`;
}
