/** The command `iomux`: its echo server, its other commands, and what it says of those that it does not have. */
import { readdirSync, readFileSync } from 'node:fs';
import { createSelector, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { connected, takeAll } from '../support/net-client.js';
import { Program, runProgram } from '../support/programs.js';
import { TemporaryFolder } from '../support/temporary.js';

const PROGRAM = 'cli/main';

describe('iomux echo', () => {
  for (const backend of selectorBackends()) {
    it(`returns a line on ${backend} and prints what it served`, async () => {
      using program = new Program(PROGRAM, ['echo', '--port', '0', '--backend', backend]);
      const [, port] = await program.until('stdout', /^listening on 127\.0\.0\.1:(\d+) \(\w+, level\)\n/m);
      expect(program.stdout).toContain(`(${backend}, level)`);
      const client = await connected({ host: '127.0.0.1', port: Number(port) });
      client.end('hello\n');
      expect((await takeAll(client)).toString()).toBe('hello\n');
      program.kill('SIGINT');
      const { code, stdout, stderr } = await program.outcome();
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('served 1 connection (peak 1, failed 0), 1 message, 6 bytes\n');
    });
  }

  it('takes the options of the echo server', async () => {
    using folder = new TemporaryFolder();
    const path = folder.join('echo');
    using selector = createSelector();
    const edge = selector.capabilities.modes.includes('edge');
    using program = new Program(PROGRAM, ['echo', '--unix', path, '--oneshot', ...(edge ? ['--edge'] : [])]);
    await program.until('stdout', edge ? /, edge-oneshot\)\n/ : /, oneshot\)\n/);
    const client = await connected({ path });
    client.end('hello\n');
    expect((await takeAll(client)).toString()).toBe('hello\n');
    program.kill('SIGTERM');
    expect(await program.outcome()).toMatchObject({ code: 0 });
  });

  it('names itself in its errors', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['echo', '--port', 'x']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^iomux echo: --port must be [^\n]+\n$/);
  });

  it('says what to do where the addon does not load', async () => {
    const { code, stderr } = await runProgram(PROGRAM, ['echo'], { env: { IOMUX_ADDON: '/nowhere' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^iomux: iomux has no addon that loads/);
    expect(stderr).toContain('npx iomux build');
    expect(stderr).not.toContain('    at ');
  });
});

describe('iomux', () => {
  it.each(['help', '--help', '-h'])('lists its commands for %s, and loads nothing for it', async (asked) => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, [asked], {
      env: { IOMUX_ADDON: '/nowhere' },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of ['doctor', 'echo', 'build', 'help', '--version']) {
      expect(stdout).toContain(`  ${command} `);
    }
  });

  it('prints the version of the package, and loads nothing for it', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['--version'], {
      env: { IOMUX_ADDON: '/nowhere' },
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each(['doctor', 'build'])(
    'exits 2 for arguments of %s, which takes none, and does nothing',
    async (command) => {
      const { code, stdout, stderr } = await runProgram(PROGRAM, [command, '--now']);
      expect({ code, stdout, stderr }).toEqual({
        code: 2,
        stdout: '',
        stderr: `iomux ${command}: it takes no arguments\n`,
      });
    },
  );

  it('says why the addon cannot be built, exits 1 and leaves no files', async () => {
    using folder = new TemporaryFolder();
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['build'], {
      env: { PATH: folder.path, TMPDIR: folder.path },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^iomux was not built: npm [^\n]*ENOENT\n$/);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('exits 2 without a command, with the list on standard error', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, []);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('doctor');
  });

  it('exits 2 for a command that it does not have', async () => {
    const { code, stdout, stderr } = await runProgram(PROGRAM, ['ehco']);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: "iomux: there is no command 'ehco'; see iomux help\n",
    });
  });
});
