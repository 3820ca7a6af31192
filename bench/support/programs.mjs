/** The programs of a benchmark, each a process of its own: started, pinned to a core, listened to and ended. */
import { spawn } from 'node:child_process';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

// A server that outlives the benchmark would spoil the next one.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
process.once('SIGHUP', () => process.exit(129));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

/** What a program may take beyond the time that it measures. */
const PATIENCE = 30_000;

/**
 * What makes iomux or Node.js another one than it is: a backend that a variable names is not what is measured. Only the
 * addon may be another, one that is instrumented.
 */
const LEFT_OUT = /^(IOMUX_(?!ADDON$)|NODE_OPTIONS$)/;
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !LEFT_OUT.test(name)));

/**
 * @typedef {object} Program
 * @property {string} name - its whole command line.
 * @property {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} child
 * @property {Promise<string>} ended - how, in words; empty where it ended well.
 */

/**
 * @param {readonly string[]} command
 * @param {number | undefined} core - the one core it may use.
 * @returns {Program}
 */
function start(command, core) {
  const [program = '', ...args] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(program, args, { env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'inherit'] });
  // One that has ended says so by itself.
  child.stdin.on('error', () => {});
  /** @type {Promise<string>} */
  const ended = new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(`cannot be started, ${message}`));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? '' : `ended with ${signal ?? `exit code ${code}`}`),
    );
  });
  running.add(child);
  ended.then(() => running.delete(child));
  child.stdout.setEncoding('utf8');
  return { name: command.join(' '), child, ended };
}

/**
 * Runs a program to its end.
 *
 * @param {readonly string[]} command
 * @param {number | undefined} core
 * @param {number} seconds - that it is expected to take.
 * @returns {Promise<Record<string, number>>} the line of JSON that it prints last.
 */
export async function measure(command, core, seconds = 0) {
  const { name, child, ended } = start(command, core);
  child.stdin.end();
  let output = '';
  child.stdout.on('data', (/** @type {string} */ chunk) => {
    output += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + PATIENCE);
  const fault = await ended;
  clearTimeout(timer);
  if (fault !== '') throw new Error(`${name}: ${fault}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
}

/**
 * @typedef {object} Server
 * @property {number} port
 * @property {number} pid
 * @property {() => Promise<void>} collect - its garbage: of a server with ./collect.mjs.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts a program that serves until it is stopped, and waits until it prints `listening PORT`, or `ready` where there
 * is no port.
 *
 * @param {readonly string[]} command
 * @param {number | undefined} core
 * @returns {Promise<Server>}
 */
export async function startServer(command, core) {
  const program = start(command, core);
  const { child } = program;
  child.stdin.end();
  const stop = () => stopped(program);
  const collect = async () => {
    const collected = printed(program, /^collected\n/m, 'does not say that it collected its garbage');
    child.kill('SIGUSR2');
    await collected;
  };
  try {
    const [, port] = await printed(program, /^(?:listening (\d+)|ready)\n/m, 'does not listen');
    return { port: Number(port ?? 0), pid: child.pid ?? 0, collect, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @typedef {{ turn: (line: string) => Promise<Record<string, number>>, stop: () => Promise<void> }} InTurns */

/**
 * A program that works again for each line on its standard input, and then prints a line of JSON.
 *
 * @param {readonly string[]} command
 * @param {number | undefined} core
 * @returns {InTurns}
 */
export function startInTurns(command, core) {
  const program = start(command, core);
  return {
    async turn(line) {
      const done = printed(program, /^(.*)\n/, 'does not come to an end');
      program.child.stdin.write(`${line}\n`);
      return JSON.parse((await done)[1] ?? '');
    },
    stop: () => stopped(program),
  };
}

/** @type {(program: Program) => Promise<void>} */
async function stopped({ child, ended }) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  await ended;
  clearTimeout(timer);
}

/**
 * What a program prints from now on.
 *
 * @param {Program} program
 * @param {RegExp} expected
 * @param {string} fault - of a program that goes on without it.
 * @returns {Promise<RegExpExecArray>}
 */
function printed({ name, child, ended }, expected, fault) {
  return new Promise((resolve, reject) => {
    /** @param {string} reason */
    const fail = (reason) => {
      clearTimeout(timer);
      child.stdout.off('data', read);
      reject(new Error(`${name}: ${reason}`));
    };
    let output = '';
    /** @param {string} chunk */
    const read = (chunk) => {
      output += chunk;
      const found = expected.exec(output);
      if (found === null) return;
      clearTimeout(timer);
      child.stdout.off('data', read);
      resolve(found);
    };
    const timer = setTimeout(fail, PATIENCE, fault);
    child.stdout.on('data', read);
    ended.then((how) => fail(how || 'ended before that'));
  });
}
