"""Receives datagrams by a protocol on asyncio or uvloop: as their users would write it.

python3 bench/rivals/datagrams.py asyncio|uvloop

Prints `listening PORT` once datagrams can come, and answers as bench/load/datagram.h says.
"""

import asyncio
import socket
import struct
import sys

SIZE = 64
RECEIVE_BUFFER = 1024 * 1024
DATAGRAMS_PER_ANSWER = 256
FACTOR = 0x9E3779B1
WORDS = struct.Struct("<16I")
ENDS = struct.Struct("<I56xI")
LAST_MARK = 15 * FACTOR & 0xFFFFFFFF


class Receiver(asyncio.DatagramProtocol):
    def __init__(self):
        self.newest = -1
        self.count = 0
        self.sum = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if not data:
            self.answer(address)
            return
        if len(data) != SIZE:
            sys.exit(f"a datagram of {len(data)} bytes")
        sequence, last = ENDS.unpack(data)
        if last != sequence ^ LAST_MARK:
            sys.exit(f"datagram {sequence} is not as it was sent")
        self.count += 1
        self.sum += sequence
        if sequence > self.newest:
            self.newest = sequence
        if self.count % DATAGRAMS_PER_ANSWER == 0:
            for index, word in enumerate(WORDS.unpack(data)):
                if word != sequence ^ (index * FACTOR & 0xFFFFFFFF):
                    sys.exit(f"datagram {sequence} is not as it was sent")
            self.answer(address)

    def answer(self, address):
        self.transport.sendto(struct.pack("=3d", self.newest, self.count, self.sum), address)


async def main():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    receiver.bind(("127.0.0.1", 0))
    await asyncio.get_running_loop().create_datagram_endpoint(Receiver, sock=receiver)
    print(f"listening {receiver.getsockname()[1]}", flush=True)
    await asyncio.get_running_loop().create_future()


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main())
