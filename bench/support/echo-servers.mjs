/** Every echo server, ours and the rivals', by the name of its row and in the order of the tables. */
import { fileURLToPath } from 'node:url';
import { nativeProgram } from './native.mjs';
import { pythonWith } from './rivals.mjs';

/**
 * @typedef {object} EchoServer
 * @property {string} name
 * @property {readonly string[]} command
 * @property {string | undefined} missing - it is not installed, and this is how it would be.
 */
/** @typedef {Omit<EchoServer, 'name'>} Program */

/** @type {(path: string) => string} */
const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** @type {(name: string) => () => Program} */
function inC(name) {
  return () => {
    const { path, missing } = nativeProgram(name);
    return { command: [path], missing };
  };
}

/** @type {(path: string, ...args: string[]) => () => Program} */
function inNode(path, ...args) {
  return () => ({ command: [process.execPath, file(path), ...args], missing: undefined });
}

/** @type {(module: import('./rivals.mjs').PythonModule, script: string, ...args: string[]) => () => Program} */
function inPython(module, script, ...args) {
  return () => {
    const path = pythonWith(module);
    if (path !== undefined) return { command: [path, file(`rivals/${script}`), ...args], missing: undefined };
    const included = module === 'selectors' || module === 'asyncio';
    return { command: [], missing: included ? 'apt install python3' : `apt install python3-${module}` };
  };
}

/** Looked for when they are asked for: a Python that has something, or a program that must be compiled first. */
const SERVERS = {
  'epoll in C': inC('epoll-echo'),
  'libuv in C': inC('libuv-echo'),
  'libevent in C': inC('libevent-echo'),
  'dispatch, epoll': inNode('servers/dispatch.mjs', '--backend', 'epoll'),
  'dispatch, poll': inNode('servers/dispatch.mjs', '--backend', 'poll'),
  'dispatch, select': inNode('servers/dispatch.mjs', '--backend', 'select'),
  'watchers, blocking': inNode('servers/watchers.mjs', '--backend', 'epoll', '--mode', 'blocking'),
  'watchers, hosted': inNode('servers/watchers.mjs', '--backend', 'epoll', '--mode', 'hosted'),
  'protocol, hosted': inNode('servers/protocol.mjs'),
  'streams, hosted': inNode('servers/streams.mjs'),
  'node:net': inNode('rivals/net.mjs'),
  'node:net, for await': inNode('rivals/net-await.mjs'),
  selectors: inPython('selectors', 'selectors-echo.py'),
  'asyncio, protocol': inPython('asyncio', 'asyncio-echo.py', 'asyncio', 'protocol'),
  'asyncio, streams': inPython('asyncio', 'asyncio-echo.py', 'asyncio', 'streams'),
  'uvloop, protocol': inPython('uvloop', 'asyncio-echo.py', 'uvloop', 'protocol'),
  'uvloop, streams': inPython('uvloop', 'asyncio-echo.py', 'uvloop', 'streams'),
  gevent: inPython('gevent', 'gevent-echo.py'),
  Twisted: inPython('twisted', 'twisted-echo.py'),
  Tornado: inPython('tornado', 'tornado-echo.py'),
};

/** @typedef {keyof typeof SERVERS} ServerName */

export const serverNames = /** @type {ServerName[]} */ (Object.keys(SERVERS));

/** @type {(name: ServerName) => EchoServer} */
export function echoServer(name) {
  return { name, ...SERVERS[name]() };
}
