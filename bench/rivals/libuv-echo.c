// An echo server on libuv, as a careful user of it writes one: a message that can be sent at once costs no
// request and no memory.
//
// Prints `listening PORT` once it listens; SIGTERM ends it with exit code 0.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <uv.h>

#include "../load/command.h"

enum { BACKLOG = 4096, BUFFER_SIZE = 64 * 1024 };

struct connection {
  uv_tcp_t tcp;
  uv_write_t write;
  // What could not be sent at once. The memory stays from the first partial write until the connection's end.
  char* remainder;
};

// Of every connection: what was read is sent or copied before the next read.
static char buffer[BUFFER_SIZE];

static void check_uv(int result, const char* call) {
  if (result < 0) fail("%s: %s", call, uv_strerror(result));
}

static void free_connection(uv_handle_t* handle) {
  struct connection* connection = (struct connection*)handle;
  free(connection->remainder);
  free(connection);
}

static void close_connection(struct connection* connection) {
  uv_handle_t* handle = (uv_handle_t*)&connection->tcp;
  if (!uv_is_closing(handle)) uv_close(handle, free_connection);
}

static void lend_buffer(uv_handle_t* handle, size_t suggested, uv_buf_t* lent) {
  (void)handle, (void)suggested;
  *lent = uv_buf_init(buffer, BUFFER_SIZE);
}

static void on_read(uv_stream_t* stream, ssize_t received, const uv_buf_t* data);

static void on_written(uv_write_t* write, int status) {
  struct connection* connection = write->data;
  if (status < 0)
    close_connection(connection);
  else
    check_uv(uv_read_start((uv_stream_t*)&connection->tcp, lend_buffer, on_read), "uv_read_start");
}

// Nothing more is read until the rest is gone, so it never outgrows one buffer.
static void write_rest(struct connection* connection, const char* bytes, size_t length) {
  uv_stream_t* stream = (uv_stream_t*)&connection->tcp;
  uv_read_stop(stream);
  if (connection->remainder == NULL) connection->remainder = check_memory(malloc(BUFFER_SIZE));
  memcpy(connection->remainder, bytes, length);
  const uv_buf_t rest = uv_buf_init(connection->remainder, (unsigned)length);
  check_uv(uv_write(&connection->write, stream, &rest, 1, on_written), "uv_write");
}

static void on_read(uv_stream_t* stream, ssize_t received, const uv_buf_t* data) {
  struct connection* connection = stream->data;
  if (received == 0) return;  // EAGAIN
  if (received < 0) {
    close_connection(connection);
    return;
  }
  const uv_buf_t message = uv_buf_init(data->base, (unsigned)received);
  int sent = uv_try_write(stream, &message, 1);
  if (sent == received) return;
  if (sent == UV_EAGAIN) sent = 0;
  if (sent < 0)
    close_connection(connection);
  else
    write_rest(connection, data->base + sent, (size_t)(received - sent));
}

static void on_connection(uv_stream_t* listener, int status) {
  check_uv(status, "accept");
  struct connection* connection = check_memory(calloc(1, sizeof *connection));
  check_uv(uv_tcp_init(listener->loop, &connection->tcp), "uv_tcp_init");
  connection->tcp.data = connection;
  connection->write.data = connection;
  uv_stream_t* stream = (uv_stream_t*)&connection->tcp;
  check_uv(uv_accept(listener, stream), "uv_accept");
  check_uv(uv_tcp_nodelay(&connection->tcp, 1), "uv_tcp_nodelay");
  check_uv(uv_read_start(stream, lend_buffer, on_read), "uv_read_start");
}

// Only connections have data, and are on the heap.
static void close_handle(uv_handle_t* handle, void* unused) {
  (void)unused;
  if (handle->data != NULL)
    close_connection(handle->data);
  else
    uv_close(handle, NULL);
}

// The loop ends when nothing is left in it.
static void on_signal(uv_signal_t* handle, int number) {
  (void)number;
  uv_walk(handle->loop, close_handle, NULL);
}

int main(void) {
  raise_descriptor_limit();
  // libuv sends with write(2), and is told by EPIPE that a peer is gone.
  signal(SIGPIPE, SIG_IGN);
  uv_loop_t* loop = uv_default_loop();

  uv_signal_t terminated = {0};
  check_uv(uv_signal_init(loop, &terminated), "uv_signal_init");
  check_uv(uv_signal_start(&terminated, on_signal, SIGTERM), "uv_signal_start");

  uv_tcp_t listener = {0};
  check_uv(uv_tcp_init(loop, &listener), "uv_tcp_init");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  check_uv(uv_tcp_bind(&listener, (struct sockaddr*)&address, 0), "uv_tcp_bind");
  check_uv(uv_listen((uv_stream_t*)&listener, BACKLOG, on_connection), "uv_listen");
  check_uv(uv_tcp_getsockname(&listener, (struct sockaddr*)&address, &(int){sizeof address}),
           "uv_tcp_getsockname");
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);

  uv_run(loop, UV_RUN_DEFAULT);
  check_uv(uv_loop_close(loop), "uv_loop_close");
  return 0;
}
