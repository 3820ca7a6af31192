/** What iomux is measured against: which Python has what, and the versions of everything that is installed. */
import { execFileSync } from 'node:child_process';

/** @typedef {'selectors' | 'asyncio' | 'uvloop' | 'gevent' | 'twisted' | 'tornado'} PythonModule */

/** Debian's own knows Debian's packages, and another one may come first in the path. PYTHON names the only one. */
const PYTHONS = process.env['PYTHON'] ? [process.env['PYTHON']] : ['/usr/bin/python3', 'python3'];
/** Those that do not come with Python, by their names there. */
const MODULES = { uvloop: 'uvloop', gevent: 'gevent', twisted: 'Twisted', tornado: 'tornado' };
const LIBRARIES = { libuv: 'libuv', libevent: 'libevent' };

/** Prints the version of Python, and of each module that it can import. */
const ASK = `
import importlib, importlib.metadata, json, platform, sys
versions = {"python": platform.python_version()}
for module, package in json.loads(sys.argv[1]).items():
    try:
        importlib.import_module(module)
        versions[module] = importlib.metadata.version(package)
    except ImportError:
        pass
print(json.dumps(versions))
`;

/** @typedef {{ path: string, versions: Record<string, string> }} Python */

/** @type {Python[] | undefined} */
let known;

function pythons() {
  known ??= PYTHONS.flatMap((path) => {
    const answer = outputOf(path, ['-c', ASK, JSON.stringify(MODULES)]);
    return answer === '' ? [] : [{ path, versions: JSON.parse(answer) }];
  });
  return known;
}

/**
 * @param {PythonModule} module
 * @returns {string | undefined} a Python that has it; `undefined`: none does.
 */
export function pythonWith(module) {
  return pythons().find(({ versions }) => !(module in MODULES) || module in versions)?.path;
}

/** Of the rivals that are installed, by name; the C compiler and Node.js are those of the machine. */
export function rivalVersions() {
  /** @type {Record<string, string>} */
  const versions = {};
  for (const [name, library] of Object.entries(LIBRARIES)) {
    const version = outputOf('pkg-config', ['--modversion', library]);
    if (version !== '') versions[name] = version;
  }
  // The first that has it is the one that runs it.
  for (const python of pythons()) Object.assign(versions, { ...python.versions, ...versions });
  return versions;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {string} empty where it fails.
 */
function outputOf(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}
