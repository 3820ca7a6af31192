// Ends a wait from any thread, and costs no system call while the waiting thread is awake.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>

namespace iomux {

// The words that owner and senders share in a SharedArrayBuffer. lib/selectors/waker.ts knows the same
// layout.
struct WakerState {
  enum : int32_t { kRunning = 0, kWaiting = 1, kWoken = 2, kClosed = 3 };
  enum : int32_t { kWrite = 0, kTrigger = 1 };

  std::atomic<int32_t> state;
  // Senders that may be about to ring: the owner closes its descriptor only after the last has left, or a
  // ring could be written into a stranger that got the same number.
  std::atomic<int32_t> senders;
  // How the bell is rung: a write (eventfd, pipe) or a user event of the kqueue itself.
  std::atomic<int32_t> kind;

  static constexpr size_t kWords = 3;
};
static_assert(sizeof(WakerState) == WakerState::kWords * sizeof(int32_t));
static_assert(std::atomic<int32_t>::is_always_lock_free);

// A sender's side, as far as C++ has senders: a signal handler may use it.
struct Bell {
  WakerState* state;
  int rope;

  // False where the owner is closed.
  bool Wake() const;
};

// Whether an array is over a SharedArrayBuffer of so many words. Memory that can be moved away or freed under
// the pointer to it is an ArrayBuffer's.
bool IsShared(Napi::Int32Array array, size_t words);

// The owner's side. Running → waiting before a wait that may block, back to running after it. A sender that
// finds `running` leaves `woken` and is done, the next wait returns at once; only one that turns `waiting`
// into `woken` rings.
class Waker {
 public:
  Waker() = default;
  ~Waker() { Close(); }
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Opens an eventfd, or a pipe where there is none or `pipe` asks for it; `shared` is over a
  // SharedArrayBuffer. 0 or -errno.
  int Open(Napi::Int32Array shared, bool pipe);
  // Uses a kqueue that watches EVFILT_USER 0 in place of a descriptor.
  int OpenTrigger(Napi::Int32Array shared, int kq);
  void Close();

  // What the wait set watches for reading; -1 for a trigger.
  int bell() const { return bell_; }
  // What senders ring.
  int handle() const { return rope_; }

  Bell bell_for_others() const { return {shared_, rope_}; }

  // Announces a wait. False where a wake is already due: do not block.
  bool Begin(bool blocking) {
    int32_t running = WakerState::kRunning;
    return !blocking || shared_->state.compare_exchange_strong(running, WakerState::kWaiting);
  }
  // Whether a wake came since Begin.
  bool due() const { return shared_->state.load() == WakerState::kWoken; }
  // Back to running. Whether a wake came since Begin: it is taken by this wait, which must say so.
  bool End() { return shared_->state.exchange(WakerState::kRunning) == WakerState::kWoken; }
  // Takes an announcement back, where no wait came of it. A wake that came is still due.
  void Pause() {
    int32_t waiting = WakerState::kWaiting;
    shared_->state.compare_exchange_strong(waiting, WakerState::kRunning);
  }
  // Rings without a wake.
  void Ring();
  // Quiets a bell that has rung. It may have rung for a wake that an earlier wait took already.
  void Quiet();

 private:
  void Share(Napi::Int32Array shared, int32_t kind);

  int bell_ = -1;
  int rope_ = -1;
  WakerState* shared_ = nullptr;
  Napi::Reference<Napi::Int32Array> array_;  // holds the memory that shared_ points into
};

}  // namespace iomux
