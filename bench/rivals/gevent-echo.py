"""An echo server on gevent: a greenlet for each connection, and calls that look as if they blocked.

Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.
"""

import signal
import socket

import gevent
from gevent.server import StreamServer


def echo(connection, _address):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while data := connection.recv(65536):
            connection.sendall(data)
    except ConnectionError:
        pass


server = StreamServer(("127.0.0.1", 0), echo, backlog=4096)
server.start()
gevent.signal_handler(signal.SIGTERM, server.stop)
print("listening", server.server_port, flush=True)
server.serve_forever()
