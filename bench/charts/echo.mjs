/** What a message costs each echo server, held against a loop in C: no language can do with less. */
import { bars, barsOf } from './bars.mjs';
import { CPU, figuresOf, LIMIT, roundsOf, sorted } from './data.mjs';

const GROUP = 'echo, 64 × 1 KiB';

/** @param {import('../support/results.mjs').Results} results */
export function echo(results) {
  const { groups } = results;
  const rows = sorted(figuresOf(groups, GROUP, CPU, LIMIT));
  if (rows.length < 2) return undefined;
  const list = rows.map(({ name, median }) => `${name} ${median.toFixed(2)}`).join('; ');
  return bars(
    {
      name: 'echo',
      cell: 'echo',
      results,
      title: 'Echo: CPU time per message, compared with a loop in C',
      subtitle: `64 connections, messages of 1 KiB; ${barsOf(`the ratios of ${roundsOf(groups, [GROUP])}`)}`,
      alt: `Bars of the CPU time per message, divided by that of ${LIMIT}: ${list}.`,
    },
    rows,
    `CPU time per message ÷ that of ${LIMIT} (times)`,
    { at: 1, label: LIMIT },
  );
}
