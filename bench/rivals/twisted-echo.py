"""An echo server on Twisted: a protocol, in the reactor that Twisted takes by itself, epoll's on Linux.

Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.
"""

from twisted.internet import protocol, reactor


class Echo(protocol.Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        # What is written is produced by what is read: a full buffer pauses reading.
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data):
        self.transport.write(data)


port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), backlog=4096, interface="127.0.0.1")
print("listening", port.getHost().port, flush=True)
reactor.run()
