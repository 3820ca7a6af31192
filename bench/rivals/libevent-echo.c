// An echo server on libevent, by bufferevents, as its users write one: what is read moves from the input to
// the output without being copied. A bufferevent reads 4 KiB at a time, having asked how much there is, and
// writes when the loop says that it can: two epoll_ctl for each message.
//
// Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>

#include "../load/command.h"

enum {
  BACKLOG = 4096,
  // So much that a peer does not read, and nothing more is read from it.
  OWED_LIMIT = 64 * 1024,
};

static void on_readable(struct bufferevent* connection, void* unused);

static void on_event(struct bufferevent* connection, short what, void* unused) {
  (void)unused;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) bufferevent_free(connection);
}

static void on_drained(struct bufferevent* connection, void* unused) {
  (void)unused;
  bufferevent_setcb(connection, on_readable, NULL, on_event, NULL);
  bufferevent_enable(connection, EV_READ);
}

static void on_readable(struct bufferevent* connection, void* unused) {
  (void)unused;
  struct evbuffer* output = bufferevent_get_output(connection);
  if (evbuffer_add_buffer(output, bufferevent_get_input(connection)) != 0) fail("evbuffer_add_buffer");
  if (evbuffer_get_length(output) < OWED_LIMIT) return;
  bufferevent_disable(connection, EV_READ);
  bufferevent_setcb(connection, NULL, on_drained, on_event, NULL);
}

static void on_connection(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                          int length, void* unused) {
  (void)address, (void)length, (void)unused;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), "setsockopt TCP_NODELAY");
  struct event_base* base = evconnlistener_get_base(listener);
  struct bufferevent* connection = check_memory(bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE));
  bufferevent_setcb(connection, on_readable, NULL, on_event, NULL);
  bufferevent_enable(connection, EV_READ | EV_WRITE);
}

static void on_signal(evutil_socket_t number, short what, void* base) {
  (void)number, (void)what;
  event_base_loopbreak(base);
}

int main(void) {
  raise_descriptor_limit();
  // libevent sends with writev(2), and is told by EPIPE that a peer is gone.
  signal(SIGPIPE, SIG_IGN);
  struct event_base* base = check_memory(event_base_new());
  struct event* terminated = check_memory(evsignal_new(base, SIGTERM, on_signal, base));
  evsignal_add(terminated, NULL);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
  struct evconnlistener* listener = evconnlistener_new_bind(base, on_connection, NULL, flags, BACKLOG,
                                                            (struct sockaddr*)&address, sizeof address);
  if (listener == NULL) fail_call("evconnlistener_new_bind");
  check(
      getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&address, &(socklen_t){sizeof address}),
      "getsockname");
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  event_base_dispatch(base);
  evconnlistener_free(listener);
  event_free(terminated);
  event_base_free(base);
  return 0;
}
