/** Where a figure was measured: without it, it cannot be compared with another. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/**
 * @typedef {object} Machine
 * @property {string} kernel
 * @property {string} cpu
 * @property {number} cores
 * @property {string} node
 * @property {string} compiler - of the C programs; empty where there is none.
 */

/** @returns {Machine} */
export function describeMachine() {
  const cpus = os.cpus();
  const [compiler = 'cc', ...wrapped] = (process.env['CC'] ?? 'cc').split(' ');
  return {
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    cpu: cpus[0]?.model ?? 'unknown CPU',
    cores: cpus.length,
    node: process.version,
    compiler: firstLineOf(compiler, [...wrapped, '--version']),
  };
}

/** @param {Machine} machine */
export function machineLine({ kernel, cpu, cores, node, compiler }) {
  return `${kernel}; ${cpu}, ${cores} cores; Node.js ${node}; ${compiler || 'no C compiler'}`;
}

/**
 * The first two processors that this process may run on: one for the server, one for the load.
 *
 * @returns {[number, number] | null} `null`: nothing can be pinned, because there is one only, or no taskset(1).
 */
export function twoCores() {
  if (firstLineOf('taskset', ['--version']) === '') return null;
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const cores = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const [server, load] = cores;
  return server === undefined || load === undefined ? null : [server, load];
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {string} empty where the command fails.
 */
function firstLineOf(command, args) {
  try {
    const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return output.split('\n', 1)[0] ?? '';
  } catch {
    return '';
  }
}
