/**
 * Adds up what several runs of vitest counted, as `N passed, N failed`: node scripts/count-tests.mjs FAILURES REPORT.json …
 *
 * FAILURES is how many steps failed, a run of tests that failed among them. Fails where a test failed, a report is
 * missing, or a run had no tests.
 */
import { readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
const [failures, ...paths] = process.argv.slice(2);
for (const path of paths) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    if (!(report.numTotalTests > 0)) throw new Error('no test ran');
    passed += report.numPassedTests;
    // A file that does not even load has no tests to fail.
    failed += Math.max(report.numFailedTests, report.success ? 0 : 1);
  } catch (error) {
    console.error(`${path}: ${error.message}`);
    failed++;
  }
}
// A step that failed without a failed test: lint, types, a crash of the runner.
failed = Math.max(failed, /^\d+$/.test(failures) ? Number(failures) : 1);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
