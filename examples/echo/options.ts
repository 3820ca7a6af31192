/** The command line of the echo server. */
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { type Address, type Backend, createSelector, StateError, type TriggerMode } from 'iomux';

/** How a reactor runs: inside Node's own loop, or as the only one on its thread. */
export type ReactorMode = 'hosted' | 'blocking';

export interface EchoOptions {
  readonly address: Address;
  readonly backend: Backend;
  readonly mode: TriggerMode;
  /** `null`: no reactor, a bare selector loop. */
  readonly reactor: ReactorMode | null;
  readonly workers: number;
  /** Of each worker. */
  readonly maxConnections: number;
}

/** Each is a thread with a heap of its own: more than any machine has a use for. */
const MOST_WORKERS = 256;

/** The command line cannot be obeyed; the message says why in one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const USAGE = `An echo server: what it receives it sends back.

  --backend NAME         epoll, kqueue, poll or select; the best that works here by default
  --edge                 report changes only, where the backend can (epoll, kqueue)
  --oneshot              report once, then arm again; with --edge: both
  --reactor MODE         serve with a reactor, 'hosted' in Node's loop or 'blocking'; a bare loop by default
  --workers N            as many threads, each with a listener of its own on the same port; 1 by default
  --host ADDRESS         a numeric address, 127.0.0.1 by default
  --port PORT            7000 by default; 0: any that is free
  --unix PATH            listen on a Unix socket instead
  --max-connections N    beyond N in a worker, let connections wait until one closes
  --help                 this text

Ctrl-C closes everything and prints what was served.
`;

/** @returns what to do; `'help'`: explain. @throws UsageError */
export function parseOptions(args: readonly string[]): EchoOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  const mode = modeOf(values.edge === true, values.oneshot === true);
  const address = addressOf(values);
  const workers = integer('--workers', values.workers, 1, MOST_WORKERS) ?? 1;
  if (workers > 1 && 'path' in address) throw new UsageError('--unix has no port for --workers to share');
  return {
    address,
    backend: backendFor(values.backend, mode),
    mode,
    reactor: reactorOf(values.reactor),
    workers,
    maxConnections: integer('--max-connections', values['max-connections'], 1) ?? Number.POSITIVE_INFINITY,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        backend: { type: 'string' },
        edge: { type: 'boolean' },
        oneshot: { type: 'boolean' },
        reactor: { type: 'string' },
        workers: { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        unix: { type: 'string' },
        'max-connections': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    // Node's messages say first what is wrong, then, at length, what else could have been meant.
    const [reason = ''] = (error as Error).message.split(/\. |\n/, 1);
    throw new UsageError(`${reason}; see --help`);
  }
}

function addressOf(values: { host?: string; port?: string; unix?: string }): Address {
  const { host, unix: path } = values;
  const port = integer('--port', values.port, 0, 65_535);
  if (path === undefined) {
    if (host !== undefined && isIP(host) === 0) {
      throw new UsageError(`--host must be a numeric address, not '${host}'`);
    }
    return { address: host ?? '127.0.0.1', port: port ?? 7000 };
  }
  if (host !== undefined || port !== undefined) throw new UsageError('--unix excludes --host and --port');
  if (path === '') throw new UsageError('--unix must be a path');
  return { path };
}

function modeOf(edge: boolean, oneshot: boolean): TriggerMode {
  if (oneshot) return edge ? 'edge-oneshot' : 'oneshot';
  return edge ? 'edge' : 'level';
}

function reactorOf(mode: string | undefined): ReactorMode | null {
  if (mode === undefined) return null;
  if (mode === 'hosted' || mode === 'blocking') return mode;
  throw new UsageError(`--reactor must be hosted or blocking, not '${mode}'`);
}

/** The backend to use, tried once here, so that what it cannot do is said before anything is started. */
function backendFor(name: string | undefined, mode: TriggerMode): Backend {
  try {
    using selector = createSelector(name as Backend | undefined);
    const { backend, capabilities } = selector;
    if (capabilities.modes.includes(mode)) return backend;
    throw new UsageError(`${backend} has no mode '${mode}', only ${capabilities.modes.join(', ')}`);
  } catch (error) {
    if (error instanceof TypeError && name !== undefined) {
      throw new UsageError(error.message.replace(/^backend/, '--backend'));
    }
    if (error instanceof TypeError || error instanceof StateError) throw new UsageError(error.message);
    throw error;
  }
}

function integer(
  option: string,
  text: string | undefined,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(`${option} must be a whole number ${range}, not '${text}'`);
}
