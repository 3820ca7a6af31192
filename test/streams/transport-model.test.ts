/** Random conversations between two transports: every byte arrives, in order, and both end in order. */
import * as fc from 'fast-check';
import { Socket } from 'iomux';
import { expect, it } from 'vitest';
import { describeReactors } from '../support/reactors.js';
import { play } from '../support/running.js';
import { tcpPair } from '../support/sockets.js';
import { commands, converse } from '../support/transport-conversation.js';
import { narrow } from '../support/transport-peers.js';

const CONVERSATIONS = 20;

/** The kernel keeps much of what is sent, or little. */
const PAIRS = {
  'a Unix pair': () => Socket.pair(),
  'a narrow Unix pair': () => narrow(Socket.pair()),
  TCP: tcpPair,
  'narrow TCP': () => narrow(tcpPair()),
};

describeReactors((setting, open) => {
  it('two transports say what they are told, hold back and go on, byte for byte', async () => {
    const reactor = open();
    const names = Object.keys(PAIRS) as (keyof typeof PAIRS)[];
    const property = fc.asyncProperty(
      fc.constantFrom(...names),
      commands,
      commands,
      async (name, one, other) => {
        const faults = await play(reactor, setting, () => converse(reactor, PAIRS[name](), [one, other]));
        expect(faults).toEqual([]);
        expect(reactor.selector.getMap().size).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: CONVERSATIONS });
  });
});
