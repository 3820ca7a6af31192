/** Echo servers under the same loads: each a process of its own, taking short turns with its rivals. */
import { echoesInTurns, missingEchoLoad, SETTLE } from '../support/echo-load.mjs';
import { echoServer } from '../support/echo-servers.mjs';
import { startServer } from '../support/programs.mjs';
import { inRounds } from '../support/rounds.mjs';

/** @typedef {import('../support/echo-servers.mjs').ServerName} ServerName */
/** @typedef {import('../support/programs.mjs').Server} Server */
/** @typedef {import('../support/results.mjs').Row} Row */
/** @typedef {[number, number] | null} Cores */
/**
 * @typedef {object} Load
 * @property {string} id - of the group, for the progress.
 * @property {readonly ServerName[]} names - who takes part.
 * @property {number} connections
 * @property {number} size - bytes of a message.
 * @property {number} rounds
 * @property {number} seconds - that a turn is measured.
 * @property {number} warmUp - seconds that the first turn, which leaves no sample, runs before.
 * @property {boolean} [busy] - whether the load polls, and never sleeps: so it is if nothing is said.
 * @property {boolean} [quantiles] - of the latencies, many.
 */

/**
 * The servers live through all loads and rounds, and connections through all rounds of their load; one whose turn it is
 * not waits, and costs the others nothing.
 *
 * @param {readonly Load[]} loads
 * @param {Cores} cores - one for the servers, one for the load.
 * @returns {Promise<Row[][]>} the rows of each load.
 */
export async function measureServers(loads, cores) {
  const noLoad = missingEchoLoad();
  const names = [...new Set(loads.flatMap((load) => load.names))];
  const servers = new Map(names.map((name) => [name, started(noLoad, echoServer(name), cores?.[0])]));
  try {
    /** @type {Row[][]} */
    const rows = [];
    for (const load of loads) {
      /** @type {ReturnType<typeof echoesInTurns>[]} */
      const begun = [];
      const contenders = load.names.map((name) => {
        const { ours, missing, running } = /** @type {ReturnType<typeof started>} */ (servers.get(name));
        /** @type {ReturnType<typeof echoesInTurns> | undefined} */
        let echoes;
        /** @param {number} round */
        const turn = async (round) => {
          if (echoes === undefined) {
            echoes = echoesInTurns(/** @type {Server} */ (await running), load, cores?.[1]);
            begun.push(echoes);
          }
          return echoes.turn(round === 0 ? load.warmUp : SETTLE);
        };
        return { name, ours, missing, turn };
      });
      try {
        rows.push(await inRounds(load.id, contenders, load.rounds));
      } finally {
        await Promise.all(begun.map(({ stop }) => stop()));
      }
    }
    return rows;
  } finally {
    const ended = [...servers.values()].map(async ({ running }) => (await running)?.stop());
    await Promise.allSettled(ended);
  }
}

/**
 * @param {string | undefined} noLoad - how to have a load, without which nobody takes part.
 * @param {import('../support/echo-servers.mjs').EchoServer} server
 * @param {number | undefined} core
 */
function started(noLoad, { ours, command, missing = noLoad }, core) {
  const running = missing === undefined ? startServer(command, core) : undefined;
  // Its turn awaits it, and puts a failure into its row: until then it must not end the process as unhandled.
  running?.catch(() => {});
  return { ours, missing, running };
}
