/** What users install: packed, unpacked into an empty folder without running a script, and used. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
let tarball: string;
let app: string;

function run(command: string, args: string[], cwd = app): string {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed\n${stdout}\n${stderr}`, { cause: error });
  }
}

function program(name: string, text: string): string {
  writeFileSync(join(app, name), text);
  return run(process.execPath, [name]).trim();
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'iomux-package-'));
  run('npm', ['pack', '--pack-destination', folder], root);
  const [packed] = readdirSync(folder);
  tarball = join(folder, packed as string);
  app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"name":"app","private":true}');
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package', () => {
  it('holds what it needs and nothing else', () => {
    const files = run('tar', ['-tzf', tarball]).split('\n').filter(Boolean);
    const folders = new Set(files.map((file) => file.split('/')[1]));
    expect([...folders].sort()).toEqual([
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'README.md',
      'dist',
      'docs',
      'lib',
      'package.json',
      'prebuilds',
      'scripts',
      'src-native',
    ]);
    // npm runs node-gyp by itself where it finds this one.
    expect(files).not.toContain('package/binding.gyp');
    expect(files.filter((file) => file.startsWith('package/scripts/'))).toEqual([
      'package/scripts/build-native.mjs',
    ]);
    expect(files.filter((file) => /\.(test\.|tsbuildinfo)/.test(file))).toEqual([]);
  });

  it('has no script that an installation would run', () => {
    const { scripts, gypfile } = JSON.parse(
      run('npm', ['pkg', 'get', 'scripts', 'gypfile'], join(app, 'node_modules/iomux')),
    );
    expect(gypfile).toBe(false);
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(scripts).not.toHaveProperty(name);
  });

  it('is imported, with the prebuilt addon', () => {
    expect(
      program(
        'import.mjs',
        `import { DefaultSelector, Socket, EVENT_READ } from 'iomux';
         const selector = new DefaultSelector();
         const [here, there] = Socket.pair();
         selector.register(here, EVENT_READ, 'data');
         there.send(Buffer.from('x'));
         console.log(selector.select(1000).length, selector.select(0)[0][0].data);`,
      ),
    ).toBe('1 data');
    expect(run(join(app, 'node_modules/.bin/iomux'), ['doctor'])).toContain(join('iomux', 'prebuilds'));
  });

  it('is required, and is then the same module', () => {
    expect(
      program(
        'require.cjs',
        `const iomux = require('iomux');
         import('iomux').then((same) => console.log(typeof iomux.Socket, same.Socket === iomux.Socket));`,
      ),
    ).toBe('function true');
  });

  it('resolves its types in a strict TypeScript program', () => {
    writeFileSync(
      join(app, 'types.ts'),
      `import { createSelector, EVENT_READ, type SelectorKey, Socket } from 'iomux';
       const selector = createSelector<string>();
       const key: SelectorKey<string> = selector.register(new Socket(), EVENT_READ, 'data');
       // @ts-expect-error the data is a string
       const number: number = key.data;
       void number;`,
    );
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
    ];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    expect(run(join(root, 'node_modules/.bin/tsc'), [...options, ...types, 'types.ts'])).toBe('');
  });

  it('passes publint and are-the-types-wrong', () => {
    run(join(root, 'node_modules/.bin/publint'), ['--strict', tarball]);
    run(join(root, 'node_modules/.bin/attw'), ['--profile', 'esm-only', tarball]);
  });

  it('builds its addon from source where no prebuilt one fits', () => {
    const installed = join(app, 'node_modules/iomux');
    rmSync(join(installed, 'prebuilds'), { recursive: true });
    expect(() => run(process.execPath, ['import.mjs'])).toThrow('npx iomux build');
    run(join(app, 'node_modules/.bin/iomux'), ['build']);
    expect(run(process.execPath, ['import.mjs']).trim()).toBe('1 data');
  });
});
