/** What stands between a program's streams and ours. */
import { descriptorOf, type FileLike } from '../files.js';
import { invalidValue } from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import { Socket } from '../sockets/socket.js';
import { OutputReader } from './output-reader.js';
import type { Protocol } from './protocol.js';
import { SocketTransport } from './socket-transport.js';
import { StreamProtocol } from './stream-protocol.js';
import type { StreamWriter } from './writer.js';

/** A stream of a program as it is asked for; a number is a descriptor. */
export type Setting = 'pipe' | 'ignore' | 'stdout' | number;

/** @throws TypeError, RangeError: it is none. StateError `ERR_CLOSED`: the object is closed. */
export function settingOf(setting: 'pipe' | 'ignore' | FileLike, name: string): Setting {
  if (typeof setting !== 'string') return descriptorOf(setting, name);
  if (setting === 'pipe' || setting === 'ignore') return setting;
  throw invalidValue(name, "'pipe', 'ignore' or a file", setting);
}

/** `null`: it is no pipe. */
export interface Streams {
  readonly stdin: StreamWriter | null;
  readonly stdout: OutputReader | null;
  readonly stderr: OutputReader | null;
}

/** Pairs of sockets: one end of each is ours, the other the program's. */
export class Pipes {
  readonly #ours: (Socket | null)[] = [];
  readonly #theirs: Socket[] = [];

  /** @returns what the program gets as its streams. */
  open(settings: readonly Setting[]): ('ignore' | number)[] {
    const stdio: ('ignore' | number)[] = [];
    for (const setting of settings) {
      if (setting === 'pipe') {
        const [ours, theirs] = Socket.pair();
        this.#ours.push(ours);
        this.#theirs.push(theirs);
        stdio.push(theirs.fileno());
      } else {
        this.#ours.push(null);
        stdio.push(setting === 'stdout' ? (stdio[1] ?? 'ignore') : setting);
      }
    }
    return stdio;
  }

  /** Has a reactor serve our ends. @param onOutputEnd - told of the end of each output. */
  serve(reactor: Reactor, onOutputEnd: () => void): Streams {
    const [stdin, ...outputs] = this.#ours;
    const [stdout, stderr] = outputs.map((socket) => socket && serveOutput(reactor, socket, onOutputEnd));
    return {
      stdin: stdin ? serveInput(reactor, stdin) : null,
      stdout: stdout ?? null,
      stderr: stderr ?? null,
    };
  }

  closeTheirs(): void {
    for (const socket of this.#theirs) socket.close();
  }

  close(): void {
    for (const socket of this.#ours) socket?.close();
  }
}

/** Where it is at its end nobody has the other one, and nothing can be written any more. */
function serveInput(reactor: Reactor, socket: Socket): StreamWriter {
  const protocol = new StreamProtocol({ halfOpen: false });
  SocketTransport.start(reactor, socket, protocol);
  return protocol.connection.writer;
}

function serveOutput(reactor: Reactor, socket: Socket, onEnd: () => void): OutputReader {
  let reader: OutputReader | null = null;
  const protocol: Protocol = {
    dataReceived: (data) => reader?.feed(data),
    eofReceived: () => reader?.end(null, true),
    connectionLost: (error) => {
      reader?.end(error);
      onEnd();
    },
  };
  reader = new OutputReader(SocketTransport.start(reactor, socket, protocol));
  return reader;
}
