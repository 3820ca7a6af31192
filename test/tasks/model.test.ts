/** Random trees of tasks, cancelled at random moments: nothing is left, and each cleans up once, after its children. */
import * as fc from 'fast-check';
import { allTasks, createTask } from 'iomux/tasks';
import { expect, it } from 'vitest';
import { openReactor } from '../support/task-scenes.js';
import { type Branch, branches, type Cancellation, cancellations, TaskTree } from '../support/task-tree.js';

/** As many as take about a second. */
const TREES = 5_000;

it('every tree of tasks ends as a whole', () => {
  // Nobody looks at the error of a task that its parent did not wait for.
  const reactor = openReactor([]);
  const property = (root: Branch, sequence: readonly Cancellation[]) => {
    const tree = new TaskTree(reactor);
    reactor.runUntilComplete(createTask(tree.play(root, sequence), { reactor }));
    expect(tree.faults).toEqual([]);
    expect(allTasks(reactor).size).toBe(0);
  };
  fc.assert(fc.property(branches, cancellations, property), { numRuns: TREES });
});
