/** Echo servers under the same loads: each a process of its own, taking short turns with its rivals. */
import { echoesInTurns, missingEchoLoad, SETTLE } from '../support/echo-load.mjs';
import { echoServer } from '../support/echo-servers.mjs';
import { startServer } from '../support/programs.mjs';
import { inRounds } from '../support/rounds.mjs';

/** @typedef {import('../support/echo-servers.mjs').ServerName} ServerName */
/** @typedef {import('../support/programs.mjs').Server} Server */
/** @typedef {import('../support/results.mjs').Row} Row */
/** @typedef {[number, number] | null} Cores */
/** @typedef {ReturnType<typeof started>} Echoing */
/** @typedef {ReturnType<typeof echoesInTurns>} Echoes */
/**
 * @typedef {object} Load
 * @property {string} id - of the group, for the progress.
 * @property {readonly ServerName[]} names - who takes part.
 * @property {number} connections
 * @property {number} size - bytes of a message.
 * @property {number} rounds
 * @property {number} seconds - that a turn is measured.
 * @property {number} [starts] - how many times the servers are started within the rounds; once, with the first load, if
 *   nothing is said.
 * @property {number} warmUp - seconds that the first turn of a start, which leaves no sample, runs before.
 * @property {boolean} [busy] - whether the load polls, and never sleeps: so it is if nothing is said.
 * @property {boolean} [quantiles] - of the latencies, many.
 */

/**
 * The servers live through all loads, and connections through all rounds of their load; one whose turn it is not waits, and
 * costs the others nothing.
 *
 * But a process has luck, in where its memory lies and in the order in which its functions were compiled: half a percent
 * to either side, for as long as it lives, which no number of rounds would show. Where little is promised beyond a rival,
 * several starts share the rounds.
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
      /** @type {Echoes[]} */
      const begun = [];
      const contenders = load.names.map((name) => {
        const server = /** @type {Echoing} */ (servers.get(name));
        return {
          name,
          ours: server.ours,
          missing: server.missing,
          turn: turnsOf(server, load, cores?.[1], begun),
        };
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
 * Has a server echo over connections that are made in its first turn, and in the first after each start.
 *
 * @param {Echoing} server
 * @param {Load} load
 * @param {number | undefined} core - the load's.
 * @param {Echoes[]} begun - gets the connections, which are to be stopped.
 */
function turnsOf(server, load, core, begun) {
  /** @type {Echoes | undefined} */
  let echoes;
  const connected = async () => {
    echoes = echoesInTurns(/** @type {Server} */ (await server.running), load, core);
    begun.push(echoes);
    return echoes.turn(load.warmUp);
  };
  /** @param {number} round */
  return async (round) => {
    if (echoes === undefined) return connected();
    if (isStartedBefore(round, load)) {
      await echoes.stop();
      await server.restart();
      await connected();
    }
    return echoes.turn(SETTLE);
  };
}

/**
 * @param {string | undefined} noLoad - how to have a load, without which nobody takes part.
 * @param {import('../support/echo-servers.mjs').EchoServer} server
 * @param {number | undefined} core
 */
function started(noLoad, { ours, command, missing = noLoad }, core) {
  const start = () => {
    const running = startServer(command, core);
    // Its turn awaits it, and puts a failure into its row: until then it must not end the process as unhandled.
    running.catch(() => {});
    return running;
  };
  return {
    ours,
    missing,
    running: missing === undefined ? start() : undefined,
    async restart() {
      await (await this.running)?.stop();
      this.running = start();
    },
  };
}

/** @type {(round: number, load: Load) => boolean} */
function isStartedBefore(round, { rounds, starts = 1 }) {
  return round > 1 && (round - 1) % Math.ceil(rounds / starts) === 0;
}
