// The wait that all backends share; see wait-set.h.
#include "wait-set.h"

#include <cerrno>
#include <utility>

#include "arguments.h"
#include "descriptor.h"

namespace iomux {

// Wait and Run are one function with the one that is exported: the processor predicts no return that follows
// a system call; see return-stack.h.

[[gnu::always_inline]] inline int WaitSet::Run(Memory results) {
  if (results.length < kTriple) return -EINVAL;
  results_ = reinterpret_cast<int32_t*>(results.data);
  capacity_ = results.length / kTriple;
  Deadline deadline = environment_.stopped() ? Deadline(0) : deadline_;
  if (!waker_.Begin(!deadline.immediate())) deadline = Deadline(0);
  count_ = 0;
  int status;
  bool stop;
  do {
    bell_rang_ = timer_rang_ = interrupted_ = false;
    status = WaitOnce(environment_.Stretch(deadline));
    if (status == -EINTR) status = 0;  // what is left of the deadline is waited for again
    if (bell_rang_) waker_.Quiet();
    // A rung bell alone proves no wake: it may be the late ring of one that an earlier wait took.
    stop = waker_.due() || environment_.EndsWait(interrupted_, count_ == 0);
  } while (status == 0 && count_ == 0 && !stop && !deadline.Expired());
  if (waker_.End()) stop = true;
  // Somebody looked into a set that its host waits for. A wake rings again, and whatever was to wake the
  // host, and was taken here, must not be missed there.
  if (host_ != nullptr && host_->resting() && (!waker_.Begin(true) || stop || bell_rang_ || timer_rang_)) {
    waker_.Ring();
  }
  if (status < 0) return status;
  return static_cast<int>(count_) | (stop ? kEnded : 0);
}

[[gnu::always_inline]] inline int WaitSet::Wait(Memory results, double milliseconds) {
  deadline_ = Deadline(milliseconds);
  return Run(results);
}

inline int WaitSet::Resume(Memory results) { return deadline_.Expired() ? kEnded : Run(results); }

namespace {

// waitSetWait(id, results, milliseconds) → count of triples, with kEnded
int Wait(Environment& environment, int id, Memory results, double milliseconds) {
  WaitSet* set = environment.Find(id);
  return set == nullptr ? -EBADF : set->Wait(results, milliseconds);
}

// waitSetResume(id, results) → the same, until the deadline of the last wait
int Resume(Environment& environment, int id, Memory results) {
  WaitSet* set = environment.Find(id);
  return set == nullptr ? -EBADF : set->Resume(results);
}

// A host that watches the set's own descriptor sees such a change by itself.
void InterestChanged(const WaitSet* set) {
  if (set->host() != nullptr && set->descriptor() < 0) set->host()->Changed();
}

// waitSetControl(id, fd, generation, events, edge, oneshot) → 0
int Control(Environment& environment, int id, int fd, uint32_t generation, uint32_t events, int edge,
            int oneshot) {
  WaitSet* set = environment.Find(id);
  // A set in user space would take any number, and arrays as long as it.
  if (set == nullptr || !IsOpen(fd)) return -EBADF;
  const int status = set->Control(fd, {generation, events, edge != 0, oneshot != 0});
  InterestChanged(set);
  return status;
}

// waitSetRemove(id, fd) → 0, or -ENOENT
int Remove(Environment& environment, int id, int fd) {
  WaitSet* set = environment.Find(id);
  if (set == nullptr || fd < 0) return -EBADF;
  const int status = set->Remove(fd);
  InterestChanged(set);
  return status;
}

// waitSetDump(id, into) → count of triples
int Dump(Environment& environment, int id, Words into) {
  const WaitSet* set = environment.Find(id);
  return set == nullptr ? -EBADF : set->Dump(into);
}

// waitSetWaker(id) → the descriptor that wakerWake takes
int WakerHandle(Environment& environment, int id) {
  WaitSet* set = environment.Find(id);
  return set == nullptr ? -EBADF : set->waker().handle();
}

// waitSetOwns(id, fd) → 1 where it is the bell, the interrupt or another of its own, else 0
int Owns(Environment& environment, int id, int fd) {
  WaitSet* set = environment.Find(id);
  return set == nullptr ? -EBADF : set->Owns(fd);
}

// waitSetClose(id) → 0
int Close(Environment& environment, int id) { return environment.Remove(id) ? 0 : -EBADF; }

// interruptible(probe) → 0. Once per worker, before its first wait.
int Interruptible(Environment& environment, Napi::Function probe) { return environment.Interruptible(probe); }

}  // namespace

void WaitSet::Close() {
  if (host_ != nullptr) std::exchange(host_, nullptr)->Close();
  listeners_.clear();
  if (mailbox_ != nullptr) mailbox_->Close();
}

int WaitSet::Listen(int signal, Napi::Int32Array count) {
  const auto present = listeners_.find(signal);
  if (present != listeners_.end()) return present->second->ListenAgain();
  auto listener = std::make_unique<SignalListener>(signal, count, waker_);
  const int status = listener->Listen();
  if (status == 0) listeners_[signal] = std::move(listener);
  return status;
}

Mailbox& WaitSet::OpenMailbox() {
  if (mailbox_ == nullptr) mailbox_ = Mailbox::Open();
  return *mailbox_;
}

void RegisterWaitSet(Napi::Object exports, Environment& environment) {
  Export<Wait>(exports, environment, "waitSetWait");
  Export<Resume>(exports, environment, "waitSetResume");
  Export<Control>(exports, environment, "waitSetControl");
  Export<Remove>(exports, environment, "waitSetRemove");
  Export<Dump>(exports, environment, "waitSetDump");
  Export<WakerHandle>(exports, environment, "waitSetWaker");
  Export<Owns>(exports, environment, "waitSetOwns");
  Export<Close>(exports, environment, "waitSetClose");
  Export<Interruptible>(exports, environment, "interruptible");
}

}  // namespace iomux
