/** The other side of thread-round-trip.mjs: answers for as long as it is asked. */
import { parentPort, workerData } from 'node:worker_threads';
import { createSelector, Waker } from '../../dist/lib/index.js';

const { by, waker, words } = workerData;
if (parentPort === null) throw new Error('this is the worker of thread-round-trip.mjs, which starts it');

switch (by) {
  case 'Waker': {
    const selector = createSelector();
    const peer = Waker.from(waker);
    parentPort.postMessage(selector.waker.handle);
    for (;;) {
      selector.select();
      peer.wake();
    }
  }
  case 'Atomics.wait': {
    parentPort.postMessage(null);
    for (let turn = 1; ; turn++) {
      while (Atomics.load(words, 0) < turn) Atomics.wait(words, 0, turn - 1);
      Atomics.store(words, 1, turn);
      Atomics.notify(words, 1);
    }
  }
  default: {
    const port = parentPort;
    port.on('message', (message) => port.postMessage(message));
    port.postMessage(null);
  }
}
