/**
 * Makes RESULTS.md and the figures of a run anew.
 *
 *   node bench/report.mjs DIR
 *
 * DIR has the run's results.json.
 */
import { report } from './support/publish.mjs';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node bench/report.mjs DIR, a folder with results.json');
  process.exit(1);
}
await report(folder);
