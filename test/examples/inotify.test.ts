/** The example of an inotify descriptor: files that are complete. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Program, runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';

const PROGRAM = 'examples/inotify';

describe.runIf(process.platform === 'linux')('the inotify example', () => {
  it('prints a file when it is complete, not before, and ends with its folder', async () => {
    using temporary = new TemporaryFolder();
    const folder = temporary.join('folder');
    mkdirSync(folder);
    using program = new Program(PROGRAM, [folder]);
    await program.until('stdout', /^watching .*\n/);

    const slow = openSync(`${folder}/slow`, 'w');
    writeSync(slow, 'not yet');
    writeFileSync(`${folder}/a file of some length`, 'written');
    await program.until('stdout', /^a file of some length\n/m);
    writeFileSync(temporary.join('elsewhere'), 'written');
    renameSync(temporary.join('elsewhere'), `${folder}/moved`);
    await program.until('stdout', /^moved\n/m);
    writeSync(slow, ', now');
    closeSync(slow);
    await program.until('stdout', /^slow\n/m);

    rmSync(folder, { recursive: true });
    expect(await program.outcome()).toEqual({
      code: 0,
      signal: null,
      stdout: `watching ${folder}\na file of some length\nmoved\nslow\n`,
      stderr: '',
    });
  });

  it('prints every file of many that are written at once', async () => {
    using folder = new TemporaryFolder();
    using program = new Program(PROGRAM, [folder.path]);
    await program.until('stdout', /^watching .*\n/);
    const names = Array.from({ length: 500 }, (_, index) => `file-${index}`);
    for (const name of names) writeFileSync(folder.join(name), name);
    await program.until('stdout', /^file-499\n/m);
    program.kill('SIGTERM');
    const { stdout } = await program.outcome();
    expect(stdout.trimEnd().split('\n').slice(1)).toEqual(names);
  });

  it('says that there is no such folder, and ends with exit code 1', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['/nowhere']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('/nowhere: No such file or directory\n');
    expect(stderr).toContain('python3 ended without handing over a descriptor');
  });

  it('says that there is no Python, and ends with exit code 1', async () => {
    using folder = new TemporaryFolder();
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['/tmp'], { env: { PATH: folder.path } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('spawn python3 ENOENT');
  });
});
