/** The names of lines at their ends, moved apart where lines end close to each other. */

/** @typedef {import('./lines.mjs').Line} Line */
/** @typedef {{ line: Line, x: number, y: number, nameY: number }} End - where a line ends, and where its name stands. */

const LINE_HEIGHT = 14.5;

/**
 * @param {readonly Line[]} lines
 * @param {{ apply(value: number): number, invert?(pixel: number): number }} scale - of y, where less is above.
 * @param {readonly [number, number]} room - the highest and the lowest pixel that a name may stand at.
 * @returns {End[]}
 */
export function endsOf(lines, scale, [top, bottom]) {
  const ends = lines.flatMap((line) => {
    const last = line.points.at(-1);
    return last === undefined ? [] : [{ line, x: last.x, y: last.y, pixel: scale.apply(last.y) }];
  });
  ends.sort((a, b) => a.pixel - b.pixel);
  const pixels = apart(
    ends.map(({ pixel }) => pixel),
    top,
    bottom,
  );
  return ends.map(({ line, x, y }, index) => ({
    line,
    x,
    y,
    nameY: scale.invert?.(pixels[index] ?? 0) ?? y,
  }));
}

/**
 * Positions that keep their order and stand apart. Those that would touch form a block around their own middle, and
 * blocks that touch become one: so each stays as close to its place as the others let it.
 *
 * @param {readonly number[]} wanted - in order.
 * @param {number} top
 * @param {number} bottom
 */
export function apart(wanted, top, bottom) {
  /** @type {{ count: number, middle: number }[]} */
  const blocks = [];
  const halfOf = (/** @type {number} */ count) => ((count - 1) * LINE_HEIGHT) / 2;
  for (const pixel of wanted) {
    let block = within({ count: 1, middle: pixel });
    for (let above = blocks.at(-1); above !== undefined && touch(above, block); above = blocks.at(-1)) {
      blocks.pop();
      const count = above.count + block.count;
      block = within({ count, middle: (above.count * above.middle + block.count * block.middle) / count });
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ count, middle }) =>
    Array.from({ length: count }, (_, index) => middle - halfOf(count) + index * LINE_HEIGHT),
  );

  /** @type {(block: { count: number, middle: number }) => { count: number, middle: number }} */
  function within({ count, middle }) {
    const half = halfOf(count);
    return { count, middle: Math.max(top + half, Math.min(bottom - half, middle)) };
  }

  /** @type {(above: { count: number, middle: number }, below: { count: number, middle: number }) => boolean} */
  function touch(above, below) {
    return below.middle - halfOf(below.count) - (above.middle + halfOf(above.count)) < LINE_HEIGHT;
  }
}
