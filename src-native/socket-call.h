// What recv and send, the two calls that are made for every message, need not be given as arguments: their
// numbers, in memory that both sides share, each of which would be converted by a call into Node; and the
// memory that the one before had.
#pragma once

#include <napi.h>

#include "views.h"

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

  // The memory that was received into last, or sent from, which outlives the call. JavaScript asks for a call
  // with it again while its memory(), which keeps it alive, names it and it has not been moved away.
  enum Direction { kReceive, kSend };
  Bytes& last(Direction direction) { return last_[direction]; }

  // { received, sent }: as JavaScript knows that memory, and nothing at first. One object beside the one
  // last(), however many times the JavaScript was loaded in a thread.
  static Napi::Value Memory(Napi::Env env) {
    const Napi::Object memory = Napi::Object::New(env);
    memory["received"] = env.Null();
    memory["sent"] = env.Null();
    return memory;
  }

  // An Int32Array over the words, which live from now on. Over a SharedArrayBuffer, because its memory can
  // neither be moved away nor freed while the array is held.
  // Undefined where the environment is being stopped: no call into JavaScript succeeds then.
  Napi::Value Share(Napi::Env env) {
    const Napi::Value shared = New(env, "SharedArrayBuffer", Napi::Number::New(env, sizeof(Words)));
    const Napi::Value array = New(env, "Int32Array", shared);
    if (!array.IsTypedArray()) return env.Undefined();
    array_ = Napi::Persistent(array.As<Napi::Object>());
    words_ = reinterpret_cast<Words*>(array.As<Napi::Int32Array>().Data());
    return array;
  }

 private:
  static Napi::Value New(Napi::Env env, const char* name, Napi::Value argument) {
    napi_value global = nullptr, constructor = nullptr, result = nullptr;
    napi_get_global(env, &global);
    if (argument.IsEmpty() || napi_get_named_property(env, global, name, &constructor) != napi_ok) return {};
    const napi_value arguments[] = {argument};
    if (napi_new_instance(env, constructor, 1, arguments, &result) != napi_ok) return {};
    return {env, result};
  }

  Words* words_ = nullptr;
  Bytes last_[2];
  Napi::ObjectReference array_;
};

}  // namespace iomux
