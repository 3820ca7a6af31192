/**
 * Descriptors that Node has no call for, opened by a few lines of Python and handed over a socket: what foreign
 * libraries, and the daemons that own devices, do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EVENT_READ, ready, Socket } from 'iomux';

/** Says where Python hands over: a socket as its descriptor 3, which what it starts does not inherit. */
const PRELUDE = `
import os, socket, sys

channel = socket.socket(fileno=3)
channel.set_inheritable(False)

def hand_over(fd):
    socket.send_fds(channel, [b'.'], [fd])
`;

/**
 * Runs `script`, which calls `hand_over(fd)`.
 *
 * @param args - its `sys.argv[1:]`.
 * @returns the descriptor, which is ours and close-on-exec.
 * @throws Error: there is no Python, or it failed, of which standard error has the reason.
 */
export async function openForeign(script: string, args: readonly string[] = []): Promise<number> {
  const [ours, theirs] = Socket.pair();
  using channel = ours;
  const child = spawn('python3', ['-c', PRELUDE + script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', theirs.fileno()],
  });
  // Now Python alone has it: when that ends, the channel does.
  theirs.close();
  await once(child, 'spawn');
  await ready(channel, EVENT_READ);
  const [fd] = channel.recvMessage(Buffer.alloc(1), { maxFds: 1 })?.fds ?? [];
  if (fd === undefined) throw new Error('python3 ended without handing over a descriptor');
  return fd;
}
