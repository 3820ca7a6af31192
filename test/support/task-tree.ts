/** Trees of tasks that wait for one another, cancelled at any moment, and what must hold of them. */
import * as fc from 'fast-check';
import { CancelledError, type Reactor } from 'iomux';
import {
  allTasks,
  type Coroutine,
  createTask,
  gather,
  sleep,
  type Task,
  TaskGroup,
  value,
  waitFor,
} from 'iomux/tasks';
import { HOUR, iterations } from './task-scenes.js';

/** One task: it takes some steps, waits for its children, and cleans up. */
export interface Branch {
  readonly steps: number;
  /** Whether it then waits until it is cancelled. */
  readonly endless: boolean;
  /** How it waits for its children. */
  readonly join: 'one by one' | 'gather' | 'group' | 'waitFor';
  readonly children: readonly Branch[];
  /** Whether it goes on when it is cancelled for the first time. */
  readonly stubborn: boolean;
  readonly fails: boolean;
  /** Iterations of its clean-up. */
  readonly cleanup: number;
}

/** A cancellation of one of the tasks that there are then. */
export interface Cancellation {
  readonly moment: number;
  readonly target: number;
}

const { branch } = fc.letrec<{ branch: Branch }>((tie) => ({
  branch: fc.record({
    steps: fc.nat(3),
    endless: fc.integer({ min: 0, max: 3 }).map((roll) => roll === 0),
    join: fc.constantFrom('one by one', 'gather', 'group', 'waitFor'),
    children: fc.oneof({ maxDepth: 3 }, fc.constant([]), fc.array(tie('branch'), { maxLength: 3 })),
    stubborn: fc.integer({ min: 0, max: 4 }).map((roll) => roll === 0),
    fails: fc.integer({ min: 0, max: 7 }).map((roll) => roll === 0),
    cleanup: fc.nat(3),
  }),
}));

export const branches: fc.Arbitrary<Branch> = branch;

export const cancellations: fc.Arbitrary<readonly Cancellation[]> = fc.array(
  fc.record({ moment: fc.nat(25), target: fc.nat(100) }),
  { maxLength: 6 },
);

interface Node {
  readonly branch: Branch;
  readonly children: Node[];
  readonly task: Task<void>;
  begun: boolean;
  /** How often its clean-up began. */
  cleanups: number;
  /** Whether cancel() said that it would be cancelled. */
  promised: boolean;
  stubbornness: number;
}

/** After so many iterations, and so many again, the root is cancelled. */
const PATIENCE = 40;
/** Far more than any tree takes. */
const LIMIT = 50 * PATIENCE;

export class TaskTree {
  readonly faults: string[] = [];
  readonly #nodes: Node[] = [];

  constructor(readonly reactor: Reactor) {}

  /** Grows a tree, cancels, and waits until its root has ended. Everything else must have ended then, too. */
  *play(root: Branch, sequence: readonly Cancellation[]): Coroutine<void> {
    const before = new Set(allTasks(this.reactor));
    const { task } = this.#grow(root, null, createTask);
    for (let moment = 0; !task.done(); moment++) {
      for (const { target } of sequence.filter((cancellation) => cancellation.moment === moment)) {
        this.#cancel(target % this.#nodes.length);
      }
      if (moment % PATIENCE === PATIENCE - 1) this.#cancel(0);
      if (moment > LIMIT) {
        this.faults.push('it never ended');
        return;
      }
      yield;
    }
    const left = [...allTasks(this.reactor)].filter((other) => !before.has(other));
    if (left.length > 0) this.faults.push(`${left.length} tasks are left`);
    for (const node of this.#nodes) this.#check(node);
  }

  #cancel(index: number): void {
    const node = this.#nodes[index];
    if (node?.task.cancel('of the test')) node.promised = true;
  }

  #grow(branch: Branch, parent: Node | null, create: typeof createTask): Node {
    const node: Node = {
      branch,
      children: [],
      task: create(() => this.#work(node)),
      begun: false,
      cleanups: 0,
      promised: false,
      stubbornness: branch.stubborn ? 1 : 0,
    };
    this.#nodes.push(node);
    parent?.children.push(node);
    return node;
  }

  *#work(node: Node): Coroutine<void> {
    const { branch } = node;
    if (node.begun) this.#fault(node, 'began twice');
    node.begun = true;
    try {
      yield* this.#stubbornly(node, iterations(branch.steps));
      if (branch.endless) yield* this.#stubbornly(node, value(sleep(HOUR)));
      yield* this.#stubbornly(node, this.#join(node));
      if (branch.fails) throw new Error('as it should');
    } finally {
      node.cleanups++;
      this.#checkChildren(node, 'cleans up');
      yield* iterations(branch.cleanup);
    }
  }

  *#join(node: Node): Coroutine<void> {
    const { children, join } = node.branch;
    const grow = (child: Branch, create = createTask) => this.#grow(child, node, create).task;
    if (join === 'gather') {
      yield gather(
        children.map((child) => grow(child)),
        { returnExceptions: true },
      );
    } else if (join === 'group') {
      const group = new TaskGroup();
      for (const child of children) grow(child, (work, options) => group.createTask(work, options));
      yield group.join();
    } else {
      for (const child of children) {
        const task = grow(child);
        yield join === 'waitFor' ? waitFor(task, HOUR) : task;
      }
    }
  }

  /** Goes on after a cancellation, once. */
  *#stubbornly(node: Node, part: Coroutine<void>): Coroutine<void> {
    try {
      yield* part;
    } catch (error) {
      if (!(error instanceof CancelledError) || node.stubbornness === 0) throw error;
      node.stubbornness--;
      this.#checkChildren(node, 'goes on');
    }
  }

  #checkChildren(node: Node, moment: string): void {
    const living = node.children.filter(({ task }) => !task.done());
    if (living.length > 0) this.#fault(node, `${moment} while ${living.length} of its children live`);
  }

  #check(node: Node): void {
    const { branch, task } = node;
    const expected = node.begun ? 1 : 0;
    if (node.cleanups !== expected) this.#fault(node, `cleaned up ${node.cleanups} times`);
    if (!node.begun && task.state !== 'cancelled') this.#fault(node, `never began, but is ${task.state}`);
    if (!task.done()) return;
    const calm = !branch.stubborn && !this.#nodes.some((other) => other.branch.fails);
    if (calm && node.promised && !task.cancelled()) {
      this.#fault(node, 'was told that it would be cancelled, and was not');
    }
    const quiet = this.#nodes.every((other) => !other.promised && !other.branch.fails);
    if (quiet && task.cancelled()) this.#fault(node, 'is cancelled, and nobody did it');
  }

  #fault(node: Node, what: string): void {
    this.faults.push(`${node.task.name} ${what}`);
  }
}
