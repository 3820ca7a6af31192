/** `iomux doctor` tells the truth about this machine, and where something is missing. */
import { readFileSync, realpathSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { createSelector, selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { examine } from '../../cli/doctor.js';
import { addonPath } from '../../lib/native/load.js';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack } from '../support/emulation.js';
import { runProgram } from '../support/programs.js';

const doctor = (env: NodeJS.ProcessEnv = {}, before?: string) =>
  runProgram('cli/main', ['doctor'], { env, ...(before !== undefined && { before }) });

describe('iomux doctor', () => {
  it('names Node, the system, the addon and every backend, and exits 0', async () => {
    const { code, stdout, stderr } = await doctor();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Node.js      ${process.version} (`);
    expect(stdout).toMatch(/architecture +\S/);
    expect(stdout).toContain(`loaded from  ${addonPath}`);
    for (const backend of ['epoll', 'kqueue', 'poll', 'select'] as const) {
      const line = new RegExp(`^ {2}(.) ${backend} +(.*)$`, 'm').exec(stdout);
      if (!selectorBackends().includes(backend)) {
        expect(line?.[1]).toBe('–');
        expect(line?.[2]).toContain('IOMUX_LIBKQUEUE=1');
        continue;
      }
      using selector = createSelector(backend);
      expect(line?.[1]).toBe('✓');
      expect(line?.[2]).toContain(selector.capabilities.modes.join(', '));
      for (const name of ['exclusive', 'priority', 'readClosed', 'pollable'] as const) {
        expect(line?.[2]?.includes(name)).toBe(selector.capabilities[name]);
      }
      const { maxDescriptor } = selector.capabilities;
      expect(line?.[2]).toMatch(maxDescriptor === 0x7fff_ffff ? /any descriptor$/ : `up to ${maxDescriptor}`);
    }
    expect(stdout).toMatch(new RegExp(`by default +${selectorBackends()[0]}$`, 'm'));
  });

  it.skipIf(process.platform !== 'linux')('names the C library and the limits of its process', async () => {
    const { stdout } = await doctor({}, 'ulimit -n 300');
    expect(stdout).toMatch(/C library +(glibc \d+\.\d+|musl)$/m);
    expect(stdout).toMatch(/descriptors +soft limit 300, hard limit 300$/m);
  });

  it('writes no escape sequences where no terminal reads it', async () => {
    const { stdout } = await doctor({ FORCE_COLOR: '1' });
    expect(stdout).not.toContain('\x1b');
  });

  it('says the same on a terminal, in colour', async () => {
    const { text } = await examine(true);
    expect(text).toContain('\x1b[');
    expect(stripVTControlCharacters(text)).toBe((await examine(false)).text);
  });

  it('leaves no descriptor open', async () => {
    // What the first loads may stay open.
    await examine(false);
    const before = openDescriptors();
    await examine(false);
    expectGivenBack(before);
  });

  it('takes an empty IOMUX_SELECTOR for none', async () => {
    const { code, stdout } = await doctor({ IOMUX_SELECTOR: '' });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`by default +${selectorBackends()[0]}$`, 'm'));
  });

  it('says what IOMUX_SELECTOR makes of the default', async () => {
    const { code, stdout } = await doctor({ IOMUX_SELECTOR: 'select' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/by default +select \(IOMUX_SELECTOR=select\)$/m);
  });

  it('exits 1 where IOMUX_SELECTOR names what does not exist', async () => {
    const { code, stdout, stderr } = await doctor({ IOMUX_SELECTOR: 'uring' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/✗ by default +IOMUX_SELECTOR must be one of .*, not 'uring'/);
    expect(stdout).toContain('✓ poll');
  });

  it('reports an addon that does not load, with what to do, and exits 1', async () => {
    const { code, stdout, stderr } = await doctor({ IOMUX_ADDON: '/nowhere/iomux.node' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toContain(`Node.js      ${process.version}`);
    expect(stdout).toMatch(/✗ not loaded +iomux has no addon that loads on .*\/nowhere\/iomux\.node/);
    expect(stdout).toContain('npx iomux build');
    expect(stdout).not.toContain('✓');
    // Every line of the reason stands below its first.
    const [, reason = ''] = stdout.split('✗ not loaded   ');
    expect(reason.trimEnd().split('\n').length).toBeGreaterThan(1);
    for (const line of reason.trimEnd().split('\n').slice(1)) expect(line).toMatch(/^ {17}\S/);
  });

  it('reports a file that is no addon in the same way', async () => {
    const { code, stdout } = await doctor({
      IOMUX_ADDON: realpathSync(new URL('../../package.json', import.meta.url)),
    });
    expect(code).toBe(1);
    expect(stdout).toContain('✗');
  });

  it('names the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect((await doctor()).stdout).toMatch(new RegExp(`iomux +${version}$`, 'm'));
  });
});
