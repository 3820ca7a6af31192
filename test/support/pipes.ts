/** Pipes: a FIFO with both ends open and its name already gone. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One end of a pipe, nonblocking. Closing it twice closes it once. */
export class PipeEnd implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  fileno(): number {
    return this.#fd;
  }

  write(text: string): number {
    return writeSync(this.#fd, text);
  }

  /** What is in the pipe, up to 64 KiB; `''` at its end. */
  read(length = 65_536): string {
    const buffer = Buffer.alloc(length);
    return buffer.toString('utf8', 0, readSync(this.#fd, buffer));
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface Pipe extends Disposable {
  readonly reader: PipeEnd;
  readonly writer: PipeEnd;
}

export function openPipe(): Pipe {
  const [pipe] = openPipes(1);
  return pipe as Pipe;
}

/** Several pipes for the price of one process. */
export function openPipes(count: number): Pipe[] {
  const folder = mkdtempSync(join(tmpdir(), 'iomux-pipes-'));
  try {
    const names = Array.from({ length: count }, (_, index) => join(folder, String(index)));
    execFileSync('mkfifo', names);
    return names.map((name) => {
      const reader = new PipeEnd(openSync(name, constants.O_RDONLY | constants.O_NONBLOCK));
      const writer = new PipeEnd(openSync(name, constants.O_WRONLY | constants.O_NONBLOCK));
      return {
        reader,
        writer,
        [Symbol.dispose]() {
          reader.close();
          writer.close();
        },
      };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
