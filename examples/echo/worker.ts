/** A thread of the echo server: serves one listener, with a loop of its own, until it is stopped. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createSelector, EVENT_READ, Reactor, Socket } from 'iomux';
import type { EchoOptions, ReactorMode } from './options.js';
import { SelectorLoop } from './selector-loop.js';
import { EchoService, type Served } from './service.js';

/** What a worker is started with: descriptors, which become its own, and what to do. */
export interface Orders {
  readonly listener: number;
  /** One end of a socket pair: the other is closed to stop the worker, whatever it waits with. */
  readonly leash: number;
  readonly options: EchoOptions;
}

/** What a worker tells the main thread. */
export type Message =
  | { readonly type: 'serving' }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'served'; readonly served: Served };

async function serve({ listener, leash, options }: Orders, port: MessagePort): Promise<void> {
  const { backend, mode, maxConnections, reactor } = options;
  const tell = (message: Message) => port.postMessage(message);
  // Not to the worker's own stderr: that is written by an event loop which may stand still here.
  const report = (text: string) => tell({ type: 'notice', text });
  using loop =
    reactor === null
      ? new SelectorLoop(createSelector(backend))
      : new Reactor({ selector: createSelector(backend) });
  using service = new EchoService(Socket.fromFd(listener), loop, { mode, maxConnections, report });
  using held = Socket.fromFd(leash);
  loop.watch(held, EVENT_READ, () => loop.stop());
  tell({ type: 'serving' });
  await run(loop, reactor);
  tell({ type: 'served', served: service.served });
}

/** Runs a loop until it is stopped; only a hosted reactor leaves the thread to others meanwhile. */
async function run(loop: SelectorLoop | Reactor, mode: ReactorMode | null): Promise<void> {
  if (loop instanceof SelectorLoop) loop.run();
  else if (mode === 'hosted') await loop.run();
  else loop.runForever();
}

if (parentPort === null) throw new Error('this is the worker of echo-server.js, which starts it');
await serve(workerData as Orders, parentPort);
