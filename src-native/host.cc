// What both hosts share, and their functions for JavaScript; see host.h.
#include "host.h"

#include <cerrno>

#include "arguments.h"
#include "environment.h"
#include "wait-set.h"

namespace iomux {
namespace {

// What a callback threw goes to the process's 'uncaughtException'. False where nothing was thrown: then
// JavaScript may no longer run.
bool RouteException(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  napi_value exception = nullptr;
  if (!pending || napi_get_and_clear_last_exception(env, &exception) != napi_ok) return false;
  return napi_fatal_exception(env, exception) == napi_ok;
}

Host* Find(const Environment& environment, int id) {
  const WaitSet* set = environment.Find(id);
  return set == nullptr ? nullptr : set->host();
}

// hostOpen(id, thread, turn) → 0; -ENOSYS where libuv cannot be had, or the set has no descriptor for it
int Open(Environment& environment, int id, int thread, Napi::Function turn) {
  WaitSet* set = environment.Find(id);
  if (set == nullptr) return -EBADF;
  if (Host* present = set->host()) {
    if (thread == 0 || present->started()) return -EEXIST;
    set->set_host(nullptr);
    present->Close();
  }
  int status = -ENOSYS;
  Host* host = thread != 0              ? NewThreadHost(environment.env(), *set, turn, &status)
               : set->descriptor() >= 0 ? NewUvHost(environment.env(), *set, turn, &status)
                                        : nullptr;
  if (host == nullptr) return status;
  set->set_host(host);
  return 0;
}

// hostStart(id) → 0
int Start(Environment& environment, int id) {
  Host* host = Find(environment, id);
  return host == nullptr ? -EBADF : host->Start();
}

// hostStop(id) → 0
int Stop(Environment& environment, int id) {
  Host* host = Find(environment, id);
  if (host == nullptr) return -EBADF;
  host->Stop();
  return 0;
}

// hostDeadline(id, milliseconds) → 0. Negative: none.
int SetDeadline(Environment& environment, int id, double milliseconds) {
  Host* host = Find(environment, id);
  if (host == nullptr) return -EBADF;
  return host->SetDeadline(milliseconds);
}

// hostReference(id, on) → 0
int Reference(Environment& environment, int id, int on) {
  Host* host = Find(environment, id);
  if (host == nullptr) return -EBADF;
  host->Reference(on != 0);
  return 0;
}

// uncaught(error): the process's 'uncaughtException', at once
void Uncaught(Environment& environment, napi_value error) { napi_fatal_exception(environment.env(), error); }

}  // namespace

Host::Host(napi_env env, WaitSet& set, Napi::Function turn)
    : env_(env), set_(&set), turn_(Napi::Persistent(turn)) {
  napi_value name = nullptr;
  napi_create_string_utf8(env, "iomux.Host", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, nullptr, name, &context_);
}

Host::~Host() {
  Napi::HandleScope scope(env_);
  napi_async_destroy(env_, context_);
}

int Host::Start() {
  if (started_) return 0;
  // Node's loop may not watch a set that watches Node's loop.
  int status = set_->WatchInterrupt(false);
  if (status == 0) status = Watch();
  if (status < 0) {
    set_->WatchInterrupt(true);
    return status;
  }
  started_ = true;
  Rest();
  return 0;
}

void Host::Stop() {
  if (!started_) return;
  started_ = false;
  Unwatch();
  set_->waker().Pause();
  resting_ = false;
  set_->WatchInterrupt(true);
}

void Host::Close() {
  Stop();
  set_ = nullptr;
  Destroy();
}

// From now on a wake rings. One that came before is due.
void Host::Rest() {
  resting_ = true;
  if (!set_->waker().Begin(true)) set_->waker().Ring();
}

Host::Outcome Host::TakeTurn() {
  if (!started_) return Outcome::kStopped;
  resting_ = false;
  const Answer answer = Ask();
  if (!started_) return Outcome::kStopped;  // by the turn
  if (answer == Answer::kDead) {
    Stop();
    return Outcome::kStopped;
  }
  if (answer == Answer::kAgain || !set_->waker().Begin(true)) return Outcome::kAgain;
  resting_ = true;
  return Outcome::kResting;
}

void Host::Yield() {
  Rest();
  set_->waker().Ring();
}

Host::Answer Host::Ask() {
  const napi_value turn = turn_.Value();
  napi_value result = nullptr;
  // The receiver must be an object; the turn looks at none.
  if (napi_make_callback(env_, context_, turn, turn, 0, nullptr, &result) != napi_ok) {
    return RouteException(env_) ? Answer::kAgain : Answer::kDead;
  }
  bool again = false;
  napi_get_value_bool(env_, result, &again);
  return again ? Answer::kAgain : Answer::kNothing;
}

void RegisterHost(Napi::Object exports, Environment& environment) {
  Export<Open>(exports, environment, "hostOpen");
  Export<Start>(exports, environment, "hostStart");
  Export<Stop>(exports, environment, "hostStop");
  Export<SetDeadline>(exports, environment, "hostDeadline");
  Export<Reference>(exports, environment, "hostReference");
  Export<Uncaught>(exports, environment, "uncaught");
}

}  // namespace iomux
