/** The programs of a benchmark, each a process of its own: started, pinned to a core, listened to and ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

// A server that outlives the benchmark would spoil the next one.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
process.once('SIGTERM', () => process.exit(143));
process.once('SIGINT', () => process.exit(130));

/** What a program may take beyond the time that it measures. */
const PATIENCE = 30_000;

/**
 * @param {readonly string[]} command
 * @param {number | undefined} core - the one core it may use.
 */
function start(command, core) {
  const [program = '', ...args] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  child.stdout.setEncoding('utf8');
  return child;
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
  const child = start(command, core);
  let output = '';
  child.stdout.on('data', (/** @type {string} */ chunk) => {
    output += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + PATIENCE);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${command.join(' ')}: ended with ${signal ?? `exit code ${code}`}`);
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
 * Starts a server, and waits until it can be connected to.
 *
 * @param {readonly string[]} command
 * @param {number | undefined} core
 * @returns {Promise<Server>}
 */
export async function startServer(command, core) {
  const child = start(command, core);
  const closed = once(child, 'close');
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    await closed;
    clearTimeout(timer);
  };
  try {
    return { port: await portOf(child, command), pid: child.pid ?? 0, collect: () => collect(child), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @param {ReturnType<typeof start>} child */
async function collect(child) {
  const patience = AbortSignal.timeout(PATIENCE);
  child.kill('SIGUSR2');
  for (let output = ''; !output.includes('collected'); )
    [output] = await once(child.stdout, 'data', { signal: patience });
}

/**
 * The port of a server that prints `listening PORT` once it can be connected to.
 *
 * @param {ReturnType<typeof start>} child
 * @param {readonly string[]} command
 * @returns {Promise<number>}
 */
function portOf(child, command) {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`${command.join(' ')}: does not listen`)), PATIENCE);
    child.stdout.on('data', (/** @type {string} */ chunk) => {
      output += chunk;
      const [, port] = /^listening (\d+)\n/m.exec(output) ?? [];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`${command.join(' ')}: ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}
