// What is the same for every descriptor: its two flags, whether it is open, and closing it.
#pragma once

#include <fcntl.h>

#include <cerrno>

namespace iomux {

// Every descriptor of ours is close-on-exec and nonblocking. 0 or -errno.
inline int SetFlags(int fd) {
  const int status = fcntl(fd, F_GETFL);
  if (status < 0) return -errno;
  if ((status & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0) return -errno;
  return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

// A pipe: what is read from ends[0] was written to ends[1]. 0 or -errno.
int OpenPipe(int ends[2]);

inline bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

}  // namespace iomux
