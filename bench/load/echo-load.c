// A closed-loop load generator for echo servers: each connection has one message on its way, never more.
//
//   echo-load (--port PORT [--host 127.0.0.1] | --unix PATH) [--connections 1] [--size 64] [--warmup 1]
//             [--seconds 1] [--server-pid PID] [--quantiles] [--busy] [--turns]
//
// Prints one line of JSON; its latencies are round trips in microseconds. With --turns it does so again and
// again over the same connections, each time when a line on its standard input says how many seconds to warm
// up, until there is none; in between it does nothing. Exit code 1 and a line on stderr if
// a byte is wrong, missing or too much, a connection fails, or nothing comes back for 10 seconds. With
// --server-pid the line also has the CPU time, user and system, that all threads of that process spent per
// message, and their share of the time that passed; with --quantiles it has the latencies that 1, 5, 10, 25,
// 50, 75, 90, 95, 99 and 99.9 % of the messages did not exceed. With --busy it polls and never sleeps, which
// is for a core of its own: to wake a load that sleeps is work of the server's that sends, and the slower a
// server is the more often its load has nothing to do.
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "endpoint.h"
#include "histogram.h"

enum {
  EVENTS_PER_WAIT = 1024,
  // A connection is complete for its client before the server has accepted it, so connects alone say nothing
  // about the server's queue. Its first echo does: at most this many lack one, below any rival's backlog.
  CONNECTS_AT_ONCE = 64,
  BUFFER_SIZE = 128 * 1024,
  REST_NANOSECONDS = 1000 * 1000,
  STALL_SECONDS = 10,
  // A prime, so that the strides below visit every offset before one returns.
  PATTERN_PERIOD = 65521,
  CONNECTION_STRIDE = 40503,
  SEQUENCE_STRIDE = 7919,
};

// While it comes to rest and while it drains, nothing is sent: what is on its way comes back.
enum phase { CONNECTING, WARMING_UP, COMING_TO_REST, MEASURING, DRAINING };

struct connection {
  int fd;
  bool connected;
  uint64_t sequence;
  // The message on its way; none is when all of it has been received.
  const uint8_t* message;
  size_t sent;
  size_t received;
  uint64_t sent_at;
};

struct load {
  struct endpoint endpoint;
  size_t size;
  uint64_t warmup;
  uint64_t window;
  bool quantiles;
  bool busy;
  bool turns;
  // 0: nobody's CPU time is measured.
  pid_t server;
  clockid_t server_clock;

  int epoll;
  size_t count;
  struct connection* connections;
  const uint8_t* pattern;

  enum phase phase;
  uint64_t phase_end;
  size_t opened;
  // Connections that have had their first echo.
  size_t echoed;
  size_t on_their_way;
  uint64_t window_begin;
  uint64_t window_end;
  uint64_t drained;
  // Messages that came back after the window: the server has worked for them too.
  uint64_t late;
  uint64_t server_begin;
  struct histogram latencies;
  uint8_t buffer[BUFFER_SIZE];
};

static uint64_t nanoseconds_of(clockid_t clock) {
  struct timespec time;
  check(clock_gettime(clock, &time), "clock_gettime");
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }

// What the server has spent by its own accounting, once it has nothing to do. Of a process that runs, the
// kernel would tell what it had spent at the last tick of its clock, up to 4 ms ago and more; of one that
// waits it is exact. Neither its start, its compiler warming up, nor the accepting of connections is in the
// difference of two of these.
static uint64_t server_nanoseconds_at_rest(const struct load* load) {
  if (load->server == 0) return 0;
  // The last answer is sent before it waits again.
  nanosleep(&(struct timespec){.tv_nsec = REST_NANOSECONDS}, NULL);
  return nanoseconds_of(load->server_clock);
}

// Every message is a slice of this, so that none has to be generated or copied. Random bytes, because one out
// of place goes unnoticed in a pattern that repeats; xorshift64* from a fixed seed, so that failures repeat.
static uint8_t* create_pattern(size_t length) {
  uint8_t* pattern = check_memory(malloc(length));
  uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
  for (size_t index = 0; index < length; index++) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    pattern[index] = (uint8_t)(state * UINT64_C(0x2545f4914f6cdd1d) >> 56);
  }
  return pattern;
}

static size_t index_of(const struct load* load, const struct connection* connection) {
  return (size_t)(connection - load->connections);
}

// Two messages in succession never share an offset, nor do two connections at the same sequence: an echo that
// was delayed by one message, or went to another connection, is noticed.
static const uint8_t* message_of(const struct load* load, const struct connection* connection) {
  const uint64_t place =
      index_of(load, connection) * CONNECTION_STRIDE + connection->sequence * SEQUENCE_STRIDE;
  return load->pattern + place % PATTERN_PERIOD;
}

// Starts to connect. Edge-triggered for both directions, so that the interest never has to be changed; added
// after connect, because an unconnected socket reports EPOLLHUP.
static void open_connection(struct load* load) {
  struct connection* connection = &load->connections[load->opened++];
  connection->fd = endpoint_socket(&load->endpoint);
  disable_delay(&load->endpoint, connection->fd);
  const struct sockaddr* address = (const struct sockaddr*)&load->endpoint.address;
  if (connect(connection->fd, address, load->endpoint.length) < 0 && errno != EINPROGRESS)
    fail_call("connect");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
  check(epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event), "epoll_ctl");
}

static void send_rest(struct load* load, struct connection* connection) {
  while (connection->sent < load->size) {
    const uint8_t* rest = connection->message + connection->sent;
    const ssize_t sent = send(connection->fd, rest, load->size - connection->sent, MSG_NOSIGNAL);
    if (sent >= 0) {
      connection->sent += (size_t)sent;
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      fail_call("send");
    }
  }
}

static void send_message(struct load* load, struct connection* connection, uint64_t now) {
  connection->sequence++;
  connection->message = message_of(load, connection);
  connection->sent = 0;
  connection->received = 0;
  connection->sent_at = now;
  load->on_their_way++;
  send_rest(load, connection);
}

static void send_everywhere(struct load* load) {
  for (size_t index = 0; index < load->count; index++) {
    send_message(load, &load->connections[index], nanoseconds());
  }
}

static void begin_warmup(struct load* load, uint64_t now) {
  load->phase = WARMING_UP;
  load->phase_end = now + load->warmup;
  send_everywhere(load);
}

static void begin_window(struct load* load) {
  load->server_begin = server_nanoseconds_at_rest(load);
  load->window_begin = nanoseconds();
  load->phase = MEASURING;
  load->phase_end = load->window_begin + load->window;
  send_everywhere(load);
}

static void end_window(struct load* load, uint64_t now) {
  load->phase = DRAINING;
  load->phase_end = UINT64_MAX;
  load->window_end = load->drained = now;
}

// Called between two batches of events: a phase ends with the first batch after its time, and the window's
// length is what the clock says and not what was asked for. On a machine so busy that nothing came back in
// it, it lasts until something does.
static void advance(struct load* load, uint64_t now) {
  if (load->phase == WARMING_UP && now >= load->phase_end) {
    load->phase = COMING_TO_REST;
    load->phase_end = UINT64_MAX;
  }
  if (load->phase == COMING_TO_REST && load->on_their_way == 0) begin_window(load);
  if (load->phase == MEASURING && now >= load->phase_end && load->latencies.count > 0) end_window(load, now);
}

static void complete(struct load* load, struct connection* connection) {
  // One reading of the clock ends this round trip and begins the next.
  const uint64_t now = nanoseconds();
  load->on_their_way--;
  if (load->phase == MEASURING) {
    histogram_record(&load->latencies, now - connection->sent_at);
  } else if (load->phase == DRAINING) {
    load->late++;
    load->drained = now;
  }
  if (load->phase == CONNECTING) {
    load->echoed++;
    if (load->opened < load->count) open_connection(load);
    if (load->echoed == load->count) begin_warmup(load, now);
  } else if (load->phase == WARMING_UP || load->phase == MEASURING) {
    send_message(load, connection, now);
  }
}

static void verify(struct load* load, struct connection* connection, size_t length) {
  const size_t index = index_of(load, connection);
  if (length > connection->sent - connection->received) {
    fail("connection %zu, message %" PRIu64 ": more bytes came back than were sent", index,
         connection->sequence);
  }
  const uint8_t* expected = connection->message + connection->received;
  if (memcmp(load->buffer, expected, length) == 0) return;
  size_t wrong = 0;
  while (load->buffer[wrong] == expected[wrong]) wrong++;
  fail("connection %zu, message %" PRIu64 ": byte %zu came back as 0x%02x, not 0x%02x", index,
       connection->sequence, connection->received + wrong, load->buffer[wrong], expected[wrong]);
}

static void receive(struct load* load, struct connection* connection, uint32_t events) {
  for (;;) {
    const ssize_t received = recv(connection->fd, load->buffer, BUFFER_SIZE, 0);
    if (received < 0) {
      if (errno == EAGAIN) return;
      if (errno == EINTR) continue;
      fail_call("recv");
    }
    if (received == 0) {
      fail("connection %zu, message %" PRIu64 ": the server closed after %zu of %zu bytes",
           index_of(load, connection), connection->sequence, connection->received, load->size);
    }
    verify(load, connection, (size_t)received);
    connection->received += (size_t)received;
    if (connection->received == load->size) complete(load, connection);
    // A short read has emptied the socket, and what comes later is a new edge: no second recv to be told
    // EAGAIN. An end that is already there, however, has had its edge, and is only found by reading on.
    if (received < BUFFER_SIZE && !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
  }
}

static void finish_connect(struct load* load, struct connection* connection) {
  int error;
  check(getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error}),
        "getsockopt SO_ERROR");
  if (error != 0) fail("connect: %s", strerror(error));
  connection->connected = true;
  send_message(load, connection, nanoseconds());
}

// Both directions at each event: a large message fills the server's buffers, and it can only take the rest
// when what it sent back is read.
static void handle(struct load* load, struct connection* connection, uint32_t events) {
  if (!connection->connected) {
    finish_connect(load, connection);
    return;
  }
  if (events & EPOLLOUT) send_rest(load, connection);
  if (events & ~(uint32_t)EPOLLOUT) receive(load, connection, events);
}

static int wait_milliseconds(const struct load* load, uint64_t now) {
  if (load->busy) return 0;
  const uint64_t left = load->phase_end > now ? load->phase_end - now : UINT64_MAX;
  if (left >= STALL_SECONDS * UINT64_C(1000000000)) return STALL_SECONDS * 1000;
  return (int)((left + 999999) / 1000000);
}

static void begin(struct load* load) {
  load->latencies = (struct histogram){0};
  load->late = 0;
  if (load->echoed == load->count) {
    begin_warmup(load, nanoseconds());
    return;
  }
  load->phase = CONNECTING;
  load->phase_end = UINT64_MAX;
  while (load->opened < load->count && load->opened < CONNECTS_AT_ONCE) open_connection(load);
}

static void run(struct load* load) {
  struct epoll_event events[EVENTS_PER_WAIT];
  begin(load);
  uint64_t heard = nanoseconds();
  while (load->phase != DRAINING || load->on_their_way > 0) {
    const uint64_t now = nanoseconds();
    advance(load, now);
    const int count = epoll_wait(load->epoll, events, EVENTS_PER_WAIT, wait_milliseconds(load, now));
    if (count < 0 && errno != EINTR) fail_call("epoll_wait");
    for (int index = 0; index < count; index++) handle(load, events[index].data.ptr, events[index].events);
    if (count > 0) {
      heard = nanoseconds();
    } else if (nanoseconds() - heard >= STALL_SECONDS * UINT64_C(1000000000)) {
      fail("nothing came back for %d s; %zu messages are on their way", STALL_SECONDS, load->on_their_way);
    }
  }
}

static void report_percentiles(const struct histogram* latencies, const double* percents, size_t count) {
  for (size_t index = 0; index < count; index++) {
    const double percent = percents[index];
    printf(",\"p%g\":%.3f", percent, histogram_quantile(latencies, percent / 100) / 1e3);
  }
}

static void report(const struct load* load, uint64_t server_end) {
  const struct histogram* latencies = &load->latencies;
  const double seconds = (double)(load->window_end - load->window_begin) / 1e9;
  printf("{\"connections\":%zu,\"size\":%zu,\"seconds\":%.6f,\"messages\":%" PRIu64
         ",\"messagesPerSecond\":%.1f,"
         "\"min\":%.3f,\"max\":%.3f",
         load->count, load->size, seconds, latencies->count, (double)latencies->count / seconds,
         (double)latencies->minimum / 1e3, (double)latencies->maximum / 1e3);
  if (load->quantiles) {
    report_percentiles(latencies, (const double[]){1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9}, 10);
  } else {
    report_percentiles(latencies, (const double[]){50, 99}, 2);
  }
  if (load->server != 0) {
    const double spent = (double)(server_end - load->server_begin);
    printf(",\"cpuMicrosecondsPerMessage\":%.4f,\"coreShare\":%.3f",
           spent / 1e3 / (double)(latencies->count + load->late),
           spent / (double)(load->drained - load->window_begin));
  }
  puts("}");
  fflush(stdout);
}

// Whether there is another turn to take.
static bool next_turn(struct load* load) {
  char line[64];
  if (fgets(line, sizeof line, stdin) == NULL) return false;
  line[strcspn(line, "\n")] = '\0';
  load->warmup = (uint64_t)(parse_number("warmup", line, 0, 1e6) * 1e9);
  return true;
}

int main(int argc, char** argv) {
  static const struct option options[] = {
      ENDPOINT_OPTIONS,
      {"connections", required_argument, NULL, 'c'},
      {"size", required_argument, NULL, 's'},
      {"warmup", required_argument, NULL, 'w'},
      {"seconds", required_argument, NULL, 't'},
      {"server-pid", required_argument, NULL, 'P'},
      {"quantiles", no_argument, NULL, 'q'},
      {"busy", no_argument, NULL, 'b'},
      {"turns", no_argument, NULL, 'T'},
      {0},
  };
  struct endpoint_options names = {.host = "127.0.0.1"};
  struct load* load = check_memory(calloc(1, sizeof *load));
  load->count = 1;
  load->size = 64;
  load->warmup = 1000000000;
  load->window = 1000000000;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (take_endpoint_option(&names, option)) continue;
    switch (option) {
      case 'c':
        load->count = parse_integer("connections", optarg, 1, PATTERN_PERIOD);
        break;
      case 's':
        load->size = parse_integer("size", optarg, 1, 1 << 30);
        break;
      case 'w':
        load->warmup = (uint64_t)(parse_number("warmup", optarg, 0, 1e6) * 1e9);
        break;
      case 't':
        load->window = (uint64_t)(parse_number("seconds", optarg, 1e-3, 1e6) * 1e9);
        break;
      case 'P':
        load->server = (pid_t)parse_integer("server-pid", optarg, 1, INT32_MAX);
        break;
      case 'q':
        load->quantiles = true;
        break;
      case 'b':
        load->busy = true;
        break;
      case 'T':
        load->turns = true;
        break;
      default:
        return 1;
    }
  }
  if (optind < argc) fail("unexpected argument '%s'", argv[optind]);
  if ((names.port == NULL) == (names.path == NULL)) fail("either --port or --unix is needed");

  if (load->server != 0) {
    const int error = clock_getcpuclockid(load->server, &load->server_clock);
    if (error != 0) fail("clock_getcpuclockid of process %d: %s", (int)load->server, strerror(error));
  }
  raise_descriptor_limit();
  load->endpoint = endpoint_of(&names);
  load->epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  load->connections = check_memory(calloc(load->count, sizeof *load->connections));
  uint8_t* pattern = create_pattern(PATTERN_PERIOD + load->size);
  load->pattern = pattern;

  while (!load->turns || next_turn(load)) {
    run(load);
    report(load, server_nanoseconds_at_rest(load));
    if (!load->turns) break;
  }

  for (size_t index = 0; index < load->opened; index++) close(load->connections[index].fd);
  close(load->epoll);
  free(pattern);
  free(load->connections);
  free(load);
  return 0;
}
