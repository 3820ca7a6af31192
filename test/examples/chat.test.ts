/** The chat: who is told what, under which name, and what becomes of those who do not behave. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChatClient, ChatServer } from '../support/example-chat.js';
import { runProgram } from '../support/programs.js';

let server: ChatServer;
beforeEach(async () => {
  server = await ChatServer.start();
});
afterEach(() => {
  server[Symbol.dispose]();
  expect(server.program.stderr).toBe('');
});

/** The next lines of each are just these. */
async function areTold(clients: readonly ChatClient[], ...lines: readonly string[]): Promise<void> {
  for (const client of clients) {
    for (const line of lines) expect(await client.next()).toBe(line);
  }
}

/** Members of these names, who have heard of each other and of nothing else. */
async function room(...names: readonly string[]): Promise<ChatClient[]> {
  const clients: ChatClient[] = [];
  for (const name of names) {
    const client = await server.member(name);
    await areTold(clients, `* ${name} joined`);
    clients.push(client);
  }
  return clients;
}

/** They leave, and are gone when this returns. */
async function leave(...clients: readonly ChatClient[]): Promise<void> {
  for (const client of clients) client.say('/quit');
  for (const client of clients) await client.ended;
}

describe('the chat example', () => {
  it('tells the others, and not who says it', async () => {
    const [ann, bob, eve] = (await room('ann', 'bob', 'eve')) as [ChatClient, ChatClient, ChatClient];
    ann.say('hello');
    await areTold([bob, eve], 'ann: hello');
    bob.say('who are you?');
    await areTold([ann, eve], 'bob: who are you?');
    eve.say('/quit');
    await areTold([ann, bob], '* eve left');
    expect(await eve.rest()).toEqual([]);
    expect(await eve.ended).toBeNull();
    await leave(ann, bob);
  });

  it('has each name once, whatever its case, and free again when its owner leaves', async () => {
    const [ann] = (await room('ann')) as [ChatClient];
    const other = await server.client();
    other.say('Ann');
    expect(await other.next()).toBe("* Ann is somebody else's name");
    other.say('bob');
    expect(await other.next()).toBe('* you are bob');
    await areTold([ann], '* bob joined');
    other.say('/nick ANN');
    expect(await other.next()).toBe("* ANN is somebody else's name");
    await leave(ann);
    await areTold([other], '* ann left');
    other.say('/nick ANN');
    expect(await other.next()).toBe('* you are ANN');
    other.say('/nick ann');
    expect(await other.next()).toBe('* you are ann');
    await leave(other);
  });

  it('tells of a new name, and frees the old one', async () => {
    const [ann, bob] = (await room('ann', 'bob')) as [ChatClient, ChatClient];
    ann.say('/nick Grünkern');
    await areTold([ann], '* you are Grünkern');
    await areTold([bob], '* ann is Grünkern now');
    ann.say('/who');
    expect((await ann.next())?.slice(2).split(', ').sort()).toEqual(['Grünkern', 'bob']);
    const other = await server.member('ann');
    await areTold([ann, bob], '* ann joined');
    await leave(ann, bob, other);
  });

  it.each(['two words', 'x'.repeat(21), '/who', '*', '/nick', '/nick a/b'])(
    'takes no name as "%s", and asks again',
    async (name) => {
      const [ann] = (await room('ann')) as [ChatClient];
      const client = await server.client();
      client.say(name);
      expect(await client.next()).toBe('* a name has up to 20 letters, digits, - and _');
      client.say('/nick Bob_2-x');
      expect(await client.next()).toBe('* you are Bob_2-x');
      // Nothing of it was said to others.
      await areTold([ann], '* Bob_2-x joined');
      await leave(ann, client);
    },
  );

  it('sends nobody control characters, and nothing for an empty line', async () => {
    const [ann, bob] = (await room('ann', 'bob')) as [ChatClient, ChatClient];
    ann.socket.write('\n   \r\n\x1b[2J\x07red\x9b\r\n\0\n/\n');
    await areTold([bob], 'ann: [2Jred');
    await areTold([ann], '* there is no /, but /nick NAME, /who, /quit');
    ann.say('the end');
    await areTold([bob], 'ann: the end');
    await leave(ann, bob);
  });

  it('puts together what comes in pieces, and takes apart what comes at once', async () => {
    const [ann, bob] = (await room('ann', 'bob')) as [ChatClient, ChatClient];
    for (const byte of Buffer.from('grün\n')) {
      ann.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    ann.socket.write('one\ntwo\nthr');
    await areTold([bob], 'ann: grün', 'ann: one', 'ann: two');
    ann.socket.write('ee\n');
    await areTold([bob], 'ann: three');
    await leave(ann, bob);
  });

  it('takes lines up to a limit, and no one that goes on beyond it', async () => {
    const [ann, bob] = (await room('ann', 'bob')) as [ChatClient, ChatClient];
    ann.say('x'.repeat(1000));
    await areTold([bob], `ann: ${'x'.repeat(1000)}`);
    ann.socket.write('y'.repeat(1002));
    expect(await ann.rest()).toEqual(['* this line is too long']);
    await areTold([bob], '* ann left');
    // One that is never going to end, before there was a name.
    const client = await server.client();
    client.socket.write(Buffer.alloc(8 * 1024 * 1024, 'z'));
    await client.ended;
    bob.say('still there');
    bob.say('/who');
    await areTold([bob], '* bob');
    await leave(bob);
  });

  it('lets its clients go in each state, and tells the others of those they knew', async () => {
    const [ann] = (await room('ann')) as [ChatClient];
    const ways: readonly ((client: ChatClient) => void)[] = [
      ({ socket }) => socket.end(),
      ({ socket }) => socket.resetAndDestroy(),
      ({ socket }) => socket.destroy(),
    ];
    for (const go of ways) {
      const client = await server.client();
      go(client);
      await client.ended;
      const member = await server.member('bob');
      await areTold([ann], '* bob joined');
      go(member);
      await areTold([ann], '* bob left');
      await member.ended;
    }
    // The last line of one who ends in order need not end.
    const member = await server.member('bob');
    member.socket.end('goodbye');
    await areTold([ann], '* bob joined', 'bob: goodbye', '* bob left');
    ann.say('/who');
    await areTold([ann], '* ann');
    await leave(ann);
  });

  it('has many talk at once, each of whom hears all the others in the order of their words', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `client${index}`);
    const clients = await Promise.all(names.map((name) => server.member(name)));
    const words = ['one', 'two', 'three', 'four', 'five'];
    for (const word of words) for (const client of clients) client.say(word);
    for (const client of clients) client.say('over');
    const heard = await Promise.all(
      clients.map(async (client) => {
        const said = new Map<string, string[]>();
        for (let over = 0; over < clients.length - 1; ) {
          const line = (await client.next()) ?? 'nothing more';
          if (line.startsWith('* ')) continue;
          const [name = '', word = ''] = line.split(': ');
          if (word === 'over') over++;
          else said.set(name, [...(said.get(name) ?? []), word]);
        }
        return said;
      }),
    );
    for (const [index, said] of heard.entries()) {
      expect(new Set(said.keys())).toEqual(new Set(names.filter((_, other) => other !== index)));
      for (const spoken of said.values()) expect(spoken).toEqual(words);
    }
    await leave(...clients);
  });

  it('drops who never reads, at a limit, and nobody else loses a line by that', async () => {
    const [ann, bob, deaf] = (await room('ann', 'bob', 'deaf')) as [ChatClient, ChatClient, ChatClient];
    deaf.socket.pause();
    const dropped = '* deaf was dropped, who did not read';
    const hears = bob.line(dropped);
    let over = false;
    const told = ann.line(dropped).finally(() => {
      over = true;
    });
    const filling = 'x'.repeat(900);
    let count = 0;
    for (; !over && count < 100_000; count++) {
      const room = ann.socket.write(`${count} ${filling}\n`);
      if (!room) await Promise.race([told, new Promise((resolve) => ann.socket.once('drain', resolve))]);
      if (count % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(over).toBe(true);
    expect(await told).toEqual([]);
    // What was said before the drop, all of it and in order; the rest comes after it.
    const before = await hears;
    const numbers = before.map((line) => Number(/^ann: (\d+) x{900}$/.exec(line)?.[1]));
    expect(numbers).toEqual(Array.from(numbers, (_, index) => index));
    expect(before.length).toBeGreaterThan(500);
    ann.say('done');
    const after = await bob.line('ann: done');
    expect(before.length + after.length).toBe(count);
    deaf.socket.resume();
    await deaf.ended;
    await leave(ann, bob);
  });

  it('does not wait for one who leaves, and does not read what it is owed', async () => {
    const [ann, deaf] = (await room('ann', 'deaf')) as [ChatClient, ChatClient];
    deaf.socket.pause();
    for (let count = 0; count < 300; count++) ann.say('y'.repeat(900));
    ann.say('/who');
    await ann.line('* ann, deaf');
    deaf.socket.resetAndDestroy();
    await areTold([ann], '* deaf left');
    await leave(ann);
  });

  it('ends on Ctrl-C, whoever is there', async () => {
    const ann = await server.member('ann');
    const nameless = await server.client();
    server.program.kill('SIGINT');
    expect(await server.program.outcome()).toMatchObject({ code: 0, signal: null });
    expect(await ann.ended).toBeNull();
    expect(await nameless.ended).toBeNull();
    expect(await nameless.rest()).toEqual([]);
  });

  it.each([
    [['--port', '65536'], 'port must be'],
    [['room'], "Unexpected argument 'room'"],
  ])('says what is wrong with %j, and exits 1', async (args, message) => {
    const { code, stdout, stderr } = await runProgram('examples/chat', args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^chat: /);
    expect(stderr).toContain(message);
  });
});
