// Registers what each file of the addon exports; nothing else.
#include <napi.h>

#include "environment.h"

namespace iomux {

using Registration = void(Napi::Object exports, Environment& environment);

Registration RegisterAddress, RegisterConstants, RegisterDescriptor, RegisterHost, RegisterMailbox,
    RegisterMessage, RegisterOptions, RegisterPoll, RegisterSelect, RegisterSignals, RegisterSocket,
    RegisterWaitSet, RegisterWaker;
#if defined(IOMUX_EPOLL)
Registration RegisterEpoll;
#endif
#if defined(IOMUX_KQUEUE)
Registration RegisterKqueue;
#endif

namespace {

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  Environment& environment = Environment::Create(env);
  RegisterAddress(exports, environment);
  RegisterConstants(exports, environment);
  RegisterDescriptor(exports, environment);
  RegisterHost(exports, environment);
  RegisterMailbox(exports, environment);
  RegisterMessage(exports, environment);
  RegisterOptions(exports, environment);
  RegisterPoll(exports, environment);
  RegisterSelect(exports, environment);
  RegisterSignals(exports, environment);
  RegisterSocket(exports, environment);
  RegisterWaitSet(exports, environment);
  RegisterWaker(exports, environment);
#if defined(IOMUX_EPOLL)
  RegisterEpoll(exports, environment);
#endif
#if defined(IOMUX_KQUEUE)
  RegisterKqueue(exports, environment);
#endif
  return exports;
}

}  // namespace
}  // namespace iomux

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) { return iomux::Register(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Initialize)
