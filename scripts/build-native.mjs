/**
 * Builds the addon away from the checkout: node scripts/build-native.mjs [OUTPUT]
 *
 * - In an installed package, for a platform without a prebuilt addon: `npx iomux build`. Compiler headers and node-gyp
 *   are fetched from the npm registry into a temporary folder; the package gets build/Release/iomux.node, which is what
 *   its loader looks for first.
 * - In a checkout, for a second addon beside the usual one, by environment variables that binding.gyp knows:
 *   IOMUX_SANITIZE=address,undefined, or IOMUX_LIBKQUEUE=1.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const output = resolve(process.argv[2] ?? join(root, 'build/Release/iomux.node'));
const folder = mkdtempSync(join(tmpdir(), 'iomux-build-'));

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: 'inherit' });
  if (status !== 0)
    throw new Error(`${[command, ...args].join(' ')}: ${error?.message ?? `exit code ${status}`}`);
}

try {
  cpSync(join(root, 'src-native'), join(folder, 'src-native'), { recursive: true });
  // npm takes a binding.gyp in the root of a package for an install script, so the package carries it in dist/.
  const gyp = ['binding.gyp', 'dist/binding.gyp'].map((path) => join(root, path)).find(existsSync);
  if (gyp === undefined) throw new Error(`there is no binding.gyp in ${root}`);
  cpSync(gyp, join(folder, 'binding.gyp'));
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tools = ['node-addon-api', 'node-gyp'];
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, scripts: { build: 'node-gyp configure build --loglevel=warn' } }),
  );
  if (tools.every((tool) => existsSync(join(root, 'node_modules', tool)))) {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  } else {
    run(
      'npm',
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      ...tools.map((tool) => `${tool}@${devDependencies[tool]}`),
    );
  }
  // Through npm, which tells node-gyp where the headers are on machines that say so in their npm settings.
  run('npm', 'run', '--silent', 'build');
  mkdirSync(dirname(output), { recursive: true });
  cpSync(join(folder, 'build/Release/iomux.node'), output);
  console.error(`built ${output}`);
} catch (error) {
  console.error(`iomux was not built: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
