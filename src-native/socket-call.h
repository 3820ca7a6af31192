// The numbers of recv and send, the two calls that are made for every message, in memory that both sides
// share: as arguments and results each would be converted by a call into Node.
#pragma once

#include <napi.h>

namespace iomux {

class SocketCall {
 public:
  struct Words {
    int32_t fd;
    uint32_t offset;
    uint32_t length;
    int32_t flags;
    int32_t result;
  };

  Words& words() { return *words_; }

  // An Int32Array over the words, which live from now on. Over a SharedArrayBuffer, because its memory can
  // neither be moved away nor freed while the array is held.
  Napi::Value Share(Napi::Env env) {
    const Napi::Function shared = env.Global().Get("SharedArrayBuffer").As<Napi::Function>();
    const Napi::Value buffer = shared.New({Napi::Number::New(env, sizeof(Words))});
    const Napi::Object array = env.Global().Get("Int32Array").As<Napi::Function>().New({buffer});
    array_ = Napi::Persistent(array);
    words_ = reinterpret_cast<Words*>(array.As<Napi::Int32Array>().Data());
    return array;
  }

 private:
  Words* words_ = nullptr;
  Napi::ObjectReference array_;
};

}  // namespace iomux
