// The host that is one uv_poll_t on the set's own descriptor, and never on a user's: closing that under libuv
// would abort the process.
#include <dlfcn.h>
#include <uv.h>

#if defined(__linux__)
#include <sys/epoll.h>
#endif

#include <cerrno>

#include "host.h"
#include "wait-set.h"

namespace iomux {
namespace {

// libuv's functions, looked up at run time: where there are none the addon still loads, and a thread hosts.
struct Uv {
  decltype(&uv_poll_init) poll_init;
  decltype(&uv_poll_start) poll_start;
  decltype(&uv_poll_stop) poll_stop;
  decltype(&uv_ref) ref;
  decltype(&uv_unref) unref;
  decltype(&uv_close) close;
  decltype(&uv_backend_fd) backend_fd;

  bool Find() {
    return Find("uv_poll_init", &poll_init) && Find("uv_poll_start", &poll_start) &&
           Find("uv_poll_stop", &poll_stop) && Find("uv_ref", &ref) && Find("uv_unref", &unref) &&
           Find("uv_close", &close) && Find("uv_backend_fd", &backend_fd);
  }

 private:
  template <typename Function>
  static bool Find(const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
    return *function != nullptr;
  }
};

class UvHost final : public Host {
 public:
  UvHost(napi_env env, WaitSet& set, Napi::Function turn, const Uv& uv) : Host(env, set, turn), uv_(uv) {}

  // 0, or -errno: then nothing has happened but that it must be deleted.
  int Open() {
    uv_loop_s* loop = nullptr;
    if (napi_get_uv_event_loop(env(), &loop) != napi_ok) return -ENOSYS;
    // The timer is opened now: later, out of descriptors, is when deadlines are needed.
    int status = set()->SetTimer(-1);
    // libuv tries the descriptor, and may not watch a set that watches its loop.
    if (status == 0) status = set()->WatchInterrupt(false);
    if (status == 0) status = uv_.poll_init(loop, &poll_, set()->descriptor());
    set()->WatchInterrupt(true);
    if (status < 0) return status;
    poll_.data = this;
    uv_.unref(Handle());
    // A worker that ends with a handle open aborts the process. The end of the environment waits for this
    // hook.
    napi_add_async_cleanup_hook(
        env(),
        [](napi_async_cleanup_hook_handle, void* data) { static_cast<UvHost*>(data)->EnvironmentEnds(); },
        this, &hook_);
    return 0;
  }

  void Discard() { delete this; }

  int SetDeadline(double milliseconds) override { return set()->SetTimer(milliseconds); }

  void Reference(bool on) override { on ? uv_.ref(Handle()) : uv_.unref(Handle()); }

  // libuv believes that it watches the object that was behind the descriptor.
  void Changed() override {
    if (!started()) return;
    uv_.poll_stop(&poll_);
    Watch();
  }

 protected:
  int Watch() override {
    int status = uv_.poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
      static_cast<UvHost*>(poll->data)->TakeTurns();
    });
    if (status == 0) status = Enter();
    if (status < 0) uv_.poll_stop(&poll_);
    return status;
  }

  void Unwatch() override { uv_.poll_stop(&poll_); }

  void Destroy() override {
    if (closing_) return;
    closing_ = true;
    uv_.close(Handle(), [](uv_handle_t* handle) {
      auto* host = static_cast<UvHost*>(handle->data);
      const napi_async_cleanup_hook_handle hook = host->hook_;
      delete host;
      // Last: the environment may be gone right after.
      if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
    });
  }

 private:
  void TakeTurns() {
    Napi::HandleScope scope(env());
    for (int turns = 0; turns < kTurns; turns++) {
      if (TakeTurn() != Outcome::kAgain) return;
    }
    Yield();
  }

  // libuv adds a descriptor only when it waits, and aborts where the kernel refuses: because the sets watch
  // each other in a circle (a worker's watch its loop), or too many of them (ELOOP). So it is added here,
  // where that is an error; libuv finds it there, and whoever closes a circle later is refused.
  int Enter() {
#if defined(__linux__)
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = set()->descriptor();
    const int loop = uv_.backend_fd(poll_.loop);
    if (epoll_ctl(loop, EPOLL_CTL_ADD, event.data.fd, &event) < 0 && errno != EEXIST) return -errno;
#endif
    return 0;
  }

  uv_handle_t* Handle() { return reinterpret_cast<uv_handle_t*>(&poll_); }

  void EnvironmentEnds() {
    if (WaitSet* owner = set()) owner->set_host(nullptr);
    Close();
  }

  const Uv uv_;
  uv_poll_t poll_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool closing_ = false;
};

}  // namespace

Host* NewUvHost(napi_env env, WaitSet& set, Napi::Function turn, int* status) {
  Uv uv;
  if (!uv.Find()) {
    *status = -ENOSYS;
    return nullptr;
  }
  auto* host = new UvHost(env, set, turn, uv);
  *status = host->Open();
  if (*status == 0) return host;
  host->Discard();
  return nullptr;
}

}  // namespace iomux
