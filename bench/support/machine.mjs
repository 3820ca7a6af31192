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

/** @param {[number, number] | null | undefined} cores - `undefined`: it was not noted. */
export function pinningLine(cores) {
  if (cores === undefined) return '';
  if (cores === null)
    return 'Nobody was pinned to a core: whoever is measured and the load were in each other’s way.';
  return `Whoever was measured had core ${cores[0]}, the load core ${cores[1]}.`;
}

/**
 * Two processors that this process may run on: one for the server, one for the load.
 *
 * @returns {[number, number] | null} `null`: nothing can be pinned, because there is one only, or no taskset(1).
 */
export function twoCores() {
  if (firstLineOf('taskset', ['--version']) === '') return null;
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return apart(numbersIn(list), siblingsOf);
}

/**
 * The first, and the next that is not the same core once more: two threads of one core share what it can do.
 *
 * @param {readonly number[]} processors
 * @param {(processor: number) => readonly number[]} siblings - a processor and whoever shares its core.
 * @returns {[number, number] | null} those of one core where there is only that; `null`: there is one processor.
 */
export function apart([server, ...others], siblings) {
  if (server === undefined) return null;
  const same = siblings(server);
  const load = others.find((processor) => !same.includes(processor)) ?? others[0];
  return load === undefined ? null : [server, load];
}

/** @type {(processor: number) => number[]} */
function siblingsOf(processor) {
  const file = `/sys/devices/system/cpu/cpu${processor}/topology/thread_siblings_list`;
  try {
    return numbersIn(readFileSync(file, 'utf8').trim());
  } catch {
    // A container may have no such file.
    return [processor];
  }
}

/** The kernel's lists: '0-3,8'. @param {string} list */
function numbersIn(list) {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
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
