// The benchmark of pipes without any library: epoll, poll and select as the kernel offers them.
//
//   pipes [--method epoll|poll|select] [--pipes 100] [--active 1] [--writes 100] [--registrations 25]
//         [--milliseconds 10] [--warm-up 20]
//
// Prints one line of JSON, as bench/programs/pipes.mjs does, which has the rules.
#define _GNU_SOURCE
#include "pipes.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

enum { EVENTS_PER_WAIT = 1024 };

static int epoll_fd;

static void epoll_begin(size_t count, int highest) {
  (void)count, (void)highest;
  epoll_fd = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
}

static void epoll_watch(size_t index, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};
  check(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void epoll_unwatch(size_t index, int fd) {
  (void)index;
  check(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL), "epoll_ctl");
}

static void epoll_dispatch(bool block) {
  static struct epoll_event events[EVENTS_PER_WAIT];
  const int ready = check(epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, block ? -1 : 0), "epoll_wait");
  for (int i = 0; i < ready; i++) receive(events[i].data.u64);
}

// One for each pipe, at its index.
static struct pollfd* entries;

static void poll_begin(size_t count, int highest) {
  (void)highest;
  entries = check_memory(calloc(count, sizeof *entries));
}

static void poll_watch(size_t index, int fd) { entries[index] = (struct pollfd){.fd = fd, .events = POLLIN}; }

static void poll_unwatch(size_t index, int fd) {
  (void)fd;
  entries[index].fd = -1;
}

static void poll_dispatch(bool block) {
  int ready = check(poll(entries, pipes.count, block ? -1 : 0), "poll");
  for (size_t index = 0; ready > 0; index++) {
    if (entries[index].revents == 0) continue;
    ready--;
    receive(index);
  }
}

// Sets as long as the highest descriptor needs: an fd_set ends at 1,024, and the kernel has no such limit.
typedef unsigned long word;
enum { WORD_BITS = sizeof(word) * CHAR_BIT };
static int descriptors;
static size_t words;
static word* wanted;
static word* readable;
static size_t* index_of;  // of the pipe, by descriptor

static void select_begin(size_t count, int highest) {
  (void)count;
  descriptors = highest + 1;
  words = (size_t)highest / WORD_BITS + 1;
  wanted = check_memory(calloc(words, sizeof *wanted));
  readable = check_memory(calloc(words, sizeof *readable));
  index_of = check_memory(calloc((size_t)descriptors, sizeof *index_of));
}

static void select_watch(size_t index, int fd) {
  index_of[fd] = index;
  wanted[fd / WORD_BITS] |= (word)1 << fd % WORD_BITS;
}

static void select_unwatch(size_t index, int fd) {
  (void)index;
  wanted[fd / WORD_BITS] &= ~((word)1 << fd % WORD_BITS);
}

static void select_dispatch(bool block) {
  struct timeval at_once = {0};
  memcpy(readable, wanted, words * sizeof *wanted);
  int ready = check(select(descriptors, (fd_set*)readable, NULL, NULL, block ? NULL : &at_once), "select");
  for (size_t i = 0; ready > 0; i++) {
    for (word bits = readable[i]; bits != 0; bits &= bits - 1) {
      ready--;
      receive(index_of[i * WORD_BITS + (size_t)__builtin_ctzl(bits)]);
    }
  }
}

int main(int argc, char** argv) {
  static const struct method methods[] = {
      {"epoll", epoll_begin, epoll_watch, epoll_unwatch, epoll_dispatch},
      {"poll", poll_begin, poll_watch, poll_unwatch, poll_dispatch},
      {"select", select_begin, select_watch, select_unwatch, select_dispatch},
      {0},
  };
  run_pipes(argc, argv, methods);
  return 0;
}
