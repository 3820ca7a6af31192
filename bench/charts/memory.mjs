/** What a connection that is merely open costs each server in memory. */
import { bars, barsOf } from './bars.mjs';
import { figuresOf, roundsOf, sorted } from './data.mjs';
import { thousands } from './theme.mjs';

const GROUP = 'c10k, memory';
const KIBIBYTES = 'kibibytesPerConnection';

/** @param {import('../support/results.mjs').Results} results */
export function memory(results) {
  const { groups } = results;
  const rows = sorted(figuresOf(groups, GROUP, KIBIBYTES));
  if (rows.length === 0) return undefined;
  const list = rows.map(({ name, median }) => `${name} ${median.toFixed(2)}`).join('; ');
  return bars(
    {
      name: 'memory',
      cell: 'c10k',
      results,
      title: 'Memory per idle connection',
      subtitle: `Resident memory of a server with ${countIn(groups)}, less that without; ${barsOf(roundsOf(groups, [GROUP]))}`,
      alt: `Bars of the resident memory per idle connection, in KiB: ${list}.`,
    },
    rows,
    'KiB per connection',
  );
}

/** How many connections there were. @param {readonly import('../support/results.mjs').Group[]} groups */
function countIn(groups) {
  const count = groups.find(({ id }) => id === GROUP)?.setting?.['connections'];
  return typeof count === 'number' ? thousands(count) : 'many';
}
