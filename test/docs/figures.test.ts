/**
 * Each measured number in the README and in docs/performance.md stands in bench/RESULTS.md.
 *
 * Of tables, every cell but the first of a row is looked at, if it is a number, alone or with its unit; of sentences,
 * every number with a fraction or with a unit of what is measured, and what comes before `×`. Code is left out. A number
 * is found if one in RESULTS.md is the same when it is rounded to as many digits; where a row of a table has the name of
 * a row in RESULTS.md, its numbers have to be found in rows of that name.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const UNIT = `(?:µs|ns|ms|KiB|MiB|bytes|messages/s|datagrams/s|%|×)`;
/** Not a part of a name or a version: '1.04', '12,345', '-3.5'. */
const NUMBER = String.raw`(?<![\w.,/-])-?\d[\d,]*(?:\.\d+)?(?![\w.]*\.\d)`;

/** A row of a table, or a sentence's line, with its numbers. */
interface Statement {
  readonly line: number;
  readonly name: string | null;
  readonly numbers: readonly string[];
}

function cellsOf(line: string): string[] {
  return line
    .replaceAll('`', '')
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

const inTable = new RegExp(String.raw`^(${NUMBER})(?: ${UNIT})?(?: \((${NUMBER}) – (${NUMBER})\))?$`);
const inSentence = new RegExp(String.raw`(${NUMBER}) ?${UNIT}(?![\w/])|(${NUMBER}(?<=\.\d+))(?![\w.])`, 'gu');

function statementsOf(text: string, firstLine = 1): Statement[] {
  const prose = text
    .replaceAll(/^```[\s\S]*?^```$/gm, (code) => code.replaceAll(/[^\n]/g, ''))
    .replaceAll(/\]\([^)]*\)/g, ']');
  return prose.split('\n').map((content, index) => {
    const line = firstLine + index;
    if (content.startsWith('|')) {
      const [name = '', ...cells] = cellsOf(content);
      const numbers = cells.flatMap((cell) => (inTable.exec(cell) ?? []).slice(1)).filter(Boolean);
      return { line, name, numbers };
    }
    const matches = [...content.replaceAll(/`[^`]*`/g, '').matchAll(inSentence)];
    return { line, name: null, numbers: matches.map(([, withUnit, fraction]) => withUnit ?? fraction ?? '') };
  });
}

const numberOf = (number: string): number => Number(number.replaceAll(',', ''));
const digitsOf = (number: string): number => number.split('.')[1]?.length ?? 0;

function isAmong(number: string, measured: readonly string[]): boolean {
  const digits = digitsOf(number);
  const sought = numberOf(number).toFixed(digits);
  // What has fewer digits than the number that is sought cannot vouch for it.
  return measured.some((one) => digitsOf(one) >= digits && numberOf(one).toFixed(digits) === sought);
}

/** RESULTS.md: all its numbers, and those of the rows of each name. */
function resultsOf(text: string) {
  const all: string[] = [];
  const rows = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const numbers = line.match(new RegExp(NUMBER, 'g')) ?? [];
    all.push(...numbers);
    if (!line.startsWith('|')) continue;
    const [name = '', ...cells] = cellsOf(line);
    const own = rows.get(name) ?? [];
    own.push(...cells.flatMap((cell) => cell.match(new RegExp(NUMBER, 'g')) ?? []));
    rows.set(name, own);
  }
  return { all, rows };
}

/** What is said and was not measured, by line. */
function unfounded(statements: readonly Statement[], results: ReturnType<typeof resultsOf>): string[] {
  return statements.flatMap(({ line, name, numbers }) => {
    const measured = (name === null ? undefined : results.rows.get(name)) ?? results.all;
    return numbers.filter((number) => !isAmong(number, measured)).map((number) => `line ${line}: ${number}`);
  });
}

/** A section of a page, from its heading to the next of the same rank, and the line that it begins at. */
function sectionOf(page: string, heading: string): [text: string, firstLine: number] {
  const start = page.indexOf(`\n${heading}\n`);
  if (start === -1) throw new Error(`no section '${heading}'`);
  const end = page.indexOf('\n## ', start + heading.length);
  return [page.slice(start, end === -1 ? undefined : end), page.slice(0, start).split('\n').length];
}

describe('the rule by which figures are looked for', () => {
  const results = resultsOf(
    ['about 64 × 1 KiB', '| dispatch | 5.64 | 1.038 (1.012 – 1.071) |', '| node:net | 9,512 | -12.5 |'].join(
      '\n',
    ),
  );
  const missing = (text: string) => unfounded(statementsOf(text), results);

  it('finds what is measured when it is rounded to the digits that are written', () => {
    expect(missing('takes 5.6 µs, 1.04 of it (1.01 – 1.07), 9,512 messages/s, −1 KiB and 64 ×')).toEqual([]);
    expect(missing('| dispatch | 5.64 µs | 1.04 (1.01 – 1.07) |\n| other | 9,512 | -12.5 |')).toEqual([]);
  });

  it('misses what is not, or not so exactly, or of another row', () => {
    expect(missing('takes 5.65 µs')).toEqual(['line 1: 5.65']);
    expect(missing('\ntakes 1.0380 of it, and 7 ns')).toEqual(['line 2: 1.0380', 'line 2: 7']);
    expect(missing('| dispatch | 9,512 | 1.04 (1.01 – 1.09) |')).toEqual(['line 1: 9,512', 'line 1: 1.09']);
    expect(missing('| `dispatch` | 9,512 messages/s |')).toEqual(['line 1: 9,512']);
  });

  it('looks at no code, version, name or count', () => {
    expect(
      missing('```sh\nsleep 3.25\n```\n`--at 2.5`, Linux 6.18.44, Node.js v20.20.2, uvloop-0.17, 12 rivals'),
    ).toEqual([]);
  });
});

describe('the documentation of the speed', () => {
  const file = `${root}bench/RESULTS.md`;

  it('has results to be held against', () => {
    expect(existsSync(file), 'bench/RESULTS.md: npm run bench -- --out bench').toBe(true);
  });

  for (const [page, heading] of [
    ['README.md', '## Speed'],
    ['docs/performance.md', null],
  ] as const) {
    it.skipIf(!existsSync(root + page))(`says in ${page} nothing that RESULTS.md does not`, () => {
      const text = readFileSync(root + page, 'utf8');
      const [section, firstLine] = heading === null ? ([text, 1] as const) : sectionOf(text, heading);
      const statements = statementsOf(section, firstLine);
      expect(statements.flatMap(({ numbers }) => numbers).length).toBeGreaterThan(5);
      expect(unfounded(statements, resultsOf(readFileSync(file, 'utf8')))).toEqual([]);
    });
  }
});
