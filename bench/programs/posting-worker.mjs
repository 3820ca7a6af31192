/** The worker of posts.mjs: posts a warm-up, then the messages that are measured. */
import { parentPort, workerData } from 'node:worker_threads';
import { Remote } from '../../dist/lib/index.js';

const { remote: handle, gate, warmUp, count } = workerData;
if (parentPort === null) throw new Error('this is the worker of posts.mjs, which starts it');
const port = handle === null ? parentPort : null;
const remote = handle === null ? null : Remote.from(handle);

/** @param {number} index */
function post(index) {
  const message = { index, text: 'a message of some length' };
  if (port !== null) port.postMessage(message);
  else if (remote?.post(message) !== true) throw new Error('the reactor is closed');
}

Atomics.wait(gate, 0, 0);
for (let index = 0; index < warmUp; index++) post(index);
Atomics.wait(gate, 1, 0);
for (let index = warmUp; index < warmUp + count; index++) post(index);
