// Receives datagrams in C, level-triggered on epoll: the limit, since whoever else receives makes these
// system calls too.
//
//   datagrams --call recv|recvmmsg
//
// Prints `listening PORT` once datagrams can come, and runs until it is ended by a signal. `recv` takes one
// datagram per call until there is none, `recvmmsg` up to 64 per call, with the address of each sender.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../load/command.h"
#include "../load/datagram.h"

enum { BATCH = 64, RECEIVE_BUFFER = 1 << 20, LONGEST = 2048 };

struct receiver {
  int fd;
  bool batched;
  struct sockaddr_in sender;
  struct progress progress;
};

struct batch {
  uint32_t payloads[BATCH][LONGEST / sizeof(uint32_t)];
  struct sockaddr_in senders[BATCH];
  struct iovec vectors[BATCH];
  struct mmsghdr messages[BATCH];
};

static void answer(struct receiver* receiver) {
  const struct sockaddr* sender = (const struct sockaddr*)&receiver->sender;
  check((int)sendto(receiver->fd, &receiver->progress, sizeof receiver->progress, 0, sender,
                    sizeof receiver->sender),
        "sendto");
}

static void take(struct receiver* receiver, const uint32_t* words, size_t length) {
  struct progress* progress = &receiver->progress;
  if (length == 0) {
    answer(receiver);
    return;
  }
  if (length != DATAGRAM_SIZE) fail("a datagram of %zu bytes", length);
  progress->count++;
  progress->sum += words[0];
  if (words[0] > progress->newest) progress->newest = words[0];
  const bool due = (uint64_t)progress->count % DATAGRAMS_PER_ANSWER == 0;
  if (!datagram_is_right(words, due)) fail("datagram %u is not as it was sent", words[0]);
  if (due) answer(receiver);
}

// Whether there was one.
static bool receive_one(struct receiver* receiver, uint32_t* words) {
  const ssize_t length = recv(receiver->fd, words, LONGEST, 0);
  if (length < 0) {
    if (errno != EAGAIN && errno != EINTR) fail_call("recv");
    return errno == EINTR;
  }
  take(receiver, words, (size_t)length);
  return true;
}

// Whether there may be more.
static bool receive_batch(struct receiver* receiver, struct batch* batch) {
  for (size_t index = 0; index < BATCH; index++)
    batch->messages[index].msg_hdr.msg_namelen = sizeof batch->senders[index];
  const int count = recvmmsg(receiver->fd, batch->messages, BATCH, 0, NULL);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) fail_call("recvmmsg");
    return errno == EINTR;
  }
  for (int index = 0; index < count; index++)
    take(receiver, batch->payloads[index], batch->messages[index].msg_len);
  return count == BATCH;
}

static void prepare(struct batch* batch) {
  for (size_t index = 0; index < BATCH; index++) {
    batch->vectors[index] = (struct iovec){batch->payloads[index], LONGEST};
    struct msghdr* header = &batch->messages[index].msg_hdr;
    header->msg_iov = &batch->vectors[index];
    header->msg_iovlen = 1;
    header->msg_name = &batch->senders[index];
  }
}

static void open_socket(struct receiver* receiver) {
  receiver->fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  check(setsockopt(receiver->fd, SOL_SOCKET, SO_RCVBUF, &(int){RECEIVE_BUFFER}, sizeof(int)), "setsockopt");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  check(bind(receiver->fd, (struct sockaddr*)&address, sizeof address), "bind");
  check(getsockname(receiver->fd, (struct sockaddr*)&address, &(socklen_t){sizeof address}), "getsockname");
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);
}

// The first datagram, which is empty, tells whom to answer.
static void meet(struct receiver* receiver, int epoll) {
  struct epoll_event event;
  check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
  socklen_t length = sizeof receiver->sender;
  check((int)recvfrom(receiver->fd, NULL, 0, 0, (struct sockaddr*)&receiver->sender, &length), "recvfrom");
  answer(receiver);
}

static void receive_all(struct receiver* receiver, struct batch* batch) {
  if (receiver->batched) {
    while (receive_batch(receiver, batch)) continue;
  } else {
    while (receive_one(receiver, batch->payloads[0])) continue;
  }
}

int main(int argc, char** argv) {
  static const struct option options[] = {{"call", required_argument, NULL, 'c'}, {0}};
  static struct batch batch;
  struct receiver receiver = {.progress.newest = -1};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option != 'c') return 1;
    receiver.batched = strcmp(optarg, "recvmmsg") == 0;
    if (!receiver.batched && strcmp(optarg, "recv") != 0)
      fail("--call must be recv or recvmmsg, not '%s'", optarg);
  }
  if (optind < argc) fail("unexpected argument '%s'", argv[optind]);

  prepare(&batch);
  open_socket(&receiver);
  const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, receiver.fd, &event), "epoll_ctl");
  meet(&receiver, epoll);
  for (;;) {
    if (epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) fail_call("epoll_wait");
    receive_all(&receiver, &batch);
  }
}
