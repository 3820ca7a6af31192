// No send raises SIGPIPE: Linux and the BSDs are told so with each call, macOS once for each socket.
#pragma once

#include <sys/socket.h>

namespace iomux {

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0
#endif

inline void PreventSignal([[maybe_unused]] int fd) {
#if defined(SO_NOSIGPIPE)
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#endif
}

}  // namespace iomux
