/** Several addresses of a name: in which order they are tried, and which one wins. */
import type { Address, Reactor, Socket } from 'iomux';
import { type Coroutine, sleep } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { AddressRace } from '../../lib/streams/address-race.js';
import { interleave } from '../../lib/streams/resolve.js';
import { portOf } from '../support/connections.js';
import { descriptorCount } from '../support/leaks.js';
import { isAsked, listenerOn, silentListener } from '../support/server-peers.js';
import { refusingAddress } from '../support/sockets.js';
import { HOSTED, openReactor, playTask } from '../support/task-scenes.js';

const at = (address: string, port = 1): Address => ({ address, port });

describe('interleave', () => {
  it.each([
    [[], []],
    [['127.0.0.1'], ['127.0.0.1']],
    [
      ['::1', '::2', '::3', '10.0.0.1', '10.0.0.2'],
      ['::1', '10.0.0.1', '::2', '10.0.0.2', '::3'],
    ],
    [
      ['10.0.0.1', '10.0.0.2', '::1'],
      ['10.0.0.1', '::1', '10.0.0.2'],
    ],
  ])('takes the families of %j in turn', (given, expected) => {
    expect(interleave(given.map((address) => at(address)))).toEqual(expected.map((address) => at(address)));
  });
});

describe('the race for an address', () => {
  /** Runs a race to its end, or until `stop` is called. */
  function race(
    addresses: readonly Address[],
    during: (race: AddressRace, reactor: Reactor) => Coroutine<void> = function* () {},
  ): Promise<{ outcome: Socket | Error | null; elapsed: number; left: number }> {
    const reactor = openReactor();
    return playTask(reactor, HOSTED, function* () {
      const before = descriptorCount();
      const begun = reactor.time();
      let outcome: Socket | Error | null = null;
      let over = false;
      const racing = new AddressRace(reactor, addresses, true, (result) => {
        outcome = result;
        over = true;
      });
      racing.begin();
      yield* during(racing, reactor);
      const patience = begun + 5_000;
      while (!over && reactor.time() < patience && during.length === 0) yield;
      const elapsed = reactor.time() - begun;
      const winner = outcome as Socket | Error | null;
      if (winner !== null && !(winner instanceof Error)) winner.close();
      expect(reactor.selector.getMap().size).toBe(0);
      return { outcome: winner, elapsed, left: descriptorCount() - before };
    });
  }

  it('takes the first address where that answers, and asks no other', async () => {
    const second = listenerOn('::1');
    const first = listenerOn();
    const { outcome, left } = await race([first.localAddress, second.localAddress]);
    expect(outcome).not.toBeInstanceOf(Error);
    expect(left).toBe(0);
    expect(isAsked(first)).toBe(true);
    expect(isAsked(second)).toBe(false);
  });

  it('tries the next one at once where one refuses', async () => {
    const last = listenerOn();
    const refusing = Array.from({ length: 12 }, refusingAddress);
    const { outcome, elapsed, left } = await race([...refusing, last.localAddress]);
    expect(outcome).not.toBeInstanceOf(Error);
    expect(isAsked(last)).toBe(true);
    // Each with a head start would take twelve times a quarter of a second.
    expect(elapsed).toBeLessThan(2_000);
    expect(left).toBe(0);
  });

  it('tries the next one beside one that does not answer, after a while, and closes the loser', async () => {
    const silent = silentListener('::1');
    const last = listenerOn();
    const { outcome, elapsed, left } = await race([silent.localAddress, last.localAddress]);
    expect(outcome).not.toBeInstanceOf(Error);
    expect(isAsked(last)).toBe(true);
    expect(elapsed).toBeGreaterThanOrEqual(250);
    expect(left).toBe(0);
  });

  it('fails with the one error, or with all of them and the code of the first', async () => {
    const one = refusingAddress();
    expect((await race([one])).outcome).toMatchObject({ code: 'ECONNREFUSED', port: one.port });
    const other = at('::1', portOf(refusingAddress()));
    const { outcome, left } = await race([one, other, refusingAddress()]);
    expect(outcome).toBeInstanceOf(AggregateError);
    const { errors, message, code } = outcome as AggregateError & { code: string };
    expect(code).toBe('ECONNREFUSED');
    expect(errors).toHaveLength(3);
    for (const error of errors) expect(message).toContain(error.message);
    expect(left).toBe(0);
  });

  it('waits for those that are under way before it fails', async () => {
    const silent = silentListener('::1');
    const { outcome, left } = await race(
      [silent.localAddress, refusingAddress()],
      function* (racing, reactor) {
        yield sleep(300);
        // The second has failed by now, and nobody was told.
        expect(reactor.selector.getMap().size).toBe(1);
        racing.cancel();
      },
    );
    expect(outcome).toBeNull();
    expect(left).toBe(0);
  });

  it('tries no further and tells nobody when it is cancelled', async () => {
    const silent = silentListener('::1');
    const next = listenerOn();
    const { outcome, left } = await race([silent.localAddress, next.localAddress], function* (racing) {
      yield sleep(10);
      racing.cancel();
      yield sleep(300);
    });
    expect(outcome).toBeNull();
    expect(isAsked(next)).toBe(false);
    expect(left).toBe(0);
  });
});
