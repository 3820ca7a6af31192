// Sends datagrams to a receiver as fast as it takes them, so that it always has some to receive, and hardly
// any is dropped because its queue is full.
//
//   datagram-load --port PORT [--warmup 50000] [--seconds 1] [--server-pid PID] [--senders 1]
//
// The receiver answers each 256th datagram with its progress, and no more than a window of datagrams is ahead
// of that. They are sent by the burst, which the kernel cuts into datagrams (UDP_SEGMENT): one at a time
// would take longer to send than to receive, and a quick receiver would wait for each. With --senders each
// datagram comes from the next of so many addresses of the loopback, and then the kernel cannot cut.
//
// The warm-up is a number of datagrams, because a compiler counts, and does not look at the clock. Prints one
// line of JSON. Exit code 1 and a line on stderr if the receiver got a datagram twice, one that was not sent,
// or says nothing for 10 seconds. With --server-pid the line also has the CPU time, user and system, that all
// threads of that process spent, and which share of a core that was.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "datagram.h"

enum {
  DATAGRAMS_PER_BURST = 64,
  // Far more than one answer stands for, and yet about what a receive buffer of the usual limit
  // (net.core.rmem_max) has room for: the kernel counts 0.9 KiB a datagram.
  WINDOW = 7 * DATAGRAMS_PER_BURST,
  // Where nothing is answered for so long, datagrams were lost, and more must follow until the next 256th.
  QUIET_NANOSECONDS = 20 * 1000 * 1000,
  STALL_SECONDS = 10,
};

struct load {
  int fd;
  struct sockaddr_in receiver;
  // Addresses that datagrams come from.
  uint32_t senders;
  // Whether the kernel cuts bursts.
  bool cuts;
  // 0: nobody's CPU time is measured.
  pid_t server;
  clockid_t server_clock;
  // Sequence numbers, and so datagrams, that were sent.
  uint32_t sent;
  struct progress progress;
  uint64_t heard_at;
};

// A moment of the run, as the receiver's answers tell it.
struct mark {
  uint64_t time;
  uint64_t server_time;
  double count;
};

static uint64_t nanoseconds_of(clockid_t clock) {
  struct timespec time;
  check(clock_gettime(clock, &time), "clock_gettime");
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }

static void open_socket(struct load* load) {
  load->fd = check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  if (load->senders > 1) {
    // Any of our addresses has the answer; a socket that is connected has only those to one of them.
    const struct sockaddr_in any = {.sin_family = AF_INET};
    check(bind(load->fd, (const struct sockaddr*)&any, sizeof any), "bind");
    return;
  }
  check(connect(load->fd, (const struct sockaddr*)&load->receiver, sizeof load->receiver), "connect");
  const int size = DATAGRAM_SIZE;
  load->cuts = setsockopt(load->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0;
}

// Where a datagram comes from, as ip(7) has it told: all of 127/8 is ours.
union source {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static void come_from(struct msghdr* message, union source* source, uint32_t sender) {
  const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(UINT32_C(0x7f010000) + sender)};
  source->header.cmsg_level = IPPROTO_IP;
  source->header.cmsg_type = IP_PKTINFO;
  source->header.cmsg_len = CMSG_LEN(sizeof info);
  memcpy(CMSG_DATA(&source->header), &info, sizeof info);
  message->msg_control = source;
  message->msg_controllen = sizeof *source;
}

static void send_burst(struct load* load) {
  uint32_t words[DATAGRAMS_PER_BURST][DATAGRAM_WORDS];
  struct iovec vectors[DATAGRAMS_PER_BURST];
  union source sources[DATAGRAMS_PER_BURST] = {0};
  struct mmsghdr messages[DATAGRAMS_PER_BURST] = {0};
  for (size_t index = 0; index < DATAGRAMS_PER_BURST; index++) {
    struct msghdr* message = &messages[index].msg_hdr;
    vectors[index] = (struct iovec){words[index], DATAGRAM_SIZE};
    message->msg_name = &load->receiver;
    message->msg_namelen = sizeof load->receiver;
    message->msg_iov = &vectors[index];
    message->msg_iovlen = 1;
    if (load->senders > 1) come_from(message, &sources[index], load->sent % load->senders);
    datagram_fill(words[index], load->sent++);
  }
  if (load->cuts) {
    check((int)send(load->fd, words, sizeof words, 0), "send");
    return;
  }
  for (int done = 0; done < DATAGRAMS_PER_BURST;) {
    done += check(sendmmsg(load->fd, messages + done, (unsigned)(DATAGRAMS_PER_BURST - done), 0), "sendmmsg");
  }
}

// Takes an answer that is there, without waiting: whoever sends it is spared waking somebody up, which costs
// as much as to receive many a datagram.
static bool hear(struct load* load, uint64_t now) {
  struct progress progress;
  const ssize_t length = recv(load->fd, &progress, sizeof progress, MSG_DONTWAIT);
  if (length < 0) {
    if (errno != EAGAIN && errno != EINTR) fail_call("recv");
    if (now - load->heard_at > UINT64_C(1000000000) * STALL_SECONDS)
      fail("the receiver said nothing for %d s", STALL_SECONDS);
    return false;
  }
  if (length != sizeof progress) fail("an answer of %zd bytes", length);
  load->progress = progress;
  load->heard_at = now;
  return true;
}

static void ask(struct load* load) {
  for (bool heard = false; !heard;) {
    const struct sockaddr* receiver = (const struct sockaddr*)&load->receiver;
    check((int)sendto(load->fd, "", 0, 0, receiver, sizeof load->receiver), "sendto");
    const uint64_t asked_at = nanoseconds();
    uint64_t now = asked_at;
    while (!heard && now - asked_at < QUIET_NANOSECONDS) {
      heard = hear(load, now);
      now = nanoseconds();
    }
  }
}

static struct mark mark_of(const struct load* load) {
  return (struct mark){
      .time = nanoseconds(),
      .server_time = load->server == 0 ? 0 : nanoseconds_of(load->server_clock),
      .count = load->progress.count,
  };
}

// Sends until the first answer after which so many more came, and so much time is over.
static struct mark run_for(struct load* load, double datagrams, uint64_t duration) {
  const double count = load->progress.count + datagrams;
  uint64_t now = nanoseconds();
  const uint64_t end = now + duration;
  uint64_t tried_at = now;
  for (;;) {
    const double ahead = (double)load->sent - 1 - load->progress.newest;
    if (ahead + DATAGRAMS_PER_BURST <= WINDOW || now - tried_at > QUIET_NANOSECONDS) {
      send_burst(load);
      tried_at = now;
    }
    const bool heard = hear(load, now);
    now = nanoseconds();
    if (heard && load->progress.count >= count && now >= end) return mark_of(load);
  }
}

// What is on its way arrives, or is lost.
static void finish(struct load* load) {
  double before;
  do {
    before = load->progress.count;
    ask(load);
  } while (load->progress.count > before);
  check_progress(&load->progress, load->sent);
}

static void report(const struct load* load, const struct mark* begin, const struct mark* end) {
  const double count = end->count - begin->count;
  const double seconds = (double)(end->time - begin->time) / 1e9;
  printf("{\"received\":%.0f,\"receivedPerSecond\":%.1f,\"lostShare\":%.6f", count, count / seconds,
         1 - load->progress.count / (double)load->sent);
  if (load->server != 0) {
    const double spent = (double)(end->server_time - begin->server_time) / 1e9;
    printf(",\"receivedPerCpuSecond\":%.1f,\"coreShare\":%.4f", count / spent, spent / seconds);
  }
  puts("}");
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"port", required_argument, NULL, 'p'},    {"warmup", required_argument, NULL, 'w'},
      {"seconds", required_argument, NULL, 't'}, {"server-pid", required_argument, NULL, 'P'},
      {"senders", required_argument, NULL, 's'}, {0},
  };
  double warmup = 50000;
  uint64_t window = 1000000000;
  struct load load = {.senders = 1, .progress.newest = -1};
  load.receiver = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'p':
        load.receiver.sin_port = htons((uint16_t)parse_integer("port", optarg, 1, 65535));
        break;
      case 'w':
        warmup = (double)parse_integer("warmup", optarg, 0, 1e9);
        break;
      case 't':
        window = (uint64_t)(parse_number("seconds", optarg, 1e-3, 60) * 1e9);
        break;
      case 'P':
        load.server = (pid_t)parse_integer("server-pid", optarg, 1, INT32_MAX);
        break;
      case 's':
        load.senders = (uint32_t)parse_integer("senders", optarg, 1, 60000);
        break;
      default:
        return 1;
    }
  }
  if (optind < argc) fail("unexpected argument '%s'", argv[optind]);
  if (load.receiver.sin_port == 0) fail("--port is needed");
  if (load.server != 0) {
    const int error = clock_getcpuclockid(load.server, &load.server_clock);
    if (error != 0) fail("clock_getcpuclockid of process %d: %s", (int)load.server, strerror(error));
  }
  open_socket(&load);
  load.heard_at = nanoseconds();
  ask(&load);
  const struct mark begin = run_for(&load, warmup, 0);
  const struct mark end = run_for(&load, 0, window);
  finish(&load);
  report(&load, &begin, &end);
  close(load.fd);
  return 0;
}
