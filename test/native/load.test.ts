/** How the addon is found, what is said where it is not, and that each thread has one of its own. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { selectorBackends } from 'iomux';
import { describe, expect, it } from 'vitest';
import { addonPath } from '../../lib/native/load.js';
import { openDescriptors } from '../support/descriptors.js';
import { expectGivenBack } from '../support/emulation.js';
import { fixture, runFixture } from '../support/processes.js';

async function load(addon: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runFixture('load.mjs', [], { IOMUX_ADDON: addon });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** What each of so many workers found that load and use the library at the same time. */
async function useInWorkers(count: number): Promise<unknown[]> {
  const start = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from(
    { length: count },
    () => new Worker(fixture('load-worker.mjs'), { workerData: { start, last: count } }),
  );
  return Promise.all(
    workers.map(async (worker) => {
      const ended = once(worker, 'exit');
      const [found] = await once(worker, 'message');
      expect(await ended).toEqual([0]);
      return found;
    }),
  );
}

describe('loading the addon', () => {
  it('takes the one that IOMUX_ADDON names', async () => {
    expect(await load(addonPath)).toEqual({ addonPath, backends: selectorBackends() });
  });

  it('takes an empty IOMUX_ADDON as none', async () => {
    const loaded = await load('');
    expect(loaded['addonPath']).toMatch(/\.node$/);
  });

  it('says what to do where the file is missing, and why', async () => {
    const path = join(tmpdir(), 'iomux-is-not-here', 'iomux.node');
    const error = await load(path);
    expect(error).toMatchObject({ name: 'Error', causeCode: 'MODULE_NOT_FOUND' });
    const message = String(error['message']);
    expect(message).toContain(path);
    expect(message).toContain(`${process.platform}-${process.arch}, Node.js ${process.versions.node}`);
    expect(message).toMatch(/npx iomux build/);
    expect(message).toMatch(/IOMUX_ADDON/);
    expect(message).toContain(String(error['cause']));
  });

  it('says so too where the file is no addon', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'iomux-load-'));
    try {
      const path = join(folder, 'iomux.node');
      writeFileSync(path, 'this is a text\n');
      const error = await load(path);
      expect(error).toMatchObject({ name: 'Error', causeCode: 'ERR_DLOPEN_FAILED' });
      expect(error['message']).toContain(path);
      expect(error['message']).toMatch(/npx iomux build/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('works in a worker', async () => {
    expect(await useInWorkers(1)).toEqual([selectorBackends()]);
  });

  it('works in several workers that load it at the same time, again and again, and leaves nothing open', async () => {
    const expected = Array.from({ length: 4 }, () => selectorBackends());
    expect(await useInWorkers(4)).toEqual(expected);
    const before = openDescriptors();
    for (let round = 0; round < 2; round++) expect(await useInWorkers(4)).toEqual(expected);
    expectGivenBack(before);
  });
});
