/** The C programs of bench/load and bench/rivals, compiled when the first of them is asked for. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} NativeProgram
 * @property {string} path
 * @property {string | undefined} missing - it could not be compiled, and this is how it could.
 */

/** What the shell says of a command that is not there. */
const NO_COMPILER = 127;
/** By the library that a program is named after: the Debian package to compile it with. */
const PACKAGES = { libuv: 'libuv1-dev', libevent: 'libevent-dev' };
/** Its assembly is that processor's. */
const ONLY_X64 = 'epoll-refilled-echo';

/** @type {string | undefined} */
let nothingCompiles;
let built = false;

/** @returns {string | undefined} why there are no C programs at all. */
function build() {
  if (process.platform !== 'linux') return 'it is written for Linux';
  const script = fileURLToPath(new URL('../build.sh', import.meta.url));
  try {
    execFileSync('sh', [script], { stdio: ['ignore', 2, 2] });
    return undefined;
  } catch (error) {
    // Anything else is a fault of a program, and not of this machine.
    if (/** @type {{ status?: number }} */ (error).status !== NO_COMPILER) throw error;
    return 'apt install gcc libc6-dev';
  }
}

/**
 * @param {string} name - of its source, without `.c`: 'echo-load'.
 * @returns {NativeProgram}
 */
export function nativeProgram(name) {
  if (!built) nothingCompiles = build();
  built = true;
  const path = fileURLToPath(new URL(`../build/${name}`, import.meta.url));
  if (nothingCompiles !== undefined || existsSync(path)) return { path, missing: nothingCompiles };
  if (name === ONLY_X64) return { path, missing: 'it is written for x86-64' };
  const [, library] = Object.entries(PACKAGES).find(([prefix]) => name.startsWith(`${prefix}-`)) ?? [];
  if (library === undefined) throw new Error(`there is no C program '${name}'`);
  return { path, missing: `apt install pkg-config ${library}` };
}
