/** `iomux doctor`: what of the library works on this machine, and what does not and why. */
import { createRequire } from 'node:module';
import { machine, release, type as systemName } from 'node:os';
import type { Selector, SelectorCapabilities } from 'iomux';
import { Report } from './report.js';

export interface Diagnosis {
  /** Whether a program that uses the library would run. */
  readonly healthy: boolean;
  readonly text: string;
}

/** What is looked at in Node's diagnostic report. */
interface NodeReport {
  readonly header: { readonly glibcVersionRuntime?: string };
  readonly sharedObjects?: readonly string[];
  readonly userLimits?: { readonly open_files?: { readonly soft: string; readonly hard: string } };
}

/** Examines this machine, with the terminal's styles where `styled`. */
export async function examine(styled: boolean): Promise<Diagnosis> {
  const report = new Report(styled);
  const node = nodeReport();

  report.heading('This machine');
  report.item('iomux', packageVersion());
  report.item('Node.js', `${process.version} (${process.execPath})`);
  report.item('system', `${systemName()} ${release()}`);
  report.item('architecture', machine() === process.arch ? process.arch : `${process.arch} (${machine()})`);
  report.item('C library', libraryOf(node));
  report.item('descriptors', limitsIn(node));

  report.heading('The addon');
  const library = await load();
  if (library instanceof Error) {
    report.failure('not loaded', library.message);
    return { healthy: false, text: report.text };
  }
  report.success('loaded from', library.addonPath);

  report.heading('Backends');
  const { EpollSelector, KqueueSelector, PollSelector, SelectSelector } = library;
  let working = 0;
  for (const [name, Backend] of Object.entries({
    epoll: EpollSelector,
    kqueue: KqueueSelector,
    poll: PollSelector,
    select: SelectSelector,
  })) {
    const selector = attempt(() => new Backend());
    if (selector instanceof Error) {
      report.missing(name, selector.message);
      continue;
    }
    report.success(name, describe(selector.capabilities));
    selector.close();
    working++;
  }

  const named = process.env['IOMUX_SELECTOR'];
  const source = named === undefined || named === '' ? '' : ` (IOMUX_SELECTOR=${named})`;
  const chosen = attempt((): Selector => new library.DefaultSelector());
  if (chosen instanceof Error) report.failure('by default', `${chosen.message}${source}`);
  else report.success('by default', `${chosen.backend}${source}`);
  if (!(chosen instanceof Error)) chosen.close();
  return { healthy: working > 0 && !(chosen instanceof Error), text: report.text };
}

/** The library, or why there is none: importing it loads the addon. */
async function load() {
  try {
    const { addonPath } = await import('../lib/native/load.js');
    return { addonPath, ...(await import('iomux')) };
  } catch (error) {
    return error as Error;
  }
}

function attempt<T>(make: () => T): T | Error {
  try {
    return make();
  } catch (error) {
    return error as Error;
  }
}

function nodeReport(): NodeReport {
  return (process.report?.getReport() ?? { header: {} }) as NodeReport;
}

function packageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require('iomux/package.json') as { version: string }).version;
}

function libraryOf({ header, sharedObjects = [] }: NodeReport): string {
  if (header.glibcVersionRuntime !== undefined) return `glibc ${header.glibcVersionRuntime}`;
  if (sharedObjects.some((path) => /[/-]musl[-.]/.test(path))) return 'musl';
  return process.platform === 'linux' ? 'neither glibc nor musl' : "the system's own";
}

/** Node raises the soft limit as far as it may when it starts: this is what a program has, not what the shell says. */
function limitsIn({ userLimits }: NodeReport): string {
  const limits = userLimits?.open_files;
  return limits === undefined ? 'no limit known' : `soft limit ${limits.soft}, hard limit ${limits.hard}`;
}

function describe(capabilities: SelectorCapabilities): string {
  const { modes, maxDescriptor } = capabilities;
  const more = (['exclusive', 'priority', 'readClosed', 'pollable'] as const).filter(
    (name) => capabilities[name],
  );
  const limit = maxDescriptor === 0x7fff_ffff ? 'any descriptor' : `descriptors up to ${maxDescriptor}`;
  return [modes.join(', '), more.join(', '), limit].filter((part) => part !== '').join('; ');
}
