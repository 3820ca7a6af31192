// sigaction(2): the one disposition that the process has for a signal, shared by those who listen. Every
// function returns 0 or -errno.
#include "signals.h"

#include <cerrno>
#include <csignal>
#include <mutex>
#include <thread>

#include "arguments.h"
#include "environment.h"
#include "wait-set.h"

namespace iomux {
namespace {

constexpr int kSignals = 65;  // NSIG of every supported system, or more
constexpr size_t kListeners = 64;

// What the process knows of one signal. A handler may look at any time, on any thread.
struct Disposition {
  std::atomic<SignalListener*> listeners[kListeners]{};
  struct sigaction previous {};
  size_t count = 0;
};

// The process's, not an environment's: there is one disposition for all threads. A handler can reach nothing
// but what is static.
Disposition dispositions[kSignals];
std::mutex mutex;  // over who listens; no handler takes it
// Handlers that may hold a pointer to a listener.
std::atomic<int> handling{0};
static_assert(std::atomic<SignalListener*>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

// Whether a handler that was there before is to be told as well: one that listens, as libuv's for
// process.on(). Not one that is there to end the process, which Node installs for once; nor the one that
// opens the inspector.
bool IsListener(int signal, const struct sigaction& action) {
  return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN &&
         (action.sa_flags & SA_RESETHAND) == 0 && signal != SIGUSR1;
}

void Handle(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  Disposition& disposition = dispositions[signal];
  handling.fetch_add(1);
  for (auto& slot : disposition.listeners) {
    if (SignalListener* listener = slot.load()) listener->Deliver();
  }
  const struct sigaction previous = disposition.previous;
  handling.fetch_sub(1);
  if (IsListener(signal, previous)) {
    if (previous.sa_flags & SA_SIGINFO) {
      previous.sa_sigaction(signal, info, context);
    } else {
      previous.sa_handler(signal);
    }
  }
  errno = error;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == Handle;
}

// Makes our handler that of the process, unless it is. Under the mutex. 0 or -errno.
int Install(int signal) {
  struct sigaction current {};
  if (sigaction(signal, nullptr, &current) < 0) return -errno;
  if (IsOurs(current)) return 0;
  // A handler of ours that runs may be reading what was there before.
  while (handling.load() > 0) std::this_thread::yield();
  dispositions[signal].previous = current;
  struct sigaction action {};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  return sigaction(signal, &action, nullptr) < 0 ? -errno : 0;
}

// signalListen(id, signal, count) → 0. Again, where somebody else may have taken the signal over.
int Listen(Environment& environment, int id, int signal, Napi::Int32Array count) {
  WaitSet* set = environment.Find(id);
  if (set == nullptr) return -EBADF;
  if (signal <= 0 || signal >= kSignals || !IsShared(count, 1)) return -EINVAL;
  return set->Listen(signal, count);
}

// signalIgnore(id, signal) → 0
int Ignore(Environment& environment, int id, int signal) {
  WaitSet* set = environment.Find(id);
  if (set == nullptr) return -EBADF;
  set->Ignore(signal);
  return 0;
}

}  // namespace

SignalListener::SignalListener(int signal, Napi::Int32Array count, const Waker& waker)
    : signal_(signal),
      array_(Napi::Persistent(count)),
      count_(reinterpret_cast<std::atomic<int32_t>*>(count.Data())),
      bell_(waker.bell_for_others()) {}

SignalListener::~SignalListener() {
  if (!listening_) return;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    Disposition& disposition = dispositions[signal_];
    for (auto& slot : disposition.listeners) {
      if (slot.load() == this) slot.store(nullptr);
    }
    if (--disposition.count == 0) {
      // Unless somebody else has taken the signal over since.
      struct sigaction current {};
      if (sigaction(signal_, nullptr, &current) == 0 && IsOurs(current)) {
        sigaction(signal_, &disposition.previous, nullptr);
      }
    }
  }
  // A handler that saw this listener on another thread is done within microseconds: it never blocks.
  while (handling.load() > 0) std::this_thread::yield();
}

int SignalListener::Listen() {
  const std::lock_guard<std::mutex> lock(mutex);
  Disposition& disposition = dispositions[signal_];
  std::atomic<SignalListener*>* free = nullptr;
  for (auto& slot : disposition.listeners) {
    if (slot.load() == nullptr) free = &slot;
  }
  if (free == nullptr) return -ENOSPC;
  const int status = Install(signal_);
  if (status < 0) return status;
  free->store(this);
  disposition.count++;
  listening_ = true;
  return 0;
}

int SignalListener::ListenAgain() {
  const std::lock_guard<std::mutex> lock(mutex);
  return Install(signal_);
}

void SignalListener::Deliver() {
  count_->fetch_add(1);
  bell_.Wake();
}

void RegisterSignals(Napi::Object exports, Environment& environment) {
  Export<Listen>(exports, environment, "signalListen");
  Export<Ignore>(exports, environment, "signalIgnore");
}

}  // namespace iomux
