// close(2) and fcntl(2), for descriptors of any kind. Every function returns 0 or -errno.
#include "descriptor.h"

#include <unistd.h>

#include "arguments.h"

namespace iomux {
namespace {

// descriptorClose(fd) → 0
int Close(Environment& environment, int fd) {
  environment.Disown(fd);
  // Not retried after EINTR: Linux has freed the number by then, and a second close could hit whoever got it
  // since.
  return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

// descriptorCheck(fd) → 0 where it is open
int Check(Environment&, int fd) { return IsOpen(fd) ? 0 : -errno; }

// descriptorOwn(fd) → 0: the environment closes it at its end
int Own(Environment& environment, int fd) {
  if (!IsOpen(fd)) return -errno;
  environment.Own(fd);
  return 0;
}

// descriptorDisown(fd) → 0: the environment no longer closes it at its end
int Disown(Environment& environment, int fd) {
  environment.Disown(fd);
  return 0;
}

}  // namespace

int OpenPipe(int ends[2]) {
#if defined(__linux__)
  return pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
#else
  if (pipe(ends) < 0) return -errno;
  SetFlags(ends[0]);
  SetFlags(ends[1]);
  return 0;
#endif
}

void RegisterDescriptor(Napi::Object exports, Environment& environment) {
  Export<Close>(exports, environment, "descriptorClose");
  Export<Check>(exports, environment, "descriptorCheck");
  Export<Own>(exports, environment, "descriptorOwn");
  Export<Disown>(exports, environment, "descriptorDisown");
}

}  // namespace iomux
