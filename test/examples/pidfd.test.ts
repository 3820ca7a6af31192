/** The example of a pidfd: processes that end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Program, runProgram } from '../support/programs.js';

const PROGRAM = 'examples/pidfd';

async function sleeper(): Promise<ChildProcess> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child;
}

describe.runIf(process.platform === 'linux')('the pidfd example', () => {
  it('says of each process when it has ended, though none is its child, and ends with the last', async () => {
    const [one, two] = [await sleeper(), await sleeper()];
    using program = new Program(PROGRAM, [`${one.pid}`, `${two.pid}`]);
    for (const { pid } of [one, two]) await program.until('stdout', new RegExp(`^waiting for ${pid}\n`, 'm'));
    expect(program.stdout).not.toContain('has ended');
    two.kill();
    await program.until('stdout', new RegExp(`^${two.pid} has ended\n`, 'm'));
    expect(program.stdout).not.toContain(`${one.pid} has ended`);
    one.kill();
    const { code, stdout, stderr } = await program.outcome();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`\n${two.pid} has ended\n${one.pid} has ended\n$`));
  });

  it('says that there is no such process, and ends with exit code 1', async () => {
    const { pid } = spawnSync('true');
    const { code, stdout, stderr } = await runProgram(PROGRAM, [`${pid}`]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`${pid}: No such process\n`);
  });
});
