/** Clients of the chat among the examples, made of Node's own sockets. */
import { connect, type Socket as NetSocket } from 'node:net';
import { Program } from './programs.js';

/** The running server. Leaving its scope kills it. */
export class ChatServer implements Disposable {
  private constructor(
    readonly program: Program,
    readonly port: number,
  ) {}

  static async start(): Promise<ChatServer> {
    const program = new Program('examples/chat', ['--port', '0']);
    const [, port] = await program.until('stdout', /^chatting at 127\.0\.0\.1 (\d+)\n/);
    return new ChatServer(program, Number(port));
  }

  /** Somebody who has no name yet. */
  async client(): Promise<ChatClient> {
    const client = new ChatClient(this.port);
    await client.line('* your name?');
    return client;
  }

  /** Somebody who has. */
  async member(name: string): Promise<ChatClient> {
    const client = await this.client();
    client.say(name);
    await client.line(`* you are ${name}`);
    return client;
  }

  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
  }
}

/** Keeps the lines that it is told, until somebody asks for them. */
export class ChatClient {
  readonly socket: NetSocket;
  /** Settled when it is connected no more; `null`: in order. */
  readonly ended: Promise<NodeJS.ErrnoException | null>;
  readonly #lines: string[] = [];
  #unfinished = '';
  #ended = false;
  #onChange = () => {};

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    let failure: NodeJS.ErrnoException | null = null;
    this.socket.on('error', (error) => {
      failure = error;
    });
    this.ended = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#ended = true;
        this.#onChange();
        resolve(failure);
      });
    });
    this.socket.setEncoding('utf8').on('data', (text) => {
      const lines = `${this.#unfinished}${text}`.split('\n');
      this.#unfinished = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#onChange();
    });
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  /** The next line; `null`: there is none any more. */
  async next(): Promise<string | null> {
    while (this.#lines.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    }
    return this.#lines.shift() ?? null;
  }

  /** Waits for a line, and returns those before it. @throws Error: it does not come. */
  async line(wanted: string): Promise<string[]> {
    const before: string[] = [];
    for (let line = await this.next(); line !== wanted; line = await this.next()) {
      if (line === null) throw new Error(`not told '${wanted}', but: ${before.join(' | ')}`);
      before.push(line);
    }
    return before;
  }

  /** All lines there still are. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.next(); line !== null; line = await this.next()) lines.push(line);
    return lines;
  }
}
