/** The tests: real descriptors, so each file in a process of its own. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const lib = fileURLToPath(new URL('lib/', import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^iomux$/, replacement: `${lib}index.ts` },
      { find: /^iomux\/(\w+)$/, replacement: `${lib}$1/index.ts` },
    ],
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
