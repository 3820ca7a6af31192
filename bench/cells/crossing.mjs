/** Crossing: what it costs to bring an event from the kernel into JavaScript, in time and in memory. */
import { inC, ours } from '../support/commands.mjs';
import { measure } from '../support/programs.mjs';
import { inRounds } from '../support/rounds.mjs';

/** @typedef {import('../support/results.mjs').Group} Group */
/** @typedef {import('../support/results.mjs').Sample} Sample */
/** @typedef {typeof PASSES[keyof typeof PASSES]} Size */

/** `samples` of so many milliseconds are what one process takes; `quick` leaves out of whom nothing is promised. */
const PASSES = {
  full: { rounds: 5, samples: 7, milliseconds: 10, everybody: true, garbageRounds: 5, events: 1_000_000 },
  quick: { rounds: 2, samples: 5, milliseconds: 5, everybody: false, garbageRounds: 1, events: 1_000_000 },
  moment: { rounds: 1, samples: 1, milliseconds: 1, everybody: true, garbageRounds: 1, events: 2000 },
};
const BATCHES = { full: [1, 8, 64, 1024], quick: [1, 8, 64, 1024], moment: [8] };

/**
 * Each layer is a column, and its figure is named after it: that of `dispatch` is the one that is promised to be small.
 *
 * @type {readonly { key: string, title: string, layer: string | null, promised: boolean }[]}
 */
const LAYERS = [
  { key: 'nanosecondsPerEvent', title: 'dispatch, ns/event', layer: 'dispatch', promised: true },
  { key: 'selectNanosecondsPerEvent', title: 'select', layer: 'select', promised: false },
  { key: 'callsNanosecondsPerEvent', title: 'Epoll, without selector', layer: 'calls', promised: false },
  { key: 'hostedNanosecondsPerEvent', title: 'watchers, hosted', layer: 'hosted', promised: false },
  { key: 'kernelNanosecondsPerEvent', title: 'epoll_wait in C', layer: null, promised: true },
];
const IN_C = 'kernelNanosecondsPerEvent';

/** @type {import('../support/cell.mjs').Cell} */
export const crossing = {
  name: 'crossing',
  async measure({ pass, cores }) {
    const size = PASSES[pass];
    return [await timeGroup(size, BATCHES[pass], cores?.[0]), await garbageGroup(size, cores?.[0])];
  },
};

/** @type {(size: Size, batches: readonly number[], core: number | undefined) => Promise<Group>} */
async function timeGroup(size, batches, core) {
  const kernel = inC('crossing');
  const columns = LAYERS.filter(({ promised }) => promised || size.everybody).filter(
    ({ layer }) => layer !== null || kernel.missing === undefined,
  );
  const besideC = kernel.missing === undefined ? [{ title: '÷ epoll_wait', figure: IN_C }] : [];
  const contenders = batches.map((batch) => ({
    name: `batch of ${batch}`,
    async turn() {
      const args = ['--batch', batch, '--samples', size.samples, '--milliseconds', size.milliseconds].map(
        String,
      );
      /** @type {Sample} */
      const sample = {};
      for (const { key, layer } of columns) {
        const { command } = layer === null ? kernel : ours('programs/crossing.mjs', '--layer', layer);
        const { nanosecondsPerEvent = Number.NaN } = await measure([...command, ...args], core);
        sample[key] = nanosecondsPerEvent;
      }
      return sample;
    },
  }));
  return {
    id: 'crossing',
    title: 'What an event costs until JavaScript has it',
    note:
      'CPU time of a wait that finds so many descriptors ready, divided by them; none of them is ever read. epoll_wait ' +
      'in C is the kernel’s own share, and what dispatch takes beyond it is what JavaScript adds: one call into the ' +
      'addon for a batch, and for each event one look into the registry and one call of the handler. select and Epoll ' +
      `make arrays. Hosted, Node’s loop has a turn for each batch.${kernel.missing === undefined ? '' : ` epoll_wait in C: ${kernel.missing}.`}`,
    figures: columns.map(({ key, title, layer }) => ({
      key,
      title,
      digits: 0,
      ...(layer === 'dispatch' ? { beside: besideC } : {}),
    })),
    rows: await inRounds('crossing', contenders, size.rounds, { warmUp: false }),
  };
}

/** @type {(size: Size, core: number | undefined) => Promise<Group>} */
async function garbageGroup({ events, garbageRounds }, core) {
  const [node = '', ...script] = ours('programs/crossing-garbage.mjs').command;
  const program = [node, '--expose-gc', ...script];
  const contenders = ['dispatch', 'select'].map((layer) => ({
    name: layer,
    ours: true,
    turn: () => measure([...program, '--layer', layer, '--events', `${events}`], core),
  }));
  return {
    id: 'crossing, allocation',
    title: `What ${events.toLocaleString('en')} events leave to the garbage collector`,
    note:
      'In batches of 64, in a steady loop. Collections are those of any kind, counted by perf_hooks; bytes are what the ' +
      'heap grows by where none comes in between. Each program shows that it would see both.',
    figures: [
      { key: 'scavenges', title: 'collections', digits: 0, shown: 'max' },
      { key: 'bytesPerEvent', title: 'bytes/event', digits: 2, shown: 'max' },
    ],
    rows: await inRounds('crossing, allocation', contenders, garbageRounds, { warmUp: false }),
    setting: { events },
  };
}
