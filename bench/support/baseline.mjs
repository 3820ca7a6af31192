/** The C programs of bench/baseline: the loop that is the limit, and the load that every server meets. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** @param {string} name */
const program = (name) => fileURLToPath(new URL(`../baseline/build/${name}`, import.meta.url));

export const C_SERVER = program('echo-server');
export const LOAD = program('echo-load');

/** @returns {string | null} why they cannot be built; `null`: they are. */
export function buildBaseline() {
  if (process.platform !== 'linux') return 'not available: it is written for epoll, Linux';
  try {
    const script = fileURLToPath(new URL('../baseline/build.sh', import.meta.url));
    execFileSync('sh', [script], { stdio: ['ignore', 2, 2] });
    return null;
  } catch {
    return 'not installed: a C compiler; `apt install gcc`, or name one in CC';
  }
}
