// What the waits of all backends share: the results they fill, the waker and the interrupt that end them, and
// one deadline.
#pragma once

#include <napi.h>
#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <vector>

#include "arguments.h"
#include "environment.h"
#include "host.h"
#include "mailbox.h"
#include "signals.h"
#include "timeout.h"
#include "waker.h"

namespace iomux {

// Readiness as JavaScript sees it; lib/selectors/events.ts has the same bits.
enum Event : uint32_t {
  kRead = 1,
  kWrite = 2,
  kPriority = 4,
  kReadClosed = 8,
  kError = 16,
  kHangup = 32,
  kInvalid = 64,
};

// What a registration asks for.
struct Interest {
  uint32_t generation = 0;
  uint32_t events = 0;
  bool edge = false;
  bool oneshot = false;
};
// How Dump shows them, beside the events.
constexpr uint32_t kEdge = 256, kOneshot = 512;

enum class Backend { kEpoll, kKqueue, kPoll, kSelect };

class WaitSet {
 public:
  virtual ~WaitSet() = default;
  // Before it is destroyed: a host, a signal or another thread may still turn to it.
  void Close();
  WaitSet(const WaitSet&) = delete;
  WaitSet& operator=(const WaitSet&) = delete;

  Backend backend() const { return backend_; }
  Waker& waker() { return waker_; }
  const Waker& waker() const { return waker_; }

  // Stands beside the count where the wait has ended whatever was reported: by a wake, with the environment,
  // or because its time was over before it was resumed.
  static constexpr int kEnded = 0x40000000;

  // Waits until something is reported, a wake comes, or the time is over. The number of triples [fd,
  // generation, events] written to `results`, with kEnded, or -errno. The memory is the caller's, given anew
  // each time: nothing that JavaScript does with it meanwhile can leave a pointer dangling here.
  int Wait(Memory results, double milliseconds);
  // Waits on, until the deadline of the last wait: what that reported came to nothing.
  int Resume(Memory results);

  // The registrations of a set that keeps them itself; epoll's are the kernel's, reached by epoll_ctl.
  // Control adds one, changes it, or arms it again. 0 or -errno; where it fails, all is as it was.
  virtual int Control(int /* fd */, const Interest&) { return -ENOTSUP; }
  virtual int Remove(int /* fd */) { return -ENOTSUP; }
  // Writes them as triples [fd, generation, events with kEdge and kOneshot], for Selector.verify(). The
  // number of triples.
  virtual int Dump(Words) const { return -ENOTSUP; }
  // Whether a descriptor is the set's own, and no user's.
  virtual bool Owns(int fd) const {
    return fd == waker_.bell() || fd == waker_.handle() || fd == environment_.interrupt();
  }

  // What else wakes it: signals, one listener for each, and messages of other threads.
  int Listen(int signal, Napi::Int32Array count);
  void Ignore(int signal) { listeners_.erase(signal); }
  Mailbox& OpenMailbox();

  // Who waits in place of the thread; null where nobody ever did.
  Host* host() const { return host_; }
  void set_host(Host* host) { host_ = host; }
  // What a host needs of a set. Its own descriptor, which is readable when there is something to report; -1
  // where it has none, and its deadline within the set.
  virtual int descriptor() const { return -1; }
  virtual int SetTimer(double /* milliseconds */) { return -ENOTSUP; }
  // What poll(2) must watch to learn that there is something to report.
  virtual void Watched(std::vector<pollfd>* into) const { into->push_back({descriptor(), POLLIN, 0}); }
  // Whether the environment's interrupt is among what is watched.
  virtual int WatchInterrupt(bool) { return 0; }

 protected:
  WaitSet(Environment& environment, Backend backend) : environment_(environment), backend_(backend) {}

  // One wait in the kernel, until `deadline` at the latest, that calls Report for what is ready. 0 or -errno.
  virtual int WaitOnce(const Deadline& deadline) = 0;

  // Adds a triple. False where the results are full: what is level-triggered comes again with the next wait.
  bool Report(int fd, uint32_t generation, uint32_t events) {
    if (count_ == capacity_) return false;
    int32_t* triple = results_ + 3 * count_++;
    triple[0] = fd;
    triple[1] = static_cast<int32_t>(generation);
    triple[2] = static_cast<int32_t>(events);
    return true;
  }
  void ReportBell() { bell_rang_ = true; }
  // The deadline of a host, which looks at the clock itself.
  void ReportTimer() { timer_rang_ = true; }
  void ReportInterrupt() { interrupted_ = true; }

  size_t capacity() const { return capacity_; }
  size_t count() const { return count_; }
  int32_t* triple(size_t index) { return results_ + 3 * index; }
  Environment& environment() const { return environment_; }

 private:
  int Run(Memory results);

  // Bytes.
  static constexpr size_t kTriple = 3 * sizeof(int32_t);

  Environment& environment_;
  const Backend backend_;
  Waker waker_;
  Host* host_ = nullptr;
  std::map<int, std::unique_ptr<SignalListener>> listeners_;
  std::shared_ptr<Mailbox> mailbox_;
  int32_t* results_ = nullptr;
  size_t capacity_ = 0;
  size_t count_ = 0;
  Deadline deadline_{0};
  bool bell_rang_ = false;
  bool timer_rang_ = false;
  bool interrupted_ = false;
};

// The set that `id` names if it is of this backend, else null.
template <typename Set>
Set* FindSet(const Environment& environment, int id) {
  WaitSet* set = environment.Find(id);
  return set != nullptr && set->backend() == Set::kBackend ? static_cast<Set*>(set) : nullptr;
}

// Opens a set of one backend, with its waker. The id, or -errno.
template <typename Set>
int OpenSet(Environment& environment, Napi::Int32Array shared) {
  auto set = std::make_unique<Set>(environment);
  const int status = set->Open(shared);
  return status < 0 ? status : environment.Add(std::move(set));
}

}  // namespace iomux
