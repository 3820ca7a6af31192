/** Every program in the README and in docs/ runs, against the built package. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Inside the package, where 'iomux' is the package itself.
const folder = join(root, '.cache/snippets');
mkdirSync(folder, { recursive: true });

interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly kind: string;
  readonly text: string;
}

function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(\w+)(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    kind: `${match[1]}${match[2]}`,
    text: match[3] ?? '',
  }));
}

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const snippets = pages.flatMap(snippetsOf);

function fileOf({ page, line, text }: Snippet): string {
  const path = join(folder, `${basename(page, '.md')}-${line}.mjs`);
  writeFileSync(path, text.replace('port: 7000', 'port: 0'));
  return path;
}

let server: ChildProcess | undefined;
afterEach(() => server?.kill());

describe('the documentation', () => {
  it('has programs', () => {
    expect(snippets.filter(({ kind }) => kind.startsWith('js')).length).toBeGreaterThan(8);
  });

  it('has no block that nothing below looks at', () => {
    const known = ['js', 'js server', 'console'];
    expect(snippets.filter(({ kind }) => !known.includes(kind))).toEqual([]);
  });

  for (const snippet of snippets) {
    const name = `${snippet.page}:${snippet.line}`;
    if (snippet.kind === 'js') {
      it(`${name} runs to its end`, async () => {
        const { stderr } = await promisify(execFile)(process.execPath, [fileOf(snippet)], { cwd: root });
        expect(stderr).toBe('');
      });
    }
    if (snippet.kind === 'js server') {
      it(`${name} serves an echo`, async () => {
        server = spawn(process.execPath, [fileOf(snippet)], {
          cwd: root,
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        if (server.stdout === null) throw new Error('no output');
        const [line] = await once(server.stdout, 'data');
        const client = connect(Number(/listening (\d+)/.exec(String(line))?.[1]), '127.0.0.1');
        const sent = Buffer.alloc(8 << 20, 'the server writes what it read\n');
        client.end(sent);
        const chunks: Buffer[] = [];
        for await (const chunk of client) chunks.push(chunk);
        expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      });
    }
    if (snippet.kind === 'console') {
      it(`${name} names commands that exist`, () => {
        expect.hasAssertions();
        const { name, scripts, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
        for (const [, installed] of snippet.text.matchAll(/npm install (\S+)/g)) expect(installed).toBe(name);
        for (const [, script] of snippet.text.matchAll(/npm run (\S+)/g))
          expect(scripts).toHaveProperty([script as string]);
        for (const [, example] of snippet.text.matchAll(/npm run example -- (\S+)/g))
          expect(readdirSync(join(root, 'dist/examples'))).toContain(`${example}.js`);
        for (const [, command] of snippet.text.matchAll(/npx (\S+)/g))
          expect(bin).toHaveProperty([command as string]);
        const programs = snippets.filter(({ page, kind }) => page === snippet.page && kind === 'js');
        for (const [, program] of snippet.text.matchAll(/\bnode (?:--\S+ )*(\S+\.mjs)/g))
          expect(programs.map(({ text }) => text.split('\n')[0])).toContain(`// ${program}`);
      });
    }
  }
});
