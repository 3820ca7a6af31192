/** The example of a PTY: what a command prints on its terminal, and what is typed there. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Outcome, outcomeOf } from '../support/processes.js';

const PROGRAM = fileURLToPath(new URL('../../dist/examples/pty.js', import.meta.url));

/** Runs a command on a terminal to its end. @param typed - its input, which ends there. */
function onTerminal(command: readonly string[], typed = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [PROGRAM, ...command], { stdio: 'pipe' });
  child.stdin.on('error', () => {}).end(typed);
  return outcomeOf(child);
}

describe.skipIf(process.platform === 'win32')('the PTY example', () => {
  it('gives a command a terminal for input and output, and ends with it', async () => {
    const { code, stdout, stderr } = await onTerminal(['sh', '-c', 'test -t 0 && test -t 1 && tty']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\/dev\/\S+\r\n/);
  });

  it('types what comes in: the terminal echoes it, the command gets it, and its end as well', async () => {
    const { code, stdout } = await onTerminal(['cat'], 'hello\n');
    expect(code).toBe(0);
    expect(stdout.match(/hello\r\n/g)).toHaveLength(2);
  });

  it('types more than the terminal takes at once, and prints all of the answer', async () => {
    const line = `${'x'.repeat(999)}\n`;
    const { code, stdout } = await onTerminal(
      ['sh', '-c', 'stty -echo; echo ready; wc -c; seq 20000'],
      line.repeat(300),
    );
    expect(code).toBe(0);
    const numbers = stdout.replaceAll('\r', '').trimEnd().split('\n').slice(-20_000);
    expect(numbers).toEqual(Array.from({ length: 20_000 }, (_, index) => `${index + 1}`));
    expect(stdout).toContain('\n300000\r\n');
  });

  it('says that there is no such command', async () => {
    const { stdout } = await onTerminal(['no-such-command']);
    expect(stdout).toContain('no-such-command: No such file or directory');
  });
});
