// sendmsg(2) and recvmsg(2): datagrams with addresses, chunks, descriptors, credentials, batches. Every
// function returns a count, or -errno.
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <vector>

#include "address.h"
#include "arguments.h"
#include "descriptor.h"
#include "no-signal.h"
#include "system-call.h"
#include "timeout.h"

namespace iomux {
namespace {

#if !defined(MSG_CMSG_CLOEXEC)
#define MSG_CMSG_CLOEXEC 0
#endif

constexpr size_t kMostChunks = IOV_MAX;

// messageSendv(fd, chunks) → bytes. Beyond IOV_MAX chunks it is a partial send, like any other.
int Sendv(Environment&, int fd, Napi::Array chunks) {
  const size_t count = std::min<size_t>(chunks.Length(), kMostChunks);
  // Getting an element may run JavaScript, which may move the memory of another away: pointers are taken
  // after that.
  std::vector<napi_value> elements(count);
  for (size_t i = 0; i < count; i++) elements[i] = chunks.Get(static_cast<uint32_t>(i));
  std::vector<iovec> vectors(count);
  for (size_t i = 0; i < count; i++) {
    Bytes bytes;
    if (!ReadArgument(chunks.Env(), elements[i], &bytes)) return -EFAULT;
    vectors[i] = {bytes.data, bytes.length};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  return Retry([&] { return IOMUX_CALL(sendmsg, fd, &message, MSG_NOSIGNAL); });
}

// messageRecvFrom(fd, buffer, flags, name) → bytes
int RecvFrom(Environment&, int fd, Bytes buffer, int flags, Bytes into) {
  if (into.length < sizeof(Name)) return -ENOBUFS;
  Name name{};
  const int count = Retry([&] {
    name.length = sizeof name.storage;
    return IOMUX_CALL(recvfrom, fd, buffer.data, buffer.length, flags, name.address(), &name.length);
  });
  if (count >= 0) WriteName(name, into);
  return count;
}

// messageSendTo(fd, buffer, name, flags) → bytes
int SendTo(Environment&, int fd, Bytes buffer, Bytes bytes, int flags) {
  Name name;
  if (!ReadName(bytes, &name)) return -EINVAL;
  return Retry([&] {
    return IOMUX_CALL(sendto, fd, buffer.data, buffer.length, flags | MSG_NOSIGNAL, name.address(),
                      name.length);
  });
}

#if defined(__linux__)
constexpr int kPidfd = 4;  // SCM_PIDFD, which C libraries got late
#endif

// Where messageRecv leaves what came beside the bytes.
enum : size_t { kFlags, kDescriptors, kHasCredentials, kPid, kUid, kGid, kHeader };

// Takes descriptors and credentials out of a received message. Descriptors beyond `most` are closed, not
// leaked: alignment gives the kernel room for one more than was asked for.
void TakeControl(msghdr* message, size_t most, Words into) {
  for (cmsghdr* control = CMSG_FIRSTHDR(message); control != nullptr;
       control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    if (control->cmsg_type == SCM_RIGHTS) {
      const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; i++) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof fd);
        auto& taken = into.data[kDescriptors];
        if (static_cast<size_t>(taken) >= most) {
          close(fd);
          message->msg_flags |= MSG_CTRUNC;
          continue;
        }
        if (MSG_CMSG_CLOEXEC == 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
        into.data[kHeader + static_cast<size_t>(taken++)] = fd;
      }
    }
#if defined(__linux__)
    // With SO_PASSPIDFD each message brings a descriptor of its sender's process. Nobody can take it here.
    if (control->cmsg_type == kPidfd) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(control), sizeof fd);
      if (fd >= 0) close(fd);
    }
#endif
#if defined(SCM_CREDENTIALS)
    if (control->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials;
      std::memcpy(&credentials, CMSG_DATA(control), sizeof credentials);
      into.data[kHasCredentials] = 1;
      into.data[kPid] = credentials.pid;
      into.data[kUid] = static_cast<int32_t>(credentials.uid);
      into.data[kGid] = static_cast<int32_t>(credentials.gid);
    }
#endif
  }
}

// messageRecv(fd, buffer, flags, name, into) → bytes. `into` has kHeader words and one for each descriptor
// that the caller will take.
int RecvMessage(Environment&, int fd, Bytes buffer, int flags, Bytes into_name, Words into) {
  if (into_name.length < sizeof(Name) || into.length < kHeader) return -EINVAL;
  const size_t most = into.length - kHeader;
  size_t control_size = most > 0 ? CMSG_SPACE(most * sizeof(int)) : 0;
#if defined(SCM_CREDENTIALS)
  control_size += CMSG_SPACE(sizeof(ucred));  // always: the socket's SO_PASSCRED decides whether they come
#endif
  std::vector<unsigned char> control(control_size);
  iovec vector = {buffer.data, buffer.length};
  Name name{};
  msghdr message{};
  const int count = Retry([&] {
    name.length = sizeof name.storage;
    message = {};
    message.msg_name = &name.storage;
    message.msg_namelen = name.length;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    return IOMUX_CALL(recvmsg, fd, &message, flags | MSG_CMSG_CLOEXEC);
  });
  if (count < 0) return count;
  std::fill(into.data, into.data + kHeader, 0);
  TakeControl(&message, most, into);
  into.data[kFlags] = message.msg_flags & ~MSG_CMSG_CLOEXEC;
  name.length = message.msg_namelen;
  WriteName(name, into_name);
  return count;
}

// messageSend(fd, buffer, name, descriptors, flags) → bytes. An empty name sends to the connected peer.
int SendMessage(Environment&, int fd, Bytes buffer, Bytes bytes, Words descriptors, int flags) {
  Name name{};
  if (bytes.length > 0 && !ReadName(bytes, &name)) return -EINVAL;
  iovec vector = {buffer.data, buffer.length};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (name.length > 0) {
    message.msg_name = &name.storage;
    message.msg_namelen = name.length;
  }
  const size_t size = descriptors.length * sizeof(int);
  std::vector<unsigned char> control(descriptors.length > 0 ? CMSG_SPACE(size) : 0);
  if (!control.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data, size);
  }
  return Retry([&] { return IOMUX_CALL(sendmsg, fd, &message, flags | MSG_NOSIGNAL); });
}

// A batch: `slab` has room for `maxLength` bytes a datagram, `names` for a Name each, `headers` are pairs
// [length, flags]. One system call serves all of it where the system has recvmmsg, else one for each.
struct Batch {
  Bytes slab;
  int max_length;
  Words headers;
  Bytes names;

  size_t capacity() const { return headers.length / 2; }
  bool Valid() const {
    return max_length > 0 && slab.length / static_cast<size_t>(max_length) >= capacity() &&
           names.length / sizeof(Name) >= capacity() &&
           reinterpret_cast<uintptr_t>(names.data) % alignof(Name) == 0;
  }
  uint8_t* payload(size_t index) const { return slab.data + index * static_cast<size_t>(max_length); }
  Name& name(size_t index) const { return reinterpret_cast<Name*>(names.data)[index]; }
  int32_t& length(size_t index) const { return headers.data[2 * index]; }
  int32_t& flags(size_t index) const { return headers.data[2 * index + 1]; }
};

#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
using BatchHeader = mmsghdr;

int ReceiveAll(int fd, BatchHeader* headers, size_t count) {
  return Retry([&] { return IOMUX_CALL(recvmmsg, fd, headers, count, MSG_DONTWAIT, nullptr); });
}
int SendAll(int fd, BatchHeader* headers, size_t count) {
  return Retry([&] { return IOMUX_CALL(sendmmsg, fd, headers, count, MSG_NOSIGNAL); });
}
#else
struct BatchHeader {
  msghdr msg_hdr;
  unsigned msg_len;
};

template <typename Call>
int OneByOne(BatchHeader* headers, size_t count, Call call) {
  for (size_t i = 0; i < count; i++) {
    const int length = Retry([&] { return call(&headers[i].msg_hdr); });
    // An error after the first datagram is met again, and reported, by the next call.
    if (length < 0) return i > 0 ? static_cast<int>(i) : length;
    headers[i].msg_len = static_cast<unsigned>(length);
  }
  return static_cast<int>(count);
}
int ReceiveAll(int fd, BatchHeader* headers, size_t count) {
  return OneByOne(headers, count, [&](msghdr* message) { return recvmsg(fd, message, 0); });
}
int SendAll(int fd, BatchHeader* headers, size_t count) {
  return OneByOne(headers, count, [&](msghdr* message) { return sendmsg(fd, message, MSG_NOSIGNAL); });
}
#endif

// messageRecvBatch(fd, slab, maxLength, headers, names) → datagrams
int RecvBatch(Environment&, int fd, Bytes slab, int max_length, Words headers, Bytes names) {
  const Batch batch = {slab, max_length, headers, names};
  if (!batch.Valid()) return -EINVAL;
  const size_t count = std::min<size_t>(batch.capacity(), kMostChunks);
  std::vector<iovec> vectors(count);
  std::vector<BatchHeader> messages(count);
  for (size_t i = 0; i < count; i++) {
    vectors[i] = {batch.payload(i), static_cast<size_t>(max_length)};
    msghdr& message = messages[i].msg_hdr;
    message.msg_name = &batch.name(i).storage;
    message.msg_namelen = sizeof(sockaddr_storage);
    message.msg_iov = &vectors[i];
    message.msg_iovlen = 1;
  }
  const int received = ReceiveAll(fd, messages.data(), count);
  for (int i = 0; i < received; i++) {
    batch.length(i) = static_cast<int32_t>(messages[i].msg_len);
    batch.flags(i) = messages[i].msg_hdr.msg_flags;
    batch.name(i).length = messages[i].msg_hdr.msg_namelen;
  }
  return received;
}

// messageSendBatch(fd, slab, maxLength, headers, names, start, count) → datagrams
int SendBatch(Environment&, int fd, Bytes slab, int max_length, Words headers, Bytes names, uint32_t start,
              uint32_t count) {
  const Batch batch = {slab, max_length, headers, names};
  if (!batch.Valid() || start > batch.capacity() || count > batch.capacity() - start) return -EINVAL;
  const size_t most = std::min<size_t>(count, kMostChunks);
  std::vector<iovec> vectors(most);
  std::vector<BatchHeader> messages(most);
  for (size_t i = 0; i < most; i++) {
    const size_t index = start + i;
    const int32_t length = batch.length(index);
    if (length < 0 || length > max_length || batch.name(index).length > sizeof(sockaddr_storage))
      return -EINVAL;
    vectors[i] = {batch.payload(index), static_cast<size_t>(length)};
    msghdr& message = messages[i].msg_hdr;
    if (batch.name(index).length > 0) {
      message.msg_name = &batch.name(index).storage;
      message.msg_namelen = batch.name(index).length;
    }
    message.msg_iov = &vectors[i];
    message.msg_iovlen = 1;
  }
  return SendAll(fd, messages.data(), most);
}

}  // namespace

void RegisterMessage(Napi::Object exports, Environment& environment) {
  Export<Sendv>(exports, environment, "messageSendv");
  Export<RecvFrom>(exports, environment, "messageRecvFrom");
  Export<SendTo>(exports, environment, "messageSendTo");
  Export<RecvMessage>(exports, environment, "messageRecv");
  Export<SendMessage>(exports, environment, "messageSend");
  Export<RecvBatch>(exports, environment, "messageRecvBatch");
  Export<SendBatch>(exports, environment, "messageSendBatch");
}

}  // namespace iomux
