/** The tests: real descriptors, so each file in a process of its own. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: {
    alias: { iomux: fileURLToPath(new URL('lib/index.ts', import.meta.url)) },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/package/**'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    // Most tests wait for something, so two files share two processors well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // What takes longer hangs, however busy the machine.
    testTimeout: 120_000,
  },
});
