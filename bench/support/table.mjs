/** Tables in Markdown that are aligned in a terminal too. */

/**
 * @param {readonly string[]} head - the first column is for names, the others for figures.
 * @param {readonly (readonly string[])[]} rows
 * @returns {string}
 */
export function table(head, rows) {
  const cells = [head, ...rows].map((row) => head.map((_, column) => escaped(row[column] ?? '')));
  const widths = head.map((_, column) => Math.max(4, ...cells.map((row) => (row[column] ?? '').length)));
  /** @param {readonly string[]} row */
  const line = (row) =>
    `| ${widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  const [titles = [], ...others] = cells;
  return [line(titles), line(rule), ...others.map(line)].join('\n');
}

/** The message of an error may have several lines. @param {string} cell */
function escaped(cell) {
  return cell.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}
