#!/usr/bin/env node
/** The command `iomux`. It loads the addon only where a command needs it: `doctor` must run where it does not load. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const USAGE = `Usage: iomux COMMAND

  doctor     what works on this machine, and what does not and why
  echo       an echo server; iomux echo --help lists its options
  build      build the addon from source
  help       this text
  --version  the version of the package
`;

async function run([command, ...args]: readonly string[]): Promise<number> {
  if ((command === 'doctor' || command === 'build') && args.length > 0) {
    process.stderr.write(`iomux ${command}: it takes no arguments\n`);
    return 2;
  }
  switch (command) {
    case 'doctor':
      return await runDoctor();
    case 'echo':
      return await (await import('../examples/echo-server.js')).main(args, 'iomux echo');
    case 'build':
      return await build();
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(USAGE);
      return 0;
    case '--version':
      process.stdout.write(`${createRequire(import.meta.url)('iomux/package.json').version}\n`);
      return 0;
    case undefined:
      process.stderr.write(USAGE);
      return 2;
    default:
      process.stderr.write(`iomux: there is no command '${command}'; see iomux help\n`);
      return 2;
  }
}

async function runDoctor(): Promise<number> {
  const { examine } = await import('./doctor.js');
  const { healthy, text } = await examine(process.stdout.isTTY === true);
  process.stdout.write(text);
  return healthy ? 0 : 1;
}

/** The package's own script does it, and its exit code is ours. */
async function build(): Promise<number> {
  const script = fileURLToPath(new URL('../../scripts/build-native.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`iomux: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
