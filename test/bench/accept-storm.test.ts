/** The benchmark of the accept storm, run for a moment: who was woken, and that each connection was served once. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DefaultSelector, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { acceptStorm } from '../../bench/cells/accept-storm.mjs';
import type { Row } from '../../bench/support/results.mjs';
import { outcomeOf } from '../support/processes.js';

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));

function hasExclusive(): boolean {
  using selector = new DefaultSelector();
  return selector.capabilities.exclusive;
}

describe.runIf(hasExclusive())('the benchmark of the accept storm', () => {
  it('serves each connection once, one after the other and in bursts, and counts whom each woke', async () => {
    const groups = await acceptStorm.measure({ pass: 'moment', cores: null });
    expect(groups.map(({ id }: { id: string }) => id)).toEqual(['accept storm', 'accept storm, bursts']);
    for (const { id, rows } of groups as { id: string; rows: Row[] }[]) {
      expect(rows.map(({ name }) => name)).toEqual(['plain', 'exclusive', 'reusePort']);
      for (const { name, samples, failure } of rows) {
        const row = `${id}: ${name}`;
        expect(failure, row).toBeUndefined();
        expect(samples, row).toHaveLength(1);
        const { wakeUpsPerConnection = Number.NaN, refusalsPerConnection = Number.NaN } = samples[0] ?? {};
        // Each report is one connection, or none that is left.
        expect(wakeUpsPerConnection - refusalsPerConnection, row).toBeCloseTo(1);
        expect(samples[0]?.['spread'], row).toBeGreaterThanOrEqual(0.25);
        expect(samples[0]?.['spread'], row).toBeLessThanOrEqual(1);
        expect(samples[0]?.['cpuMicrosecondsPerConnection'], row).toBeGreaterThan(0);
        expect(samples[0]?.['switchesPerConnection'], row).toBeGreaterThanOrEqual(0);
        // Nobody else hears of a connection that comes to a listener of one's own.
        if (name === 'reusePort') expect(refusalsPerConnection, row).toBe(0);
      }
    }
  });

  it('has workers end without a word when their parent ended, whatever they were asked', async () => {
    using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
    const [parent, theirs] = Socket.pair();
    parent.send(Buffer.from('?'));
    parent.close();
    const stdio = ['ignore', 'pipe', 'pipe', listener.fileno(), theirs.fileno()] as const;
    const worker = spawn(process.execPath, [path('programs/accept-worker.mjs'), '0'], { stdio: [...stdio] });
    theirs.close();
    expect(await outcomeOf(worker)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
