// Sends datagrams in C: the limit.
//
//   datagrams-sending --port PORT --call send|sendmmsg [--warmup 50000] [--seconds 1]
//
// To `datagram-sink` of bench/load. Prints one line of JSON: what was sent in the window per second of this
// process's CPU time, and per second, and what share of all never arrived.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../load/command.h"
#include "../load/datagram.h"

enum { BURST = 64, ASK_AGAIN_MILLISECONDS = 100 };

struct sender {
  int fd;
  bool batched;
  uint32_t sent;
  struct progress progress;
  uint32_t words[BURST][DATAGRAM_WORDS];
  struct iovec vectors[BURST];
  struct mmsghdr messages[BURST];
};

struct mark {
  double seconds;
  double cpu_seconds;
  uint32_t sent;
};

static double seconds_of(clockid_t clock) {
  struct timespec time;
  check(clock_gettime(clock, &time), "clock_gettime");
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Asks until there is an answer: the question may be lost as any other datagram.
static void ask(struct sender* sender) {
  struct pollfd answered = {.fd = sender->fd, .events = POLLIN};
  // An earlier question may have been answered twice.
  while (recv(sender->fd, &sender->progress, sizeof sender->progress, MSG_DONTWAIT) >= 0) continue;
  do {
    check((int)send(sender->fd, "", 0, 0), "send");
  } while (check(poll(&answered, 1, ASK_AGAIN_MILLISECONDS), "poll") == 0);
  const ssize_t length = recv(sender->fd, &sender->progress, sizeof sender->progress, 0);
  if (length != sizeof sender->progress) fail("an answer of %zd bytes", length);
}

static void send_burst(struct sender* sender) {
  for (size_t index = 0; index < BURST; index++) datagram_fill(sender->words[index], sender->sent++);
  if (sender->batched) {
    for (int done = 0; done < BURST;)
      done += check(sendmmsg(sender->fd, sender->messages + done, (unsigned)(BURST - done), 0), "sendmmsg");
    return;
  }
  for (size_t index = 0; index < BURST; index++)
    check((int)send(sender->fd, sender->words[index], DATAGRAM_SIZE, 0), "send");
}

// Sends so many, and until so much time is over.
static struct mark run_for(struct sender* sender, uint32_t datagrams, double seconds) {
  const uint32_t last = sender->sent + datagrams;
  const double end = seconds_of(CLOCK_MONOTONIC) + seconds;
  do {
    send_burst(sender);
  } while (sender->sent < last || seconds_of(CLOCK_MONOTONIC) < end);
  return (struct mark){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID), sender->sent};
}

static void prepare(struct sender* sender, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(port);
  sender->fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  check(connect(sender->fd, (struct sockaddr*)&address, sizeof address), "connect");
  for (size_t index = 0; index < BURST; index++) {
    sender->vectors[index] = (struct iovec){sender->words[index], DATAGRAM_SIZE};
    sender->messages[index].msg_hdr.msg_iov = &sender->vectors[index];
    sender->messages[index].msg_hdr.msg_iovlen = 1;
  }
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"port", required_argument, NULL, 'p'},
      {"call", required_argument, NULL, 'c'},
      {"warmup", required_argument, NULL, 'w'},
      {"seconds", required_argument, NULL, 't'},
      {0},
  };
  static struct sender sender;
  uint16_t port = 0;
  uint32_t warmup = 50000;
  double window = 1;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'p':
        port = (uint16_t)parse_integer("port", optarg, 1, 65535);
        break;
      case 'c':
        sender.batched = strcmp(optarg, "sendmmsg") == 0;
        if (!sender.batched && strcmp(optarg, "send") != 0)
          fail("--call must be send or sendmmsg, not '%s'", optarg);
        break;
      case 'w':
        warmup = (uint32_t)parse_integer("warmup", optarg, 0, 1e9);
        break;
      case 't':
        window = parse_number("seconds", optarg, 1e-3, 60);
        break;
      default:
        return 1;
    }
  }
  if (optind < argc) fail("unexpected argument '%s'", argv[optind]);
  if (port == 0) fail("--port is needed");

  prepare(&sender, port);
  ask(&sender);
  const struct mark begin = run_for(&sender, warmup, 0);
  const struct mark end = run_for(&sender, 0, window);
  ask(&sender);
  check_progress(&sender.progress, sender.sent);
  const double count = end.sent - begin.sent;
  const double seconds = end.seconds - begin.seconds;
  const double spent = end.cpu_seconds - begin.cpu_seconds;
  printf("{\"sent\":%.0f,\"sentPerCpuSecond\":%.1f,\"sentPerSecond\":%.1f,\"coreShare\":%.4f", count,
         count / spent, count / seconds, spent / seconds);
  printf(",\"lostShare\":%.6f}\n", 1 - sender.progress.count / (double)sender.sent);
  close(sender.fd);
  return 0;
}
