// The registrations of a selector as the filters of a kqueue, and back.
#pragma once

// The BSDs' event.h needs types.h before it.
// clang-format off
#include <sys/types.h>
#include <sys/event.h>
// clang-format on
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <vector>

#include "timeout.h"
#include "wait-set.h"

namespace iomux {

inline int OpenKqueue() {
  const int kq = kqueue();
  if (kq < 0) return -errno;
  fcntl(kq, F_SETFD, FD_CLOEXEC);
  return kq;
}

// The filters that an interest needs, as bits. Out-of-band data has a filter of its own where the system has
// one.
enum Filter : uint8_t { kReadFilter = 1, kWriteFilter = 2, kExceptFilter = 4 };
constexpr Filter kFilters[] = {kReadFilter, kWriteFilter, kExceptFilter};

constexpr short Number(Filter filter) {
#if defined(EVFILT_EXCEPT) && defined(NOTE_OOB)
  if (filter == kExceptFilter) return EVFILT_EXCEPT;
#endif
  return filter == kWriteFilter ? EVFILT_WRITE : EVFILT_READ;
}

constexpr uint8_t ToFilters(uint32_t events) {
  return static_cast<uint8_t>((events & (kRead | kReadClosed) ? kReadFilter : 0) |
                              (events & kWrite ? kWriteFilter : 0) |
                              (events & kPriority ? kExceptFilter : 0));
}

constexpr uint32_t FromKevent(const struct kevent& event) {
  uint32_t events = event.filter == EVFILT_READ ? kRead : event.filter == EVFILT_WRITE ? kWrite : kPriority;
  if (event.flags & EV_EOF) {
    events |= event.filter == EVFILT_READ ? kReadClosed : kHangup;
    // The error of the socket comes in fflags. libkqueue leaves our own NOTE_LOWAT there.
    uint32_t error = event.fflags;
#if defined(IOMUX_LIBKQUEUE)
    if (error == NOTE_LOWAT) error = 0;
#endif
    if (error != 0) events |= kError;
  }
  return events;
}

class KqueueSet final : public WaitSet {
 public:
  static constexpr Backend kBackend = Backend::kKqueue;

  explicit KqueueSet(Environment& environment) : WaitSet(environment, kBackend) {}
  ~KqueueSet() override {
    waker().Close();  // before the kqueue, which is what its senders ring
    if (kq_ >= 0) close(kq_);
  }

  int descriptor() const override { return kq_; }

  int Open(Napi::Int32Array shared) {
    kq_ = OpenKqueue();
    if (kq_ < 0) return kq_;
    int status;
#if defined(EVFILT_USER)
    if (!environment().pipe_waker()) {
      status = waker().OpenTrigger(shared, kq_);
      if (status == 0) status = Watch(0, EVFILT_USER, EV_CLEAR);
    } else
#endif
    {
      status = waker().Open(shared, true);
      if (status == 0) status = Watch(waker().bell(), EVFILT_READ, 0);
    }
    if (status == 0 && environment().interrupt() >= 0)
      status = Watch(environment().interrupt(), EVFILT_READ, 0);
    return status;
  }

  int Control(int fd, const Interest& interest) override {
    if (static_cast<size_t>(fd) >= keys_.size()) keys_.resize(fd + 1);
    const Key before = keys_[fd];
    const Key wanted(interest);
    // What a filter was added with stays with it, so a new mode or generation means a new filter. A new one
    // also makes an edge-triggered registration report again what still holds.
    if (wanted.IsRearmOf(before)) {
      keys_[fd].muted = false;
      return Toggle(fd, wanted.filters, EV_ENABLE);
    }
    // Where the old filters are gone, the descriptor was closed, and the number is another file's by now.
    if (Delete(fd, before.filters) < 0) return -ENOENT;
    keys_[fd] = wanted;
    const int status = Add(fd, wanted.filters);
    if (status < 0) {
      keys_[fd] = before;
      keys_[fd].ended = false;
      if (before.filters != 0) Add(fd, before.filters);
      if (before.muted) Toggle(fd, before.filters, EV_DISABLE);
    }
    return status;
  }

  int Remove(int fd) override {
    if (static_cast<size_t>(fd) >= keys_.size() || keys_[fd].filters == 0) return -ENOENT;
    const int status = Delete(fd, keys_[fd].filters);
    keys_[fd] = {};
    return status;
  }

  // 0 where the kernel still has the filters of `fd`. -ENOENT where a close took them away: here they are
  // forgotten, too, and the number can be registered afresh.
  int Check(int fd, bool muted) {
    if (fd < 0 || static_cast<size_t>(fd) >= keys_.size() || keys_[fd].filters == 0) return -ENOENT;
    const int status = Toggle(fd, keys_[fd].filters, muted ? EV_DISABLE : EV_ENABLE);
    if (status < 0) Remove(fd);
    return status;
  }

  int SetTimer(double milliseconds) override {
    struct kevent change;
    EV_SET(&change, 0, EVFILT_TIMER, EV_DELETE, 0, 0, nullptr);
    Retry([&] { return kevent(kq_, &change, 1, nullptr, 0, nullptr); });
    timespec left;
    if (milliseconds < 0 || Deadline(milliseconds).Remaining(&left) == nullptr) return 0;
#if defined(NOTE_NSECONDS)
    const unsigned unit = NOTE_NSECONDS;
    const int64_t time = int64_t{left.tv_sec} * 1'000'000'000 + left.tv_nsec;
#else
    const unsigned unit = 0;
    const int64_t time = int64_t{left.tv_sec} * 1000 + (left.tv_nsec + 999'999) / 1'000'000;
#endif
    // Some systems take 0 for an error.
    EV_SET(&change, 0, EVFILT_TIMER, EV_ADD | EV_ONESHOT, unit, static_cast<intptr_t>(time > 0 ? time : 1),
           nullptr);
    return Retry([&] { return kevent(kq_, &change, 1, nullptr, 0, nullptr); });
  }

  int WatchInterrupt(bool on) override {
    const int interrupt = environment().interrupt();
    if (interrupt < 0 || on == interruptible_) return 0;
    const int status = on ? Watch(interrupt, EVFILT_READ, 0) : Unwatch(interrupt, EVFILT_READ);
    if (status == 0) interruptible_ = on;
    return status;
  }

  int Dump(Words into) const override {
    size_t count = 0;
    for (size_t fd = 0; fd < keys_.size() && 3 * count + 2 < into.length; fd++) {
      if (keys_[fd].filters == 0) continue;
      into.data[3 * count] = static_cast<int32_t>(fd);
      into.data[3 * count + 1] = static_cast<int32_t>(keys_[fd].interest.generation);
      const Interest& interest = keys_[fd].interest;
      into.data[3 * count + 2] =
          static_cast<int32_t>((keys_[fd].muted ? 0 : interest.events) | (interest.edge ? kEdge : 0) |
                               (interest.oneshot ? kOneshot : 0));
      count++;
    }
    return static_cast<int>(count);
  }

 protected:
  int WaitOnce(const Deadline& deadline) override {
    // A descriptor has up to three filters, each an event of its own.
    const size_t room = 3 * capacity() + 2;
    if (events_.size() < room) events_.resize(room);
    timespec storage;
    const int count =
        kevent(kq_, nullptr, 0, events_.data(), static_cast<int>(room), deadline.Remaining(&storage));
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
      const struct kevent& event = events_[i];
      const int fd = static_cast<int>(event.ident);
      if (event.filter == EVFILT_TIMER) {
        ReportTimer();
      } else if (IsTrigger(event) || fd == waker().bell()) {
        ReportBell();
      } else if (fd == environment().interrupt()) {
        ReportInterrupt();
      } else {
        Take(fd, event);
      }
    }
    return 0;
  }

 private:
  static bool IsTrigger([[maybe_unused]] const struct kevent& event) {
#if defined(EVFILT_USER)
    return event.filter == EVFILT_USER;
#else
    return false;
#endif
  }

  // Adds a filter of our own.
  int Watch(int ident, int filter, int flags) {
    struct kevent change;
    EV_SET(&change, ident, static_cast<short>(filter), static_cast<unsigned short>(EV_ADD | flags), 0, 0, 0);
    return Retry([&] { return kevent(kq_, &change, 1, nullptr, 0, nullptr); });
  }

  int Unwatch(int ident, int filter) {
    struct kevent change;
    EV_SET(&change, ident, static_cast<short>(filter), EV_DELETE, 0, 0, nullptr);
    return Retry([&] { return kevent(kq_, &change, 1, nullptr, 0, nullptr); });
  }

  struct Key {
    Interest interest;
    uint8_t filters = 0;
    bool muted = false;     // a oneshot one that has fired
    bool ended = false;     // one that waits for the end alone, and has seen it
    uint32_t reported = 0;  // where in the results of this wait, plus one

    Key() = default;
    explicit Key(const Interest& wanted) : interest(wanted), filters(ToFilters(wanted.events)) {}

    bool AsksForEndOnly() const { return (interest.events & (kRead | kReadClosed)) == kReadClosed; }

    // Only to be armed again, which EV_ENABLE does.
    bool IsRearmOf(const Key& before) const {
      return before.filters == filters && before.interest.generation == interest.generation &&
             before.interest.events == interest.events && before.interest.oneshot && interest.oneshot &&
             !before.interest.edge && !interest.edge && !AsksForEndOnly();
    }
  };

  // Where the end alone is waited for, the read filter is edge-triggered until the end is seen, so that data
  // which nobody reads does not end wait after wait; then level-triggered, as it was asked for.
  void Take(int fd, const struct kevent& event) {
    if (static_cast<size_t>(fd) >= keys_.size()) return;
    Key& key = keys_[fd];
    if (event.filter == EVFILT_READ && key.AsksForEndOnly()) {
      const bool ended = (event.flags & EV_EOF) != 0;
      if (ended != key.ended && !key.interest.edge && !key.interest.oneshot) {
        key.ended = ended;
        Delete(fd, kReadFilter);
        Add(fd, kReadFilter);
      }
      if (!ended) return;
    }
    Merge(fd, static_cast<uint32_t>(reinterpret_cast<uintptr_t>(event.udata)), FromKevent(event));
  }

  // One triple per descriptor, however many of its filters fired. Like an epoll registration, a oneshot one
  // is mute as a whole once it has fired: EV_DISPATCH only mutes the filter itself.
  void Merge(int fd, uint32_t generation, uint32_t events) {
    Key& key = keys_[fd];
    const uint32_t index = key.reported - 1;
    if (key.reported != 0 && index < count() && triple(index)[0] == fd) {
      triple(index)[2] |= static_cast<int32_t>(events);
      return;
    }
    if (key.interest.oneshot && key.filters != 0) {
      Toggle(fd, key.filters, EV_DISABLE);
      key.muted = true;
    }
    if (Report(fd, generation, events)) key.reported = static_cast<uint32_t>(count());
  }

  // A change of one filter. It carries all that the filter was added with: the kernel takes over notes, data
  // and udata from every change, also from one that only enables or disables.
  struct kevent Change(int fd, Filter filter, int action) const {
    const Key& key = keys_[fd];
    bool edge = key.interest.edge, dispatch = key.interest.oneshot;
    unsigned notes = 0;
    intptr_t data = 0;
    if (filter == kReadFilter && key.AsksForEndOnly()) {
      // Asked for the peer's end alone, data is no reason to wake. A low-water mark that no data reaches
      // keeps most of it away, but not all: macOS lowers the mark to the size of the buffer, and a listener
      // knows none. What comes nevertheless comes once, until the end is seen.
      notes = NOTE_LOWAT;
      data = INT_MAX;
      edge = edge || !key.ended;
      dispatch = false;
    }
#if defined(NOTE_OOB)
    if (filter == kExceptFilter) notes = NOTE_OOB;
#endif
    if (action == EV_ADD) action |= EV_RECEIPT | (edge ? EV_CLEAR : 0) | (dispatch ? EV_DISPATCH : 0);
    struct kevent change;
    EV_SET(&change, fd, Number(filter), static_cast<unsigned short>(action), notes, data,
           reinterpret_cast<void*>(static_cast<uintptr_t>(key.interest.generation)));
    return change;
  }

  int Add(int fd, uint8_t filters) {
    struct kevent changes[3], receipts[3];
    int count = 0;
    for (const Filter filter : kFilters) {
      if (filters & filter) changes[count++] = Change(fd, filter, EV_ADD);
    }
    const int status = Retry([&] { return kevent(kq_, changes, count, receipts, count, nullptr); });
    int error = status < 0 ? status : 0;
    for (int i = 0; i < status; i++) {
      if ((receipts[i].flags & EV_ERROR) && receipts[i].data != 0 && error == 0) {
        error = -static_cast<int>(receipts[i].data);
      }
    }
    if (error < 0) Delete(fd, filters);
    return error;
  }

  // 0 where the kernel had all of the filters.
  int Delete(int fd, uint8_t filters) { return Toggle(fd, filters, EV_DELETE); }

  // Each change in a call of its own: libkqueue reports a stale errno for those that stand in a batch.
  int Toggle(int fd, uint8_t filters, int action) {
    int result = 0;
    for (const Filter filter : kFilters) {
      if ((filters & filter) == 0) continue;
      const struct kevent change = Change(fd, filter, action);
      const int status = Retry([&] { return kevent(kq_, &change, 1, nullptr, 0, nullptr); });
      if (status < 0) result = -ENOENT;
    }
    return result;
  }

  int kq_ = -1;
  bool interruptible_ = true;  // whether the environment's interrupt, if there is one, is watched
  std::vector<struct kevent> events_;
  std::vector<Key> keys_;  // by descriptor
};

}  // namespace iomux
