// Socket addresses in the form in which JavaScript keeps them: bytes it does not look into.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>

#include "arguments.h"

namespace iomux {

// A sockaddr and its length. JavaScript holds them in Uint8Arrays of nativeNameSize bytes each, so that an
// address is parsed once, and a batch has one flat array of them. Length 0 stands for no address.
struct Name {
  socklen_t length;
  sockaddr_storage storage;

  sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Copies, because nothing promises that the caller's bytes are aligned. False where there are too few.
inline bool ReadName(Bytes from, Name* name) {
  if (from.length < sizeof(Name)) return false;
  std::memcpy(name, from.data, sizeof(Name));
  return name->length <= sizeof name->storage;
}
inline void WriteName(const Name& name, Bytes into) { std::memcpy(into.data, &name, sizeof(Name)); }

}  // namespace iomux
