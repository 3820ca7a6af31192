"""An echo server on Python's selectors and nonblocking sockets: one loop, level-triggered, no framework.

Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.
"""

import selectors
import signal
import socket
import sys

BUFFER_SIZE = 65536
BACKLOG = 4096

selector = selectors.DefaultSelector()


def accept(listener, _owed):
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(connection, selectors.EVENT_READ, (echo, None))


def close(connection):
    selector.unregister(connection)
    connection.close()


def send(connection, data):
    """How many bytes the kernel took."""
    try:
        return connection.send(data)
    except BlockingIOError:
        return 0


def echo(connection, _owed):
    data = connection.recv(BUFFER_SIZE)
    if not data:
        close(connection)
        return
    sent = send(connection, data)
    if sent < len(data):
        # WRITE in place of READ: nothing more is read until the rest is gone.
        selector.modify(connection, selectors.EVENT_WRITE, (flush, memoryview(data)[sent:]))


def flush(connection, owed):
    sent = send(connection, owed)
    if sent == len(owed):
        selector.modify(connection, selectors.EVENT_READ, (echo, None))
    else:
        selector.modify(connection, selectors.EVENT_WRITE, (flush, owed[sent:]))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ, (accept, None))
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        for key, _events in selector.select():
            handle, owed = key.data
            try:
                handle(key.fileobj, owed)
            except ConnectionError:
                close(key.fileobj)


main()
