// Time on its way to the kernel: milliseconds → deadline → timespec, always rounded up, so that no wait ends
// early.
#pragma once

#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdint>
#include <ctime>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

namespace iomux {

// Nanoseconds by which Linux may end a wait of this thread late, so that one interrupt ends several: see
// PR_SET_TIMERSLACK(2const). timerfd has none.
inline int64_t TimerSlack() {
#if defined(__linux__)
  thread_local const int slack = prctl(PR_GET_TIMERSLACK);  // -1 where a sandbox forbids to ask
  return slack > 0 ? slack : 0;
#else
  return 0;
#endif
}

// When a wait ends, on the monotonic clock. One deadline is the single truth of a wait: what EINTR or an
// early return of the kernel leaves over is waited for again.
class Deadline {
 public:
  // Milliseconds; 0 does not wait, negative has no limit. (JavaScript says so with -1: Infinity would be an
  // object on the heap, one for each wait.)
  explicit Deadline(double milliseconds) {
    if (milliseconds < 0 || milliseconds >= kLongest) {
      kind_ = Kind::kNone;
    } else if (milliseconds > 0) {
      kind_ = Kind::kTimed;
      at_ = Now() + static_cast<int64_t>(std::ceil(milliseconds * 1e6));
    }
  }

  // This deadline, or one in so many milliseconds where that is sooner.
  Deadline Within(double milliseconds) const {
    const Deadline sooner(milliseconds);
    return kind_ == Kind::kNone || (kind_ == Kind::kTimed && sooner.at_ < at_) ? sooner : *this;
  }

  bool immediate() const { return kind_ == Kind::kImmediate; }

  // Reads the clock only where there is a limit to compare with.
  bool Expired() const { return kind_ == Kind::kImmediate || (kind_ == Kind::kTimed && Now() >= at_); }

  // What is left, for timers and kevent; null where there is no limit.
  const timespec* Remaining(timespec* storage) const { return Less(0, storage); }

  // The same for ppoll, pselect and epoll_pwait2, which add the slack of the thread: they are asked to end so
  // much sooner. One that does is early, and the caller's loop waits for the rest.
  const timespec* RemainingToSleep(timespec* storage) const {
    return Less(kind_ == Kind::kTimed ? TimerSlack() : 0, storage);
  }

  // The same for calls that count whole milliseconds, rounded up; -1 where there is no limit. A wait longer
  // than an int of milliseconds (24.8 days) ends there, and the caller's loop waits again.
  int RemainingMilliseconds() const {
    if (kind_ == Kind::kNone) return -1;
    const int64_t milliseconds = (Left() + 999'999) / 1'000'000;
    return milliseconds > INT_MAX ? INT_MAX : static_cast<int>(milliseconds);
  }

 private:
  enum class Kind { kImmediate, kTimed, kNone };
  static constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  // 3 years: the BSDs refuse to wait longer (EINVAL), and it keeps nanoseconds far from the end of an int64.
  static constexpr double kLongest = 1e11;

  static int64_t Now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * kNanosecondsPerSecond + now.tv_nsec;
  }

  int64_t Left() const {
    if (kind_ == Kind::kImmediate) return 0;
    const int64_t left = at_ - Now();
    return left > 0 ? left : 0;
  }

  // Where no more than the slack is left, all of it: a wait for nothing would be a loop that never sleeps.
  const timespec* Less(int64_t slack, timespec* storage) const {
    if (kind_ == Kind::kNone) return nullptr;
    int64_t left = Left();
    if (left > slack) left -= slack;
    storage->tv_sec = static_cast<time_t>(left / kNanosecondsPerSecond);
    storage->tv_nsec = static_cast<long>(left % kNanosecondsPerSecond);
    return storage;
  }

  Kind kind_ = Kind::kImmediate;
  int64_t at_ = 0;
};

// The result of a system call that a signal cannot interrupt for good: a count, or -errno.
template <typename Call>
int Retry(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return static_cast<int>(result);
    if (errno != EINTR) return -errno;
  }
}

}  // namespace iomux
