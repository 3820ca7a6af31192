/** Runs an example by its name: node scripts/example.mjs NAME [ARGUMENTS OF THE EXAMPLE] */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../dist/examples/', import.meta.url));
const [name = ''] = process.argv.splice(2, 1);
const program = `${folder}${name}.js`;

if (/^[\w-]+$/.test(name) && existsSync(program)) {
  process.argv[1] = program;
  await import(program);
} else {
  const names = readdirSync(folder).filter((file) => file.endsWith('.js'));
  console.error(`the examples are ${names.map((file) => file.slice(0, -3)).join(', ')}`);
  process.exitCode = 1;
}
