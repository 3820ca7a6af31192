// The benchmark of pipes on libevent's loop.
//
//   libevent-pipes [--method epoll|poll|select] [--pipes 100] [--active 1] [--writes 100]
//                  [--registrations 25] [--milliseconds 10] [--warm-up 20]
//
// Prints one line of JSON, as bench/programs/pipes.mjs does, which has the rules.
#define _GNU_SOURCE
#include <event2/event.h>
#include <event2/event_struct.h>

#include "pipes.h"

static struct event_base* base;
// One for each pipe, at its index; in one piece, and so not allocated one by one.
static struct event* events;

static void on_readable(evutil_socket_t fd, short what, void* event) {
  (void)fd, (void)what;
  receive((size_t)((struct event*)event - events));
}

// The best method is chosen of those that are not avoided.
static void begin(size_t count, int highest) {
  (void)highest;
  struct event_config* config = check_memory(event_config_new());
  const char** names = event_get_supported_methods();
  for (size_t i = 0; names[i] != NULL; i++) {
    if (strcmp(names[i], pipes.method->name) != 0)
      check(event_config_avoid_method(config, names[i]), names[i]);
  }
  base = check_memory(event_base_new_with_config(config));
  event_config_free(config);
  if (strcmp(event_base_get_method(base), pipes.method->name) != 0) {
    fail("libevent chose %s, not %s", event_base_get_method(base), pipes.method->name);
  }
  events = check_memory(calloc(count, sizeof *events));
  for (size_t index = 0; index < count; index++) {
    struct event* event = &events[index];
    const short what = EV_READ | EV_PERSIST;
    check(event_assign(event, base, pipes.ends[index].reader, what, on_readable, event), "event_assign");
  }
}

static void watch(size_t index, int fd) {
  (void)fd;
  check(event_add(&events[index], NULL), "event_add");
}

static void unwatch(size_t index, int fd) {
  (void)fd;
  check(event_del(&events[index]), "event_del");
}

static void dispatch(bool block) {
  check(event_base_loop(base, block ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK), "event_base_loop");
}

int main(int argc, char** argv) {
  static const struct method methods[] = {
      {"epoll", begin, watch, unwatch, dispatch},
      {"poll", begin, watch, unwatch, dispatch},
      {"select", begin, watch, unwatch, dispatch},
      {0},
  };
  run_pipes(argc, argv, methods);
  return 0;
}
