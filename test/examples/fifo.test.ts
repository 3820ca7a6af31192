/** The example of a FIFO: lines of many, while each has a writer. */
import { execFileSync } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Program, runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';

const PROGRAM = 'examples/fifo';

function makeFifo(folder: TemporaryFolder, name: string): string {
  const path = folder.join(name);
  execFileSync('mkfifo', [path]);
  return path;
}

describe('the FIFO example', () => {
  it('prints the lines of each as they come, and ends by itself when all writers have closed', async () => {
    using folder = new TemporaryFolder();
    const paths = ['one', 'two'].map((name) => makeFifo(folder, name));
    using program = new Program(PROGRAM, paths);
    // Opening waits for the reader.
    const [one, two] = (await Promise.all(paths.map((path) => open(path, 'w')))) as [FileHandle, FileHandle];
    await one.write('first\nsec');
    await program.until('stdout', /^one: first\n/m);
    await two.write('other\n');
    await program.until('stdout', /^two: other\n/m);
    await one.write('ond\nthe last');
    await program.until('stdout', /^one: second\n/m);
    await one.close();
    await program.until('stdout', /^one: the last\n/m);
    // Its last writer is gone, but not that of the other.
    await two.write('still here\n');
    await program.until('stdout', /^two: still here\n/m);
    await two.close();
    expect(await program.outcome()).toEqual({
      code: 0,
      signal: null,
      stdout: 'one: first\ntwo: other\none: second\none: the last\ntwo: still here\n',
      stderr: '',
    });
  });

  it('puts characters together that came in pieces', async () => {
    using folder = new TemporaryFolder();
    const path = makeFifo(folder, 'fifo');
    using program = new Program(PROGRAM, [path]);
    const writer = await open(path, 'w');
    for (const byte of Buffer.from('grün\n')) await writer.write(Buffer.of(byte));
    await writer.close();
    expect(await program.outcome()).toMatchObject({ code: 0, stdout: 'fifo: grün\n', stderr: '' });
  });

  it('waits as long as nobody has written', async () => {
    using folder = new TemporaryFolder();
    using program = new Program(PROGRAM, [makeFifo(folder, 'fifo')]);
    const ended = program.outcome();
    expect(await Promise.race([ended, sleep(300, 'it waits')])).toBe('it waits');
    program.kill('SIGTERM');
    expect(await ended).toMatchObject({ signal: 'SIGTERM', stdout: '', stderr: '' });
  });

  it('ends with exit code 1 where there is no such file', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['/nowhere/fifo']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain("ENOENT: no such file or directory, open '/nowhere/fifo'");
  });
});
