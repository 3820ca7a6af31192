/** What is reported: merged, limited to the interest, and failures always with the direction that was asked for. */
import {
  constants,
  createSelector,
  EVENT_ERROR,
  EVENT_HANGUP,
  EVENT_PRIORITY,
  EVENT_READ,
  EVENT_READ_CLOSED,
  EVENT_WRITE,
  type FileLike,
  Socket,
  selectorBackends,
  WOULD_BLOCK,
} from 'iomux';
import { describe, expect, it } from 'vitest';
import { TcpConnection } from '../support/connections.js';
import { isEmulated } from '../support/emulation.js';
import { drain, send, socketPair } from '../support/pairs.js';
import { openPipe } from '../support/pipes.js';
import { refusingAddress } from '../support/sockets.js';

const { SOL_SOCKET = 0, SO_LINGER = 0, MSG_OOB = 0 } = constants;
const BOTH = EVENT_READ | EVENT_WRITE;
/** Long enough for a loaded machine: a test that waits so long has failed. */
const PATIENCE = 10_000;

/** Closes a connection with a reset, as a crashed peer does: struct linger { on, no time }. */
function reset(socket: Socket): void {
  socket.setOption(SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
  socket.close();
}

for (const backend of selectorBackends()) {
  /** What one file is reported for, registered alone. */
  function reported(file: FileLike, events: number): number {
    using selector = createSelector(backend);
    selector.register(file, events);
    const ready = selector.select(PATIENCE);
    expect(ready).toHaveLength(1);
    return ready[0]?.[1] ?? 0;
  }

  describe(`${backend} selector, events`, () => {
    it('reports READ and WRITE of one file in one entry', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, BOTH);
      expect(selector.select(0)).toEqual([[key, EVENT_WRITE]]);
      send(far);
      expect(selector.select(0)).toEqual([[key, BOTH]]);
      drain(near);
      expect(selector.select(0)).toEqual([[key, EVENT_WRITE]]);
    });

    it('reports each of many files once', () => {
      using selector = createSelector<number>(backend);
      for (let index = 0; index < 20; index++) {
        const [near, far] = socketPair();
        send(far);
        selector.register(near, BOTH, index);
      }
      const ready = selector.select(0);
      expect(ready.every(([, events]) => events === BOTH)).toBe(true);
      expect(ready.map(([key]) => key.data).sort((one, other) => one - other)).toEqual([...Array(20).keys()]);
    });

    it('reports nothing that was not asked for', () => {
      using selector = createSelector(backend);
      const [reader, far] = socketPair();
      const [writer, farther] = socketPair();
      selector.register(reader, EVENT_READ);
      expect(selector.select(0)).toEqual([]);
      const key = selector.register(writer, EVENT_WRITE);
      send(farther);
      expect(selector.select(0)).toEqual([[key, EVENT_WRITE]]);
      send(far);
      expect(selector.select(0)).toHaveLength(2);
    });

    it('reports WRITE only while there is room', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      selector.register(near, EVENT_WRITE);
      const chunk = Buffer.alloc(65_536);
      while (near.send(chunk) > 0);
      expect(selector.select(0)).toEqual([]);
      drain(far);
      expect(selector.select(0).map(([, events]) => events)).toEqual([EVENT_WRITE]);
    });

    it('reports a connection that waits for accept as READ', () => {
      using selector = createSelector(backend);
      using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
      const key = selector.register(listener, EVENT_READ);
      expect(selector.select(0)).toEqual([]);
      using client = new Socket();
      client.connect(listener.localAddress);
      expect(selector.select(PATIENCE)).toEqual([[key, EVENT_READ]]);
      using accepted = listener.accept();
      expect(accepted).not.toBeNull();
      expect(selector.select(0)).toEqual([]);
    });

    it('reports the end of a stream as READ', () => {
      const [near, far] = socketPair();
      far.shutdown('write');
      expect(reported(near, EVENT_READ) & BOTH).toBe(EVENT_READ);
      expect(drain(near)).toBe(0);
    });

    it('reports a hang-up as the direction that was asked for', () => {
      const [near, far] = socketPair();
      far.close();
      expect(reported(near, EVENT_READ) & BOTH).toBe(EVENT_READ);
      expect(reported(near, EVENT_WRITE) & BOTH).toBe(EVENT_WRITE);
      expect(reported(near, BOTH) & BOTH).toBe(BOTH);
    });

    it('names the hang-up beside it, where the backend knows it', () => {
      const [near, far] = socketPair();
      far.close();
      const events = reported(near, EVENT_READ);
      expect(events & ~(EVENT_READ | EVENT_HANGUP)).toBe(0);
      if (backend === 'epoll' || backend === 'poll') expect(events & EVENT_HANGUP).toBe(EVENT_HANGUP);
      if (backend === 'select') expect(events).toBe(EVENT_READ);
    });

    it('reports a pipe whose writer is gone as READ, so that a reader sees the end', () => {
      using pipe = openPipe();
      pipe.writer.close();
      expect(reported(pipe.reader, EVENT_READ) & BOTH).toBe(EVENT_READ);
      expect(pipe.reader.read()).toBe('');
    });

    it('reports a pipe whose reader is gone as WRITE, so that a writer sees the error', () => {
      using pipe = openPipe();
      pipe.reader.close();
      expect(reported(pipe.writer, EVENT_WRITE) & BOTH).toBe(EVENT_WRITE);
      expect(() => pipe.writer.write('x')).toThrow('EPIPE');
    });

    it('reports a reset as the direction that was asked for', () => {
      using connection = new TcpConnection();
      reset(connection.server);
      const read = reported(connection.client, EVENT_READ);
      const write = reported(connection.client, EVENT_WRITE);
      expect(read & BOTH).toBe(EVENT_READ);
      expect(write & BOTH).toBe(EVENT_WRITE);
      if (backend === 'epoll' || backend === 'poll') {
        expect(read & EVENT_ERROR).toBe(EVENT_ERROR);
        expect(write & EVENT_ERROR).toBe(EVENT_ERROR);
      }
      if (isEmulated(backend)) return;
      expect(() => connection.client.recv(Buffer.alloc(1))).toThrow('ECONNRESET');
    });

    it('reports a refused connect as WRITE, and finishConnect says why', () => {
      using socket = new Socket();
      using selector = createSelector(backend);
      if (socket.connect(refusingAddress())) throw new Error('somebody listens there');
      selector.register(socket, EVENT_WRITE);
      const [[, events] = []] = selector.select(PATIENCE);
      expect((events ?? 0) & BOTH).toBe(EVENT_WRITE);
      expect(() => socket.finishConnect()).toThrow(isEmulated(backend) ? 'ENOTCONN' : 'ECONNREFUSED');
    });

    it('reports a finished connect as WRITE', () => {
      using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
      using socket = new Socket();
      using selector = createSelector(backend);
      const key = selector.register(socket, EVENT_WRITE);
      selector.unregister(socket);
      socket.connect(listener.localAddress);
      const again = selector.register(socket, EVENT_WRITE);
      expect(again).not.toBe(key);
      expect(selector.select(PATIENCE)).toEqual([[again, EVENT_WRITE]]);
      expect(socket.finishConnect()).toBe(true);
    });

    it('keeps what failed registered', () => {
      using selector = createSelector(backend);
      const [near, far] = socketPair();
      const key = selector.register(near, EVENT_READ);
      far.close();
      for (let round = 0; round < 3; round++) {
        expect(selector.select(0).map(([ready]) => ready)).toEqual([key]);
      }
      expect(selector.getKey(near)).toBe(key);
    });

    it.skipIf(!createSelector(backend).capabilities.readClosed)(
      'reports a peer that will send no more as READ_CLOSED where that is asked for',
      () => {
        const [near, far] = socketPair();
        send(far);
        far.shutdown('write');
        expect(reported(near, EVENT_READ | EVENT_READ_CLOSED)).toBe(EVENT_READ | EVENT_READ_CLOSED);
        expect(reported(near, EVENT_READ_CLOSED)).toBe(EVENT_READ_CLOSED);
        expect(reported(near, EVENT_READ)).toBe(EVENT_READ);
        expect(reported(near, EVENT_WRITE)).toBe(EVENT_WRITE);
      },
    );

    it.skipIf(!createSelector(backend).capabilities.readClosed)(
      'reports no READ_CLOSED for mere data',
      () => {
        using selector = createSelector(backend);
        const [near, far] = socketPair();
        const key = selector.register(near, EVENT_READ_CLOSED);
        send(far);
        expect(selector.select(0)).toEqual([]);
        far.shutdown('write');
        expect(selector.select(0)).toEqual([[key, EVENT_READ_CLOSED]]);
      },
    );

    it.skipIf(!createSelector(backend).capabilities.readClosed)(
      'waits for the end alone without a look at what comes before it',
      () => {
        using selector = createSelector(backend);
        const [near, far] = socketPair();
        using listener = Socket.listen({ address: '127.0.0.1', port: 0 });
        using client = new Socket();
        client.connect(listener.localAddress);
        const key = selector.register(near, EVENT_READ_CLOSED);
        selector.register(listener, EVENT_READ_CLOSED);
        // As much as there is room for: a low-water mark may be no higher than that.
        while (far.send(Buffer.alloc(65_536)) !== WOULD_BLOCK);
        expect(selector.select(20)).toEqual([]);
        expect(selector.stats.waits).toBe(1);
        far.shutdown('write');
        for (let round = 0; round < 3; round++) {
          expect(selector.select(PATIENCE)).toEqual([[key, EVENT_READ_CLOSED]]);
          selector.verify();
        }
        expect(drain(near)).toBeGreaterThan(0);
        expect(selector.select(0)).toEqual([[key, EVENT_READ_CLOSED]]);
      },
    );

    it.skipIf(!createSelector(backend).capabilities.priority)(
      'reports urgent data as PRIORITY, and ordinary data not',
      () => {
        using selector = createSelector(backend);
        using connection = new TcpConnection();
        const key = selector.register(connection.server, EVENT_PRIORITY);
        send(connection.client);
        expect(selector.select(20)).toEqual([]);
        connection.client.send(Buffer.from('!'), 0, 1, MSG_OOB);
        expect(selector.select(PATIENCE)).toEqual([[key, EVENT_PRIORITY]]);
        const byte = Buffer.alloc(1);
        expect(connection.server.recv(byte, 0, 1, MSG_OOB)).toBe(1);
        expect(byte.toString()).toBe('!');
      },
    );
  });
}
