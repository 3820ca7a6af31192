// Memory that JavaScript lends.
#pragma once

#include <cstddef>
#include <cstdint>

namespace iomux {

// The bytes of a caller's Uint8Array. Valid during the call only: JavaScript may detach or collect the array
// later.
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

}  // namespace iomux
