// kqueue(2): macOS, the BSDs, and Linux over libkqueue. Every function returns a count or a descriptor, or
// -errno.
#include <algorithm>
#include <cerrno>
#include <vector>

#include "arguments.h"
#include "kqueue-set.h"
#include "poll.h"
#include "timeout.h"

namespace iomux {
namespace {

// A kevent as JavaScript sees it: six numbers.
enum : size_t { kIdent, kFilter, kFlags, kFflags, kData, kUdata, kFields };

// kqueueCreate() → kq
int KqueueCreate(Environment& environment) { return environment.Own(OpenKqueue()); }

// kqueueControl(kq, changes, results, milliseconds) → count of records
int KqueueControl(Environment& environment, int kq, Doubles changes, Doubles results, double milliseconds) {
  std::vector<struct kevent> submitted(changes.length / kFields), events(results.length / kFields);
  for (size_t i = 0; i < submitted.size(); i++) {
    const double* record = changes.data + i * kFields;
    EV_SET(&submitted[i], static_cast<uintptr_t>(static_cast<int64_t>(record[kIdent])),
           static_cast<short>(record[kFilter]), static_cast<unsigned short>(record[kFlags]),
           static_cast<unsigned>(record[kFflags]), static_cast<intptr_t>(record[kData]),
           reinterpret_cast<void*>(static_cast<uintptr_t>(static_cast<int64_t>(record[kUdata]))));
  }
  const Deadline deadline(environment.stopped() ? 0 : milliseconds);
  const bool interruptible = environment.interrupt() >= 0;
  int count;
  int pending = static_cast<int>(submitted.size());
  for (;;) {
    timespec storage;
    const timespec* remaining = deadline.Remaining(&storage);
    // poll(2) does not see every kqueue, so an interruptible wait looks up from the kernel in between.
    const timespec slice = {0, 50'000'000};
    if (interruptible &&
        (remaining == nullptr || remaining->tv_sec > 0 || remaining->tv_nsec > slice.tv_nsec)) {
      remaining = &slice;
    }
    count = kevent(kq, submitted.data(), pending, events.data(), static_cast<int>(events.size()), remaining);
    if (count < 0 && errno != EINTR) return -errno;
    pending = 0;  // EINTR comes after the changes were applied
    if (count > 0 || events.empty() || deadline.Expired()) break;
    if (interruptible) {
      AwaitReadable(environment, -1, Deadline(0));
      if (environment.stopped()) break;
    }
  }
  for (int i = 0; i < count; i++) {
    double* record = results.data + i * kFields;
    record[kIdent] = static_cast<double>(events[i].ident);
    record[kFilter] = events[i].filter;
    record[kFlags] = events[i].flags;
    record[kFflags] = events[i].fflags;
    record[kData] = static_cast<double>(events[i].data);
    record[kUdata] = static_cast<double>(reinterpret_cast<intptr_t>(events[i].udata));
  }
  return std::max(count, 0);
}

// kqueueOpen(shared) → id of a wait set
int KqueueOpen(Environment& environment, Napi::Int32Array shared) {
  return OpenSet<KqueueSet>(environment, shared);
}

// kqueueDescriptor(id) → kq
int KqueueDescriptor(Environment& environment, int id) {
  const KqueueSet* set = FindSet<KqueueSet>(environment, id);
  return set == nullptr ? -EBADF : set->descriptor();
}

// kqueueCheck(id, fd, muted) → 0, or -ENOENT
int KqueueCheck(Environment& environment, int id, int fd, int muted) {
  KqueueSet* set = FindSet<KqueueSet>(environment, id);
  return set == nullptr ? -EBADF : set->Check(fd, muted != 0);
}

}  // namespace

void RegisterKqueue(Napi::Object exports, Environment& environment) {
  Export<KqueueCreate>(exports, environment, "kqueueCreate");
  Export<KqueueControl>(exports, environment, "kqueueControl");
  Export<KqueueOpen>(exports, environment, "kqueueOpen");
  Export<KqueueDescriptor>(exports, environment, "kqueueDescriptor");
  Export<KqueueCheck>(exports, environment, "kqueueCheck");
}

}  // namespace iomux
