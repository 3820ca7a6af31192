// Lets Node's loop wait for a set, in place of the thread.
#pragma once

#include <napi.h>

#include "timeout.h"

namespace iomux {

class WaitSet;

// Calls a JavaScript function, the turn, when there is something to do: the set has something to report, a
// wake came, the deadline has passed, or the turn before asked for another. It harvests with a wait of no
// time. A host belongs to its set, and frees itself when what it has at Node is gone.
class Host {
 public:
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Begins to wait. 0 or -errno.
  int Start();
  // Waits no more; Start begins anew.
  void Stop();
  // Ends for good, and frees itself, now or later. The set may be destroyed afterwards.
  void Close();

  // Has the turn called then, once. Negative: never. 0 or -errno.
  virtual int SetDeadline(double milliseconds) = 0;
  // Whether waiting keeps the process alive. At first it does not.
  virtual void Reference(bool on) = 0;
  // What is behind the set's descriptor has changed; of a set that has none, its registrations have.
  virtual void Changed() = 0;

  bool started() const { return started_; }
  // Whether it waits at this moment: a wake must ring.
  bool resting() const { return resting_; }

 protected:
  Host(napi_env env, WaitSet& set, Napi::Function turn);
  virtual ~Host();

  // Begins and ends waiting, in whatever way.
  virtual int Watch() = 0;
  virtual void Unwatch() = 0;
  // Takes back what is Node's, and deletes this.
  virtual void Destroy() = 0;

  // Turns in a row before the loop goes on: a turn that follows at once spares a pass through libuv, but a
  // storm must not keep Node's timers from running.
  static constexpr int kTurns = 16;

  enum class Outcome { kAgain, kResting, kStopped };

  // Calls the turn once. The caller opens a scope for handles, one for many turns.
  Outcome TakeTurn();
  // There is more, but the others of the loop want to live, too: waits, and is called at once.
  void Yield();

  // Outlives the Environment, which is gone before the last of a host is.
  napi_env env() const { return env_; }
  WaitSet* set() const { return set_; }

 private:
  enum class Answer { kAgain, kNothing, kDead };

  Answer Ask();
  void Rest();

  const napi_env env_;
  WaitSet* set_;  // null once it is closed
  Napi::FunctionReference turn_;
  napi_async_context context_ = nullptr;
  bool started_ = false;
  bool resting_ = false;
};

// On a uv_poll_t over the set's own descriptor. Null where libuv's functions are not to be had.
Host* NewUvHost(napi_env env, WaitSet& set, Napi::Function turn, int* status);
// On a thread that polls what the set watches.
Host* NewThreadHost(napi_env env, WaitSet& set, Napi::Function turn, int* status);

}  // namespace iomux
