/** Keys and certificates for one run: an authority, and what it signs. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { TemporaryFolder } from './temporary.js';
import { toolEnvironment } from './tools.js';

/** PEM texts. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** An authority. It can be trusted by its certificate, `ca.cert`. */
export class Authority {
  readonly ca: Identity;

  constructor(name = 'iomux test authority') {
    this.ca = make((folder) => {
      openssl('req', '-x509', ...KEY, '-subj', `/CN=${name}`, '-days', '2', ...output(folder));
    });
  }

  /** A certificate for names (`DNS:localhost`) and addresses (`IP:127.0.0.1`), or, without any, for a client. */
  issue(commonName: string, ...names: string[]): Identity {
    return make((folder) => {
      writeFileSync(folder.join('ca.key'), this.ca.key);
      writeFileSync(folder.join('ca.pem'), this.ca.cert);
      const extensions = names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : [];
      const signer = ['-CA', folder.join('ca.pem'), '-CAkey', folder.join('ca.key')];
      openssl(
        'req',
        '-x509',
        ...KEY,
        '-subj',
        `/CN=${commonName}`,
        ...extensions,
        '-addext',
        LEAF,
        '-days',
        '2',
        ...signer,
        ...output(folder),
      );
    });
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const LEAF = 'basicConstraints=critical,CA:FALSE';

function make(write: (folder: TemporaryFolder) => void): Identity {
  using folder = new TemporaryFolder();
  write(folder);
  return {
    key: readFileSync(folder.join('key.pem'), 'utf8'),
    cert: readFileSync(folder.join('cert.pem'), 'utf8'),
  };
}

function output(folder: TemporaryFolder): string[] {
  return ['-keyout', folder.join('key.pem'), '-out', folder.join('cert.pem')];
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], env: toolEnvironment() });
}
