/** uvloop, where there is a Python that has it. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../servers/uvloop-echo.py', import.meta.url));
/** Debian's own knows Debian's packages, and another one may come first in the path. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** @param {string} python */
function hasUvloop(python) {
  try {
    execFileSync(python, ['-c', 'import uvloop'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const python = PYTHONS.find(hasUvloop);

/**
 * The command of an echo server.
 *
 * @param {'protocol' | 'streams'} layer
 * @returns {string[] | null} `null`: there is no uvloop.
 */
export function uvloopCommand(layer) {
  return python === undefined ? null : [python, SERVER, layer];
}
