// What the programs of the pipes cell have in common: the pipes, the bytes that go from one to the next, and
// the time they take. Whoever includes it says how to watch and to wait; see bench/programs/pipes.mjs for the
// rules.
#ifndef IOMUX_BENCH_PIPES_H
#define IOMUX_BENCH_PIPES_H

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../load/command.h"

// One way to wait for many descriptors.
struct method {
  const char* name;
  // Before the first registration: no descriptor will be higher.
  void (*open)(size_t pipes, int highest);
  // A pipe is named by its index wherever it is watched.
  void (*watch)(size_t index, int fd);
  void (*unwatch)(size_t index, int fd);
  // Calls `receive` once for each pipe that is readable. Without `block` it returns at once.
  void (*dispatch)(bool block);
};

struct pipe_ends {
  int reader;
  int writer;
};

struct pipes {
  size_t count;
  size_t active;
  unsigned long writes;
  unsigned long runs;
  double warm_up;  // seconds
  const struct method* method;
  struct pipe_ends* ends;
  // Of the run that is under way.
  unsigned long writes_left;
  unsigned long reads;
};

static struct pipes pipes = {.count = 100, .active = 1, .writes = 100, .runs = 25, .warm_up = 0.02};

static inline double seconds_now(void) {
  struct timespec now;
  check(clock_gettime(CLOCK_MONOTONIC, &now), "clock_gettime");
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void write_byte(size_t index) {
  if (send(pipes.ends[index].writer, "e", 1, 0) != 1) fail_call("send");
}

// The callback: a byte is taken, and while writes remain one goes to the next pipe.
static inline void receive(size_t index) {
  char byte;
  if (recv(pipes.ends[index].reader, &byte, 1, 0) != 1) fail_call("recv");
  pipes.reads++;
  if (pipes.writes_left == 0) return;
  pipes.writes_left--;
  write_byte(index + 1 < pipes.count ? index + 1 : 0);
}

// Removes every registration and adds it again. Returns the seconds that took.
static inline double register_anew(void) {
  const double start = seconds_now();
  for (size_t index = 0; index < pipes.count; index++) {
    pipes.method->unwatch(index, pipes.ends[index].reader);
  }
  for (size_t index = 0; index < pipes.count; index++) {
    pipes.method->watch(index, pipes.ends[index].reader);
  }
  return seconds_now() - start;
}

// One run: a byte for each active pipe, then events until all bytes are read. Returns the seconds from the
// first wait on.
static inline double pass_bytes(void) {
  pipes.reads = 0;
  pipes.writes_left = pipes.writes;
  for (size_t index = 0; index < pipes.active; index++) write_byte(index * (pipes.count / pipes.active));
  const unsigned long expected = pipes.active + pipes.writes;
  const double start = seconds_now();
  while (pipes.reads < expected) pipes.method->dispatch(true);
  const double seconds = seconds_now() - start;
  pipes.method->dispatch(false);
  if (pipes.reads != expected) fail("%lu bytes were read, not %lu", pipes.reads, expected);
  return seconds;
}

static inline void repeat_for(double seconds, double (*part)(void)) {
  for (const double end = seconds_now() + seconds; seconds_now() < end;) part();
}

static inline int ascending(const void* one, const void* other) {
  const double difference = *(const double*)one - *(const double*)other;
  return (difference > 0) - (difference < 0);
}

static inline double median(double* values, size_t count) {
  qsort(values, count, sizeof *values, ascending);
  return (values[count / 2] + values[(count - 1) / 2]) / 2;
}

// --pipes, --active, --writes, --runs, --warm-up (milliseconds) and --method.
static inline void parse_pipes(int argc, char** argv, const struct method* methods) {
  static const struct option options[] = {
      {"method", required_argument, NULL, 'm'},
      {"pipes", required_argument, NULL, 'n'},
      {"active", required_argument, NULL, 'a'},
      {"writes", required_argument, NULL, 'w'},
      {"runs", required_argument, NULL, 'r'},
      {"warm-up", required_argument, NULL, 'u'},
      {0},
  };
  pipes.method = methods;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
      case 'm':
        for (pipes.method = methods; strcmp(pipes.method->name, optarg) != 0;) {
          pipes.method++;
          if (pipes.method->name == NULL) fail("there is no method '%s'", optarg);
        }
        break;
      case 'n':
        pipes.count = parse_integer("pipes", optarg, 1, 1e6);
        break;
      case 'a':
        pipes.active = parse_integer("active", optarg, 1, 1e6);
        break;
      case 'w':
        pipes.writes = parse_integer("writes", optarg, 0, 1e9);
        break;
      case 'r':
        pipes.runs = parse_integer("runs", optarg, 1, 1e6);
        break;
      case 'u':
        pipes.warm_up = parse_number("warm-up", optarg, 0, 1e6) / 1000;
        break;
      default:
        exit(1);
    }
  }
  if (optind < argc) fail("unexpected argument '%s'", argv[optind]);
  if (pipes.active > pipes.count) fail("%zu of %zu pipes cannot be active", pipes.active, pipes.count);
}

// Everything: `methods` ends with one that has no name, and the first is the default.
static inline void run_pipes(int argc, char** argv, const struct method* methods) {
  parse_pipes(argc, argv, methods);
  raise_descriptor_limit();
  pipes.ends = check_memory(calloc(pipes.count, sizeof *pipes.ends));
  int highest = 0;
  for (size_t index = 0; index < pipes.count; index++) {
    int pair[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), "socketpair");
    pipes.ends[index] = (struct pipe_ends){.reader = pair[0], .writer = pair[1]};
    highest = pair[0] > highest ? pair[0] : highest;
  }
  pipes.method->open(pipes.count, highest);
  for (size_t index = 0; index < pipes.count; index++) {
    pipes.method->watch(index, pipes.ends[index].reader);
  }

  repeat_for(pipes.warm_up / 2, register_anew);
  repeat_for(pipes.warm_up / 2, pass_bytes);
  double* registering = check_memory(calloc(pipes.runs, sizeof *registering));
  double* passing = check_memory(calloc(pipes.runs, sizeof *passing));
  for (size_t run = 0; run < pipes.runs; run++) {
    registering[run] = register_anew();
    passing[run] = pass_bytes();
  }
  printf("{\"microseconds\":%.3f,\"registerMicroseconds\":%.3f,\"bytes\":%lu}\n",
         1e6 * median(passing, pipes.runs), 1e6 * median(registering, pipes.runs), pipes.reads);
  free(registering);
  free(passing);
}

#endif
