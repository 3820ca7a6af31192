/** What there is to measure. */

/** By name, what each cell asks: in this order they are run, and stand in the results. */
export const cells = {
  echo: 'What a message costs a server that is never idle: each layer, beside its rivals.',
  latency: 'How long a small message is on its way when nobody else is.',
  pipes: 'What a wait costs when few of many descriptors are ready: each backend.',
  c10k: 'What ten thousand open connections cost, of which a hundred are busy.',
  timers: 'What a crowd of timers costs, and how exact a single one is.',
  datagrams: 'How many datagrams can be received: one a call, and many.',
  wakers: 'What crosses threads: wakes, of which none may be lost, round trips, and messages.',
  crossing: 'What it costs to bring an event into JavaScript, in time and in memory.',
  'accept-storm': 'Who wakes when a connection comes to several processes, and how they share.',
};

/**
 * Only what is asked for is loaded.
 *
 * @param {string} name
 * @returns {Promise<import('../support/cell.mjs').Cell>}
 */
export async function loadCell(name) {
  const exported = name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
  const { [exported]: cell } = await import(`./${name}.mjs`);
  return cell;
}
