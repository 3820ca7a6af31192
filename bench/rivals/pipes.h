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
  unsigned long registrations;
  double seconds;  // of runs after each of them
  double warm_up;  // seconds
  const struct method* method;
  struct pipe_ends* ends;
  // Of the run that is under way.
  unsigned long writes_left;
  unsigned long reads;
};

static struct pipes pipes = {
    .count = 100, .active = 1, .writes = 100, .registrations = 25, .seconds = 0.01, .warm_up = 0.02};

static inline double seconds_of(clockid_t clock) {
  struct timespec now;
  check(clock_gettime(clock, &now), "clock_gettime");
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline double seconds_now(void) { return seconds_of(CLOCK_MONOTONIC); }

static inline double cpu_seconds(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

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

// Removes every registration and adds it again. Returns the seconds of CPU time that took.
static inline double register_anew(void) {
  const double start = cpu_seconds();
  for (size_t index = 0; index < pipes.count; index++) {
    pipes.method->unwatch(index, pipes.ends[index].reader);
  }
  for (size_t index = 0; index < pipes.count; index++) {
    pipes.method->watch(index, pipes.ends[index].reader);
  }
  return cpu_seconds() - start;
}

// One run: a byte for each active pipe, then events until all bytes are read. Returns the seconds of CPU
// time from the first wait on.
static inline double pass_bytes(void) {
  pipes.reads = 0;
  pipes.writes_left = pipes.writes;
  for (size_t index = 0; index < pipes.active; index++) write_byte(index * (pipes.count / pipes.active));
  const unsigned long expected = pipes.active + pipes.writes;
  const double start = cpu_seconds();
  while (pipes.reads < expected) pipes.method->dispatch(true);
  const double seconds = cpu_seconds() - start;
  pipes.method->dispatch(false);
  if (pipes.reads != expected) fail("%lu bytes were read, not %lu", pipes.reads, expected);
  return seconds;
}

// What each of many took, in seconds.
struct times {
  double* each;
  size_t count;
  size_t room;
};

static inline void add_time(struct times* times, double seconds) {
  if (times->count == times->room) {
    times->room = times->room == 0 ? 64 : 2 * times->room;
    times->each = check_memory(realloc(times->each, times->room * sizeof *times->each));
  }
  times->each[times->count++] = seconds;
}

// Once at least.
static inline void repeat_for(double seconds, double (*part)(void), struct times* times) {
  const double end = seconds_now() + seconds;
  do add_time(times, part());
  while (seconds_now() < end);
}

static inline int ascending(const void* one, const void* other) {
  const double difference = *(const double*)one - *(const double*)other;
  return (difference > 0) - (difference < 0);
}

static inline double median(const struct times* times) {
  qsort(times->each, times->count, sizeof *times->each, ascending);
  return (times->each[times->count / 2] + times->each[(times->count - 1) / 2]) / 2;
}

// --pipes, --active, --writes, --registrations, --milliseconds, --warm-up (milliseconds) and --method.
static inline void parse_pipes(int argc, char** argv, const struct method* methods) {
  static const struct option options[] = {
      {"method", required_argument, NULL, 'm'},        {"pipes", required_argument, NULL, 'n'},
      {"active", required_argument, NULL, 'a'},        {"writes", required_argument, NULL, 'w'},
      {"registrations", required_argument, NULL, 'r'}, {"milliseconds", required_argument, NULL, 't'},
      {"warm-up", required_argument, NULL, 'u'},       {0},
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
        pipes.registrations = parse_integer("registrations", optarg, 1, 1e6);
        break;
      case 't':
        pipes.seconds = parse_number("milliseconds", optarg, 0, 1e6) / 1000;
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

  struct times warming = {0}, registering = {0}, passing = {0};
  repeat_for(pipes.warm_up / 2, register_anew, &warming);
  repeat_for(pipes.warm_up / 2, pass_bytes, &warming);
  const double start = seconds_now(), cpu_start = cpu_seconds();
  for (unsigned long done = 0; done < pipes.registrations; done++) {
    add_time(&registering, register_anew());
    repeat_for(pipes.seconds, pass_bytes, &passing);
  }
  const double spent = cpu_seconds() - cpu_start;
  const double seconds = seconds_now() - start;
  printf("{\"microseconds\":%.3f,\"registerMicroseconds\":%.3f,\"runs\":%zu,\"bytes\":%lu",
         1e6 * median(&passing), 1e6 * median(&registering), passing.count, pipes.reads);
  printf(",\"coreShare\":%.4f}\n", spent / seconds);
  free(warming.each);
  free(registering.each);
  free(passing.each);
}

#endif
