// Takes datagrams as fast as they come, and never waits: the other end of those who send.
//
//   datagram-sink
//
// Prints `listening PORT` once datagrams can come, and runs until it is ended by a signal. It answers an
// empty datagram with its progress, and no other, so that a sender has nothing to receive meanwhile.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "command.h"
#include "datagram.h"

enum { BATCH = 64, RECEIVE_BUFFER = 1 << 20 };

struct batch {
  // A longer datagram is cut off, which its length does not tell, but its flags.
  uint32_t payloads[BATCH][DATAGRAM_WORDS];
  struct sockaddr_in senders[BATCH];
  struct iovec vectors[BATCH];
  struct mmsghdr messages[BATCH];
};

static int open_socket(void) {
  const int fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  check(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_BUFFER}, sizeof(int)), "setsockopt");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  check(bind(fd, (struct sockaddr*)&address, sizeof address), "bind");
  check(getsockname(fd, (struct sockaddr*)&address, &(socklen_t){sizeof address}), "getsockname");
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void prepare(struct batch* batch) {
  for (size_t index = 0; index < BATCH; index++) {
    batch->vectors[index] = (struct iovec){batch->payloads[index], DATAGRAM_SIZE};
    struct msghdr* header = &batch->messages[index].msg_hdr;
    header->msg_iov = &batch->vectors[index];
    header->msg_iovlen = 1;
    header->msg_name = &batch->senders[index];
  }
}

static void take(struct progress* progress, const uint32_t* words) {
  progress->count++;
  progress->sum += words[0];
  if (words[0] > progress->newest) progress->newest = words[0];
  const bool wholly = (uint64_t)progress->count % DATAGRAMS_PER_ANSWER == 0;
  if (!datagram_is_right(words, wholly)) fail("datagram %u is not as it was sent", words[0]);
}

static void receive(int fd, struct batch* batch, struct progress* progress) {
  for (size_t index = 0; index < BATCH; index++)
    batch->messages[index].msg_hdr.msg_namelen = sizeof batch->senders[index];
  const int count = recvmmsg(fd, batch->messages, BATCH, 0, NULL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) fail_call("recvmmsg");
  for (int index = 0; index < count; index++) {
    const struct mmsghdr* message = &batch->messages[index];
    const struct msghdr* header = &message->msg_hdr;
    if (message->msg_len == 0) {
      check((int)sendto(fd, progress, sizeof *progress, 0, header->msg_name, header->msg_namelen), "sendto");
      continue;
    }
    if (message->msg_len != DATAGRAM_SIZE || header->msg_flags & MSG_TRUNC)
      fail("a datagram of another length than %d bytes", (int)DATAGRAM_SIZE);
    take(progress, batch->payloads[index]);
  }
}

int main(int argc, char** argv) {
  static struct batch batch;
  struct progress progress = {.newest = -1};
  if (argc > 1) fail("unexpected argument '%s'", argv[1]);
  prepare(&batch);
  const int fd = open_socket();
  for (;;) receive(fd, &batch, &progress);
}
