/** Coroutines that a reactor drives, and what coordinates them. */
export { asCompleted } from './as-completed.js';
export { type Awaitable, type Coroutine, value } from './coroutine.js';
export { allTasks, currentTask } from './current.js';
export { TimeoutError } from './errors.js';
export { gather } from './gather.js';
export { run, runBlocking } from './run.js';
export { shield } from './shield.js';
export { sleep } from './sleep.js';
export { createTask, Task, type TaskOptions, type Work } from './task.js';
export { TaskGroup } from './task-group.js';
export { type TimeoutScope, timeout } from './timeout.js';
export { type ReturnWhen, type WaitOptions, wait } from './wait.js';
export { waitFor } from './wait-for.js';
