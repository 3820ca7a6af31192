// The host that is a thread: where libuv is not to be had, and for sets that have no descriptor of their own.
//
// The thread touches neither the set nor JavaScript. It polls a copy of what the set watches, says that
// something is ready, and polls no more until that was dealt with: what is level-triggered would be ready for
// ever. What is ready the turn finds out by itself, with a wait of no time.
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <vector>

#include "descriptor.h"
#include "host.h"
#include "poll.h"
#include "timeout.h"
#include "wait-set.h"

namespace iomux {
namespace {

class ThreadHost final : public Host {
 public:
  ThreadHost(napi_env env, WaitSet& set, Napi::Function turn) : Host(env, set, turn) {}

  // 0, or -errno: then nothing has happened but that it must be deleted.
  int Open() {
    int ends[2];
    const int opened = OpenPipe(ends);
    if (opened < 0) return opened;
    listen_ = ends[0];
    call_ = ends[1];
    napi_value name = nullptr;
    napi_create_string_utf8(env(), "iomux.Host", NAPI_AUTO_LENGTH, &name);
    const auto turns = [](napi_env env, napi_value, void* context, void*) {
      // Without an environment the queue is merely emptied.
      if (env != nullptr) static_cast<ThreadHost*>(context)->TakeTurnOfMany();
    };
    const auto finalize = [](napi_env, void* data, void*) { delete static_cast<ThreadHost*>(data); };
    if (napi_create_threadsafe_function(env(), nullptr, nullptr, name, 0, 1, this, finalize, this, turns,
                                        &ready_) != napi_ok) {
      return -ENOMEM;
    }
    napi_unref_threadsafe_function(env(), ready_);
    // Added after the function's own hook, so that it runs before that.
    napi_add_env_cleanup_hook(env(), EnvironmentEnds, this);
    const auto run = [](void* host) -> void* {
      static_cast<ThreadHost*>(host)->Run();
      return nullptr;
    };
    running_ = pthread_create(&thread_, nullptr, run, this);
    return -running_;
  }

  // What could not be opened. Where Node has a part in it already, Node deletes it, soon.
  void Discard() { ready_ == nullptr ? delete this : Destroy(); }

  int SetDeadline(double milliseconds) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      deadline_ = Deadline(milliseconds);
    }
    if (resting()) Call();
    return 0;
  }

  void Reference(bool on) override {
    if (on) {
      napi_ref_threadsafe_function(env(), ready_);
    } else {
      napi_unref_threadsafe_function(env(), ready_);
    }
  }

  // While turns are taken the thread is at rest, and is handed a new copy afterwards.
  void Changed() override {
    if (resting()) Resume();
  }

 protected:
  int Watch() override {
    Resume();
    return 0;
  }

  void Unwatch() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      armed_ = false;
      wanted_.clear();
    }
    Call();
  }

  void Destroy() override {
    if (closed_) return;
    closed_ = true;
    napi_remove_env_cleanup_hook(env(), EnvironmentEnds, this);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    Call();
    if (running_ == 0) pthread_join(thread_, nullptr);
    // Deletes this, soon.
    napi_release_threadsafe_function(ready_, napi_tsfn_abort);
  }

 private:
  ~ThreadHost() override {
    if (listen_ < 0) return;
    close(listen_);
    close(call_);
  }

  // One turn for each call: Node runs ticks and promise reactions when such a call returns, and not before.
  void TakeTurnOfMany() {
    const Outcome outcome = TakeTurn();
    if (outcome == Outcome::kAgain && ++turns_ < kTurns) {
      napi_call_threadsafe_function(ready_, nullptr, napi_tsfn_nonblocking);
      return;
    }
    turns_ = 0;
    if (outcome == Outcome::kStopped) return;
    if (outcome == Outcome::kAgain) Yield();
    Resume();
  }

  // Hands the thread a copy of what is watched now.
  void Resume() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      wanted_.clear();
      set()->Watched(&wanted_);
      armed_ = true;
    }
    Call();
  }

  static void EnvironmentEnds(void* data) {
    auto* host = static_cast<ThreadHost*>(data);
    if (WaitSet* owner = host->set()) owner->set_host(nullptr);
    host->Close();
  }

  // Has the thread look at what it is to do.
  void Call() {
    if (called_.exchange(true)) return;
    const uint8_t byte = 0;
    Retry([&] { return write(call_, &byte, 1); });
  }

  void Listen() {
    uint8_t byte;
    Retry([&] { return read(listen_, &byte, 1); });
    called_.store(false);
  }

  void Run() {
    std::vector<pollfd> entries;
    for (;;) {
      Deadline deadline(-1);
      entries.assign(1, {listen_, POLLIN, 0});
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (ended_) return;
        if (armed_) {
          deadline = deadline_;
          entries.insert(entries.end(), wanted_.begin(), wanted_.end());
        }
      }
      const int ready = PollOnce(entries.data(), entries.size(), deadline);
      if (entries[0].revents != 0) {
        Listen();
        continue;
      }
      if (ready == -EINTR || ready == -EAGAIN) continue;  // a signal, or out of memory for a moment
      // Another error the turn meets as well, and reports.
      if (ready == 0 && !deadline.Expired()) continue;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!armed_) continue;
        armed_ = false;
        if (deadline_.Expired()) deadline_ = Deadline(-1);
      }
      napi_call_threadsafe_function(ready_, nullptr, napi_tsfn_nonblocking);
    }
  }

  napi_threadsafe_function ready_ = nullptr;
  int listen_ = -1;
  int call_ = -1;
  std::atomic<bool> called_{false};
  pthread_t thread_{};
  int running_ = -1;  // 0 where there is a thread
  bool closed_ = false;
  int turns_ = 0;  // in a row

  std::mutex mutex_;  // over what follows
  std::vector<pollfd> wanted_;
  Deadline deadline_{-1};
  bool armed_ = false;
  bool ended_ = false;
};

}  // namespace

Host* NewThreadHost(napi_env env, WaitSet& set, Napi::Function turn, int* status) {
  auto* host = new ThreadHost(env, set, turn);
  *status = host->Open();
  if (*status == 0) return host;
  host->Discard();
  return nullptr;
}

}  // namespace iomux
