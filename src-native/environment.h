// What one Node environment (the main thread or a worker) owns: descriptors, wait sets, and the means to be
// stopped while one of them blocks. There is one per loaded addon and environment, and nothing of it is
// static.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "socket-call.h"
#include "timeout.h"

namespace iomux {

class WaitSet;

class Environment {
 public:
  Napi::Env env() const { return env_; }

  // Lives until Node tears the environment down; a clean-up hook deletes it.
  static Environment& Create(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Descriptors that are closed when the environment dies without having closed them: a terminated worker
  // runs no JavaScript any more that could.
  int Own(int fd);
  void Disown(int fd);

  SocketCall& socket_call() { return socket_call_; }

  // Wait sets are known to JavaScript by a small number, which costs less than unwrapping an object on each
  // wait. None is given twice: who has an old one must not reach another's set.
  int Add(std::unique_ptr<WaitSet> set);
  WaitSet* Find(int id) const {
    return id >= 0 && static_cast<size_t>(id) < sets_.size() ? sets_[id].get() : nullptr;
  }
  bool Remove(int id);

  // worker.terminate() can only end JavaScript that runs. So that a blocked wait hears of it, every wait of a
  // worker also watches the descriptor of the worker's libuv loop, which terminate() makes ready. Returns 0
  // or -errno; where libuv's symbols are missing nothing is watched.
  int Interruptible(Napi::Function probe);
  // Becomes readable when something is asked of the environment's loop; -1 where waits are not interruptible.
  int interrupt() const { return interrupt_; }
  // How long a wait may stay in the kernel at a stretch. libuv rings once for what it is asked through one
  // handle, until its loop has answered, and the loop of a blocked thread does not: after an interrupt that
  // was no stop, the stop itself may be silent. While the loop is unserved, a wait therefore comes back now
  // and then to ask.
  Deadline Stretch(const Deadline& deadline) const {
    return unserved_ ? deadline.Within(kStretch) : deadline;
  }
  // Whether a wait must end, asked each time it comes back from the kernel: `rang` where the interrupt was
  // ready, `idle` where nothing was reported. Waking alone is not enough: V8 honours a termination only at a
  // function's entry, and a bare loop around a native wait would block again. So once true it stays true, and
  // no wait blocks any more.
  bool EndsWait(bool rang, bool idle) { return (rang || (idle && unserved_)) && !TakeInterrupt(); }
  bool stopped() const { return stopped_; }

  // The fall-backs that an old kernel would force, forced for the tests by environment variables.
  bool pipe_waker() const { return pipe_waker_; }
  // Forgets epoll_pwait2 once the kernel said it has none, or a sandbox forbade it.
  bool pwait2() const { return pwait2_; }
  void ForgetPwait2() { pwait2_ = false; }

 private:
  explicit Environment(Napi::Env env);

  // Milliseconds: worker.terminate() is to return within 50.
  static constexpr double kStretch = 25;

  // Takes the interrupt. False where JavaScript may no longer run.
  bool TakeInterrupt();

  Napi::Env env_;
  std::vector<bool> owned_;
  std::vector<std::unique_ptr<WaitSet>> sets_;
  SocketCall socket_call_;
  int interrupt_ = -1;
  int loop_ = -1;  // the descriptor of the libuv loop, which stays readable while the loop is unserved
  bool unserved_ = false;
  Napi::FunctionReference probe_;
  bool stopped_ = false;
  bool pipe_waker_;
  bool pwait2_;
};

}  // namespace iomux
