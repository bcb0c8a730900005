/* A disk and a power switch that a test holds in its hand: preloaded under the server (LD_PRELOAD), it counts what the
 * server does to its data, ends it at a chosen step, makes calls fail, and keeps what was synced.
 *
 *   BALLAST_FAULTS_CONTROL   the file with `struct control`, which the test writes and reads while the server runs
 *   BALLAST_FAULTS_ROOT      the folder whose contents are the data; nothing else is touched
 *   BALLAST_FAULTS_PLATTERS  where copies of what was synced are kept; without it nothing is kept
 *   BALLAST_FAULTS_PORT      the port of a database server; what is sent there is a step too
 *
 * Without control it does nothing. Which file a call is for is asked of /proc each time, so there is no table of
 * descriptors that could be wrong. tests/harness/faults.rs is the other side.
 *
 * Platters. What a power cut leaves of a file is what it held when it was last synced, and of a folder the names that
 * it had when it was last synced. So each sync leaves a copy, named by the inode's number: of a file its bytes, of a
 * folder its names with their inodes and kinds. The test puts the tree together from these (tests/harness/platters.rs).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* In this order in the file, eight bytes each. */
struct control {
  int64_t armed;       /* steps are counted, and one of them may be the last */
  int64_t steps;       /* how many there were */
  int64_t last;        /* the step at which the process ends; 0: none */
  int64_t moment;      /* when in it: BEFORE, WITHIN (half of what is written is written) or AFTER */
  int64_t room;        /* bytes until the disk is full; negative: never */
  int64_t write_error; /* errno of whatever would change the disk; 0: none */
  int64_t sync_error;  /* errno of whatever syncs; 0: none */
  int64_t pretended;   /* what syncs are only pretended for: FOLDERS, BYTES, ROWS */
  int64_t clock;       /* by how many seconds the clock is ahead */
};

enum { BEFORE, WITHIN, AFTER, ALIVE };
enum { FOLDERS = 1, BYTES = 2, ROWS = 4 };

static struct control *control;
static char root[PATH_MAX];
static const char *platters;
static int database_port;
static pthread_mutex_t keeping = PTHREAD_MUTEX_INITIALIZER;

/* The call as it is without us. */
#define REAL(name)                                         \
  static __typeof__(&name) real;                           \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("BALLAST_FAULTS_ROOT"), *path = getenv("BALLAST_FAULTS_CONTROL");
  const char *port = getenv("BALLAST_FAULTS_PORT");
  if (!folder || !path) return;
  snprintf(root, sizeof root, "%s", folder);
  platters = getenv("BALLAST_FAULTS_PLATTERS");
  database_port = port ? atoi(port) : 0;
  int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
  void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) {
    fprintf(stderr, "faults: no control at %s: %s\n", path, strerror(errno));
    abort();
  }
  syscall(SYS_close, fd);
  control = page;
}

/* --- What a call is about --- */

static int is_data(const char *path) {
  size_t length = strlen(root), all = strlen(path);
  if (strncmp(path, root, length) || (path[length] && path[length] != '/')) return 0;
  /* SQLite's index of its journal is shared memory: it is never synced and made again after a crash. */
  return !(all > 4 && !strcmp(path + all - 4, "-shm"));
}

static int name_of(int fd, char *name) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, name, PATH_MAX - 1);
  if (length < 0) return 0;
  name[length] = 0;
  return 1;
}

static int is_data_fd(int fd) {
  char name[PATH_MAX];
  return control && name_of(fd, name) && is_data(name);
}

static int is_data_at(int folder, const char *path) {
  char name[PATH_MAX];
  if (!control) return 0;
  if (path[0] == '/') return is_data(path);
  if (folder == AT_FDCWD ? !getcwd(name, sizeof name) : !name_of(folder, name)) return 0;
  size_t length = strlen(name);
  snprintf(name + length, sizeof name - length, "/%s", path);
  return is_data(name);
}

static int is_database(int fd) {
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  if (!control || !database_port || getpeername(fd, (struct sockaddr *)&peer, &length)) return 0;
  return peer.sin_family == AF_INET && ntohs(peer.sin_port) == database_port;
}

/* --- Steps --- */

static void die(void) {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  for (;;) pause();
}

/* Counts a step. Answers WITHIN or AFTER where the caller is to end in it, and ALIVE otherwise. */
static int step(void) {
  if (!__atomic_load_n(&control->armed, __ATOMIC_SEQ_CST)) return ALIVE;
  if (__atomic_add_fetch(&control->steps, 1, __ATOMIC_SEQ_CST) != control->last) return ALIVE;
  if (control->moment == BEFORE) die();
  return control->moment;
}

/* Whether a call that needs this much more room on the disk fails. */
static int refused(int64_t bytes) {
  int64_t room = control->room, error = control->write_error;
  if (!error && room >= 0 && bytes > room) error = ENOSPC;
  if (!error && room >= 0) __atomic_sub_fetch(&control->room, bytes, __ATOMIC_SEQ_CST);
  errno = error;
  return error != 0;
}

/* How much a file grows by this much being written at this place; negative: where it stands. */
static int64_t growth(int fd, int64_t at, int64_t bytes) {
  struct stat file;
  if (fstat(fd, &file) || !S_ISREG(file.st_mode)) return 0;
  if (at < 0) at = fcntl(fd, F_GETFL) & O_APPEND ? file.st_size : lseek(fd, 0, SEEK_CUR);
  return at + bytes > file.st_size ? at + bytes - file.st_size : 0;
}

/* A call that changes data: `half` is what of it is done where the process ends within. */
#define CHANGE(data, bytes, call, half)    \
  do {                                     \
    if (!(data)) return call;              \
    int moment_ = step();                  \
    if (refused(bytes)) return -1;         \
    if (moment_ == WITHIN) {               \
      (void)!(half);                       \
      die();                               \
    }                                      \
    __typeof__(call) answer_ = call;       \
    if (moment_ == AFTER) die();           \
    return answer_;                        \
  } while (0)

/* --- Writing --- */

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  if (is_database(fd)) CHANGE(1, 0, real(fd, bytes, length), real(fd, bytes, length / 2));
  CHANGE(is_data_fd(fd), growth(fd, -1, length), real(fd, bytes, length), real(fd, bytes, length / 2));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  REAL(pwrite);
  CHANGE(is_data_fd(fd), growth(fd, at, length), real(fd, bytes, length, at), real(fd, bytes, length / 2, at));
}

static size_t sum(const struct iovec *pieces, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += pieces[i].iov_len;
  return length;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  REAL(writev);
  if (is_database(fd)) CHANGE(1, 0, real(fd, pieces, count), real(fd, pieces, count / 2));
  CHANGE(is_data_fd(fd), growth(fd, -1, sum(pieces, count)), real(fd, pieces, count),
         write(fd, pieces[0].iov_base, pieces[0].iov_len / 2));
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
  REAL(pwritev);
  CHANGE(is_data_fd(fd), growth(fd, at, sum(pieces, count)), real(fd, pieces, count, at),
         real(fd, pieces, count / 2, at));
}

ssize_t copy_file_range(int from, off64_t *source, int to, off64_t *target, size_t length, unsigned flags) {
  REAL(copy_file_range);
  CHANGE(is_data_fd(to), growth(to, target ? *target : -1, length), real(from, source, to, target, length, flags),
         real(from, source, to, target, length / 2, flags));
}

ssize_t sendfile(int to, int from, off_t *source, size_t length) {
  REAL(sendfile);
  CHANGE(is_data_fd(to), growth(to, -1, length), real(to, from, source, length), real(to, from, source, length / 2));
}

ssize_t splice(int from, off64_t *source, int to, off64_t *target, size_t length, unsigned flags) {
  REAL(splice);
  CHANGE(is_data_fd(to), growth(to, target ? *target : -1, length), real(from, source, to, target, length, flags),
         real(from, source, to, target, length / 2, flags));
}

int ftruncate(int fd, off_t length) {
  REAL(ftruncate);
  CHANGE(is_data_fd(fd), growth(fd, length, 0), real(fd, length), 0);
}

int fallocate(int fd, int mode, off_t at, off_t length) {
  REAL(fallocate);
  CHANGE(is_data_fd(fd), growth(fd, at, length), real(fd, mode, at, length), 0);
}

/* To a database server. */
ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  REAL(send);
  CHANGE(is_database(fd), 0, real(fd, bytes, length, flags), real(fd, bytes, length / 2, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(sendmsg);
  CHANGE(is_database(fd), 0, real(fd, message, flags), 0);
}

/* --- Names --- */

int mkdirat(int folder, const char *path, mode_t mode) {
  REAL(mkdirat);
  CHANGE(is_data_at(folder, path), 1, real(folder, path, mode), 0);
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int unlinkat(int folder, const char *path, int flags) {
  REAL(unlinkat);
  CHANGE(is_data_at(folder, path), 0, real(folder, path, flags), 0);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  REAL(renameat2);
  CHANGE(is_data_at(to_folder, to), 0, real(from_folder, from, to_folder, to, flags), 0);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
  REAL(linkat);
  CHANGE(is_data_at(to_folder, to), 1, real(from_folder, from, to_folder, to, flags), 0);
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int openat(int folder, const char *path, int flags, ...) {
  REAL(openat);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!writes || !is_data_at(folder, path)) return real(folder, path, flags, mode);
  /* Opening what is there changes nothing, but a disk that may only be read refuses that too. */
  if (!(flags & O_CREAT) || !faccessat(folder, path, F_OK, 0)) {
    if (control->write_error != EROFS) return real(folder, path, flags, mode);
    errno = EROFS;
    return -1;
  }
  CHANGE(1, 1, real(folder, path, flags, mode), 0);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return openat(AT_FDCWD, path, flags, mode);
}

/* --- Syncing --- */

/* Only what differs is written: most of a database is as it was at the sync before. */
static void keep_bytes(int from, int to) {
  char latest[1 << 16], kept[1 << 16];
  off_t at = 0;
  for (ssize_t length; (length = pread(from, latest, sizeof latest, at)) > 0; at += length) {
    if (pread(to, kept, length, at) == length && !memcmp(latest, kept, length)) continue;
    if (pwrite(to, latest, length, at) != length) abort();
  }
  if (ftruncate(to, at)) abort();
}

static void keep_names(const char *folder, int to) {
  DIR *names = opendir(folder);
  for (struct dirent *entry; names && (entry = readdir(names));) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    dprintf(to, "%ju %c %s\n", (uintmax_t)entry->d_ino, entry->d_type == DT_DIR ? 'd' : 'f', entry->d_name);
  }
  if (names) closedir(names);
}

/* Leaves a copy of a file's bytes or of a folder's names. When the server ends in the middle, the names are those of the
 * sync before; of the bytes some may be older, as after a sync that a power cut interrupts. */
static void keep(int fd) {
  char self[64], copy[PATH_MAX], new[PATH_MAX + 8];
  struct stat node;
  if (!platters || fstat(fd, &node)) return;
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  snprintf(copy, sizeof copy, "%s/%ju", platters, (uintmax_t)node.st_ino);
  snprintf(new, sizeof new, "%s.new", copy);
  int is_folder = S_ISDIR(node.st_mode);
  pthread_mutex_lock(&keeping);
  int to = open(is_folder ? new : copy, O_RDWR | O_CREAT | O_CLOEXEC | (is_folder ? O_TRUNC : 0), 0600);
  if (to < 0) abort();
  if (is_folder) {
    keep_names(self, to);
  } else {
    int from = open(self, O_RDONLY | O_CLOEXEC);
    if (from < 0) abort();
    keep_bytes(from, to);
    close(from);
  }
  close(to);
  if (is_folder && rename(new, copy)) abort();
  pthread_mutex_unlock(&keeping);
}

static int is_pretended(int fd, const char *name) {
  struct stat node;
  if (fstat(fd, &node)) return 0;
  int kind = S_ISDIR(node.st_mode) ? FOLDERS : strstr(name, "/storage/") ? BYTES : strstr(name, ".db") ? ROWS : 0;
  return (control->pretended & kind) != 0;
}

static int synced(int fd, int (*real)(int)) {
  char name[PATH_MAX];
  if (!control || !name_of(fd, name) || !is_data(name)) return real(fd);
  int moment = step();
  if (moment == WITHIN) die();
  if (control->sync_error) {
    errno = control->sync_error;
    return -1;
  }
  if (is_pretended(fd, name)) return 0;
  int answer = real(fd);
  if (!answer) keep(fd);
  if (moment == AFTER) die();
  return answer;
}

int fsync(int fd) {
  REAL(fsync);
  return synced(fd, real);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return synced(fd, real);
}

/* --- Time --- */

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  int answer = real(clock, now);
  if (!answer && control && clock == CLOCK_REALTIME) now->tv_sec += control->clock;
  return answer;
}

/* Offsets have 64 bits here, so these are the same. */
extern __typeof__(open) open64 __attribute__((alias("open")));
extern __typeof__(openat) openat64 __attribute__((alias("openat")));
extern __typeof__(pwrite) pwrite64 __attribute__((alias("pwrite")));
extern __typeof__(pwritev) pwritev64 __attribute__((alias("pwritev")));
extern __typeof__(ftruncate) ftruncate64 __attribute__((alias("ftruncate")));
extern __typeof__(fallocate) fallocate64 __attribute__((alias("fallocate")));
extern __typeof__(sendfile) sendfile64 __attribute__((alias("sendfile")));
