// poll(2). Every function returns a count, or -errno.
#include "poll.h"

#include <cerrno>
#include <vector>

#include "arguments.h"
#include "wait-set.h"

namespace iomux {
namespace {

constexpr uint32_t FromPoll(short revents) {
  return (revents & POLLIN ? kRead : 0u) | (revents & POLLOUT ? kWrite : 0u) |
         (revents & POLLPRI ? kPriority : 0u) | (revents & POLLRDHUP ? kReadClosed : 0u) |
         (revents & POLLERR ? kError : 0u) | (revents & POLLHUP ? kHangup : 0u) |
         (revents & POLLNVAL ? kInvalid : 0u);
}

// poll(2) ignores an entry whose descriptor is negative. ~fd mutes an entry so that its number can be had
// back.
constexpr int Muted(int fd) { return ~fd; }

class PollSet final : public WaitSet {
 public:
  static constexpr Backend kBackend = Backend::kPoll;

  explicit PollSet(Environment& environment) : WaitSet(environment, kBackend) {}

  int Open(Napi::Int32Array shared) {
    const int status = waker().Open(shared, environment().pipe_waker());
    if (status < 0) return status;
    // Entries that need no key. No entry is left empty: poll(2) takes no more than the process may have
    // descriptors.
    entries_.push_back({waker().bell(), POLLIN, 0});
    if (environment().interrupt() >= 0) entries_.push_back({environment().interrupt(), POLLIN, 0});
    first_ = entries_.size();
    keys_.resize(first_);
    return 0;
  }

  int Control(int fd, const Interest& interest) override {
    if (static_cast<size_t>(fd) >= slots_.size()) slots_.resize(fd + 1);
    if (slots_[fd] == 0) {
      slots_[fd] = static_cast<uint32_t>(entries_.size());
      entries_.emplace_back();
      keys_.emplace_back();
    }
    entries_[slots_[fd]] = {fd, ToPoll(interest.events), 0};
    keys_[slots_[fd]] = {interest.generation, interest.oneshot};
    return 0;
  }

  int Remove(int fd) override {
    if (static_cast<size_t>(fd) >= slots_.size() || slots_[fd] == 0) return -ENOENT;
    // The last entry takes the place.
    const uint32_t slot = slots_[fd];
    slots_[fd] = 0;
    if (slot + 1 < entries_.size()) {
      entries_[slot] = entries_.back();
      keys_[slot] = keys_.back();
      slots_[DescriptorIn(slot)] = slot;
    }
    entries_.pop_back();
    keys_.pop_back();
    return 0;
  }

  // Without the interrupt: the environment's loop is what a host waits in.
  void Watched(std::vector<pollfd>* into) const override {
    into->push_back(entries_[kBellSlot]);
    into->insert(into->end(), entries_.begin() + first_, entries_.end());
  }

  int Dump(Words into) const override {
    size_t count = 0;
    for (size_t slot = first_; slot < entries_.size() && 3 * count + 2 < into.length; slot++, count++) {
      into.data[3 * count] = DescriptorIn(slot);
      into.data[3 * count + 1] = static_cast<int32_t>(keys_[slot].generation);
      into.data[3 * count + 2] =
          static_cast<int32_t>((entries_[slot].fd < 0 ? 0 : FromPoll(entries_[slot].events)) |
                               (keys_[slot].oneshot ? kOneshot : 0));
    }
    return static_cast<int>(count);
  }

 protected:
  int WaitOnce(const Deadline& deadline) override {
    int ready = PollOnce(entries_.data(), entries_.size(), deadline);
    if (ready == -EAGAIN) return 0;  // out of kernel memory for a moment; the wait goes on
    if (ready <= 0) return ready;
    if (entries_[kBellSlot].revents != 0) ReportBell();
    if (first_ > kInterruptSlot && entries_[kInterruptSlot].revents != 0) ReportInterrupt();
    // The scan starts behind the last entry that was reported: where the results are smaller than what is
    // ready, high descriptors get their turn too.
    const size_t users = entries_.size() - first_;
    for (size_t i = 0; i < users; i++) {
      const size_t slot = first_ + (next_ + i) % users;
      pollfd& entry = entries_[slot];
      if (entry.revents == 0) continue;
      if (!Report(DescriptorIn(slot), keys_[slot].generation, FromPoll(entry.revents))) {
        next_ = slot - first_;
        break;
      }
      // poll(2) would report a closed descriptor again and again: once said, it is muted like a fired
      // oneshot.
      if (entry.fd >= 0 && (keys_[slot].oneshot || (entry.revents & POLLNVAL))) entry.fd = Muted(entry.fd);
    }
    return 0;
  }

 private:
  struct Key {
    uint32_t generation;
    bool oneshot;
  };
  enum : size_t { kBellSlot = 0, kInterruptSlot = 1 };

  int DescriptorIn(size_t slot) const {
    const int fd = entries_[slot].fd;
    return fd < 0 ? Muted(fd) : fd;
  }

  std::vector<pollfd> entries_;
  std::vector<Key> keys_;        // beside entries_, slot by slot
  std::vector<uint32_t> slots_;  // by descriptor; 0, which is the bell's, where there is none
  size_t first_ = 0;             // the first slot of a registration
  size_t next_ = 0;
};

// pollWait(interests, results, milliseconds) → count of pairs [fd, revents]. `interests` are pairs [fd,
// events], raw bits both.
int PollWait(Environment& environment, Words interests, Words results, double milliseconds) {
  const size_t users = interests.length / 2;
  if (results.length < 2 * users) return -EINVAL;
  const bool interruptible = environment.interrupt() >= 0;
  std::vector<pollfd> entries(users + interruptible);
  for (size_t i = 0; i < users; i++) {
    entries[i] = {interests.data[2 * i], static_cast<short>(interests.data[2 * i + 1]), 0};
  }
  if (interruptible) entries[users] = {environment.interrupt(), POLLIN, 0};
  const Deadline deadline(environment.stopped() ? 0 : milliseconds);
  size_t count = 0;
  do {
    const int ready = PollOnce(entries.data(), entries.size(), environment.Stretch(deadline));
    if (ready < 0 && ready != -EINTR && ready != -EAGAIN) return ready;
    for (size_t i = 0; ready > 0 && i < users; i++) {
      if (entries[i].revents == 0) continue;
      results.data[2 * count] = entries[i].fd;
      results.data[2 * count + 1] = static_cast<uint16_t>(entries[i].revents);
      count++;
    }
    const bool rang = interruptible && ready > 0 && entries[users].revents != 0;
    if (environment.EndsWait(rang, count == 0)) break;
  } while (count == 0 && !deadline.Expired());
  return static_cast<int>(count);
}

// pollOpen(shared) → id of a wait set
int PollOpen(Environment& environment, Napi::Int32Array shared) {
  return OpenSet<PollSet>(environment, shared);
}

}  // namespace

int PollOnce(pollfd* entries, size_t count, const Deadline& deadline) {
#if defined(__APPLE__)
  const int ready = poll(entries, static_cast<nfds_t>(count), deadline.RemainingMilliseconds());
#else
  timespec storage;
  const int ready = ppoll(entries, static_cast<nfds_t>(count), deadline.RemainingToSleep(&storage), nullptr);
#endif
  return ready < 0 ? -errno : ready;
}

int AwaitReadable(Environment& environment, int fd, const Deadline& deadline) {
  pollfd entries[2] = {{fd, POLLIN, 0}, {environment.interrupt(), POLLIN, 0}};
  while (!environment.stopped()) {
    const int ready = PollOnce(entries, 2, environment.Stretch(deadline));
    if (ready < 0 && ready != -EINTR && ready != -EAGAIN) return ready;
    if (ready > 0 && entries[0].revents != 0) break;
    if (environment.EndsWait(ready > 0 && entries[1].revents != 0, true)) break;
    if (deadline.Expired()) break;
  }
  return 0;
}

void RegisterPoll(Napi::Object exports, Environment& environment) {
  Export<PollWait>(exports, environment, "pollWait");
  Export<PollOpen>(exports, environment, "pollOpen");
}

}  // namespace iomux
