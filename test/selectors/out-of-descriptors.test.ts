/** Selectors in a process that has no descriptor left. */
import { selectorBackends } from 'iomux';
import { expect, it } from 'vitest';
import { runLimitedFixture } from '../support/limits.js';

it('are refused with EMFILE, go on waiting, and rebuild their set when there is a descriptor again', async () => {
  const { code, signal, stdout, stderr } = await runLimitedFixture('selectors-out-of-descriptors.mjs', 64);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    refusals: selectorBackends().map(() => 'EMFILE'),
    refusalsOfTheDefault: (['epoll', 'kqueue', 'poll', 'select'] as const).map((backend) =>
      selectorBackends().includes(backend) ? 'EMFILE' : 'ERR_UNSUPPORTED',
    ),
    pollFindsReadable: true,
    ...(process.platform === 'linux' && {
      pollOfTooMany: 'EINVAL',
      waitsWithoutDescriptors: [0, 0],
      rebuildsWithoutDescriptors: 0,
      waitWithDescriptors: 0,
      rebuildsWithDescriptors: 1,
    }),
  });
});
