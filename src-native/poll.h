// poll(2), for the other files that wait.
#pragma once

#include <poll.h>

#include "environment.h"
#include "timeout.h"
#include "wait-set.h"

#if !defined(POLLRDHUP)
#define POLLRDHUP 0  // Linux and FreeBSD have it
#endif

namespace iomux {

constexpr short ToPoll(uint32_t events) {
  return static_cast<short>((events & kRead ? POLLIN : 0) | (events & kWrite ? POLLOUT : 0) |
                            (events & kPriority ? POLLPRI : 0) | (events & kReadClosed ? POLLRDHUP : 0));
}

// One poll(2) until `deadline` at the latest, to the nanosecond where the system has ppoll. A count, or
// -errno.
int PollOnce(pollfd* entries, size_t count, const Deadline& deadline);

// Waits until `fd` is readable, the deadline has passed, or the environment is being stopped: 0, or -errno.
int AwaitReadable(Environment& environment, int fd, const Deadline& deadline);

}  // namespace iomux
