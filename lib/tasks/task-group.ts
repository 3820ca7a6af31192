/** Structured concurrency: tasks that end together. */
import { StateError } from '../native/errors.js';
import { currentReactor, workingReactor } from '../reactor/ambient.js';
import { checkReason, Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { failureOf } from './awaitables.js';
import { CancelRequest, otherThanCancelled } from './cancel-request.js';
import { currentTask } from './current.js';
import { createTask, type Task, type TaskOptions, type Work } from './task.js';

/**
 * Tasks that are waited for together. One that fails cancels the others; the errors of all come in one AggregateError from
 * {@link TaskGroup.join}, which is also called where an `await using` leaves its block. A member that was cancelled has
 * not failed.
 *
 * The block is no member: neither an exception in it, nor cancelling the async task that it is part of, cancels the
 * members. They are waited for.
 *
 * @example
 * ```ts
 * await using group = new TaskGroup();
 * for (const url of urls) group.createTask(() => fetchPage(url));
 * // here all of them have ended
 * ```
 */
export class TaskGroup implements AsyncDisposable {
  readonly #members = new Set<Task<unknown>>();
  readonly #failures: unknown[] = [];
  #joining: CancelRequest<void>[] = [];
  // No task may be added any more: one has failed, it was cancelled, or all were waited for.
  #closed = false;
  // What the first join() gets where the members failed before it.
  #failed: Future<void> | null = null;

  /**
   * Begins a task that belongs to the group; a member may begin others.
   *
   * @throws as {@link createTask}. StateError `ERR_CLOSED`: the group was cancelled, has failed, or was left.
   */
  createTask<T>(work: Work<T>, options?: TaskOptions): Task<T> {
    if (this.#closed) throw new StateError('ERR_CLOSED', 'the task group takes no more tasks: it is ending');
    const task = createTask(work, options);
    const member = task as Task<unknown>;
    this.#members.add(member);
    member.addDoneCallback(() => this.#left(member));
    return task;
  }

  /**
   * Waits until all members have ended. Cancelling it cancels them.
   *
   * @returns a future of the reactor that is at work; where none is, of the members'.
   * @throws StateError `ERR_INVALID_STATE`: a member calls it, which would wait for itself. (rejects) AggregateError: its
   * `errors` are what the members threw, in that order.
   */
  join(): Future<void> {
    const caller = currentTask();
    if (caller !== null && this.#members.has(caller)) {
      throw new StateError(
        'ERR_INVALID_STATE',
        `${caller.name} would wait for its own group, and so for itself`,
      );
    }
    const [member] = this.#members;
    const { futures } = workingReactor() ?? member?.reactor ?? currentReactor();
    if (member === undefined) {
      this.#closed = true;
      const joined = new Future<void>(futures);
      if (this.#failed === null) joined.setResult();
      else joined.setException(this.#failed.exception());
      return joined;
    }
    const joining = new CancelRequest<void>(futures, ({ message }) => this.cancel(message));
    this.#joining.push(joining);
    return joining;
  }

  /** Cancels all members; `join` then waits for their end. */
  cancel(reason?: string): void {
    checkReason(reason);
    this.#closed = true;
    for (const member of [...this.#members]) member.cancel(reason);
  }

  /** As {@link TaskGroup.join}. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.join();
  }

  #left(member: Task<unknown>): void {
    const error = otherThanCancelled(failureOf(member)?.error);
    if (error !== undefined) {
      this.#failures.push(error);
      if (this.#failures.length === 1) this.cancel('another task of the group has failed');
    }
    this.#members.delete(member);
    if (this.#members.size === 0) this.#end(member.reactor);
  }

  #end(reactor: Reactor): void {
    const joining = this.#joining;
    this.#joining = [];
    if (joining.length > 0) this.#closed = true;
    const count = this.#failures.length;
    if (count > 0) {
      const message = count === 1 ? 'a task of a group failed' : `${count} tasks of a group failed`;
      this.#failed = new Future<void>(reactor.futures);
      this.#failed.setException(new AggregateError(this.#failures, message));
    }
    for (const joined of joining) {
      if (this.#failed !== null) joined.setException(this.#failed.exception());
      else if (joined.request !== null) joined.endCancelled(joined.request);
      else joined.setResult();
    }
  }
}
