/** What users install: packed, unpacked into an empty folder without running a script, and used. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Something of each. */
const ENTRIES = {
  iomux: ['Reactor', 'Socket', 'DefaultSelector'],
  'iomux/tasks': ['createTask', 'run', 'TaskGroup', 'Task'],
  'iomux/sync': ['Lock', 'Queue', 'Barrier'],
  'iomux/streams': ['openConnection', 'createServer', 'StreamReader', 'toDuplex', 'createSubprocess'],
  'iomux/executors': ['ThreadPoolExecutor', 'ProcessPoolExecutor', 'Executor'],
};

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

  it.each(Object.entries(ENTRIES))('has the entry %s, to import and to require', (entry, names) => {
    expect(
      program(
        'entry.mjs',
        `import { createRequire } from 'node:module';
         import * as imported from '${entry}';
         const required = createRequire(import.meta.url)('${entry}');
         for (const name of ${JSON.stringify(names)}) {
           if (typeof imported[name] !== 'function' || imported[name] !== required[name]) console.log(name);
         }
         console.log('seen');`,
      ),
    ).toBe('seen');
  });

  it('runs tasks over streams of the package, and its executors by the tinypool beside it', () => {
    const text = `import { ThreadPoolExecutor } from 'iomux/executors';
      import { openConnection, startServer } from 'iomux/streams';
      import { Semaphore } from 'iomux/sync';
      import { run } from 'iomux/tasks';
      await run(async () => {
        const server = await startServer(
          async ({ reader, writer }) => void writer.write(await reader.readAll()),
          { address: '127.0.0.1', port: 0 },
        );
        const release = await new Semaphore(1).acquire();
        const { reader, writer } = await openConnection(server.addresses[0]);
        writer.write('echo');
        writer.writeEof();
        console.log(String(await reader.readAll()));
        release.release();
        await writer.close();
        server.close();
        const executor = new ThreadPoolExecutor({ maxWorkers: 1 });
        try {
          console.log(await executor.submit('node:path', 'basename', '/some/where'));
        } catch ({ code, message }) {
          console.log(code, /npm install tinypool/.test(message));
        }
        await executor.shutdown();
      });`;
    expect(program('layers.mjs', text)).toBe('echo\nERR_UNSUPPORTED true');
    cpSync(join(root, 'node_modules/tinypool'), join(app, 'node_modules/tinypool'), { recursive: true });
    expect(program('layers.mjs', text)).toBe('echo\nwhere');
  });

  it('resolves its types in a strict TypeScript program', () => {
    writeFileSync(
      join(app, 'types.ts'),
      `import { createSelector, EVENT_READ, type SelectorKey, Socket } from 'iomux';
       const selector = createSelector<string>();
       const key: SelectorKey<string> = selector.register(new Socket(), EVENT_READ, 'data');
       // @ts-expect-error the data is a string
       const number: number = key.data;
       void number;
       import { ThreadPoolExecutor } from 'iomux/executors';
       import { type Connection, openConnection, type Protocol, type Server, startServer } from 'iomux/streams';
       import { Lock, Queue } from 'iomux/sync';
       import { type Coroutine, createTask, gather, value } from 'iomux/tasks';
       function* work(): Coroutine<number> {
         const { reader }: Connection = yield* value(openConnection({ path: '/nowhere' }));
         const line: string | null = yield* value(reader.readLine());
         const [one, two] = yield* value(gather([new Queue<string>().get(), new Lock().acquire()]));
         two.release();
         return (line ?? one).length;
       }
       const result: PromiseLike<number> = createTask(work);
       const server: PromiseLike<Server> = startServer(async () => {}, { address: '::1', port: 0 });
       const protocol: Protocol = { dataReceived: (data: Buffer) => void data };
       const submitted: PromiseLike<string> = new ThreadPoolExecutor().submit<string>('node:path', 'basename', '/a');
       void [result, server, protocol, submitted];
       // @ts-expect-error an item is a string
       new Queue<string>().putNowait(1);`,
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
