/* Sends prepared HTTP/1.1 requests over some connections and times every answer.
 *
 *   load PORT FILE [-c CONNECTIONS] [-n COUNT | -d SECONDS] [-o LATENCIES]
 *
 * FILE holds requests, each as its length in decimal, a newline, and its bytes. Connections take them in turn, the
 * first again after the last, until COUNT are answered (each once by default) or the time is over. Bodies of answers
 * are read and thrown away. One line of JSON goes to standard output; LATENCIES gets the seconds of each answer, a
 * line each, in the order in which the requests were sent.
 *
 * wrk would do for most of this, but it waits for the body of a HEAD, and counts time and not requests. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct request {
  char *bytes;
  size_t length;
  int head;
};

struct connection {
  int socket;
  const struct request *request;
  size_t number, sent;
  char header[16384];
  size_t header_length;
  int in_body;
  unsigned long long body_left;
  double begun;
};

static char buffer[1 << 19];
static struct request *requests;
static size_t request_count;
static double *latencies;
static size_t latency_room, issued, answered, refused;
static unsigned long long received;
static size_t count;
static double deadline;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void read_requests(const char *path) {
  FILE *file = fopen(path, "rb");
  size_t length;
  if (!file) fail(path);
  while (fscanf(file, "%zu", &length) == 1 && fgetc(file) == '\n') {
    requests = realloc(requests, (request_count + 1) * sizeof *requests);
    struct request *request = &requests[request_count++];
    request->bytes = malloc(length);
    request->length = length;
    if (fread(request->bytes, 1, length, file) != length) fail("a request is cut short");
    request->head = length > 5 && !memcmp(request->bytes, "HEAD ", 5);
  }
  fclose(file);
  if (!request_count) fail("no requests");
}

/* Whether there is a next request for this connection. */
static int take(struct connection *c) {
  if (deadline ? now() >= deadline : issued >= count) return 0;
  if (issued == latency_room) {
    latency_room = latency_room ? 2 * latency_room : 1 << 16;
    latencies = realloc(latencies, latency_room * sizeof *latencies);
  }
  c->number = issued++;
  c->request = &requests[c->number % request_count];
  c->sent = c->header_length = 0;
  c->in_body = 0;
  c->begun = now();
  latencies[c->number] = -1;
  return 1;
}

static void watch(int poll, struct connection *c, int operation, int events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(poll, operation, c->socket, &event)) fail("epoll_ctl");
}

static void send_some(int poll, struct connection *c) {
  while (c->sent < c->request->length) {
    ssize_t sent = send(c->socket, c->request->bytes + c->sent, c->request->length - c->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      watch(poll, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      return;
    }
    if (sent < 0) fail("send");
    c->sent += sent;
  }
}

static void read_header(struct connection *c, size_t end) {
  c->header[end] = 0;
  if (strncmp(c->header, "HTTP/1.1 ", 9)) fail("not an HTTP/1.1 answer");
  if (c->header[9] != '2') {
    if (!refused++) fprintf(stderr, "load: the first refusal: %.300s\n", c->header);
  }
  char *length = strcasestr(c->header, "\r\ncontent-length:");
  if (length) c->body_left = strtoull(length + 17, NULL, 10);
  else if (c->request->head || !strncmp(c->header + 9, "204", 3)) c->body_left = 0;
  else fail("an answer without Content-Length");
  if (c->request->head) c->body_left = 0;
  c->in_body = 1;
}

/* Whether an answer is complete. */
static int receive_some(struct connection *c) {
  if (!c->in_body) {
    ssize_t got = recv(c->socket, c->header + c->header_length, sizeof c->header - 1 - c->header_length, 0);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) fail("the server closed the connection");
    c->header_length += got;
    received += got;
    char *end = memmem(c->header, c->header_length, "\r\n\r\n", 4);
    if (!end) return c->header_length < sizeof c->header - 1 ? 0 : (fail("an endless header"), 0);
    size_t body = c->header_length - (end + 4 - c->header);
    read_header(c, end + 4 - c->header);
    if (body > c->body_left) fail("more than was announced");
    c->body_left -= body;
  }
  while (c->body_left) {
    size_t want = c->body_left < sizeof buffer ? c->body_left : sizeof buffer;
    ssize_t got = recv(c->socket, buffer, want, 0);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) fail("the server closed the connection within a body");
    c->body_left -= got;
    received += got;
    if ((size_t)got < want) return 0;
  }
  return 1;
}

static int by_value(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static void report(const char *path, double seconds) {
  if (path) {
    FILE *file = fopen(path, "w");
    if (!file) fail(path);
    for (size_t i = 0; i < issued; i++) fprintf(file, "%.9f\n", latencies[i]);
    fclose(file);
  }
  size_t kept = 0;
  for (size_t i = 0; i < issued; i++)
    if (latencies[i] >= 0) latencies[kept++] = latencies[i];
  qsort(latencies, kept, sizeof *latencies, by_value);
  double p50 = kept ? latencies[kept / 2] : 0, p99 = kept ? latencies[kept * 99 / 100] : 0;
  printf("{\"requests\": %zu, \"refused\": %zu, \"bytes\": %llu, \"seconds\": %.9f, \"p50\": %.9f, \"p99\": %.9f}\n",
         answered, refused, received, seconds, p50, p99);
}

static void open_connection(int poll, struct connection *c, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int yes = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->socket = socket(AF_INET, SOCK_STREAM, 0);
  if (c->socket < 0 || connect(c->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(c->socket, F_SETFL, O_NONBLOCK);
  watch(poll, c, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int arguments, char **values) {
  int connections = 1, option;
  double seconds = 0;
  const char *latency_file = NULL;
  while ((option = getopt(arguments, values, "c:n:d:o:")) != -1) {
    if (option == 'c') connections = atoi(optarg);
    else if (option == 'n') count = strtoull(optarg, NULL, 10);
    else if (option == 'd') seconds = atof(optarg);
    else if (option == 'o') latency_file = optarg;
    else return 2;
  }
  if (optind + 2 != arguments) return 2;
  read_requests(values[optind + 1]);
  if (!count) count = request_count;
  int poll = epoll_create1(0), busy = 0;
  struct connection *all = calloc(connections, sizeof *all);
  for (int i = 0; i < connections; i++) open_connection(poll, &all[i], atoi(values[optind]));

  double begun = now();
  if (seconds) deadline = begun + seconds;
  for (int i = 0; i < connections; i++)
    if (take(&all[i])) busy++, send_some(poll, &all[i]);
  struct epoll_event events[256];
  while (busy) {
    int ready = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) {
        watch(poll, c, EPOLL_CTL_MOD, EPOLLIN);
        send_some(poll, c);
      }
      if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !receive_some(c)) continue;
      latencies[c->number] = now() - c->begun;
      answered++;
      if (take(c)) send_some(poll, c);
      else busy--;
    }
  }
  report(latency_file, now() - begun);
  return 0;
}
