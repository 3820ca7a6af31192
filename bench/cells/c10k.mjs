/** C10K: what ten thousand open connections cost, of which a hundred are busy. */

import { TURN } from '../support/echo-load.mjs';
import { idleSecondGroup } from './c10k/idle-second.mjs';
import { memoryGroup } from './c10k/memory.mjs';
import { throughputGroups } from './c10k/throughput.mjs';

/** `quick` leaves out of whom nothing is promised. */
const PASSES = {
  full: {
    throughput: { active: 100, idle: 9900, seconds: TURN, warmUp: 1, rounds: 201, everybody: true },
    memory: { connections: 10_000, rounds: 5, everybody: true },
    idleSecond: { connections: 10_000, milliseconds: 1000, rounds: 5, everybody: true },
  },
  quick: {
    throughput: { active: 100, idle: 9900, seconds: TURN, warmUp: 1, rounds: 199, everybody: false },
    memory: { connections: 10_000, rounds: 1, everybody: false },
    idleSecond: { connections: 10_000, milliseconds: 1000, rounds: 2, everybody: false },
  },
  moment: {
    throughput: { active: 4, idle: 16, seconds: 0.05, warmUp: 0.02, rounds: 2, everybody: false },
    memory: { connections: 20, rounds: 1, everybody: false, hurry: true },
    idleSecond: { connections: 20, milliseconds: 50, rounds: 1, everybody: false },
  },
};

/** @type {import('../support/cell.mjs').Cell} */
export const c10k = {
  name: 'c10k',
  async measure({ pass, cores }) {
    const { throughput, memory, idleSecond } = PASSES[pass];
    return [
      ...(await throughputGroups(throughput, cores)),
      await memoryGroup(memory, cores),
      await idleSecondGroup(idleSecond, cores),
    ];
  },
};
