"""An echo server on Tornado: a TCPServer, and a coroutine on an IOStream for each connection.

Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.
"""

import asyncio
import signal

from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.tcpserver import TCPServer


class EchoServer(TCPServer):
    async def handle_stream(self, stream, address):
        stream.set_nodelay(True)
        try:
            while True:
                await stream.write(await stream.read_bytes(65536, partial=True))
        except StreamClosedError:
            pass


async def main():
    terminated = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminated.set)
    server = EchoServer()
    sockets = bind_sockets(0, "127.0.0.1", backlog=4096)
    server.add_sockets(sockets)
    print("listening", sockets[0].getsockname()[1], flush=True)
    await terminated.wait()


asyncio.run(main())
