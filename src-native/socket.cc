// socket(2) and its kin. Every function returns a count or a descriptor, or -errno.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "address.h"
#include "arguments.h"
#include "descriptor.h"
#include "no-signal.h"
#include "system-call.h"
#include "timeout.h"

namespace iomux {
namespace {

#if defined(__linux__)
constexpr int kCreate = SOCK_NONBLOCK | SOCK_CLOEXEC;
#else
constexpr int kCreate = 0;
#endif

// Makes a fresh descriptor one of ours: nonblocking, close-on-exec, and no SIGPIPE where that is a socket's
// option rather than a flag of each send.
int Prepare(Environment& environment, int fd) {
  if (kCreate == 0) {
    const int status = SetFlags(fd);
    if (status < 0) {
      close(fd);
      return status;
    }
  }
  PreventSignal(fd);
  return environment.Own(fd);
}

// socketOpen(family, type, protocol) → fd
int Open(Environment& environment, int family, int type, int protocol) {
  const int fd = socket(family, type | kCreate, protocol);
  return fd < 0 ? -errno : Prepare(environment, fd);
}

// socketPair(family, type, protocol, into) → 0
int Pair(Environment& environment, int family, int type, int protocol, Words into) {
  if (into.length < 2) return -EINVAL;
  int fds[2];
  if (socketpair(family, type | kCreate, protocol, fds) < 0) return -errno;
  int status = Prepare(environment, fds[0]);
  if (status < 0) {
    close(fds[1]);
    return status;
  }
  status = Prepare(environment, fds[1]);
  if (status < 0) {
    environment.Disown(fds[0]);
    close(fds[0]);
    return status;
  }
  into.data[0] = fds[0];
  into.data[1] = fds[1];
  return 0;
}

// socketAdopt(fd, into) → 0: a socket from elsewhere becomes ours; `into` gets its family and type
int Adopt(Environment& environment, int fd, Words into) {
  if (into.length < 2) return -EINVAL;
  int type = 0;
  socklen_t length = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return -errno;
  Name name{};
  name.length = sizeof name.storage;
  if (getsockname(fd, name.address(), &name.length) < 0) return -errno;
  const int status = SetFlags(fd);
  if (status < 0) return status;
  into.data[0] = name.storage.ss_family;
  into.data[1] = type;
  PreventSignal(fd);
  environment.Own(fd);
  return 0;
}

// socketBind(fd, name) → 0
int Bind(Environment&, int fd, Bytes bytes) {
  Name name;
  if (!ReadName(bytes, &name)) return -EINVAL;
  return bind(fd, name.address(), name.length) < 0 ? -errno : 0;
}

// socketListen(fd, backlog) → 0
int Listen(Environment&, int fd, int backlog) { return listen(fd, backlog) < 0 ? -errno : 0; }

// What accept(2) says of the connection that it took from the queue, not of the listener: go on with the
// next.
bool ConnectionFailed(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
#if defined(__linux__)  // Linux passes errors of the network on, "treat them like EAGAIN by retrying"
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
#endif
      return true;
    default:
      return false;
  }
}

// socketAccept(fd) → fd of the connection
int Accept(Environment& environment, int fd) {
  for (;;) {
#if defined(__APPLE__)
    const int accepted = accept(fd, nullptr, nullptr);
    if (accepted >= 0) return Prepare(environment, accepted);
#else
    const int accepted = IOMUX_CALL(accept4, fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return environment.Own(accepted);
#endif
    const int error = errno;
    if (error == EINTR || ConnectionFailed(error)) continue;
    // Linux looks for a free descriptor before it looks for a connection: without one it complains although
    // nobody is waiting.
    if (error == EMFILE || error == ENFILE) {
      pollfd entry = {fd, POLLIN, 0};
      if (Retry([&] { return poll(&entry, 1, 0); }) == 0) return -EAGAIN;
    }
    return -error;
  }
}

// socketConnect(fd, name) → 0 connected, -EINPROGRESS under way
int Connect(Environment&, int fd, Bytes bytes) {
  Name name;
  if (!ReadName(bytes, &name)) return -EINVAL;
  if (connect(fd, name.address(), name.length) == 0) return 0;
  // Interrupted, a connect goes on by itself; called again it would answer EALREADY.
  return errno == EINTR ? -EINPROGRESS : -errno;
}

// socketFinishConnect(fd) → 0 connected, -EINPROGRESS still under way, or how the connect failed
int FinishConnect(Environment&, int fd) {
  pollfd entry = {fd, POLLOUT, 0};
  const int ready = Retry([&] { return poll(&entry, 1, 0); });
  if (ready < 0) return ready;
  if (ready == 0) return -EINPROGRESS;
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
  if (error != 0) return -error;
  // Ready and without an error is not yet connected: SO_ERROR is told only once.
  Name name{};
  name.length = sizeof name.storage;
  return getpeername(fd, name.address(), &name.length) < 0 ? -errno : 0;
}

// socketName(fd, into, remote) → 0
int GetName(Environment&, int fd, Bytes into, int remote) {
  if (into.length < sizeof(Name)) return -ENOBUFS;
  Name name{};
  name.length = sizeof name.storage;
  const int status = remote != 0 ? getpeername(fd, name.address(), &name.length)
                                 : getsockname(fd, name.address(), &name.length);
  if (status < 0) return -errno;
  WriteName(name, into);
  return 0;
}

// socketShutdown(fd, how) → 0
int Shutdown(Environment&, int fd, int how) { return shutdown(fd, how) < 0 ? -errno : 0; }

inline ssize_t Receive(int fd, Bytes part, int flags) {
  return IOMUX_CALL(recvfrom, fd, part.data, part.length, flags, nullptr, nullptr);
}
inline ssize_t Transmit(int fd, Bytes part, int flags) {
  return IOMUX_CALL(sendto, fd, part.data, part.length, flags | MSG_NOSIGNAL, nullptr, 0);
}

// socketRecvAgain(), socketSendAgain(): the calls that are made for every message find their numbers in
// socketCall and leave the result there, bytes or -errno; and no flags, which are seldom given. The memory is
// that of the last, which must still be there: an ArrayBuffer costs four calls into Node to look into.
template <ssize_t (*Call)(int fd, Bytes part, int flags), SocketCall::Direction kDirection>
[[gnu::always_inline]] inline void Again(Environment& environment) {
  SocketCall& call = environment.socket_call();
  SocketCall::Words& words = call.words();
  const int flags = std::exchange(words.flags, 0);
  Bytes part;
  words.result = call.last(kDirection).Slice(words.offset, words.length, &part)
                     ? Retry([&] { return Call(words.fd, part, flags); })
                     : -EINVAL;
}

// socketRecv(memory), socketSend(memory): the same, with memory of their own.
template <ssize_t (*Call)(int fd, Bytes part, int flags), SocketCall::Direction kDirection>
void Exchange(Environment& environment, Memory memory) {
  environment.socket_call().last(kDirection) = memory;
  Again<Call, kDirection>(environment);
}

}  // namespace

void RegisterSocket(Napi::Object exports, Environment& environment) {
  Export<Open>(exports, environment, "socketOpen");
  Export<Pair>(exports, environment, "socketPair");
  Export<Adopt>(exports, environment, "socketAdopt");
  Export<Bind>(exports, environment, "socketBind");
  Export<Listen>(exports, environment, "socketListen");
  Export<Accept>(exports, environment, "socketAccept");
  Export<Connect>(exports, environment, "socketConnect");
  Export<FinishConnect>(exports, environment, "socketFinishConnect");
  Export<GetName>(exports, environment, "socketName");
  Export<Shutdown>(exports, environment, "socketShutdown");
  exports["socketCall"] = environment.socket_call().Share(environment.env());
  exports["socketMemory"] = SocketCall::Memory(environment.env());
  Export<Exchange<Receive, SocketCall::kReceive>>(exports, environment, "socketRecv");
  Export<Exchange<Transmit, SocketCall::kSend>>(exports, environment, "socketSend");
  Export<Again<Receive, SocketCall::kReceive>>(exports, environment, "socketRecvAgain");
  Export<Again<Transmit, SocketCall::kSend>>(exports, environment, "socketSendAgain");
}

}  // namespace iomux
