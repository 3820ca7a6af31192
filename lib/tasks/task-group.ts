/** Structured concurrency: tasks that end together. */
import { invalidType, StateError } from '../native/errors.js';
import { currentReactor } from '../reactor/ambient.js';
import { Future } from '../reactor/future.js';
import type { Reactor } from '../reactor/reactor.js';
import { failureOf } from './awaitables.js';
import { CancelRequest } from './cancel-request.js';
import { createTask, type Task, type TaskOptions, type Work } from './task.js';

/** Somebody who waits for the end. */
interface Joining {
  readonly future: CancelRequest<void>;
  /** Set where that was cancelled. */
  request: { readonly reason: string | undefined } | null;
}

/**
 * Tasks that are waited for together. One that fails cancels the others; the errors of all come in one AggregateError from
 * {@link TaskGroup.join}, which is also called where an `await using` leaves its block. A member that was cancelled has
 * not failed.
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
  #joining: Joining[] = [];
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
   * @throws (rejects) AggregateError: its `errors` are what the members threw, in that order.
   */
  join(): Future<void> {
    const [member] = this.#members;
    const reactor = member?.reactor ?? currentReactor();
    if (member === undefined) {
      this.#closed = true;
      if (this.#failed !== null) return this.#failed;
      const joined = new Future<void>(reactor.futures);
      joined.setResult();
      return joined;
    }
    const joining: Joining = {
      request: null,
      future: new CancelRequest<void>(reactor.futures, (reason) => {
        joining.request = { reason };
        this.cancel(reason);
      }),
    };
    this.#joining.push(joining);
    return joining.future;
  }

  /** Cancels all members; `join` then waits for their end. */
  cancel(reason?: string): void {
    if (reason !== undefined && typeof reason !== 'string') throw invalidType('reason', 'a string', reason);
    this.#closed = true;
    for (const member of [...this.#members]) member.cancel(reason);
  }

  /** As {@link TaskGroup.join}. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.join();
  }

  #left(member: Task<unknown>): void {
    const failure = member.cancelled() ? undefined : failureOf(member);
    if (failure !== undefined) {
      this.#failures.push(failure.error);
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
    for (const { future, request } of joining) {
      if (this.#failed !== null) future.setException(this.#failed.exception());
      else if (request !== null) future.endCancelled(request.reason);
      else future.setResult();
    }
  }
}
