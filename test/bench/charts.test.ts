/** The figures of the benchmarks, drawn of a run that never was: what they say, and that a file says it alone. */
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Row } from '../../bench/support/results.mjs';

const bench = new URL('../../bench/', import.meta.url);
/** Drawn by the packages of bench/package.json; .ci/run installs them. */
const canDraw =
  process.env['IOMUX_TEST_TOOLS'] === 'required' ||
  existsSync(new URL('node_modules/@observablehq/plot', bench));

interface Results {
  pass: string;
  date?: string;
  cores: [number, number] | null;
  groups: { id: string; rows: Row[]; setting?: Record<string, unknown> }[];
}
interface Figure {
  name: string;
  cell: string;
  title: string;
  alt: string;
  svg: string;
}
interface Element {
  tag: string;
  attributes: Record<string, string>;
  text: string;
  /** How far it is moved to the right, with all that it is within. */
  shift: number;
}

let drawFigures: (results: Results) => Promise<Figure[]>;
let madeUpResults: () => Results;

/** A tag with its attributes, or text; and a < that begins neither. */
const TOKEN =
  /<(?<end>\/?)(?<tag>\w+)(?<attributes>(?:\s[\w:-]+="[^"<]*")*)\s*(?<empty>\/?)>|(?<text>[^<]+)|</g;
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decoded(text: string): string {
  return text.replace(/&(\w*;?)/g, (entity, name: string) => {
    const character = ENTITIES[name.slice(0, -1)];
    if (character === undefined) throw new Error(`${entity} is no entity`);
    return character;
  });
}

/** The elements of a file, in order; it throws where the file is no well-formed XML. */
function elementsOf(xml: string): Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  for (const { 0: token, groups = {} } of xml.trim().matchAll(TOKEN)) {
    const { end, tag, attributes = '', empty, text } = groups;
    if (elements.length > 0 && open.length === 0) throw new Error(`${token} after the end`);
    if (text !== undefined) {
      for (const element of open) element.text += decoded(text);
    } else if (tag === undefined) {
      throw new Error('a < that begins nothing');
    } else if (end) {
      if (open.pop()?.tag !== tag) throw new Error(`</${tag}> ends another`);
    } else {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value = '']) => [
        name,
        decoded(value),
      ]);
      const within = open.at(-1)?.shift ?? 0;
      const own = Number(/translate\(([-\d.]+)/.exec(attributes)?.[1] ?? 0);
      const element = { tag, attributes: Object.fromEntries(pairs), text: '', shift: within + own };
      elements.push(element);
      if (!empty) open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open[0]?.tag}> has no end`);
  return elements;
}

const textsOf = ({ svg }: Figure): string[] =>
  elementsOf(svg)
    .filter(({ tag }) => tag === 'text')
    .map(({ text }) => text);

async function drawn(results: Results): Promise<Record<string, Figure>> {
  return Object.fromEntries((await drawFigures(results)).map((figure) => [figure.name, figure]));
}

/** A figure of results that were changed before. */
async function drawnAfter(change: (results: Results) => void, name: string): Promise<Figure | undefined> {
  const results = madeUpResults();
  change(results);
  return (await drawn(results))[name];
}

function rowOf(results: Results, id: string, name: string): Row {
  const row = results.groups.find((group) => group.id === id)?.rows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no ${name} in ${id}`);
  return row;
}

/** The numbers with two decimals, which are those of the rows, and where they stand. */
function valuesIn(figure: Figure | undefined): { value: number; x: number }[] {
  return elementsOf(figure?.svg ?? '')
    .filter(({ tag, text }) => tag === 'text' && /^\d+\.\d\d$/.test(text))
    .map(({ text, shift }) => ({ value: Number(text), x: shift }));
}

/** The groups that a figure is drawn of, and the cell that measures them. */
const FIGURES: [name: string, cell: string, groups: RegExp][] = [
  ['echo', 'echo', /^echo, 64 × 1 KiB$/],
  ['connections', 'echo', /^echo, \d+ × 1 KiB$/],
  ['sizes', 'echo', /^echo, 64 × /],
  ['latency', 'latency', /^latency/],
  ['pipes', 'pipes', /^pipes/],
  ['memory', 'c10k', /^c10k, memory$/],
];
type Colors = [light: string, dark: string];

const ECHO = 'echo, 64 × 1 KiB';
const LATENCY = 'latency, 1 × 64 B';
const MEMORY = 'c10k, memory';
const PLACE = 'Linux 6.1.0 x64; A Processor of Nobody & Sons, 2 cores; Node.js v20.19.0';

describe.runIf(canDraw)('the figures', () => {
  let whole: Record<string, Figure>;
  const figure = (name: string): Figure => {
    const found = whole[name];
    if (found === undefined) throw new Error(`no figure ${name}`);
    return found;
  };

  beforeAll(async () => {
    ({ drawFigures } = await import(new URL('charts/index.mjs', bench).href));
    ({ madeUpResults } = await import(new URL('../fixtures/made-up-results.mjs', import.meta.url).href));
    whole = await drawn(madeUpResults());
  });

  it('are those of each cell that was measured', () => {
    expect(Object.values(whole).map(({ name, cell }) => [name, cell])).toEqual(
      FIGURES.map(([name, cell]) => [name, cell]),
    );
  });

  it('are none where nothing was measured', async () => {
    expect(await drawFigures({ ...madeUpResults(), groups: [] })).toEqual([]);
  });

  describe.each(FIGURES)('%s', (name, _, groups) => {
    it('is an image in well-formed XML, with a title and a description', () => {
      const { title, alt, svg } = figure(name);
      const [root, ...elements] = elementsOf(svg);
      expect(root?.attributes).toMatchObject({
        xmlns: 'http://www.w3.org/2000/svg',
        role: 'img',
        width: '720',
      });
      expect(root?.attributes['viewBox']).toBe(`0 0 720 ${root?.attributes['height']}`);
      const textOf = (tag: string) =>
        elements.filter((element) => element.tag === tag).map(({ text }) => text);
      expect(textOf('title')).toEqual([title]);
      expect(textOf('desc')).toEqual([alt]);
      expect(textsOf(figure(name))).toContain(title);
    });

    it('has the colours of both schemes, a transparent ground, and loads nothing', () => {
      const { svg } = figure(name);
      const [root, ...elements] = elementsOf(svg);
      const style = elements.find(({ tag }) => tag === 'style')?.text ?? '';
      const [, dark = ''] = style.split('@media (prefers-color-scheme: dark)');
      const named = elements.flatMap(({ attributes }) =>
        ['fill', 'stroke'].map((attribute) => [attribute, attributes[attribute] ?? 'none'] as const),
      );
      // Variables are not for every program that draws SVG: it would show black.
      for (const [attribute, color] of named.filter(([, color]) => color !== 'none')) {
        expect(color).toMatch(/^#[0-9a-f]{6}$/);
        expect(dark).toMatch(
          new RegExp(`\\[${attribute}="${color}"\\] \\{ ${attribute}: #(?!${color.slice(1)})`),
        );
      }
      expect(root?.attributes['style']).toContain('background:none');
      expect(elements.filter(({ tag }) => /^(script|image|use|foreignObject|a|link)$/.test(tag))).toEqual([]);
      expect(svg).not.toMatch(/url\(|@import|href/);
    });

    it('says when and where it was measured', () => {
      expect(textsOf(figure(name))).toContain(`2026-01-31; ${PLACE}`);
    });

    it('says in which pass it was measured, unless that was the full one', async () => {
      for (const [pass, words] of [
        ['quick', 'quick pass'],
        ['moment', 'pass of a moment, which means nothing'],
      ] as const) {
        const lesser = await drawnAfter((results) => {
          results.pass = pass;
        }, name);
        expect(lesser && textsOf(lesser)).toContain(`2026-01-31; ${words}; ${PLACE}`);
      }
    });

    it('says that nobody was pinned to a core, and no date where none was noted', async () => {
      const lesser = await drawnAfter((results) => {
        results.cores = null;
        delete results.date;
      }, name);
      expect(lesser && textsOf(lesser)).toContain(`not pinned to cores; ${PLACE}`);
    });

    it('is no higher than what a page shows at once', () => {
      const [root] = elementsOf(figure(name).svg);
      expect(Number(root?.attributes['height'])).toBeLessThanOrEqual(560);
    });

    it('has no number that is longer than a screen can show', () => {
      const [root, ...elements] = elementsOf(figure(name).svg);
      const places = elements.map(({ attributes }) => {
        const { style: _style, ...others } = attributes;
        return Object.values(others).join(' ');
      });
      expect(root?.attributes['height']).toMatch(/^\d+$/);
      expect(places.join('\n')).not.toMatch(/\.\d{3}|NaN|undefined/);
    });

    it('has all its texts between its upper and its lower edge', () => {
      const [root, ...elements] = elementsOf(figure(name).svg);
      const height = Number(root?.attributes['height']);
      const lines = elements.filter(({ tag }) => tag === 'text').map(({ attributes }) => attributes);
      const heights = lines.flatMap(({ transform }) =>
        Number(/,([-\d.]+)\)/.exec(transform ?? '')?.[1] ?? 0),
      );
      expect(Math.min(...heights)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...heights)).toBeLessThanOrEqual(height);
    });

    it('is the same for the same results', async () => {
      expect((await drawn(madeUpResults()))[name]).toEqual(figure(name));
    });

    it('is left out where its groups are missing, or nothing in them was measured; the others are drawn', async () => {
      const without = madeUpResults();
      without.groups = without.groups.filter(({ id }) => !groups.test(id));
      const failed = madeUpResults();
      for (const { id, rows } of failed.groups) {
        if (groups.test(id)) for (const row of rows) row.failure = 'it ended';
      }
      for (const results of [without, failed]) {
        const others = Object.keys(await drawn(results));
        expect(others).not.toContain(name);
        expect(others).toEqual(expect.arrayContaining(name === 'memory' ? ['echo', 'pipes'] : ['memory']));
      }
    });
  });

  it('have bars of echo servers in the order of their ratios to epoll in C, with the medians beside them', () => {
    const texts = textsOf(figure('echo'));
    const ratios = valuesIn(figure('echo')).map(({ value }) => value);
    const bars = elementsOf(figure('echo').svg).filter(({ tag }) => tag === 'rect');
    const widths = bars.map(({ attributes }) => Number(attributes['width']));
    expect(ratios).toHaveLength(24);
    expect(ratios).toEqual([...ratios].sort((a, b) => a - b));
    // A bar begins at 0, so that it is as long as its ratio.
    const once = widths[ratios.indexOf(1)] ?? 0;
    for (const [index, ratio] of ratios.entries()) {
      expect((widths[index] ?? 0) / once).toBeCloseTo(ratio, 1);
    }
    expect(texts).toEqual(expect.arrayContaining(['0', 'CPU time per message ÷ that of epoll in C (times)']));
  });

  it('take the median of the ratios of each round, not the ratio of medians', async () => {
    const changed = await drawnAfter((results) => {
      const cpu = (...each: number[]) => each.map((value) => ({ cpuMicrosecondsPerMessage: value }));
      rowOf(results, ECHO, 'epoll in C').samples = cpu(10, 20, 40);
      rowOf(results, ECHO, 'asyncio, streams').samples = cpu(80, 60, 80);
    }, 'echo');
    expect(changed?.alt).toContain('asyncio, streams 3.00');
  });

  it('have the medians in a column of their own, at the right edge, and say what they are', () => {
    for (const name of ['echo', 'memory']) {
      expect(new Set(valuesIn(figure(name)).map(({ x }) => x))).toEqual(new Set([720]));
      expect(textsOf(figure(name))).toContain('median');
    }
  });

  it('have no bar or line where the medians stand', () => {
    for (const name of ['echo', 'memory']) {
      const ends = elementsOf(figure(name).svg).map(({ tag, attributes: { x, width, x2 } }) =>
        tag === 'rect' ? Number(x) + Number(width) : Number(x2 ?? 0),
      );
      // Four digits and a point, at the least.
      expect(Math.max(...ends)).toBeLessThan(720 - 35);
    }
  });

  it('have lines from p25 to p75 of the ratios of each round, and say so', async () => {
    const spread = await drawnAfter((results) => {
      const cpu = (...each: number[]) => each.map((value) => ({ cpuMicrosecondsPerMessage: value }));
      rowOf(results, ECHO, 'epoll in C').samples = cpu(10, 20, 10, 10, 10);
      // Ratios of 1, 2, 4, 3 and 5.
      rowOf(results, ECHO, 'asyncio, streams').samples = cpu(10, 40, 40, 30, 50);
    }, 'echo');
    expect(spread && textsOf(spread)).toContain(
      '64 connections, messages of 1 KiB; bar: median of the ratios of 5 rounds, line: p25 to p75',
    );
    const elements = elementsOf(spread?.svg ?? '');
    const bars = elements.filter(({ tag }) => tag === 'rect');
    const bar = bars[valuesIn(spread).findIndex(({ value }) => value === 3)]?.attributes ?? {};
    const ratioAt = (x: string | undefined) => (3 * (Number(x) - Number(bar['x']))) / Number(bar['width']);
    const lines = elements
      .filter(({ tag, attributes: { y1, y2 } }) => tag === 'line' && y1 === bar['y'] && y2 === y1)
      .map(({ attributes: { x1, x2 } }) => [ratioAt(x1).toFixed(1), ratioAt(x2).toFixed(1)]);
    expect(lines).toEqual([['2.0', '4.0']]);
  });

  it('are not squeezed by a single round that was disturbed', async () => {
    const disturbed = await drawnAfter((results) => {
      const [, , sample] = rowOf(results, ECHO, 'selectors').samples;
      if (sample !== undefined) sample['cpuMicrosecondsPerMessage'] = 1000;
    }, 'echo');
    const texts = disturbed === undefined ? [] : textsOf(disturbed);
    expect(texts).toContain('4');
    expect(texts).not.toContain('50');
  });

  it('name each row in its colour: ours in one, all others in another', () => {
    for (const [name, id] of [
      ['echo', ECHO],
      ['latency', LATENCY],
      ['memory', MEMORY],
    ] as const) {
      const rows = madeUpResults().groups.find((group) => group.id === id)?.rows ?? [];
      const names = rows.map((row) => row.name);
      const ours = rows.filter((row) => row.ours).map((row) => row.name);
      expect(ours.length).toBeGreaterThan(2);
      const within = elementsOf(figure(name).svg).find(({ attributes }) => attributes['class'] === 'ours');
      expect(textsOf(figure(name))).toEqual(
        expect.arrayContaining([...names, 'epoll in C', '■iomux■others']),
      );
      expect(within?.text.trim().split('\n').sort()).toEqual([...ours].sort());
    }
  });

  it('take none for ours where no row says so, whatever its name', async () => {
    const results = madeUpResults();
    for (const { rows } of results.groups) for (const row of rows) delete row.ours;
    for (const { svg } of Object.values(await drawn(results))) {
      const bold = elementsOf(svg).filter(({ attributes }) => attributes['class'] === 'ours');
      expect(bold.map(({ text }) => text.trim()).filter((text) => text !== '')).toEqual([]);
      expect(
        elementsOf(svg).filter(({ tag, attributes }) => tag === 'rect' && attributes['fill'] === '#0a61c9'),
      ).toEqual([]);
    }
  });

  it('name the lines of ours by what their rows say', async () => {
    const [connections, pipes] = await Promise.all(
      ['connections', 'pipes'].map((name) =>
        drawnAfter((results) => {
          for (const { rows } of results.groups) {
            for (const row of rows) row.ours = ['node:net', 'select in C'].includes(row.name);
          }
        }, name),
      ),
    );
    const bold = (figure: Figure | undefined) =>
      elementsOf(figure?.svg ?? '')
        .filter(({ attributes }) => attributes['class'] === 'ours')
        .map(({ text }) => text.trim());
    expect(bold(connections)).toEqual(['node:net']);
    expect(bold(pipes)).toEqual(['select in C', 'select in C']);
  });

  it('have the units of what they show', () => {
    expect(textsOf(figure('memory'))).toContain('KiB per connection');
    expect(figure('memory').svg).toContain('a server with 10,000, less that without');
    expect(textsOf(figure('latency'))).toEqual(expect.arrayContaining(['p50 µs', 'p99 µs']));
    expect(textsOf(figure('latency')).some((text) => text.startsWith('µs of a round trip'))).toBe(true);
    expect(textsOf(figure('pipes'))).toContain('µs per byte passed on');
    for (const name of ['connections', 'sizes']) {
      expect(textsOf(figure(name))).toContain('CPU time per message ÷ that of epoll in C (times)');
    }
    expect(textsOf(figure('sizes'))).toEqual(expect.arrayContaining(['64 B', '1 KiB', '10 KiB', '100 KiB']));
    expect(textsOf(figure('connections'))).toEqual(expect.arrayContaining(['1', '10', '64', '1,000']));
  });

  it('name each line of the pipes in both panels, and leave out one that is a single point', () => {
    const texts = textsOf(figure('pipes'));
    for (const backend of [
      'epoll',
      'epoll, edge',
      'epoll, oneshot',
      'poll',
      'select',
      'select in C',
      'libevent, epoll',
    ]) {
      expect(texts.filter((text) => text === backend)).toHaveLength(2);
    }
    expect(texts).not.toContain('libevent, select');
    expect(texts).toEqual(expect.arrayContaining(['1 active', '100 active']));
  });

  it('have the pipes by what a byte costs, so that panels of longer and shorter runs can be compared', async () => {
    const same = await drawnAfter((results) => {
      for (const group of results.groups.filter(({ id }) => id.startsWith('pipes'))) {
        const writes = Number(group.setting?.['writes']);
        for (const row of group.rows) row.samples = [{ microseconds: 2.5 * writes }];
      }
    }, 'pipes');
    expect(same?.alt).toContain('1 active: epoll 2.5 to 2.5;');
    expect(same?.alt).toContain('100 active: epoll 2.5 to 2.5;');
    const points = elementsOf(same?.svg ?? '').filter(({ tag }) => tag === 'circle');
    expect(points.length).toBeGreaterThan(4);
    expect(new Set(points.map(({ attributes }) => attributes['cy'])).size).toBe(1);
  });

  it('have no pipes where it is not said how many bytes were passed on', async () => {
    const unsaid = await drawnAfter((results) => {
      for (const group of results.groups) delete group.setting;
    }, 'pipes');
    expect(unsaid).toBeUndefined();
  });

  it('have the pipes of a run with one count and one number of active ones', async () => {
    const few = await drawnAfter((results) => {
      results.groups = results.groups.filter(({ id }) => id === 'pipes, 100 active, 1000');
    }, 'pipes');
    expect(few && textsOf(few)).toEqual(expect.arrayContaining(['epoll', 'select in C', '1,000']));
    expect(few?.svg).not.toMatch(/NaN|Infinity/);
    const elements = elementsOf(few?.svg ?? '');
    const point = elements.find(({ tag }) => tag === 'circle');
    const name = elements.find(({ tag, text }) => tag === 'text' && text === 'epoll');
    const [, x] = /\((.+),/.exec(name?.attributes['transform'] ?? '') ?? [];
    expect(Number(x)).toBeGreaterThan(Number(point?.attributes['cx']) + 10);
  });

  it('leave out a row that is missing, failed or has no samples, and draw the others', async () => {
    const changes: ((row: Row) => void)[] = [
      (row) => Object.assign(row, { missing: 'apt install it', samples: [] }),
      (row) => Object.assign(row, { failure: 'it ended' }),
      (row) => Object.assign(row, { samples: [] }),
      (row) => Object.assign(row, { samples: [{}] }),
    ];
    for (const [name, id] of [
      ['echo', ECHO],
      ['latency', LATENCY],
      ['memory', MEMORY],
    ] as const) {
      for (const change of changes) {
        const without = await drawnAfter((results) => change(rowOf(results, id, 'asyncio, streams')), name);
        expect(without && textsOf(without)).toContain('node:net');
        expect(without && textsOf(without)).not.toContain('asyncio, streams');
        expect(without?.svg).not.toContain('NaN');
      }
    }
  });

  it('have no ratios where the loop in C was not measured', async () => {
    const results = madeUpResults();
    for (const { rows } of results.groups) {
      for (const row of rows) if (row.name === 'epoll in C') row.missing = 'apt install gcc';
    }
    expect(Object.keys(await drawn(results))).toEqual(['latency', 'pipes', 'memory']);
  });

  it('have colours that stand out from a light and a dark page', async () => {
    const { COLORS } = await import(new URL('charts/theme.mjs', bench).href);
    const { ground, grid: _, rival, ...texts }: Record<string, Colors> = COLORS;
    expect(ground).toEqual(['#ffffff', '#0d1117']);
    for (const scheme of [0, 1] as const) {
      const standsOut = (color: Colors = ['', '']) => contrast(color[scheme], ground?.[scheme] ?? '');
      expect(standsOut(rival)).toBeGreaterThan(3);
      for (const color of Object.values(texts)) expect(standsOut(color)).toBeGreaterThan(4.5);
    }
  });

  it('set the names of lines apart, in the order of the lines and as near to them as there is room', async () => {
    const { apart } = await import(new URL('charts/ends.mjs', bench).href);
    expect(apart([10, 100, 200], 0, 300)).toEqual([10, 100, 200]);
    expect(apart([100, 100, 200], 0, 300)).toEqual([92.75, 107.25, 200]);
    expect(apart([0, 1, 16], 0, 300)).toEqual([0, 14.5, 29]);
    expect(apart([299, 300], 0, 300)).toEqual([285.5, 300]);
    expect(apart([], 0, 300)).toEqual([]);
  });
});

/** As the accessibility guidelines of the W3C define it: 21 between black and white. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
