// What one Node environment owns; see environment.h.
#include "environment.h"

#include <dlfcn.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "wait-set.h"

#if defined(__linux__)
#include <sys/epoll.h>
#else
#include <fcntl.h>
#include <sys/event.h>
#endif

namespace iomux {
namespace {

bool Forced(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] == '1';
}

// A descriptor that is readable from the time `fd` becomes ready until TakeReadiness: edge-triggered, because
// what makes Node's loop ready stays unserved while the thread blocks, and level-triggered it would end every
// wait.
int WatchEdge(int fd) {
#if defined(__linux__)
  const int watch = epoll_create1(EPOLL_CLOEXEC);
  if (watch < 0) return -errno;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (epoll_ctl(watch, EPOLL_CTL_ADD, fd, &event) < 0) {
    const int error = -errno;
    close(watch);
    return error;
  }
#else
  const int watch = kqueue();
  if (watch < 0) return -errno;
  fcntl(watch, F_SETFD, FD_CLOEXEC);
  struct kevent change;
  EV_SET(&change, fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, 0);
  if (kevent(watch, &change, 1, nullptr, 0, nullptr) < 0) {
    const int error = -errno;
    close(watch);
    return error;
  }
#endif
  return watch;
}

void TakeReadiness(int watch) {
#if defined(__linux__)
  epoll_event event;
  epoll_wait(watch, &event, 1, 0);
#else
  struct kevent event;
  const timespec at_once{};
  kevent(watch, nullptr, 0, &event, 1, &at_once);
#endif
}

}  // namespace

Environment& Environment::Create(Napi::Env env) {
  auto* environment = new Environment(env);
  napi_add_env_cleanup_hook(
      env, [](void* data) { delete static_cast<Environment*>(data); }, environment);
  return *environment;
}

Environment::Environment(Napi::Env env)
    : env_(env), pipe_waker_(Forced("IOMUX_PIPE_WAKER")), pwait2_(!Forced("IOMUX_NO_PWAIT2")) {}

Environment::~Environment() {
  for (const auto& set : sets_) {
    if (set != nullptr) set->Close();
  }
  sets_.clear();
  for (size_t fd = 0; fd < owned_.size(); fd++) {
    if (owned_[fd]) close(static_cast<int>(fd));
  }
  if (interrupt_ >= 0) close(interrupt_);
}

int Environment::Own(int fd) {
  if (fd < 0) return fd;
  if (static_cast<size_t>(fd) >= owned_.size()) owned_.resize(fd + 1);
  owned_[fd] = true;
  return fd;
}

void Environment::Disown(int fd) {
  if (fd >= 0 && static_cast<size_t>(fd) < owned_.size()) owned_[fd] = false;
}

int Environment::Add(std::unique_ptr<WaitSet> set) {
  sets_.push_back(std::move(set));
  return static_cast<int>(sets_.size() - 1);
}

bool Environment::Remove(int id) {
  if (Find(id) == nullptr) return false;
  sets_[id]->Close();
  sets_[id].reset();
  return true;
}

int Environment::Interruptible(Napi::Function probe) {
  if (interrupt_ >= 0) return 0;
  // Looked up at run time: an embedder that has no libuv still loads the addon, and does without.
  const auto backend_fd = reinterpret_cast<int (*)(const uv_loop_s*)>(dlsym(RTLD_DEFAULT, "uv_backend_fd"));
  uv_loop_s* loop = nullptr;
  if (backend_fd == nullptr || napi_get_uv_event_loop(env_, &loop) != napi_ok) return 0;
  const int watch = WatchEdge(backend_fd(loop));
  if (watch < 0) return watch;
  loop_ = backend_fd(loop);
  interrupt_ = watch;
  probe_ = Napi::Persistent(probe);
  return 0;
}

bool Environment::TakeInterrupt() {
  if (stopped_) return false;
  TakeReadiness(interrupt_);
  pollfd loop{loop_, POLLIN, 0};
  unserved_ = poll(&loop, 1, 0) > 0;
  // An empty function tells: once the environment is being stopped, no call into JavaScript succeeds.
  Napi::HandleScope scope(env_);
  napi_value receiver = nullptr;
  napi_get_undefined(env_, &receiver);
  if (napi_call_function(env_, receiver, probe_.Value(), 0, nullptr, nullptr) == napi_ok) return true;
  // An exception, as of an exhausted stack, is no end. The end leaves none.
  bool thrown = false;
  napi_is_exception_pending(env_, &thrown);
  napi_value exception = nullptr;
  if (thrown) napi_get_and_clear_last_exception(env_, &exception);
  stopped_ = !thrown;
  return thrown;
}

}  // namespace iomux
