/**
 * An echo server on iomux's addon alone, with nothing of its TypeScript: what Node-API costs. Nobody is to write such a
 * thing: its functions are no part of the package's surface. One receive buffer for all connections, level-triggered.
 *
 *   node bench/servers/bare.mjs
 *
 * It makes the system calls that bench/servers/dispatch.mjs makes, in the same order.
 */
import { Socket } from '../../dist/lib/index.js';
import { native } from '../../dist/lib/native/load.js';
import { openWaitSet } from '../../dist/lib/selectors/backend-set.js';

const { epollControl, epollDescriptor, epollOpen, socketCall, socketRecv, socketRecvAgain } =
  /** @type {Required<typeof native>} */ (native);
const { socketSend, socketSendAgain, waitSetWait } = native;

const BUFFER_SIZE = 64 * 1024;
const EVENTS_PER_WAIT = 1024;
// A burst of connections must not starve those that are open; level-triggered, the rest is reported again.
const ACCEPTS_PER_EVENT = 256;
const [IN, OUT, ADD, MODIFY] = [1, 4, 1, 3];
const WOULD_BLOCK = -11;
// Beside the count a wait says whether it was woken.
const COUNT = 0xff_ffff;

const listener = Socket.listen({ address: '127.0.0.1', port: 0 }, { backlog: 4096 });
const listening = listener.fileno();
const { id } = openWaitSet('epoll', epollOpen);
const epoll = epollDescriptor(id);
const results = new Int32Array(3 * EVENTS_PER_WAIT);
const reported = results.buffer;
const memory = new ArrayBuffer(BUFFER_SIZE);
/** @type {(Socket | undefined)[]} */
const sockets = [];
/** What could not be sent at once, by descriptor. @type {Map<number, ArrayBuffer>} */
const owed = new Map();

function acceptConnections() {
  for (let accepted = 0; accepted < ACCEPTS_PER_EVENT; accepted++) {
    const socket = listener.accept();
    if (socket === null) return;
    socket.setNoDelay();
    sockets[socket.fileno()] = socket;
    epollControl(epoll, ADD, socket.fileno(), 1, IN);
  }
}

/** @param {number} fd */
function end(fd) {
  owed.delete(fd);
  sockets[fd]?.close();
  sockets[fd] = undefined;
}

/**
 * @param {number} fd
 * @param {ArrayBuffer} from
 * @param {number} length
 * @param {number} sent - bytes, or what went wrong.
 */
function remain(fd, from, length, sent) {
  if (sent < 0 && sent !== WOULD_BLOCK) {
    end(fd);
    return;
  }
  owed.set(fd, from.slice(Math.max(sent, 0), length));
  epollControl(epoll, MODIFY, fd, 1, OUT);
}

/**
 * The numbers of a recv or send, [fd, offset, length, flags, result], in memory that is shared with the addon. The call is
 * made where it is due: one that may be either is no constant for V8.
 *
 * @param {number} fd
 * @param {number} length
 */
function stage(fd, length) {
  socketCall[0] = fd;
  socketCall[1] = 0;
  socketCall[2] = length;
}

/** What the call left: bytes, or what went wrong. */
const outcome = () => /** @type {number} */ (socketCall[4]);

/**
 * The memory of every call but that for a remainder, named so that the …Again calls need not look into it. As more is asked
 * for than it has, it is nothing else: no system call.
 *
 * @param {(memory: ArrayBuffer) => void} call
 */
function nameMemory(call) {
  stage(-1, BUFFER_SIZE + 1);
  call(memory);
}

/**
 * @param {number} fd
 * @param {ArrayBuffer} rest
 */
function flush(fd, rest) {
  stage(fd, rest.byteLength);
  socketSend(rest);
  const sent = outcome();
  nameMemory(socketSend);
  if (sent !== rest.byteLength) {
    remain(fd, rest, rest.byteLength, sent);
    return;
  }
  owed.delete(fd);
  epollControl(epoll, MODIFY, fd, 1, IN);
}

function serve() {
  for (;;) {
    const found = waitSetWait(id, reported, -1);
    if (found < 0) throw new Error(`the wait failed: ${-found}`);
    const count = found & COUNT;
    for (let index = 0; index < count; index++) {
      const fd = /** @type {number} */ (results[3 * index]);
      const rest = owed.size === 0 ? undefined : owed.get(fd);
      if (fd === listening || rest !== undefined) {
        if (rest === undefined) acceptConnections();
        else flush(fd, rest);
        continue;
      }
      stage(fd, BUFFER_SIZE);
      socketRecvAgain();
      const received = outcome();
      if (received <= 0) {
        if (received !== WOULD_BLOCK) end(fd);
        continue;
      }
      stage(fd, received);
      socketSendAgain();
      const sent = outcome();
      if (sent !== received) remain(fd, memory, received, sent);
    }
  }
}

nameMemory(socketRecv);
nameMemory(socketSend);
epollControl(epoll, ADD, listening, 1, IN);
console.log(`listening ${/** @type {{ port: number }} */ (listener.localAddress).port}`);
serve();
