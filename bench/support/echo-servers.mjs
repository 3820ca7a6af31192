/** Every echo server, ours and the rivals', by the name of its row and in the order of the tables. */
import { inC, inNode, inPython, ours, withEnvironment } from './commands.mjs';

/** @typedef {{ name: string } & import('./commands.mjs').Program} EchoServer */

/** As where the kernel does not return by Safe RET; see src-native/return-stack.h. */
const NOTHING_REFILLED = 'IOMUX_REFILL_RETURNS=0';

/** Looked for when they are asked for: a Python that has something, or a program that must be compiled first. */
const SERVERS = {
  'epoll in C': () => inC('epoll-echo'),
  'epoll in C, idle thread': () => inC('epoll-echo', '--idle-thread'),
  'epoll in C, returns refilled': () => inC('epoll-refilled-echo'),
  'libuv in C': () => inC('libuv-echo'),
  'libevent in C': () => inC('libevent-echo'),
  'addon alone': () => ours('servers/bare.mjs'),
  'dispatch, epoll': () => ours('servers/dispatch.mjs', '--backend', 'epoll'),
  'dispatch, nothing refilled': () => withEnvironment(NOTHING_REFILLED, ours('servers/dispatch.mjs')),
  'dispatch, poll': () => ours('servers/dispatch.mjs', '--backend', 'poll'),
  'dispatch, select': () => ours('servers/dispatch.mjs', '--backend', 'select'),
  'watchers, blocking': () => ours('servers/watchers.mjs', '--backend', 'epoll', '--mode', 'blocking'),
  'watchers, hosted': () => ours('servers/watchers.mjs', '--backend', 'epoll', '--mode', 'hosted'),
  'protocol, hosted': () => ours('servers/protocol.mjs'),
  'streams, hosted': () => ours('servers/streams.mjs'),
  'node:net': () => inNode('rivals/net.mjs'),
  'node:net, for await': () => inNode('rivals/net-await.mjs'),
  selectors: () => inPython('selectors', 'rivals/selectors-echo.py'),
  'asyncio, protocol': () => inPython('asyncio', 'rivals/asyncio-echo.py', 'asyncio', 'protocol'),
  'asyncio, streams': () => inPython('asyncio', 'rivals/asyncio-echo.py', 'asyncio', 'streams'),
  'uvloop, protocol': () => inPython('uvloop', 'rivals/asyncio-echo.py', 'uvloop', 'protocol'),
  'uvloop, streams': () => inPython('uvloop', 'rivals/asyncio-echo.py', 'uvloop', 'streams'),
  gevent: () => inPython('gevent', 'rivals/gevent-echo.py'),
  Twisted: () => inPython('twisted', 'rivals/twisted-echo.py'),
  Tornado: () => inPython('tornado', 'rivals/tornado-echo.py'),
};

/** @typedef {keyof typeof SERVERS} ServerName */

export const serverNames = /** @type {ServerName[]} */ (Object.keys(SERVERS));

/** @type {(name: ServerName) => EchoServer} */
export function echoServer(name) {
  return { name, ...SERVERS[name]() };
}
