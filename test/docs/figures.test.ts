/**
 * Each measured number in the README and in docs/performance.md stands in bench/RESULTS.md, in the place that it is said to
 * come from.
 *
 * A comment `<!-- measured … -->` binds the paragraph, list or table after it: each of its lines names a section of
 * RESULTS.md and, but for a table, rows of it. Of a paragraph, every number with a fraction or with a unit of what is
 * measured (sizes of messages are not) has to be a median in one of these rows; of a table, every number in the row and in the column of the same names.
 * It is the same if it is when rounded to as many digits. Code is left out. What is bound to nothing has no such number.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const UNIT = '(?:µs|ns|ms|messages/s|datagrams/s|%|×|times)';
/** Not a part of a name or a version: '1.04', '12,345', '-3.5'. */
const NUMBER = String.raw`(?<![\w.,/-])-?\d[\d,]*(?:\.\d+)?(?![\w.]*\.\d)`;
const inCell = new RegExp(`^(${NUMBER})(?: ${UNIT})?$`);
const inSentence = new RegExp(
  String.raw`(${NUMBER}) ?${UNIT}(?![\w/])|(${NUMBER}(?<=\.\d+))(?!\w|\.\d)`,
  'gu',
);

/** Columns with medians; two may have the same name. */
type Row = readonly (readonly [column: string, median: string])[];
type Section = ReadonlyMap<string, Row>;

const numberOf = (number: string): number => Number(number.replaceAll(',', ''));
const digitsOf = (number: string): number => number.split('.')[1]?.length ?? 0;

function isSame(written: string, measured: string): boolean {
  const digits = digitsOf(written);
  // What has fewer digits than what is written cannot vouch for it.
  return (
    digitsOf(measured) >= digits && numberOf(measured).toFixed(digits) === numberOf(written).toFixed(digits)
  );
}

function cellsOf(line: string): string[] {
  return line
    .replaceAll(/`|\*\*/g, '')
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The tables of RESULTS.md, by the heading that each stands under. */
function resultsOf(text: string): ReadonlyMap<string, Section> {
  const sections = text.split(/^### /m).slice(1);
  return new Map(
    sections.map((section): [string, Section] => {
      const [title = '', ...lines] = section.split('\n');
      const [header, , ...rows] = lines.filter((line) => line.startsWith('|')).map(cellsOf);
      const named = rows.map(([name = '', ...cells]): [string, Row] => [
        name,
        cells.map((cell, index) => [header?.[index + 1] ?? '', cell.replace(/ \(.*\)$/, '')] as const),
      ]);
      return [title.trim(), new Map(named)];
    }),
  );
}

interface Block {
  readonly line: number;
  readonly text: string;
  /** Section and rows of each line of the comment before it. */
  readonly bound: readonly (readonly string[])[];
}

function blocksOf(text: string): Block[] {
  const withoutCode = text.replaceAll(/^```[\s\S]*?^```$/gm, (code) => code.replaceAll(/[^\n]/g, ''));
  const blocks: Block[] = [];
  let bound: string[][] = [];
  for (const match of withoutCode.matchAll(/[^\n]+(?:\n[^\n]+)*/g)) {
    const comment = /^<!-- measured\n([\s\S]*)\n-->$/.exec(match[0]);
    if (comment !== null) {
      bound = (comment[1] ?? '').split('\n').map((line) => line.split(' | '));
      continue;
    }
    blocks.push({ line: text.slice(0, match.index).split('\n').length, text: match[0], bound });
    bound = [];
  }
  return blocks;
}

/** What is said and was not measured there, by line. */
function unfounded(text: string, results: ReadonlyMap<string, Section>): string[] {
  return blocksOf(text).flatMap((block) => {
    const found = block.text.startsWith('|') ? inTable(block, results) : inProse(block, results);
    return found.map((what) => `line ${block.line}: ${what}`);
  });
}

function inTable({ text, bound }: Block, results: ReadonlyMap<string, Section>): string[] {
  const [header = [], , ...rows] = text.split('\n').map(cellsOf);
  return rows.flatMap(([name = '', ...cells]) =>
    cells.flatMap((cell, index) => {
      const number = inCell.exec(cell)?.[1];
      if (number === undefined) return /\d[.,]\d/.test(cell) ? [`cannot read '${cell}'`] : [];
      const column = header[index + 1] ?? '';
      const measured = bound.flatMap(([section = '']) => results.get(section)?.get(name) ?? []);
      return measured.some(([title, one]) => title === column && isSame(number, one))
        ? []
        : [`${number} (${name}, ${column})`];
    }),
  );
}

function inProse({ text, bound }: Block, results: ReadonlyMap<string, Section>): string[] {
  const rows = bound.flatMap(([section = '', ...names]) => {
    const table = results.get(section);
    return names.map((name) => ({ where: `${section}: ${name}`, row: table?.get(name) }));
  });
  const unknown = rows.flatMap(({ where, row }) => (row === undefined ? [`there is no row '${where}'`] : []));
  const measured = rows.flatMap(({ row }) => row?.map(([, median]) => median) ?? []);
  const prose = text.replaceAll(/\]\([^)]*\)/g, ']').replaceAll(/`[^`]*`/g, '');
  const numbers = [...prose.matchAll(inSentence)].map(([, withUnit, fraction]) => withUnit ?? fraction ?? '');
  return [...unknown, ...numbers.filter((number) => !measured.some((one) => isSame(number, one)))];
}

/** A section of a page, from its heading to the next of the same rank. */
function sectionOf(page: string, heading: string): string {
  const start = page.indexOf(`\n${heading}\n`);
  if (start === -1) throw new Error(`no section '${heading}'`);
  const end = page.indexOf('\n## ', start + heading.length);
  return page.slice(start, end === -1 ? undefined : end);
}

describe('the rule by which figures are looked for', () => {
  const results = resultsOf(
    [
      '### Echo',
      '',
      '|          | CPU µs |         ÷ C (median) | ÷ C                 |',
      '| -------- | -----: | -------------------: | ------------------- |',
      '| dispatch |   5.64 | 1.038 (1.012 – 1.071) | 2.5                 |',
      '| node:net |  9,512 |                -12.5 | 1                   |',
      '',
      '### Other',
      '',
      '|          | ms |',
      '| -------- | -: |',
      '| dispatch | 77.25 |',
    ].join('\n'),
  );
  const bind = (...lines: string[]) => `<!-- measured\n${lines.join('\n')}\n-->\n\n`;

  it('finds what is measured in the rows that are named, rounded to the digits that are written', () => {
    const bound = bind('Echo | dispatch | node:net', 'Other | dispatch');
    expect(unfounded(`${bound}takes 5.6 µs, 1.04 of it, 9,512 ms\nand 77.3 ms.`, results)).toEqual([]);
  });

  it('misses what is another row’s or section’s, is not so exact, or is no median', () => {
    const bound = bind('Echo | dispatch');
    expect(unfounded(`${bound}takes 9,512 µs`, results)).toEqual(['line 5: 9,512']);
    expect(unfounded(`${bound}takes 77.3 ms`, results)).toEqual(['line 5: 77.3']);
    expect(unfounded(`${bound}takes 5.640 µs, at least 1.012`, results)).toEqual([
      'line 5: 5.640',
      'line 5: 1.012',
    ]);
  });

  it('reads a number at the end of a sentence, and how many times as much', () => {
    const bound = bind('Echo | dispatch', 'Echo | node:net');
    expect(unfounded(`${bound}takes 1.04. Also 9,512 times.`, results)).toEqual([]);
    expect(unfounded(`${bound}takes 1.05. Also 9,513 times.`, results)).toEqual([
      'line 6: 1.05',
      'line 6: 9,513',
    ]);
  });

  it('misses what is bound to nothing, or to what there is not', () => {
    expect(unfounded(`${bind('Echo | dispatch')}takes\n\ntakes 5.64 µs`, results)).toEqual(['line 7: 5.64']);
    expect(unfounded(`${bind('Echo | despatch')}takes long`, results)).toEqual([
      "line 5: there is no row 'Echo: despatch'",
    ]);
  });

  it('holds the cells of a table against row and column of the same names', () => {
    const table = (cell: string, name = '**`dispatch`**') =>
      `| x | CPU µs |\n| --- | --- |\n| ${name} | ${cell} |`;
    expect(unfounded(bind('Echo') + table('5.6'), results)).toEqual([]);
    expect(unfounded(bind('Echo') + table('1.04'), results)).toEqual(['line 5: 1.04 (dispatch, CPU µs)']);
    expect(unfounded(bind('Echo') + table('5.6', 'despatch'), results)).toEqual([
      'line 5: 5.6 (despatch, CPU µs)',
    ]);
    expect(unfounded(bind('Echo') + table('about 5.6'), results)).toEqual([
      "line 5: cannot read 'about 5.6'",
    ]);
    expect(unfounded(table('5.6'), results)).toEqual(['line 1: 5.6 (dispatch, CPU µs)']);
  });

  it('looks at no code, version, name or count', () => {
    const text =
      '```sh\nsleep 3.25\n```\n`--at 2.5`, Linux 6.18.44, Node.js v20.20.2, uvloop-0.17, 12 rivals';
    expect(unfounded(text, results)).toEqual([]);
  });
});

describe('the documentation of the speed', () => {
  const results = resultsOf(readFileSync(`${root}bench/RESULTS.md`, 'utf8'));

  for (const [page, heading] of [
    ['README.md', '## Speed'],
    ['docs/performance.md', null],
  ] as const) {
    it(`says in ${page} nothing that RESULTS.md does not`, () => {
      const text = readFileSync(root + page, 'utf8');
      const section = heading === null ? text : sectionOf(text, heading);
      expect(blocksOf(section).filter(({ bound }) => bound.length > 0)).not.toEqual([]);
      expect(unfounded(section, results)).toEqual([]);
    });
  }
});
