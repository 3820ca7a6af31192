/** What a reactor that runs must refuse, in each way there is. */
import type { Reactor } from 'iomux';
import { rejection } from './rejections.js';

/** How a reactor refuses to be run or closed. */
export function runningRefusals(reactor: Reactor): Promise<string[]> {
  return Promise.all([
    rejection(() => reactor.run()),
    rejection(() => reactor.runForever()),
    rejection(() => reactor.runOnce(0)),
    rejection(() => reactor.runUntilComplete(reactor.createFuture())),
    rejection(() => reactor.close()),
  ]);
}

/** What {@link runningRefusals} must be. */
export const ALL_RUNNING: readonly string[] = Array.from({ length: 5 }, () => 'StateError ERR_RUNNING');
