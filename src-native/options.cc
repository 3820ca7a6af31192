// getsockopt(2) and setsockopt(2). Every function returns a length or 0, or -errno.
#include <sys/socket.h>

#include "arguments.h"

namespace iomux {
namespace {

// optionSet(fd, level, name, value) → 0
int Set(Environment&, int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

// optionSetBytes(fd, level, name, value) → 0
int SetBytes(Environment&, int fd, int level, int name, Bytes value) {
  return setsockopt(fd, level, name, value.data, static_cast<socklen_t>(value.length)) < 0 ? -errno : 0;
}

// optionGet(fd, level, name, into) → 0; the value may be negative, so it goes into into[0]
int Get(Environment&, int fd, int level, int name, Words into) {
  if (into.length < 1) return -EINVAL;
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(fd, level, name, &value, &length) < 0) return -errno;
  // Some options of the BSDs are a single byte.
  into.data[0] = length == 1 ? *reinterpret_cast<unsigned char*>(&value) : value;
  return 0;
}

// optionGetBytes(fd, level, name, into) → length
int GetBytes(Environment&, int fd, int level, int name, Bytes into) {
  auto length = static_cast<socklen_t>(into.length);
  if (getsockopt(fd, level, name, into.data, &length) < 0) return -errno;
  return static_cast<int>(length);
}

}  // namespace

void RegisterOptions(Napi::Object exports, Environment& environment) {
  Export<Set>(exports, environment, "optionSet");
  Export<SetBytes>(exports, environment, "optionSetBytes");
  Export<Get>(exports, environment, "optionGet");
  Export<GetBytes>(exports, environment, "optionGetBytes");
}

}  // namespace iomux
