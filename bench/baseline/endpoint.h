// The address that is listened on and connected to: a TCP host and port, or the path of a Unix socket.
#ifndef IOMUX_BENCH_ENDPOINT_H
#define IOMUX_BENCH_ENDPOINT_H

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

static inline int endpoint_socket(const struct endpoint* endpoint) {
  return check(socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
}

// Nagle's algorithm would hold back the tail of a message until the peer's delayed acknowledgement.
static inline void disable_delay(const struct endpoint* endpoint, int fd) {
  if (endpoint_is_unix(endpoint)) return;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), "setsockopt TCP_NODELAY");
}

#endif
