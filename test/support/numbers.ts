/** Descriptor numbers: whose they are, and how one comes to mean another file. */

/** Something that carries a descriptor and can be closed. */
interface Closable {
  fileno(): number;
  close(): void;
}

/** The kernel hands out the lowest free number, so a free one comes up after as many opens as lie below it. */
const MOST_OPENS = 4096;

/** Opens files until one gets the number `fd`, which must be free; the others are closed again. */
export function reuse<T extends Closable>(fd: number, open: () => T): T {
  const others: T[] = [];
  try {
    while (others.length < MOST_OPENS) {
      const opened = open();
      if (opened.fileno() === fd) return opened;
      others.push(opened);
    }
    throw new Error(`descriptor ${fd} did not come up again`);
  } finally {
    for (const other of others) other.close();
  }
}

/** A foreign file object, as another library's would be: nobody tells a selector when it is closed. */
export class ForeignFile {
  fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  fileno(): number {
    return this.fd;
  }
}
