// eventfd(2), a pipe, or EVFILT_USER: the bell of a wait; see waker.h.
#include "waker.h"

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "arguments.h"
#include "descriptor.h"
#include "timeout.h"

#if defined(__linux__)
#include <sys/eventfd.h>
#endif
#if defined(IOMUX_KQUEUE)
#include <sys/event.h>
#endif

namespace iomux {
namespace {

WakerState* StateIn(int32_t* words) { return reinterpret_cast<WakerState*>(words); }

// A bell that cannot take another ring (EAGAIN: an eventfd at its limit, a full pipe) is ringing already.
void Ring(int rope, int32_t kind) {
#if defined(EVFILT_USER)
  if (kind == WakerState::kTrigger) {
    struct kevent trigger;
    EV_SET(&trigger, 0, EVFILT_USER, 0, NOTE_TRIGGER, 0, 0);
    Retry([&] { return kevent(rope, &trigger, 1, nullptr, 0, nullptr); });
    return;
  }
#else
  (void)kind;
#endif
  const uint64_t one = 1;
  Retry([&] { return write(rope, &one, sizeof one); });
}

// wakerWake(handle, shared) → 1, or 0 where the owner is closed
int Wake(Environment&, int rope, Words shared) {
  if (shared.length < WakerState::kWords) return -EINVAL;
  return Bell{StateIn(shared.data), rope}.Wake();
}

}  // namespace

bool IsShared(Napi::Int32Array array, size_t words) {
  bool movable = true;
  napi_is_arraybuffer(array.Env(), array.Get("buffer"), &movable);
  return !movable && array.ElementLength() >= words;
}

bool Bell::Wake() const {
  state->senders.fetch_add(1);
  int32_t seen = state->state.load();
  while (seen != WakerState::kClosed && seen != WakerState::kWoken &&
         !state->state.compare_exchange_weak(seen, WakerState::kWoken)) {
  }
  if (seen == WakerState::kWaiting) Ring(rope, state->kind.load());
  state->senders.fetch_sub(1);
  return seen != WakerState::kClosed;
}

int Waker::Open(Napi::Int32Array shared, bool pipe) {
  if (!IsShared(shared, WakerState::kWords)) return -EINVAL;
  int ends[2] = {-1, -1};
#if defined(__linux__)
  // Some sandboxes have no eventfd.
  if (!pipe) ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
#else
  (void)pipe;
#endif
  if (ends[0] < 0) {
    const int opened = OpenPipe(ends);
    if (opened < 0) return opened;
  }
  bell_ = ends[0];
  rope_ = ends[1];
  Share(shared, WakerState::kWrite);
  return 0;
}

int Waker::OpenTrigger(Napi::Int32Array shared, int kq) {
  if (!IsShared(shared, WakerState::kWords)) return -EINVAL;
  rope_ = kq;
  Share(shared, WakerState::kTrigger);
  return 0;
}

void Waker::Share(Napi::Int32Array shared, int32_t kind) {
  array_ = Napi::Persistent(shared);
  shared_ = StateIn(shared.Data());
  shared_->state.store(WakerState::kRunning);
  shared_->senders.store(0);
  shared_->kind.store(kind);
}

void Waker::Close() {
  if (shared_ == nullptr) return;
  // A sender raises `senders` before it looks at `state`, so whoever is not counted here finds `closed`.
  // Senders never block: they are gone within one system call.
  shared_->state.store(WakerState::kClosed);
  while (shared_->senders.load() > 0) std::this_thread::yield();
  shared_ = nullptr;
  if (bell_ >= 0) {
    close(bell_);
    if (rope_ != bell_) close(rope_);
  }
  bell_ = rope_ = -1;
}

void Waker::Ring() { iomux::Ring(rope_, shared_->kind.load()); }

void Waker::Quiet() {
  if (bell_ < 0) return;
  uint8_t rings[4096];
  // An eventfd is empty after one read; a pipe may hold more than one buffer of rings.
  while (Retry([&] { return read(bell_, rings, sizeof rings); }) == static_cast<int>(sizeof rings)) {
  }
}

void RegisterWaker(Napi::Object exports, Environment& environment) {
  Export<Wake>(exports, environment, "wakerWake");
}

}  // namespace iomux
