// epoll(7). Every function returns a count or a descriptor, or -errno.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "arguments.h"
#include "poll.h"
#include "system-call.h"
#include "timeout.h"
#include "wait-set.h"

#if !defined(SYS_epoll_pwait2)
#define SYS_epoll_pwait2 441  // one number on every architecture
#endif

namespace iomux {
namespace {

// Travels with a registration through the kernel, so that an event names the registration it belongs to and
// not merely a descriptor number that may have been closed and reused since.
constexpr uint64_t Tag(int fd, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
}
constexpr int TaggedDescriptor(uint64_t tag) { return static_cast<int>(static_cast<uint32_t>(tag)); }
constexpr uint32_t TaggedGeneration(uint64_t tag) { return static_cast<uint32_t>(tag >> 32); }

// No descriptor is negative.
constexpr uint64_t kBell = Tag(-1, 0);
constexpr uint64_t kInterrupt = Tag(-1, 1);
constexpr uint64_t kTimer = Tag(-1, 2);

int Change(int epfd, int operation, int fd, uint64_t tag, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return IOMUX_CALL(epoll_ctl, epfd, operation, fd, &event) < 0 ? -errno : 0;
}

// epoll_pwait2 waits to the nanosecond. It is called by number because C libraries got it late, and where the
// kernel lacks it (before 5.11) or a sandbox forbids it, epoll_wait with whole milliseconds, rounded up,
// takes its place.
[[gnu::always_inline]] inline int WaitIn(Environment& environment, int epfd, epoll_event* events,
                                         int capacity, const Deadline& deadline) {
  timespec storage;
  const timespec* remaining = deadline.immediate() ? nullptr : deadline.RemainingToSleep(&storage);
  if (remaining != nullptr && environment.pwait2()) {
    const int64_t time[2] = {remaining->tv_sec, remaining->tv_nsec};  // __kernel_timespec: 64 bits everywhere
    const long count = SystemCall(SYS_epoll_pwait2, epfd, events, capacity, time, nullptr, size_t{8});
    if (count >= 0) return static_cast<int>(count);
    if (errno != ENOSYS && errno != EPERM) return -errno;
    environment.ForgetPwait2();
  }
  const int left = deadline.RemainingMilliseconds();
#if defined(SYS_epoll_wait)
  const long count = IOMUX_CALL(epoll_wait, epfd, events, capacity, left);
#else
  const int count = epoll_wait(epfd, events, capacity, left);
#endif
  return count < 0 ? -errno : static_cast<int>(count);
}

constexpr uint32_t FromEpoll(uint32_t events) {
  return (events & EPOLLIN ? kRead : 0u) | (events & EPOLLOUT ? kWrite : 0u) |
         (events & EPOLLPRI ? kPriority : 0u) | (events & EPOLLRDHUP ? kReadClosed : 0u) |
         (events & EPOLLERR ? kError : 0u) | (events & EPOLLHUP ? kHangup : 0u);
}

class EpollSet final : public WaitSet {
 public:
  static constexpr Backend kBackend = Backend::kEpoll;

  explicit EpollSet(Environment& environment) : WaitSet(environment, kBackend) {}
  ~EpollSet() override {
    if (epfd_ >= 0) close(epfd_);
    if (timer_ >= 0) close(timer_);
  }

  int descriptor() const override { return epfd_; }
  bool Owns(int fd) const override { return (fd == timer_ && fd >= 0) || WaitSet::Owns(fd); }

  int Open(Napi::Int32Array shared) {
    const int status = waker().Open(shared, environment().pipe_waker());
    if (status < 0) return status;
    epfd_ = Create();
    return epfd_ < 0 ? epfd_ : 0;
  }

  // An empty kernel set under the same number. The only cure for a registration whose descriptor was closed
  // while a duplicate keeps the file alive: no number is left by which EPOLL_CTL_DEL could name it.
  int Renew() {
    const int fresh = Create();
    if (fresh < 0) return fresh;
    const int status = dup3(fresh, epfd_, O_CLOEXEC) < 0 ? -errno : 0;
    close(fresh);
    if (status == 0 && host() != nullptr) host()->Changed();
    return status;
  }

  int SetTimer(double milliseconds) override {
    if (timer_ < 0) {
      const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
      if (timer < 0) return -errno;
      // Edge-triggered, so that nobody need read it.
      const int status = Change(epfd_, EPOLL_CTL_ADD, timer, kTimer, EPOLLIN | EPOLLET);
      if (status < 0) {
        close(timer);
        return status;
      }
      timer_ = timer;
    }
    itimerspec time{};
    if (milliseconds >= 0) {
      const Deadline deadline(milliseconds);
      if (deadline.Remaining(&time.it_value) == nullptr) time.it_value = {};
      // All zero would disarm it.
      else if (time.it_value.tv_sec == 0 && time.it_value.tv_nsec == 0)
        time.it_value.tv_nsec = 1;
    }
    return timerfd_settime(timer_, 0, &time, nullptr) < 0 ? -errno : 0;
  }

  int WatchInterrupt(bool on) override {
    const int interrupt = environment().interrupt();
    if (interrupt < 0 || on == interruptible_) return 0;
    const int status = Change(epfd_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, interrupt, kInterrupt, EPOLLIN);
    if (status == 0) interruptible_ = on;
    return status;
  }

 protected:
  int WaitOnce(const Deadline& deadline) override {
    // No more than there is room for: an edge that was taken from the kernel and not reported would be lost.
    if (events_.size() < capacity()) events_.resize(capacity());
    const int count = WaitIn(environment(), epfd_, events_.data(), static_cast<int>(capacity()), deadline);
    if (count < 0) return count;
    for (int i = 0; i < count; i++) {
      const epoll_event& event = events_[i];
      const uint64_t tag = event.data.u64;
      if (tag == kBell) {
        ReportBell();
      } else if (tag == kInterrupt) {
        ReportInterrupt();
      } else if (tag == kTimer) {
        ReportTimer();
      } else {
        Report(TaggedDescriptor(tag), TaggedGeneration(tag), FromEpoll(event.events));
      }
    }
    return 0;
  }

 private:
  // A set that holds only what is ours.
  int Create() {
    const int epfd = epoll_create1(EPOLL_CLOEXEC);
    if (epfd < 0) return -errno;
    int status = Change(epfd, EPOLL_CTL_ADD, waker().bell(), kBell, EPOLLIN);
    if (status == 0 && interruptible_ && environment().interrupt() >= 0) {
      status = Change(epfd, EPOLL_CTL_ADD, environment().interrupt(), kInterrupt, EPOLLIN);
    }
    if (status == 0 && timer_ >= 0) {
      status = Change(epfd, EPOLL_CTL_ADD, timer_, kTimer, EPOLLIN | EPOLLET);
    }
    if (status == 0) return epfd;
    close(epfd);
    return status;
  }

  int epfd_ = -1;
  int timer_ = -1;             // a timerfd, once a host needs it
  bool interruptible_ = true;  // whether the environment's interrupt, if there is one, is watched
  std::vector<epoll_event> events_;
};

// epollCreate() → epfd
int EpollCreate(Environment& environment) {
  const int epfd = epoll_create1(EPOLL_CLOEXEC);
  return epfd < 0 ? -errno : environment.Own(epfd);
}

// epollControl(epfd, operation, fd, generation, events) → 0
int EpollControl(Environment&, int epfd, int operation, int fd, uint32_t generation, uint32_t events) {
  return Change(epfd, operation, fd, Tag(fd, generation), events);
}

// epollWait(epfd, results, milliseconds) → count of pairs [fd, raw events]
int EpollWait(Environment& environment, int epfd, Words results, double milliseconds) {
  // No more than a kernel accepts, however large the caller's array is.
  const int capacity = static_cast<int>(std::min<size_t>(results.length / 2, 65536));
  if (capacity == 0) return -EINVAL;
  // Not cleared, as make_unique would: by default that is 12 KiB, for a wait that mostly finds a few.
  const std::unique_ptr<epoll_event[]> events(new epoll_event[capacity]);
  const Deadline deadline(milliseconds);
  // An interruptible wait goes to poll(2), which can watch the interrupt beside the set: nothing of ours may
  // be put into a set that is the caller's.
  const bool interruptible = environment.interrupt() >= 0;
  int count;
  do {
    if (interruptible) {
      const int status = AwaitReadable(environment, epfd, deadline);
      if (status < 0) return status;
    }
    count = WaitIn(environment, epfd, events.get(), capacity, interruptible ? Deadline(0) : deadline);
  } while (count == -EINTR || (count == 0 && !deadline.Expired() && !environment.stopped()));
  for (int i = 0; i < count; i++) {
    results.data[2 * i] = TaggedDescriptor(events[i].data.u64);
    results.data[2 * i + 1] = static_cast<int32_t>(events[i].events);
  }
  return count;
}

// epollOpen(shared) → id of a wait set
int EpollOpen(Environment& environment, Napi::Int32Array shared) {
  return OpenSet<EpollSet>(environment, shared);
}

// epollDescriptor(id) → epfd
int EpollDescriptor(Environment& environment, int id) {
  const EpollSet* set = FindSet<EpollSet>(environment, id);
  return set == nullptr ? -EBADF : set->descriptor();
}

// epollRenew(id) → 0
int EpollRenew(Environment& environment, int id) {
  EpollSet* set = FindSet<EpollSet>(environment, id);
  return set == nullptr ? -EBADF : set->Renew();
}

}  // namespace

void RegisterEpoll(Napi::Object exports, Environment& environment) {
  Export<EpollCreate>(exports, environment, "epollCreate");
  Export<EpollControl>(exports, environment, "epollControl");
  Export<EpollWait>(exports, environment, "epollWait");
  Export<EpollOpen>(exports, environment, "epollOpen");
  Export<EpollDescriptor>(exports, environment, "epollDescriptor");
  Export<EpollRenew>(exports, environment, "epollRenew");
}

}  // namespace iomux
