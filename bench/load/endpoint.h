// The address that is listened on and connected to: a TCP host and port, or the path of a Unix socket.
#ifndef IOMUX_BENCH_ENDPOINT_H
#define IOMUX_BENCH_ENDPOINT_H

#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "command.h"

struct endpoint {
  struct sockaddr_storage address;
  socklen_t length;
};

static inline bool endpoint_is_unix(const struct endpoint* endpoint) {
  return endpoint->address.ss_family == AF_UNIX;
}

// The host is a numeric address: the resolution of names is not a part of any measurement.
static inline struct endpoint tcp_endpoint(const char* host, const char* port) {
  parse_integer("port", port, 0, 65535);
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  struct addrinfo* found;
  const int error = getaddrinfo(host, port, &hints, &found);
  if (error != 0) fail("%s port %s: %s", host, port, gai_strerror(error));
  struct endpoint endpoint = {.length = found->ai_addrlen};
  memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return endpoint;
}

static inline struct endpoint unix_endpoint(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) {
    fail("--unix must be a path of 1 to %zu bytes", sizeof address.sun_path - 1);
  }
  memcpy(address.sun_path, path, length);
  struct endpoint endpoint = {.length = sizeof address};
  memcpy(&endpoint.address, &address, sizeof address);
  return endpoint;
}

// Its names on the command line: a path, where there is one, is what counts.
struct endpoint_options {
  const char* host;
  const char* port;
  const char* path;
};

// clang-format off
#define ENDPOINT_OPTIONS                  \
  {"host", required_argument, NULL, 'h'}, \
  {"port", required_argument, NULL, 'p'}, \
  {"unix", required_argument, NULL, 'u'}
// clang-format on

// Keeps what getopt_long just found; false: the option is another one.
static inline bool take_endpoint_option(struct endpoint_options* options, int option) {
  switch (option) {
    case 'h':
      options->host = optarg;
      return true;
    case 'p':
      options->port = optarg;
      return true;
    case 'u':
      options->path = optarg;
      return true;
    default:
      return false;
  }
}

static inline struct endpoint endpoint_of(const struct endpoint_options* options) {
  return options->path != NULL ? unix_endpoint(options->path) : tcp_endpoint(options->host, options->port);
}

static inline int endpoint_socket(const struct endpoint* endpoint) {
  return check(socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
}

// Nagle's algorithm would hold back the tail of a message until the peer's delayed acknowledgement.
static inline void disable_delay(const struct endpoint* endpoint, int fd) {
  if (endpoint_is_unix(endpoint)) return;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), "setsockopt TCP_NODELAY");
}

#endif
