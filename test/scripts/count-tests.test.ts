/** What the last line of a run in CI says: the sum of its reports, and whether all of them are good. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Outcome, outcomeOf } from '../support/processes.js';
import { TemporaryFolder } from '../support/temporary.js';

const script = fileURLToPath(new URL('../../scripts/count-tests.mjs', import.meta.url));

/** What a run reports of which so many tests passed and failed. */
function reported(passed: number, failed = 0) {
  return {
    numTotalTests: passed + failed,
    numPassedTests: passed,
    numFailedTests: failed,
    success: failed === 0,
  };
}

/** Counts reports with these texts; `null`: there is no such file. The second is called 1.json. */
async function counted(texts: readonly (string | null)[], failures = '0'): Promise<Outcome> {
  using folder = new TemporaryFolder();
  const paths = texts.map((text, index) => {
    const path = folder.join(`${index}.json`);
    if (text !== null) writeFileSync(path, text);
    return path;
  });
  return await outcomeOf(spawn(process.execPath, [script, failures, ...paths]));
}

const good = JSON.stringify(reported(3));

describe('the count of all tests', () => {
  it('is the sum of every report, and a success where all passed', async () => {
    const outcome = await counted([good, JSON.stringify(reported(40)), JSON.stringify(reported(1))]);
    expect(outcome).toEqual({ code: 0, signal: null, stdout: '44 passed, 0 failed\n', stderr: '' });
  });

  it('leaves tests out that were skipped', async () => {
    const skipping = JSON.stringify({ ...reported(5), numTotalTests: 9, numPendingTests: 4 });
    expect(await counted([skipping])).toMatchObject({ code: 0, stdout: '5 passed, 0 failed\n' });
  });

  it('fails where tests failed, and counts those of every report', async () => {
    const texts = [JSON.stringify(reported(3, 2)), good, JSON.stringify(reported(0, 1))];
    expect(await counted(texts)).toMatchObject({ code: 1, stdout: '6 passed, 3 failed\n', stderr: '' });
  });

  it('fails where a file did not load, which has no tests to fail', async () => {
    const broken = JSON.stringify({ ...reported(7), success: false });
    expect(await counted([broken, good])).toMatchObject({ code: 1, stdout: '10 passed, 1 failed\n' });
  });

  it('says of each test that failed where it stands and why, and why a file did not load', async () => {
    const tests = [
      { fullName: 'a pipe is open', status: 'passed', failureMessages: [] },
      { fullName: 'a pipe is closed', status: 'failed', failureMessages: ['Error: EBADF', 'Error: late'] },
    ];
    const texts = [
      JSON.stringify({
        ...reported(1, 1),
        testResults: [
          { name: '/pipe.test.ts', status: 'failed', message: '', assertionResults: tests },
          { name: '/good.test.ts', status: 'passed', message: '', assertionResults: [] },
        ],
      }),
      JSON.stringify({
        ...reported(1),
        success: false,
        testResults: [
          { name: '/x.test.ts', status: 'failed', message: 'SyntaxError: x', assertionResults: [] },
        ],
      }),
    ];
    const { code, stdout, stderr } = await counted(texts);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout.replaceAll(/^\S+\/(?=\d\.json)/gm, '')).toBe(
      [
        '0.json: /pipe.test.ts\na pipe is closed\nError: EBADF\nError: late',
        '1.json: /x.test.ts\nSyntaxError: x',
        '2 passed, 2 failed\n',
      ].join('\n'),
    );
  });

  it.each([
    ['is missing', null, 'ENOENT'],
    ['is empty', '', 'JSON'],
    ['is no JSON', 'Segmentation fault', 'JSON'],
    ['was cut off', good.slice(0, -9), 'JSON'],
    ['holds nothing', 'null', 'null'],
    ['is JSON, but of something else', '{"name":"vitest"}', 'no test ran'],
    ['is of a run without tests', JSON.stringify(reported(0)), 'no test ran'],
  ])('fails where a report %s, names it, and counts the others', async (_what, text, reason) => {
    const { code, stdout, stderr } = await counted([good, text, good]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '6 passed, 1 failed\n' });
    expect(stderr).toMatch(/^\S+1\.json: [^\n]+\n$/);
    expect(stderr).toContain(reason);
  });

  it('fails where there are no reports, or nothing passed', async () => {
    expect(await counted([])).toMatchObject({ code: 1, stdout: '0 passed, 0 failed\n' });
    const skipped = JSON.stringify({ ...reported(0), numTotalTests: 4 });
    expect(await counted([skipped])).toMatchObject({ code: 1, stdout: '0 passed, 0 failed\n' });
  });

  it('fails where nobody says how many steps failed', async () => {
    for (const failures of ['', 'none', '-1', 'report.json']) {
      expect(await counted([good], failures)).toMatchObject({ code: 1, stdout: '3 passed, 1 failed\n' });
    }
  });

  it('fails where a step failed without a test, and counts no failure twice', async () => {
    expect(await counted([good], '2')).toMatchObject({ code: 1, stdout: '3 passed, 2 failed\n' });
    // The run of tests is itself a step that failed.
    expect(await counted([JSON.stringify(reported(3, 1))], '1')).toMatchObject({
      code: 1,
      stdout: '3 passed, 1 failed\n',
    });
    expect(await counted([JSON.stringify(reported(3, 5))], '2')).toMatchObject({
      code: 1,
      stdout: '3 passed, 5 failed\n',
    });
  });
});
