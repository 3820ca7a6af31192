/** TLS over connections, by Node's own implementation: handshakes of clients and of servers. */
import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { checkObject } from '../arguments.js';
import { StateError } from '../native/errors.js';
import type { Reactor } from '../reactor/reactor.js';
import { ConnectionStream } from './connection-stream.js';
import type { Transport } from './transport.js';

/** Gets the socket of a handshake that succeeded; a DuplexTransport makes a transport of it. */
type OnSecure = (socket: TLSSocket) => void;
/** Gets the error of one that did not. The connection is closed. */
type OnFailure = (error: Error) => void;

/** @throws StateError `ERR_UNSUPPORTED`: Node's loop, by which TLS is moved, stands still in a blocking run. */
export function checkCanEncrypt(reactor: Reactor): void {
  if (reactor.state !== 'blocking') return;
  const message =
    "TLS needs Node's own loop, which stands still in a blocking run: use `await reactor.run()`";
  throw new StateError('ERR_UNSUPPORTED', message);
}

/** What a client's connection is encrypted with. */
export class TlsClient {
  readonly #options: ConnectionOptions;

  /**
   * @param options - as `tls.connect` takes them; `true`: none.
   * @param host - the name, or numeric address, that was asked for: the server's certificate must be for it.
   * @throws TypeError: bad options. Error of OpenSSL: a bad key or certificate.
   */
  constructor(options: ConnectionOptions | true, host?: string) {
    if (options !== true) checkObject(options, 'options.tls');
    const given = options === true ? {} : options;
    this.#options = {
      // A server name is never an address (RFC 6066); the certificate is checked for it all the same.
      ...(host !== undefined && (isIP(host) === 0 ? { host, servername: host } : { host })),
      ...given,
      secureContext: given.secureContext ?? createSecureContext(given),
    };
  }

  /** Does the handshake, and calls one of both, once. */
  secure(transport: Transport, onSecure: OnSecure, onFailure: OnFailure): void {
    checkCanEncrypt(transport.reactor);
    const socket = connect({ ...this.#options, socket: streamOf(transport) });
    const fail = (error?: Error | boolean) => {
      settle();
      abandon(socket);
      transport.abort();
      onFailure(error instanceof Error ? error : closed());
    };
    const succeed = () => {
      settle();
      handOn(socket, onSecure);
    };
    const settle = () => {
      socket.off('secureConnect', succeed).off('error', fail).off('close', fail);
    };
    socket.once('secureConnect', succeed).once('error', fail).once('close', fail);
  }
}

/** One handshake of a server. */
interface Handshake {
  readonly transport: Transport;
  readonly stream: ConnectionStream;
  readonly onSecure: OnSecure;
  readonly onFailure: OnFailure;
}

/** What the connections of a server are encrypted with: one secure context for all. */
export class TlsServer {
  readonly #server: Server;
  // By what stands for the server in one handshake.
  readonly #handshakes = new WeakMap<Server, Handshake>();

  /**
   * @param options - as `tls.createServer` takes them; `handshakeTimeout` is 120 s where it is left out.
   * @throws TypeError: bad options. Error of OpenSSL: a bad key or certificate.
   */
  constructor(options: TlsOptions) {
    checkObject(options, 'options.tls');
    const handshakes = this.#handshakes;
    this.#server = createServer(options)
      .on('secureConnection', function (this: Server, socket) {
        const handshake = handshakes.get(this);
        handshake?.stream.off('end', hangUp);
        if (handshake !== undefined) handOn(socket, handshake.onSecure);
      })
      .on('tlsClientError', function (this: Server, error, socket) {
        abandon(socket);
        const handshake = handshakes.get(this);
        handshake?.transport.abort();
        handshake?.onFailure(refusal(socket) ?? error);
      });
  }

  /** Does the handshake, and calls one of both, once. */
  secure(transport: Transport, onSecure: OnSecure, onFailure: OnFailure): void {
    checkCanEncrypt(transport.reactor);
    // Node's server says by an event, on itself, how a handshake ended, but not of which stream. So each stream is given
    // to an object of its own, which shares everything with the one server.
    const server = Object.create(this.#server) as Server;
    const stream = streamOf(transport).once('end', hangUp);
    this.#handshakes.set(server, { transport, stream, onSecure, onFailure });
    server.emit('connection', stream);
  }
}

/** What its peer sent before an error is decrypted, and read, before the error is heard of. */
function streamOf(transport: Transport): ConnectionStream {
  return new ConnectionStream(transport, { takesRest: true });
}

/** A client that has ended its side will not go on with its handshake. */
function hangUp(this: ConnectionStream): void {
  this.destroy();
}

/** Whoever takes it may fail before it listens for errors. */
function handOn(socket: TLSSocket, onSecure: OnSecure): void {
  onSecure(socket.on('error', () => {}));
}

/** Nobody will hear of what still happens to it. */
function abandon(socket: TLSSocket): void {
  socket.on('error', () => {}).destroy();
}

function closed(): Error {
  return new StateError('ERR_CLOSED', 'the connection was closed during the TLS handshake');
}

/** Why the certificate of a client was refused: Node just hangs up. */
function refusal(socket: TLSSocket): Error | null {
  const code: unknown = socket.authorizationError;
  if (typeof code !== 'string') return null;
  return Object.assign(new Error(`the certificate of the client was refused: ${code}`), { code });
}
