"""An echo server on uvloop, by protocol or by streams: as its users would write it.

python3 bench/servers/uvloop-echo.py protocol|streams
"""

import asyncio
import sys

import uvloop


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(layer):
    where = {"host": "127.0.0.1", "port": 0, "backlog": 4096}
    if layer == "protocol":
        server = await asyncio.get_running_loop().create_server(Echo, **where)
    else:
        server = await asyncio.start_server(echo, **where)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


uvloop.install()
asyncio.run(main(sys.argv[1]))
