// What a call sees of its caller's memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace iomux {

// The bytes of a caller's Uint8Array. Valid during the call only, but for those of SocketCall::last():
// JavaScript may detach or collect the array later.
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;

  // The part of `size` bytes at `offset`; false where it reaches beyond the array.
  bool Slice(size_t offset, size_t size, Bytes* part) const {
    if (offset > length || size > length - offset) return false;
    *part = {data + offset, size};
    return true;
  }
};

// The bytes of a caller's ArrayBuffer: for the calls that are made most, because it is asked for less than an
// array.
struct Memory : Bytes {};

// The elements of a caller's Int32Array, under the same rule.
struct Words {
  int32_t* data = nullptr;
  size_t length = 0;
};

// The elements of a caller's Float64Array, under the same rule.
struct Doubles {
  double* data = nullptr;
  size_t length = 0;
};

}  // namespace iomux
