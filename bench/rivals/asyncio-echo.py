"""An echo server on asyncio, in its own loop or uvloop's, by protocol or by streams.

python3 bench/rivals/asyncio-echo.py asyncio|uvloop protocol|streams

Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.

asyncio receives into 256 KiB for each message. Where malloc has no such piece at hand, which is the luck of a process, it
maps, remaps and unmaps memory for each: three system calls more, and three times the CPU time.
"""

import asyncio
import signal
import sys


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
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def main(layer):
    loop = asyncio.get_running_loop()
    terminated = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, terminated.set)
    where = {"host": "127.0.0.1", "port": 0, "backlog": 4096}
    if layer == "protocol":
        server = await loop.create_server(Echo, **where)
    else:
        server = await asyncio.start_server(echo, **where)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await terminated.wait()
    server.close()


loop_name, layer_name = sys.argv[1:]
if loop_name == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main(layer_name))
