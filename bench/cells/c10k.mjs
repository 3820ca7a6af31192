/** C10K: what ten thousand open connections cost, of which a hundred are busy. */
import { idleDescriptorsGroup } from './c10k/idle-descriptors.mjs';
import { idleSecondGroup } from './c10k/idle-second.mjs';
import { memoryGroup } from './c10k/memory.mjs';
import { throughputGroup } from './c10k/throughput.mjs';

/** Among whom nothing is promised, nobody takes part in `quick`; nor do idle descriptors, which the pipes stand for. */
const PASSES = {
  full: {
    throughput: { active: 100, idle: 9900, seconds: 0.5, warmup: 1, rounds: 5, everybody: true },
    memory: { connections: 10_000, rounds: 3, everybody: true },
    idleSecond: { connections: 10_000, milliseconds: 1000, rounds: 2, everybody: true },
    idleDescriptors: { counts: [10, 1000, 9000], samples: 7, milliseconds: 10, rounds: 5 },
  },
  quick: {
    throughput: { active: 100, idle: 9900, seconds: 0.5, warmup: 1, rounds: 3, everybody: false },
    memory: { connections: 10_000, rounds: 1, everybody: false },
    idleSecond: { connections: 10_000, milliseconds: 1000, rounds: 1, everybody: false },
    idleDescriptors: null,
  },
  moment: {
    throughput: { active: 4, idle: 16, seconds: 0.05, warmup: 0.02, rounds: 1, everybody: false },
    memory: { connections: 20, rounds: 1, everybody: false, hurry: true },
    idleSecond: { connections: 20, milliseconds: 50, rounds: 1, everybody: false },
    idleDescriptors: { counts: [1, 50], samples: 1, milliseconds: 1, rounds: 1 },
  },
};

/** @type {import('../support/cell.mjs').Cell} */
export const c10k = {
  name: 'c10k',
  async measure({ pass, cores }) {
    const { throughput, memory, idleSecond, idleDescriptors } = PASSES[pass];
    return [
      await throughputGroup(throughput, cores),
      await memoryGroup(memory, cores),
      await idleSecondGroup(idleSecond, cores),
      ...(idleDescriptors === null ? [] : [await idleDescriptorsGroup(idleDescriptors, cores)]),
    ];
  },
};
