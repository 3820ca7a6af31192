/** Tables in Markdown, as the benchmarks print them. */

/** A figure of a table: a number, alone or as a median with its least and greatest. */
export const FIGURE = /^-?[\d.,]+( \(-?[\d.,]+ – -?[\d.,]+\))?$/;

/** The rows of the first table below the line that begins with `title`, by their first cell. */
export function rowsBelow(output: string, title: string): Record<string, string[]> {
  const lines = output.split('\n');
  const above = lines.findIndex((line) => line.startsWith(title));
  const head = lines.findIndex((line, index) => index > above && line.startsWith('|'));
  if (above === -1 || head === -1) throw new Error(`no table below '${title}' in:\n${output}`);
  const end = lines.findIndex((line, index) => index > head && !line.startsWith('|'));
  const rows = lines.slice(head + 2, end === -1 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return Object.fromEntries(rows.map(([name = '', ...figures]) => [name, figures]));
}
