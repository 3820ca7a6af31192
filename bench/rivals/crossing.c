// What the kernel itself takes to report events, in batches of one size: epoll_wait(2), and nothing around
// it.
//
//   crossing [--batch 64] [--samples 9] [--milliseconds 20]
//
// Prints one line of JSON, as bench/programs/crossing.mjs does, which has the rules.
#define _GNU_SOURCE
#include <getopt.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../load/command.h"

static int epoll;
static int batch = 64;
static struct epoll_event* events;
// What every event is added to, so that none of them is left out by the compiler, and all are found to have
// come.
static uint64_t delivered;

static uint64_t cpu_nanoseconds(void) {
  struct timespec time;
  check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), "clock_gettime");
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void open_descriptors(void) {
  epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  events = check_memory(calloc((size_t)batch, sizeof *events));
  for (int count = 0; count < batch; count++) {
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), "socketpair");
    check((int)write(pair[1], "x", 1), "write");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = pair[0]};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event), "epoll_ctl");
  }
}

static uint64_t nanoseconds_for(uint64_t waits) {
  const uint64_t before = cpu_nanoseconds();
  for (uint64_t wait = 0; wait < waits; wait++) {
    const int count = check(epoll_wait(epoll, events, batch, 0), "epoll_wait");
    for (int i = 0; i < count; i++) delivered += events[i].events == EPOLLIN;
  }
  return cpu_nanoseconds() - before;
}

static int ascending(const void* a, const void* b) {
  const double left = *(const double*)a, right = *(const double*)b;
  return (left > right) - (left < right);
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      {"batch", required_argument, NULL, 'b'},
      {"samples", required_argument, NULL, 's'},
      {"milliseconds", required_argument, NULL, 'm'},
      {0},
  };
  size_t samples = 9;
  uint64_t wanted = 20 * 1000000;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'b')
      batch = (int)parse_integer("batch", optarg, 1, 100000);
    else if (option == 's')
      samples = parse_integer("samples", optarg, 1, 1000);
    else if (option == 'm')
      wanted = (uint64_t)(1e6 * parse_number("milliseconds", optarg, 0.1, 60000));
    else
      return 2;
  }
  raise_descriptor_limit();
  open_descriptors();

  uint64_t waits = 1;
  while (nanoseconds_for(waits) < wanted) waits *= 2;
  delivered = 0;
  double* taken = check_memory(calloc(samples, sizeof *taken));
  for (size_t sample = 0; sample < samples; sample++) {
    taken[sample] = (double)nanoseconds_for(waits) / (double)waits / batch;
  }
  if (delivered != samples * waits * (uint64_t)batch)
    fail("%lu events did not come", (unsigned long)(samples * waits * (uint64_t)batch - delivered));
  qsort(taken, samples, sizeof *taken, ascending);
  printf("{\"nanosecondsPerEvent\":%.3f}\n", taken[samples / 2]);
  return 0;
}
