/** The programs of bench/ as commands, or what to install for those that cannot be run. */
import { fileURLToPath } from 'node:url';
import { nativeProgram } from './native.mjs';
import { pythonWith } from './rivals.mjs';

/**
 * @typedef {object} Program
 * @property {boolean} ours - of iomux.
 * @property {readonly string[]} command
 * @property {string | undefined} missing - it is not installed, and this is how it would be.
 */

/** @type {(path: string) => string} */
const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** @type {(path: string, ...args: string[]) => Program} */
export function inNode(path, ...args) {
  return { ours: false, command: [process.execPath, file(path), ...args], missing: undefined };
}

/** A layer of iomux. @type {(path: string, ...args: string[]) => Program} */
export function ours(path, ...args) {
  return { ...inNode(path, ...args), ours: true };
}

/** @type {(assignment: string, program: Program) => Program} */
export function withEnvironment(assignment, program) {
  return { ...program, command: ['env', assignment, ...program.command] };
}

/** @type {(name: string, ...args: string[]) => Program} */
export function inC(name, ...args) {
  const { path, missing } = nativeProgram(name);
  return { ours: false, command: [path, ...args], missing };
}

/** @type {(module: import('./rivals.mjs').PythonModule, path: string, ...args: string[]) => Program} */
export function inPython(module, path, ...args) {
  const python = pythonWith(module);
  const included = module === 'selectors' || module === 'asyncio';
  const missing = python === undefined ? `apt install python3${included ? '' : `-${module}`}` : undefined;
  return { ours: false, command: [python ?? '', file(path), ...args], missing };
}
