/** The figures of a run: what its tables say, as pictures. */

/** @typedef {import('./frame.mjs').Figure} Figure */

/**
 * Draws what was measured; a figure that nothing was measured for is left out. The libraries that draw are those of
 * bench/package.json and are loaded only now: tables can be made without them.
 *
 * @param {import('../support/results.mjs').Results} results
 * @returns {Promise<Figure[]>}
 */
export async function drawFigures(results) {
  const { echo } = await import('./echo.mjs');
  const { connections, sizes } = await import('./growth.mjs');
  const { latency } = await import('./latency.mjs');
  const { memory } = await import('./memory.mjs');
  const { pipes } = await import('./pipes.mjs');
  return [echo, connections, sizes, latency, pipes, memory]
    .map((draw) => draw(results))
    .filter((figure) => figure !== undefined);
}
