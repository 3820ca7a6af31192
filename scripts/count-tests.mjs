/**
 * Adds up what several runs of vitest counted, as `N passed, N failed`: node scripts/count-tests.mjs FAILURES REPORT.json …
 *
 * FAILURES is how many steps failed, a run of tests that failed among them. Fails where a test failed, a report is
 * missing, or a run had no tests. Each test that failed is named before, with what it said: the run itself is long.
 */
import { readFileSync } from 'node:fs';

/** What went wrong in a run: of a test its file, its name and its errors, of a file that did not load the error. */
function* failuresOf({ testResults = [] }) {
  for (const { name, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    for (const test of failed) yield [name, test.fullName, ...test.failureMessages].join('\n');
    if (status === 'failed' && failed.length === 0) yield `${name}\n${message}`;
  }
}

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
    for (const failure of failuresOf(report)) console.log(`${path}: ${failure}`);
  } catch (error) {
    console.error(`${path}: ${error.message}`);
    failed++;
  }
}
// A step that failed without a failed test: lint, types, a crash of the runner.
failed = Math.max(failed, /^\d+$/.test(failures) ? Number(failures) : 1);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
