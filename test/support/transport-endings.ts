/** What holds of a connection that has ended. */
import type { Reactor } from 'iomux';
import type { Transport } from 'iomux/streams';
import { expect } from 'vitest';
import type { Setting } from './reactors.js';
import { refusal } from './refusals.js';
import { play, runFor } from './running.js';
import type { Recorder } from './transport-recorder.js';

/** Long enough for what should not happen. */
const MOMENT = 20;

/** Each call, in a state in which it must do nothing, or throw what `write` does. */
export function expectOver(transport: Transport): void {
  expect(transport.closing).toBe(true);
  for (const action of [
    () => transport.pauseReading(),
    () => transport.resumeReading(),
    () => transport.writeEof(),
    () => transport.close(),
    () => transport.abort(),
    () => transport.abort(new Error('too late')),
    () => transport.setWriteBufferLimits(0),
  ]) {
    expect(refusal(action)).toBe('nothing');
  }
  for (const data of ['x', '', Buffer.alloc(1)]) {
    expect(refusal(() => transport.write(data))).toBe('StateError ERR_CLOSED');
  }
  expect(refusal(() => transport.writev([Buffer.alloc(1)]))).toBe('StateError ERR_CLOSED');
  expect(refusal(() => transport.writev([]))).toBe('StateError ERR_CLOSED');
}

/** Runs until the connection is lost, and for a moment more, in which nothing else may be told. */
export async function untilEnded(
  reactor: Reactor,
  setting: Setting,
  protocol: Recorder,
): Promise<Error | null> {
  const error = await play(reactor, setting, () => protocol.lost());
  const told = [...protocol.events];
  await runFor(reactor, setting, MOMENT);
  expect(protocol.events).toEqual(told);
  expect(protocol.count('lost')).toBe(1);
  expect(protocol.transport.socket.closed).toBe(true);
  expect(reactor.selector.getMap().size).toBe(0);
  return error;
}
