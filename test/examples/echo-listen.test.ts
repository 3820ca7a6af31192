/** The echo server's listener: what its connections inherit, and whose Unix path it takes. */
import { existsSync } from 'node:fs';
import { AF_UNIX, constants, SOCK_SEQPACKET, Socket } from 'iomux';
import { describe, expect, it } from 'vitest';
import { listen } from '../../examples/echo/listen.js';
import { accept, connect } from '../support/connections.js';
import { openDescriptors } from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { TemporaryFolder } from '../support/temporary.js';

const { IPPROTO_TCP = 0, TCP_NODELAY = 0 } = constants;

// Others have no Unix seqpacket, and refuse a connect in another way.
const linux = process.platform === 'linux';

describe("the echo server's listener", () => {
  it('has its connections send small answers at once', () => {
    using listener = listen({ address: '127.0.0.1', port: 0 }).socket;
    using client = new Socket();
    connect(client, listener.localAddress);
    using server = accept(listener);
    expect(server.getOption(IPPROTO_TCP, TCP_NODELAY)).not.toBe(0);
  });

  it.runIf(linux)('leaves the path of a server alone that has no room for one more connection', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('echo');
    using living = Socket.listen({ path }, { backlog: 0 });
    using waiting = new Socket(AF_UNIX);
    expect(waiting.connect({ path })).toBe(true);
    using refused = new Socket(AF_UNIX);
    expect(thrownBy(() => refused.connect({ path }))).toMatchObject({ code: 'EAGAIN' });
    expect(thrownBy(() => listen({ path }))).toMatchObject({ code: 'EADDRINUSE', path });
    accept(living).close();
    expect(refused.connect({ path })).toBe(true);
  });

  it.runIf(linux)('leaves the path of a server alone that speaks in records', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('records');
    using _living = Socket.listen({ path }, { type: SOCK_SEQPACKET });
    expect(thrownBy(() => listen({ path }))).toMatchObject({ code: 'EADDRINUSE', path });
    expect(existsSync(path)).toBe(true);
  });

  it('keeps nothing open of its look at a path, and unlinks its own once', () => {
    using folder = new TemporaryFolder();
    const path = folder.join('echo');
    const before = openDescriptors();
    Socket.listen({ path }).close();
    const listener = listen({ path });
    expect(thrownBy(() => listen({ path }))).toMatchObject({ code: 'EADDRINUSE' });
    expect(new Set(openDescriptors())).toEqual(new Set([...before, listener.socket.fileno()]));
    listener.socket.close();
    listener.unlink();
    expect(existsSync(path)).toBe(false);
    expect(() => listener.unlink()).not.toThrow();
    expect(openDescriptors()).toEqual(before);
  });
});
