// A single-threaded epoll(7) echo server: the limit to compare with, the same system calls and no language.
//
//   epoll-echo [--host 127.0.0.1] [--port 0] | --unix PATH [--idle-thread]
//
// Prints `listening PORT` (or `listening PATH`) once it listens; SIGTERM or SIGINT ends it with exit code 0.
//
// --idle-thread starts a thread that does nothing. In a process with threads, as each of Node's is, the
// kernel counts who uses a file for the time of every call, and the C library makes each call a cancellation
// point.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../load/command.h"
#include "../load/endpoint.h"

enum {
  BACKLOG = 4096,
  EVENTS_PER_WAIT = 1024,
  // A burst of connections must not starve those that are open; level-triggered, the rest is reported again.
  ACCEPTS_PER_EVENT = 256,
  BUFFER_SIZE = 64 * 1024,
};

// What could not be sent at once. The memory stays from the first partial write until the connection's end.
struct connection {
  bool open;
  uint8_t* remainder;
  size_t begin;
  size_t end;
};

struct server {
  struct endpoint endpoint;
  int epoll;
  int listener;
  // Indexed by descriptor, and grown as descriptors grow.
  struct connection* connections;
  size_t capacity;
  // Every recv uses this one buffer: it stays in the cache, and an idle connection holds no memory for it.
  uint8_t buffer[BUFFER_SIZE];
};

static void watch(struct server* server, int operation, int fd, uint32_t interest) {
  struct epoll_event event = {.events = interest, .data.fd = fd};
  check(epoll_ctl(server->epoll, operation, fd, &event), "epoll_ctl");
}

static void open_connection(struct server* server, int fd) {
  if ((size_t)fd >= server->capacity) {
    const size_t capacity = 2 * (size_t)fd;
    server->connections = check_memory(realloc(server->connections, capacity * sizeof *server->connections));
    memset(server->connections + server->capacity, 0,
           (capacity - server->capacity) * sizeof *server->connections);
    server->capacity = capacity;
  }
  server->connections[fd] = (struct connection){.open = true};
  disable_delay(&server->endpoint, fd);
  watch(server, EPOLL_CTL_ADD, fd, EPOLLIN);
}

// The descriptor's number may be accepted anew within the same batch of events. That is harmless: it occurs
// once in a batch, and only its own event closes it, so no event of the old connection is left.
static void close_connection(struct server* server, int fd) {
  free(server->connections[fd].remainder);
  server->connections[fd] = (struct connection){.open = false};
  close(fd);
}

static void accept_connections(struct server* server) {
  for (int accepted = 0; accepted < ACCEPTS_PER_EVENT; accepted++) {
    const int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      open_connection(server, fd);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      fail_call("accept4");
    }
  }
}

// Returns how many bytes the kernel took, or -1 when the connection is over.
static ssize_t send_some(int fd, const uint8_t* bytes, size_t length) {
  const ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static void echo(struct server* server, int fd) {
  const ssize_t received = recv(fd, server->buffer, BUFFER_SIZE, 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) {
    close_connection(server, fd);
    return;
  }
  const ssize_t sent = send_some(fd, server->buffer, (size_t)received);
  if (sent == received) return;
  if (sent < 0) {
    close_connection(server, fd);
    return;
  }
  struct connection* connection = &server->connections[fd];
  if (connection->remainder == NULL) connection->remainder = check_memory(malloc(BUFFER_SIZE));
  connection->begin = 0;
  connection->end = (size_t)(received - sent);
  memcpy(connection->remainder, server->buffer + sent, connection->end);
  // EPOLLOUT in place of EPOLLIN: nothing more is read until the remainder is gone, so it never outgrows one
  // buffer and a peer that does not read is held back by TCP itself.
  watch(server, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void flush(struct server* server, int fd) {
  struct connection* connection = &server->connections[fd];
  const ssize_t sent =
      send_some(fd, connection->remainder + connection->begin, connection->end - connection->begin);
  if (sent < 0) {
    close_connection(server, fd);
    return;
  }
  connection->begin += (size_t)sent;
  if (connection->begin < connection->end) return;
  connection->begin = connection->end = 0;
  watch(server, EPOLL_CTL_MOD, fd, EPOLLIN);
}

// Returns at SIGTERM or SIGINT. EPOLLERR and EPOLLHUP need no branch: the call that is due reports them.
static void serve(struct server* server, int signals) {
  struct epoll_event events[EVENTS_PER_WAIT];
  for (;;) {
    const int count = epoll_wait(server->epoll, events, EVENTS_PER_WAIT, -1);
    if (count < 0 && errno != EINTR) fail_call("epoll_wait");
    for (int index = 0; index < count; index++) {
      const int fd = events[index].data.fd;
      if (fd == signals) return;
      if (fd == server->listener) {
        accept_connections(server);
      } else if (server->connections[fd].end > 0) {
        flush(server, fd);
      } else {
        echo(server, fd);
      }
    }
  }
}

// A descriptor for the signals costs nothing per wait, and none is lost between two waits.
static int open_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  check(sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
  return check(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
}

static int open_listener(const struct endpoint* endpoint) {
  const int fd = endpoint_socket(endpoint);
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), "setsockopt SO_REUSEADDR");
  check(bind(fd, (const struct sockaddr*)&endpoint->address, endpoint->length), "bind");
  check(listen(fd, BACKLOG), "listen");
  return fd;
}

static void* sleep_for_ever(void* nothing) {
  for (;;) pause();
  return nothing;
}

// The signals are blocked by now, and so they are for the thread: none disturbs it.
static void start_idle_thread(void) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, sleep_for_ever, NULL);
  if (errno != 0) fail_call("pthread_create");
}

static int local_port(int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  check(getsockname(fd, (struct sockaddr*)&address, &length), "getsockname");
  if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6*)&address)->sin6_port);
  return ntohs(((struct sockaddr_in*)&address)->sin_port);
}

int main(int argc, char** argv) {
  static const struct option options[] = {ENDPOINT_OPTIONS, {"idle-thread", no_argument, NULL, 't'}, {0}};
  struct endpoint_options names = {.host = "127.0.0.1", .port = "0"};
  bool idle_thread = false;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 't')
      idle_thread = true;
    else if (!take_endpoint_option(&names, option))
      return 1;
  }
  if (optind < argc) fail("unexpected argument '%s'", argv[optind]);

  raise_descriptor_limit();
  struct server server = {.endpoint = endpoint_of(&names)};
  const int signals = open_signals();
  if (idle_thread) start_idle_thread();
  server.listener = open_listener(&server.endpoint);
  server.epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  watch(&server, EPOLL_CTL_ADD, signals, EPOLLIN);
  watch(&server, EPOLL_CTL_ADD, server.listener, EPOLLIN);

  if (names.path != NULL)
    printf("listening %s\n", names.path);
  else
    printf("listening %d\n", local_port(server.listener));
  fflush(stdout);

  serve(&server, signals);

  if (names.path != NULL) unlink(names.path);
  for (size_t fd = 0; fd < server.capacity; fd++) {
    if (server.connections[fd].open) close_connection(&server, (int)fd);
  }
  free(server.connections);
  close(server.epoll);
  close(server.listener);
  close(signals);
  return 0;
}
