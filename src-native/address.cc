// sockaddr ↔ JavaScript. Every function returns 0 or -errno, but decodeName, which returns an object.
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>

namespace iomux {
namespace {

constexpr socklen_t kPathOffset = offsetof(sockaddr_un, sun_path);

// encodeInet(into, family, host, port, flowinfo, scope) → 0; -EINVAL where `host` is no address of that
// family
int EncodeInet(Environment&, Bytes into, int family, std::string host, int port, uint32_t flowinfo,
               uint32_t scope) {
  if (into.length < sizeof(Name)) return -ENOBUFS;
  Name name{};
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&name.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(static_cast<uint16_t>(port));
    if (inet_pton(AF_INET, host.c_str(), &in->sin_addr) != 1) return -EINVAL;
    name.length = sizeof *in;
  } else if (family == AF_INET6) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&name.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(static_cast<uint16_t>(port));
    in6->sin6_flowinfo = htonl(flowinfo);
    in6->sin6_scope_id = scope;
    if (inet_pton(AF_INET6, host.c_str(), &in6->sin6_addr) != 1) return -EINVAL;
    name.length = sizeof *in6;
  } else {
    return -EAFNOSUPPORT;
  }
  WriteName(name, into);
  return 0;
}

// encodeUnix(into, path) → 0; -ENAMETOOLONG. An empty path binds to a free abstract name (Linux).
int EncodeUnix(Environment&, Bytes into, Bytes path) {
  if (into.length < sizeof(Name)) return -ENOBUFS;
  Name name{};
  auto* un = reinterpret_cast<sockaddr_un*>(&name.storage);
  if (path.length > sizeof un->sun_path) return -ENAMETOOLONG;
  un->sun_family = AF_UNIX;
  if (path.length > 0) std::memcpy(un->sun_path, path.data, path.length);
  // An abstract name is as long as it is said to be. A path ends with a NUL where there is room for one.
  const bool terminated = path.length > 0 && path.data[0] != 0 && path.length < sizeof un->sun_path;
  name.length = kPathOffset + static_cast<socklen_t>(path.length) + (terminated ? 1 : 0);
  WriteName(name, into);
  return 0;
}

Napi::Value DecodeInet(Napi::Env env, int family, const void* bytes, uint16_t port) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family, bytes, text, sizeof text);
  Napi::Object address = Napi::Object::New(env);
  address["address"] = text;
  address["port"] = ntohs(port);
  address["family"] = family == AF_INET ? "IPv4" : "IPv6";
  return address;
}

// decodeName(names, index) → { address, port, family, flowinfo?, scopeId? } | { path: Buffer } | null
Napi::Value DecodeName(Environment& environment, Bytes names, uint32_t index) {
  const Napi::Env env = environment.env();
  Bytes bytes;
  Name name;
  if (!names.Slice(index * sizeof(Name), sizeof(Name), &bytes) || !ReadName(bytes, &name) ||
      name.length < sizeof name.storage.ss_family) {
    return env.Null();
  }
  switch (name.storage.ss_family) {
    case AF_INET: {
      const auto* in = reinterpret_cast<const sockaddr_in*>(&name.storage);
      return DecodeInet(env, AF_INET, &in->sin_addr, in->sin_port);
    }
    case AF_INET6: {
      const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&name.storage);
      Napi::Object address = DecodeInet(env, AF_INET6, &in6->sin6_addr, in6->sin6_port).As<Napi::Object>();
      if (in6->sin6_flowinfo != 0) address["flowinfo"] = ntohl(in6->sin6_flowinfo);
      if (in6->sin6_scope_id != 0) address["scopeId"] = in6->sin6_scope_id;
      return address;
    }
    case AF_UNIX: {
      const auto* un = reinterpret_cast<const sockaddr_un*>(&name.storage);
      // Linux counts a terminating NUL that may lie one byte behind sun_path.
      size_t length = name.length > kPathOffset ? name.length - kPathOffset : 0;
      if (length > 0 && un->sun_path[0] != 0) length = strnlen(un->sun_path, length);
      Napi::Object address = Napi::Object::New(env);
      address["path"] = Napi::Buffer<char>::Copy(env, un->sun_path, length);
      return address;
    }
    default:
      return env.Null();
  }
}

// interfaceIndex(name) → index of a network interface, for an IPv6 scope
int InterfaceIndex(Environment&, std::string name) {
  const unsigned index = if_nametoindex(name.c_str());
  return index == 0 ? -ENODEV : static_cast<int>(index);
}

// nameSize() → bytes of a name
int NameSize(Environment&) { return sizeof(Name); }

}  // namespace

void RegisterAddress(Napi::Object exports, Environment& environment) {
  Export<EncodeInet>(exports, environment, "encodeInet");
  Export<EncodeUnix>(exports, environment, "encodeUnix");
  Export<DecodeName>(exports, environment, "decodeName");
  Export<InterfaceIndex>(exports, environment, "interfaceIndex");
  Export<NameSize>(exports, environment, "nameSize");
}

}  // namespace iomux
