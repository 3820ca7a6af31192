/** Programs of others that a test calls: where one is missing the test is skipped, but not in CI. */
import { execFileSync } from 'node:child_process';

/** Set by .ci/run, which installs them. */
const REQUIRED = process.env['IOMUX_TEST_TOOLS'] === 'required';

function succeeds(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Whether tests that call a program are to run: `describe.runIf(hasTool('wrk'))`. */
export function hasTool(name: 'curl' | 'wrk' | 'openssl'): boolean {
  return REQUIRED || succeeds('sh', ['-c', `command -v ${name}`]);
}

/** The same for a rival that benchmarks are measured with, which may be `missing`. */
export function hasRival({ missing }: { readonly missing?: string | undefined }): boolean {
  return REQUIRED || missing === undefined;
}

/** The environment for them. A sanitizer that is preloaded into our own programs would have curl hang. */
export function toolEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { LD_PRELOAD: _, ...others } = process.env;
  return { ...others, ...more };
}
