// A reactor that listens for a signal of the process.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>

#include "waker.h"

namespace iomux {

// Counts what is delivered of one signal, and wakes. Signals belong to the process: any thread may listen,
// and whoever listens is told. The last that ceases to listen has the disposition restored that was there
// before.
class SignalListener {
 public:
  // `count` is over a SharedArrayBuffer of one word, which the handler adds to.
  SignalListener(int signal, Napi::Int32Array count, const Waker& waker);
  ~SignalListener();
  SignalListener(const SignalListener&) = delete;
  SignalListener& operator=(const SignalListener&) = delete;

  // 0 or -errno.
  int Listen();
  // Where somebody else may have taken the signal over. 0 or -errno.
  int ListenAgain();
  // In the context of the signal: nothing here locks or allocates.
  void Deliver();

 private:
  const int signal_;
  Napi::Reference<Napi::Int32Array> array_;  // holds the memory that count_ points into
  std::atomic<int32_t>* const count_;
  const Bell bell_;
  bool listening_ = false;
};

}  // namespace iomux
