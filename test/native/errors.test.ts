/** The errors: SystemError has the shape of Node's own, StateError says which rule was broken. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { constants as os, tmpdir } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { type Address, Poll, Socket, StateError, SystemError, select } from 'iomux';
import { describe, expect, it } from 'vitest';
import { AF_UNIX } from '../../lib/native/constants.js';
import { check, invalidType, invalidValue, outOfRange } from '../../lib/native/errors.js';
import { thrownBy } from '../support/expecting.js';
import { refusingAddress } from '../support/sockets.js';

type NodeError = NodeJS.ErrnoException & { address?: string; port?: number };

/** What node:net says when a connect fails. */
function nodeConnectError(options: { host: string; port: number } | { path: string }): Promise<NodeError> {
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    socket.once('error', resolve);
    socket.once('connect', () => reject(new Error('it connected')));
  });
}

/** What ours says, at once or late. */
function connectError(socket: Socket, address: Address): Error & Record<string, unknown> {
  using used = socket;
  return thrownBy(() => {
    used.connect(address);
    select([], [used], [], 5000);
    used.finishConnect();
  });
}

describe('SystemError', () => {
  it('is what node:net throws for a refused connect', async () => {
    const { address, port } = refusingAddress();
    const node = await nodeConnectError({ host: address, port });
    const ours = connectError(new Socket(), { address, port });
    expect(ours).toBeInstanceOf(SystemError);
    expect(ours).toBeInstanceOf(Error);
    expect(ours.message).toBe(node.message);
    expect({ ...ours, name: undefined }).toEqual({ ...node, name: undefined });
    expect(ours['errno']).toBe(-os.errno.ECONNREFUSED);
    expect(ours.message).toBe(`connect ECONNREFUSED 127.0.0.1:${port}`);
  });

  it('is what node:net throws for a Unix path without a socket, with the path by its name', async () => {
    const path = join(tmpdir(), `iomux-nobody-${process.pid}.sock`);
    const node = await nodeConnectError({ path });
    const ours = connectError(new Socket(AF_UNIX), { path });
    expect(ours.message).toBe(node.message);
    const { address: nodePath, ...rest } = { ...node };
    expect({ ...ours, name: undefined }).toEqual({ ...rest, path: nodePath, name: undefined });
  });

  it('is what node:net throws for an address in use', async () => {
    using taken = Socket.listen({ address: '127.0.0.1', port: 0 });
    const { port } = taken.localAddress as { port: number };
    const node = await new Promise<NodeError>((resolve) => {
      createServer().once('error', resolve).listen(port, '127.0.0.1');
    });
    const ours = thrownBy(() => Socket.listen({ address: '127.0.0.1', port }));
    for (const property of ['code', 'errno', 'address', 'port'] as const) {
      expect(ours[property], property).toBe(node[property]);
    }
    expect(ours.message).toBe(`${ours['syscall']} EADDRINUSE 127.0.0.1:${port}`);
  });

  it('is what node:fs throws for a closed descriptor, and names it', () => {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    const node = thrownBy(() => fstatSync(fd));
    const ours = thrownBy(() => select([fd], [], [], 0));
    expect(ours['code']).toBe(node['code']);
    expect(ours['errno']).toBe(node['errno']);
    expect(ours).toMatchObject({ syscall: 'select', fd });
    expect(Object.keys(ours).toSorted()).toEqual(['code', 'errno', 'fd', 'name', 'syscall']);
  });

  it('shows an IPv6 address as Node does', () => {
    const error = new SystemError(-os.errno.ECONNREFUSED, 'connect', { address: '::1', port: 80 });
    expect(error.message).toBe('connect ECONNREFUSED ::1:80');
    expect(error).toMatchObject({ address: '::1', port: 80 });
  });

  it('shows an abstract name with an @, and keeps it as it is', () => {
    const error = new SystemError(-os.errno.ECONNREFUSED, 'connect', { path: '\0name' });
    expect(error.message).toBe('connect ECONNREFUSED @name');
    expect(error.path).toBe('\0name');
  });

  it('adds a hint to the message, and to nothing else', () => {
    const error = new SystemError(-os.errno.EPERM, 'epoll_ctl', { fd: 3, hint: 'files are always ready' });
    expect(error.message).toBe('epoll_ctl EPERM (fd 3): files are always ready');
    expect(error).not.toHaveProperty('hint');
  });

  it('has no properties of which nothing is known', () => {
    const error = new SystemError(-os.errno.EMFILE, 'socket');
    expect(error.message).toBe('socket EMFILE');
    for (const property of ['address', 'port', 'path', 'fd']) expect(error).not.toHaveProperty(property);
  });

  it('has a name for every errno of this system', () => {
    const names: Readonly<Record<string, number>> = os.errno;
    for (const [name, errno] of Object.entries(names)) {
      const { code, errno: negative, message } = new SystemError(-errno, 'call');
      expect(negative).toBe(-errno);
      expect(names[code], `${name} became ${code}`).toBe(errno);
      expect(message).toBe(`call ${code}`);
      const known = getSystemErrorName(-errno);
      if (!known.startsWith('Unknown')) expect(code).toBe(known);
    }
  });

  it('keeps the number of an errno that has no name', () => {
    const error = new SystemError(-4000, 'call');
    expect(error).toMatchObject({ errno: -4000, code: 'E4000', message: 'call E4000' });
  });

  it('says SystemError in its stack', () => {
    const { stack } = new SystemError(-os.errno.EBADF, 'poll', { fd: 7 });
    expect(stack).toMatch(/errors\.test/);
    expect(String(new SystemError(-os.errno.EBADF, 'poll', { fd: 7 }))).toBe(
      'SystemError: poll EBADF (fd 7)',
    );
  });
});

describe('StateError', () => {
  it('is thrown for a wrong state, with the rule as its code', () => {
    const poll = new Poll();
    const error = thrownBy(() => poll.unregister(0));
    expect(error).toBeInstanceOf(StateError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ name: 'StateError', code: 'ERR_NOT_REGISTERED' });
    expect(error.message).not.toBe('');
    for (const property of ['errno', 'syscall']) expect(error).not.toHaveProperty(property);
  });
});

describe('the makers of errors', () => {
  it('check passes what is no error, and throws what is', () => {
    expect(check(0, 'call')).toBe(0);
    expect(check(7, 'call')).toBe(7);
    expect(thrownBy(() => check(-os.errno.EINVAL, 'call', { fd: 1 }))).toMatchObject({
      name: 'SystemError',
      code: 'EINVAL',
      fd: 1,
    });
  });

  it('have the classes and codes of their kind', () => {
    expect(invalidType('file', 'a number', '1')).toBeInstanceOf(TypeError);
    expect(invalidType('file', 'a number', '1')).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(invalidValue('how', 'one', 'two')).toBeInstanceOf(TypeError);
    expect(invalidValue('how', 'one', 'two')).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(outOfRange('port', 'small', 70_000)).toBeInstanceOf(RangeError);
    expect(outOfRange('port', 'small', 70_000)).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  });

  it('show any value in a message', () => {
    const shown: [unknown, string][] = [
      ['text', "'text'"],
      [undefined, 'undefined'],
      [null, 'null'],
      [Number.NaN, 'NaN'],
      [1n, '1n'],
      [Symbol('s'), 'Symbol(s)'],
      [{}, 'an instance of Object'],
      [[], 'an instance of Array'],
      [Object.create(null), 'an instance of Object'],
      [new Poll(), 'an instance of Poll'],
      [function named() {}, 'function named'],
    ];
    for (const [value, text] of shown) {
      expect(invalidType('x', 'y', value).message).toBe(`x must be y, not ${text}`);
    }
  });
});
