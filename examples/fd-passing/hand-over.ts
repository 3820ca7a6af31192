/** A connection that goes from one process to another, over a Unix socket between them. */
import { constants, EVENT_READ, ready, Socket, WOULD_BLOCK } from 'iomux';

const { MSG_CTRUNC = 0 } = constants;

// A stream carries descriptors beside bytes, so there must be one.
const BYTE = Buffer.alloc(1);

/**
 * Gives a connection away: it is closed here.
 *
 * @returns `false`: the other process has not taken so many yet that there is no room. It is still ours then.
 * @throws SystemError `EPIPE`: the other process is gone.
 */
export function handOver(channel: Socket, connection: Socket): boolean {
  if (channel.sendMessage(BYTE, { fds: [connection] }) === WOULD_BLOCK) return false;
  // What travels is a duplicate. As long as this one is open, so is the connection, whatever the other process does.
  connection.close();
  return true;
}

/** The connections that are handed over, until nobody is left who could. */
export async function* takeOver(channel: Socket): AsyncGenerator<Socket> {
  const byte = Buffer.alloc(BYTE.length);
  for (;;) {
    const message = channel.recvMessage(byte, { maxFds: 1 });
    if (message === null) {
      await ready(channel, EVENT_READ);
      continue;
    }
    if (message.length === 0) return;
    for (const fd of message.fds) yield Socket.fromFd(fd);
    if (message.flags & MSG_CTRUNC)
      console.error('a connection is lost: there was no descriptor left for it');
  }
}
