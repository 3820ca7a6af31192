/** Programs whose streams a reactor reads and writes. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultReactor, type Reactor, Socket, type SystemError } from 'iomux';
import { createSubprocess, type Subprocess } from 'iomux/streams';
import { createTask, waitFor } from 'iomux/tasks';
import { describe, expect, it } from 'vitest';
import { canReadFlags } from '../support/descriptors.js';
import { thrownBy } from '../support/expecting.js';
import { descriptorCount, expectNoLeak } from '../support/leaks.js';
import { fixture, outcomeOf } from '../support/processes.js';
import { describeReactors } from '../support/reactors.js';
import { refusal } from '../support/refusals.js';
import { rejection } from '../support/rejections.js';
import { runToStop } from '../support/running.js';
import { TemporaryFolder } from '../support/temporary.js';

const shell = (script: string, options = {}) => createSubprocess('sh', ['-c', script], options);

/** Plays a scene while the reactor is hosted, so that it is the one that programs belong to. */
async function hosted<T>(reactor: Reactor, scene: () => Promise<T>): Promise<T> {
  const running = reactor.run();
  try {
    return await scene();
  } finally {
    reactor.stop();
    await running;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function failureOf(future: PromiseLike<unknown>): Promise<SystemError> {
  try {
    await future;
  } catch (error) {
    return error as SystemError;
  }
  throw new Error('nothing was thrown');
}

async function text(reader: Subprocess['stdout']): Promise<string | undefined> {
  return (await reader?.readAll())?.toString();
}

describeReactors((setting, open) => {
  if (setting.mode === 'blocking') {
    it('refuses to start a program in a blocking run, which would never hear of its end', async () => {
      const reactor = open();
      let error: Record<string, unknown> | null = null;
      reactor.callSoon(() => {
        error = thrownBy(() => createSubprocess('true'));
        reactor.stop();
      });
      await runToStop(reactor, setting);
      expect(error).toMatchObject({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringContaining('await reactor.run()'),
      });
    });
    return;
  }

  describe('a program', () => {
    it('is written to, and read line by line, by the reactor', async () => {
      await hosted(open(), async () => {
        const cat = await createSubprocess('cat');
        cat.stdin?.write('one\n');
        expect(await cat.stdout?.readLine()).toBe('one');
        cat.stdin?.write('two\n');
        expect(await cat.stdout?.readLine()).toBe('two');
        await cat.stdin?.close();
        expect(await cat.stdout?.readLine()).toBe(null);
        expect(await cat.stderr?.readAll()).toEqual(Buffer.alloc(0));
        expect(await cat.wait()).toEqual({ code: 0, signal: null });
      });
    });

    it('gets its arguments as they are, its environment and its working directory', async () => {
      using folder = new TemporaryFolder();
      await hosted(open(), async () => {
        const script = 'printf "%s|" "$0" "$@" "$GREETING" "$PWD"';
        const args = ['-c', script, 'a b', '$HOME', '', '*', 'grün'];
        const program = await createSubprocess('sh', args, {
          cwd: folder.path,
          env: { PATH: process.env['PATH'], GREETING: 'hello' },
        });
        const { stdout } = await program.communicate();
        expect(stdout.toString()).toBe(`a b|$HOME||*|grün|hello|${folder.path}|`);
      });
    });

    it('ends with its code, or with the signal that ended it, which any number may wait for', async () => {
      await hosted(open(), async () => {
        const program = await shell('read line; exit 7');
        const waits = [program.wait(), program.wait(), program.wait()];
        waits[1]?.cancel();
        program.stdin?.write('go\n');
        expect(await waits[0]).toEqual({ code: 7, signal: null });
        expect(await waits[2]).toEqual({ code: 7, signal: null });
        expect(await program.wait()).toEqual({ code: 7, signal: null });
        await expect(waits[1]).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
        const killed = await shell('kill -9 $$');
        expect(await killed.wait()).toEqual({ code: null, signal: 'SIGKILL' });
      });
    });

    it('is killed, by SIGTERM where nothing else is said; later there is nobody to kill', async () => {
      await hosted(open(), async () => {
        const [one, other] = [await createSubprocess('cat'), await createSubprocess('cat')];
        expect(one.kill()).toBe(true);
        expect(other.kill('SIGUSR1')).toBe(true);
        expect(await one.wait()).toEqual({ code: null, signal: 'SIGTERM' });
        expect(await other.wait()).toEqual({ code: null, signal: 'SIGUSR1' });
        expect(one.kill()).toBe(false);
        expect(one.kill('SIGKILL')).toBe(false);
      });
    });

    it('has ended when it has, whoever still has its pipes', async () => {
      await hosted(open(), async () => {
        // The grandchild lives until it is told to end.
        const program = await shell('exec 3<&0; { read line <&3; echo grandchild; } & echo $!; exit 3');
        expect(await program.wait()).toEqual({ code: 3, signal: null });
        const grandchild = Number(await program.stdout?.readLine());
        expect(isAlive(grandchild)).toBe(true);
        program.stdin?.write('end\n');
        expect(await text(program.stdout)).toBe('grandchild\n');
        await program.stdin?.close();
      });
    });

    it('is read after its end: what it wrote is not lost', async () => {
      await hosted(open(), async () => {
        const program = await shell('echo out; echo err >&2');
        await program.wait();
        expect([await text(program.stdout), await text(program.stderr)]).toEqual(['out\n', 'err\n']);
      });
    });

    it('is held back while nobody reads, and loses nothing', async () => {
      using folder = new TemporaryFolder();
      const done = folder.join('done');
      await hosted(open(), async () => {
        const program = await shell(`head -c 4000000 /dev/zero; touch ${done}`);
        await sleep(50);
        expect(existsSync(done)).toBe(false);
        expect((await program.stdout?.readAll())?.length).toBe(4_000_000);
        await program.wait();
        expect(existsSync(done)).toBe(true);
      });
    });

    it('that ends without reading its input fails who waits for that to be sent', async () => {
      await hosted(open(), async () => {
        const program = await shell('exec 0<&-; echo closed; read line <&1');
        program.stdin?.write(Buffer.alloc(4_000_000));
        await expect(program.stdin?.drain()).rejects.toMatchObject({
          code: expect.stringMatching(/EPIPE|ECONNRESET/),
        });
        program.kill('SIGKILL');
        await program.wait();
      });
    });
  });

  describe('the streams of a program', () => {
    it('are ignored where that is asked for', async () => {
      await hosted(open(), async () => {
        const options = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' };
        const program = await shell('cat; echo out; echo err >&2; exit 4', options);
        expect(program).toMatchObject({ stdin: null, stdout: null, stderr: null });
        expect(await program.communicate()).toEqual({ stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) });
        expect(await program.wait()).toEqual({ code: 4, signal: null });
      });
    });

    it('are files where files are given, as numbers or as objects', async () => {
      using folder = new TemporaryFolder();
      writeFileSync(folder.join('in'), 'from a file');
      const stdin = openSync(folder.join('in'), 'r');
      const stdout = { fd: openSync(folder.join('out'), 'w') };
      const [stderr, ours] = Socket.pair();
      await hosted(open(), async () => {
        const program = await shell('cat; echo err >&2', { stdin, stdout, stderr });
        expect(program).toMatchObject({ stdin: null, stdout: null, stderr: null });
        await program.wait();
      });
      expect(readFileSync(folder.join('out'), 'utf8')).toBe('from a file');
      const buffer = Buffer.alloc(8);
      expect(buffer.toString('utf8', 0, Number(ours.recv(buffer)))).toBe('err\n');
      // They are the caller's, as before.
      closeSync(stdin);
      closeSync(stdout.fd);
      stderr.close();
      ours.close();
    });

    it('are one where stderr goes where stdout goes: a pipe, a file, nowhere', async () => {
      using folder = new TemporaryFolder();
      const script = 'echo 1; echo 2 >&2; echo 3; echo 4 >&2';
      await hosted(open(), async () => {
        const program = await shell(script, { stderr: 'stdout' });
        expect(program.stderr).toBe(null);
        const { stdout, stderr } = await program.communicate();
        expect([stdout.toString(), stderr.length]).toEqual(['1\n2\n3\n4\n', 0]);
        const file = openSync(folder.join('both'), 'w');
        await (await shell(script, { stdout: file, stderr: 'stdout' })).wait();
        closeSync(file);
        expect(readFileSync(folder.join('both'), 'utf8')).toBe('1\n2\n3\n4\n');
        const ignored = await shell('readlink /proc/self/fd/2 >&0', { stdout: 'ignore', stderr: 'stdout' });
        await ignored.wait();
        ignored.stdin?.abort();
      });
    });
  });

  describe('communicate', () => {
    it('writes the input and closes stdin, and has both outputs', async () => {
      await hosted(open(), async () => {
        const program = await shell('cat; echo done >&2');
        const { stdout, stderr } = await program.communicate('grün\n');
        expect([stdout.toString(), stderr.toString()]).toEqual(['grün\n', 'done\n']);
        expect(await program.wait()).toEqual({ code: 0, signal: null });
      });
    });

    it('closes stdin where there is no input, or an empty one', async () => {
      await hosted(open(), async () => {
        for (const input of [undefined, '', Buffer.alloc(0)]) {
          expect((await (await shell('cat; echo end')).communicate(input)).stdout.toString()).toBe('end\n');
        }
      });
    });

    it('passes megabytes through a program without a deadlock, byte by byte the same', async () => {
      const input = Buffer.alloc(5_000_000).map((_, i) => (i * 31) ^ (i >> 9));
      await hosted(open(), async () => {
        const both = await createSubprocess(process.execPath, [
          '-e',
          'process.stdin.on("data", (data) => { process.stdout.write(data); process.stderr.write(data); })',
        ]);
        const outputs = await both.communicate(input);
        expect(Buffer.compare(outputs.stdout, input)).toBe(0);
        expect(Buffer.compare(outputs.stderr, input)).toBe(0);
      });
    });

    it('does not mind a program that reads none of its input', async () => {
      await hosted(open(), async () => {
        for (const script of [
          'echo out',
          'exec 0<&-; sleep 0.02; echo out',
          'head -c 1 >/dev/null; echo out',
        ]) {
          const program = await shell(script);
          const { stdout } = await program.communicate(Buffer.alloc(3_000_000));
          expect(stdout.toString()).toBe('out\n');
        }
        const ended = await shell('echo out');
        await ended.wait();
        expect((await ended.communicate('too late')).stdout.toString()).toBe('out\n');
      });
    });

    it('is done with stdin when the program has ended, whoever has inherited that and does not read', async () => {
      await hosted(open(), async () => {
        await (await shell('true')).communicate();
        const before = descriptorCount();
        const program = await shell('exec 3<&0; sleep 60 >/dev/null 2>&1 & echo $!');
        const { stdout } = await program.communicate(Buffer.alloc(3_000_000));
        const heir = Number(stdout);
        try {
          await expectNoLeak(before);
          expect(isAlive(heir)).toBe(true);
        } finally {
          process.kill(heir);
        }
      });
    });

    it('loses nothing when it is cancelled: it can be begun again', async () => {
      using folder = new TemporaryFolder();
      const gate = folder.join('gate');
      await hosted(open(), async () => {
        const program = await shell(
          `echo before; read line; until [ -e ${gate} ]; do sleep 0.01; done; echo "after $line"`,
        );
        const first = program.communicate('a line\n');
        await sleep(50);
        expect(first.cancel()).toBe(true);
        writeFileSync(gate, '');
        const { stdout } = await program.communicate();
        expect(stdout.toString()).toBe('before\nafter a line\n');
        await expect(first).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
      });
    });

    it('fails when its reactor is closed, and waits no more for what nobody will read', async () => {
      const reactor = open();
      const [outputs, wait, program] = await hosted(reactor, async () => {
        const started = await createSubprocess('sleep', ['30']);
        return [failureOf(started.communicate()), started.wait(), started] as const;
      });
      reactor.close();
      expect(await outputs).toMatchObject({ code: 'ECANCELED' });
      program.kill();
      expect(await wait).toEqual({ code: null, signal: 'SIGTERM' });
    });

    it('refuses input where stdin is no pipe, and what is neither text nor bytes', async () => {
      await hosted(open(), async () => {
        const program = await shell('true', { stdin: 'ignore' });
        expect(refusal(() => program.communicate('text'))).toBe('StateError ERR_INVALID_STATE');
        expect(refusal(() => program.communicate(5 as never))).toBe('TypeError ERR_INVALID_ARG_TYPE');
        await program.communicate();
        const read = await shell('cat');
        const reading = read.stdout?.read();
        expect(await rejection(() => read.communicate('text'))).toBe('StateError ERR_INVALID_STATE');
        expect(String(await reading)).toBe('text');
        await read.wait();
      });
    });
  });

  describe('close', () => {
    it('kills a program that runs, ends its streams, and waits for its exit', async () => {
      await hosted(open(), async () => {
        await (await createSubprocess('true')).communicate();
        const before = descriptorCount();
        const yes = await createSubprocess('yes');
        expect(await yes.stdout?.readLine()).toBe('y');
        const reading = rejection(() => yes.stderr?.read());
        const drained = rejection(() => {
          yes.stdin?.write(Buffer.alloc(4_000_000));
          return yes.stdin?.drain();
        });
        expect(await yes.close()).toEqual({ code: null, signal: 'SIGKILL' });
        expect(isAlive(yes.pid)).toBe(false);
        expect([await reading, await drained]).toEqual(['StateError ERR_CLOSED', 'StateError ERR_CLOSED']);
        await expectNoLeak(before);
        expect(await yes.close()).toEqual({ code: null, signal: 'SIGKILL' });
      });
    });

    it('closes what nobody reads of a program that has ended; what was received can be read', async () => {
      await hosted(open(), async () => {
        await (await createSubprocess('true')).communicate();
        const before = descriptorCount();
        const yes = await createSubprocess('yes');
        await yes.stdout?.read(2);
        yes.kill();
        await yes.wait();
        expect(await yes.close()).toEqual({ code: null, signal: 'SIGTERM' });
        await expectNoLeak(before);
        expect(await yes.stdout?.readLine()).toBe('y');
      });
    });

    it('is what the end of a scope does', async () => {
      await hosted(open(), async () => {
        let wait: PromiseLike<unknown>;
        {
          await using cat = await createSubprocess('cat');
          wait = cat.wait();
        }
        expect(await wait).toEqual({ code: null, signal: 'SIGKILL' });
      });
    });

    it('fails who communicates, and does not pass off what came so far as all', async () => {
      await hosted(open(), async () => {
        const program = await shell('echo begun; exec sleep 30');
        const outputs = failureOf(program.communicate());
        await sleep(50);
        await program.close();
        const closed = { code: 'ERR_CLOSED' };
        const error = await outputs;
        expect(error.code === 'ERR_CLOSED' ? error : error.cause).toMatchObject(closed);
      });
    });
  });

  describe('a program that cannot be started', () => {
    it('says why, and leaves nothing open', async () => {
      using folder = new TemporaryFolder();
      writeFileSync(folder.join('text'), 'no program');
      const before = descriptorCount();
      await hosted(open(), async () => {
        const inside = descriptorCount();
        const failed = await failureOf(createSubprocess('no-such-program'));
        expect(failed).toMatchObject({
          name: 'SystemError',
          code: 'ENOENT',
          syscall: 'spawn',
          path: 'no-such-program',
        });
        expect(failed.errno).toBeLessThan(0);
        expect(await rejection(() => createSubprocess(folder.join('text')))).toBe('SystemError EACCES');
        expect(await rejection(() => createSubprocess(`${folder.join('text')}/program`))).toMatch(
          /EACCES|ENOTDIR/,
        );
        const lost = await failureOf(createSubprocess('true', [], { cwd: '/no/where' }));
        expect(lost).toMatchObject({ name: 'SystemError', code: 'ENOENT' });
        expect(lost.message).toContain('/no/where');
        expect(descriptorCount()).toBe(inside);
      });
      expect(before).toBeGreaterThan(0);
    });

    it('is an error that may be cancelled before it is known', async () => {
      await hosted(open(), async () => {
        const future = createSubprocess('no-such-program');
        expect(future.cancel()).toBe(true);
        await expect(future).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
        await sleep(10);
      });
    });
  });

  it('is killed where the task that started it is cancelled before it got it', async () => {
    using folder = new TemporaryFolder();
    const mark = folder.join('mark');
    await hosted(open(), async () => {
      const before = descriptorCount();
      const task = createTask(function* () {
        // Cancelled in the moment in which the future is done, and the task not told yet.
        queueMicrotask(() => task.cancel());
        yield shell(`sleep 0.1; touch ${mark}`);
      });
      await expect(task).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
      await expectNoLeak(before);
      await sleep(200);
      expect(existsSync(mark)).toBe(false);
    });
  });

  it.skipIf(!canReadFlags)('has its three streams and nothing of ours', async () => {
    await hosted(open(), async () => {
      // The folder that it lists is among them, and what this process was itself started with.
      const usual = execFileSync('ls', ['/proc/self/fd'], { encoding: 'utf8' });
      const program = await createSubprocess('ls', ['/proc/self/fd']);
      expect((await program.communicate()).stdout.toString()).toBe(usual);
    });
  });

  it('leaves nothing open when it has ended and was read, though stdin was never closed', async () => {
    await hosted(open(), async () => {
      await (await createSubprocess('true')).wait();
      const before = descriptorCount();
      for (let i = 0; i < 3; i++) {
        const program = await shell('echo out; echo err >&2');
        await program.wait();
      }
      await expectNoLeak(before);
      for (let i = 0; i < 3; i++) await (await createSubprocess('cat')).communicate('text');
      await expectNoLeak(before);
    });
  });

  it('is timed out by waitFor(), and waits on', async () => {
    await hosted(open(), async () => {
      const cat = await createSubprocess('cat');
      await expect(waitFor(cat.wait(), 10)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
      cat.stdin?.close();
      expect(await cat.wait()).toEqual({ code: 0, signal: null });
    });
  });
});

describe('a process whose program has ended', () => {
  const SCENES = {
    unread: 'SIGTERM',
    inherited: '0',
    'inherited, and a read of it cancelled': '0',
    'read later': 'later\n',
    'iterated later': 'later\n',
    'communicated with later': 'later\n',
  };

  it.concurrent.each(Object.entries(SCENES))('ends, with an output that is %s', async (scene, stdout) => {
    const child = spawn(process.execPath, [fixture('subprocess-ending.mjs'), scene]);
    const outcome = await outcomeOf(child, 20_000);
    child.stdin.destroy();
    expect(outcome).toEqual({ code: 0, signal: null, stdout, stderr: '' });
  });
});

describe('createSubprocess', () => {
  const refused = (...args: unknown[]) =>
    refusal(() => createSubprocess(...(args as Parameters<typeof createSubprocess>)));

  it('refuses what is no command, or no arguments', () => {
    for (const command of [undefined, null, 5, ['ls']]) {
      expect(refused(command)).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    expect(refused('')).toBe('TypeError ERR_INVALID_ARG_VALUE');
    for (const args of [null, 'text', { 0: 'a' }, ['a', 5], [undefined]]) {
      expect(refused('true', args)).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
  });

  it('refuses options that make no sense', () => {
    for (const options of [null, 5, { cwd: 5 }, { env: 'PATH' }, { stdin: {} }, { stdout: null }]) {
      expect(refused('true', [], options)).toBe('TypeError ERR_INVALID_ARG_TYPE');
    }
    for (const options of [{ stdin: 'stdout' }, { stdout: 'stdout' }, { stdin: 'inherit' }, { stderr: '' }]) {
      expect(refused('true', [], options)).toBe('TypeError ERR_INVALID_ARG_VALUE');
    }
    for (const options of [{ stdin: -1 }, { stdout: 0.5 }]) {
      expect(refused('true', [], options)).toBe('RangeError ERR_OUT_OF_RANGE');
    }
    const closed = new Socket();
    closed.close();
    expect(refused('true', [], { stdin: closed })).toBe('StateError ERR_CLOSED');
  });

  it.skipIf(!canReadFlags)(
    'refuses text with a zero byte, which no system takes, and leaves nothing open',
    async () => {
      const reactor = defaultReactor();
      const before = descriptorCount();
      expect(refused('a\0b')).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(refused('true', ['a\0b'])).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(refused('true', [], { cwd: 'a\0b' })).toBe('TypeError ERR_INVALID_ARG_VALUE');
      expect(descriptorCount()).toBe(before);
      reactor.stop();
      reactor.close();
    },
  );

  it('belongs to the default reactor where none runs', async () => {
    const cat = await createSubprocess('cat');
    expect((await cat.communicate('text')).stdout.toString()).toBe('text');
    const reactor = defaultReactor();
    expect(cat.stdin?.transport.reactor).toBe(reactor);
    reactor.stop();
    reactor.close();
  });
});
