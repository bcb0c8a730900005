/* The tables that Ballast and a plugin speak with each other: see kernel/abi/src/lib.rs for the rules of every
 * call, and examples/plugin/README.md for how a plugin is made. Generated from there; not to be edited. */

#ifndef BALLAST_PLUGIN_H
#define BALLAST_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

// Both sides must have the same.
#define BALLAST_MAJOR 1

// The lower one of both sides counts.
#define BALLAST_MINOR 2

// What was asked for is not there.
#define BALLAST_NOT_FOUND 1

// What should be made is there already.
#define BALLAST_ALREADY_EXISTS 2

// Somebody else was faster.
#define BALLAST_CONFLICT 3

// The caller is known and may not.
#define BALLAST_DENIED 4

// The credential is wrong, expired or revoked.
#define BALLAST_UNAUTHENTICATED 5

// A limit that somebody set is reached.
#define BALLAST_OVER_LIMIT 6

// The disk or the service behind it is full.
#define BALLAST_NO_ROOM 7

// The call itself makes no sense.
#define BALLAST_INVALID 8

// This plugin does not do that.
#define BALLAST_UNSUPPORTED 9

// Not now; the same call may work later.
#define BALLAST_UNAVAILABLE 10

// What is stored is not what was stored.
#define BALLAST_CORRUPT 11

// A fault of the plugin's own.
#define BALLAST_INTERNAL 12

// The plugin's code panicked. The next call works.
#define BALLAST_PANICKED 100

#define BALLAST_ERROR 1

#define BALLAST_WARN 2

#define BALLAST_INFO 3

#define BALLAST_DEBUG 4

#define BALLAST_TRACE 5

// Capability of auth: it keeps passwords, tokens, sessions and public keys of its own.
#define BALLAST_CAN_KEEP 1

// Capability of auth: it has rules that take rights away.
#define BALLAST_CAN_NARROW 2

// Not yet: it is polled again after it has woken.
#define BALLAST_PENDING 0

// Done; `out` is written.
#define BALLAST_READY 1

// Failed; `failure` is written.
#define BALLAST_FAILED 2

// The end of a stream.
#define BALLAST_END 3

// Capability: URLs can be signed for reading.
#define BALLAST_CAN_SIGN 1

// Capability: URLs can be signed for writing as well.
#define BALLAST_CAN_SIGN_UPLOADS 2

// Capability: objects are files of this machine.
#define BALLAST_CAN_FILES 4

// Flag of `create`: a power cut may lose the object.
#define BALLAST_PASSING 1

// Flag of `open_file`: only where the system need not ask a disk.
#define BALLAST_AT_ONCE 1

// A borrowed UTF-8 text. It is good for the call that it is an argument of, unless another time is said.
typedef struct BallastStr {
  // Null where there is no text at all, which is something else than an empty one.
  const uint8_t *ptr;
  size_t len;
} BallastStr;

// Owned bytes. Whoever has them calls `release` with `owner` exactly once, from any thread.
//
// Who is lent a buffer and wants to keep it moves it out and sets `release` to null in its place; what is left there
// is released by who lent it. A buffer without `release` lives for ever.
typedef struct BallastBuf {
  const uint8_t *ptr;
  size_t len;
  void *owner;
  void (*release)(void *owner);
} BallastBuf;

// Why something failed.
typedef struct BallastFailure {
  // One of the codes above; one that is not known counts as `INTERNAL`.
  uint32_t code;
  // 0.
  uint32_t reserved;
  // Nothing, or an object of which each key may be missing: `operation` (what was being done), `context` (what it
  // was done to and why it failed, without secrets), `retryable` (whether the same call may succeed later), `path`
  // (of a `check`: the key that is wrong).
  struct BallastBuf json;
} BallastFailure;

// What can be done with a waker. All of it may be called from any thread, and none of it blocks.
typedef struct BallastWakerTable {
  size_t size;
  // A waker of one's own, of one that was borrowed or is owned.
  const void *(*clone)(const void *waker);
  // Wakes, and ends a waker that is owned.
  void (*wake)(const void *waker);
  // Wakes by a waker that is kept.
  void (*wake_by_ref)(const void *waker);
  // Ends a waker that is owned.
  void (*drop)(const void *waker);
} BallastWakerTable;

// Who is to be woken. It is borrowed for one poll; what waits longer clones the waker.
typedef struct BallastContext {
  size_t size;
  const void *waker;
  // Lives as long as the process.
  const struct BallastWakerTable *table;
} BallastContext;

// A call under way. What it writes to `out` is said where the call is; where nothing is said, nothing.
typedef struct BallastFuture {
  void *data;
  // Answers `PENDING`, `READY` or `FAILED`.
  uint32_t (*poll)(void *data, const struct BallastContext *context, void *out, struct BallastFailure *failure);
  // Ends it, done or not. Null where there is nothing to end.
  void (*drop)(void *data);
} BallastFuture;

// Bytes on their way out.
typedef struct BallastReader {
  void *data;
  // The next bytes: `PENDING`, `READY` with a buffer in `out`, `FAILED`, or `END`.
  uint32_t (*next)(void *data,
                   const struct BallastContext *context,
                   struct BallastBuf *out,
                   struct BallastFailure *failure);
  void (*drop)(void *data);
} BallastReader;

// Bytes on their way in.
typedef struct BallastWriter {
  void *data;
  // Writes a buffer that is lent. `PENDING`: it is polled again with the same place, whether the buffer was taken
  // out of it or not. `READY`: written. A buffer with bytes while an earlier one is still being written (whoever
  // waited has given up) comes after that one.
  uint32_t (*write)(void *data,
                    const struct BallastContext *context,
                    struct BallastBuf *buf,
                    struct BallastFailure *failure);
  // Makes the object visible and durable, and writes its size to `out`.
  uint32_t (*commit)(void *data, const struct BallastContext *context, uint64_t *out, struct BallastFailure *failure);
  // Throws the bytes away. Null where `drop` is enough.
  uint32_t (*abort)(void *data, const struct BallastContext *context, struct BallastFailure *failure);
  // Ends it. Without a commit before, nothing becomes visible.
  void (*drop)(void *data);
} BallastWriter;

// The life of an instance: created, started, asked for its health, stopped, destroyed.
typedef struct BallastLifeTable {
  size_t size;
  // Connects and prepares. Null where there is nothing to do.
  struct BallastFuture (*start)(void *data);
  // Writes a `Buf` of JSON to `out`: `{"state": "ready"}`, or `"degraded"` or `"unavailable"` with a `reason`. Null
  // where it is always ready.
  struct BallastFuture (*health)(void *data);
  // Ends the work; idempotent, and safe after a start that failed. Null where there is nothing to do.
  struct BallastFuture (*stop)(void *data);
  // Ends the instance, when nothing of it is in use any more. Null where there is nothing to do.
  void (*destroy)(void *data);
} BallastLifeTable;

// An instance of a plugin in one role.
typedef struct BallastInstance {
  void *data;
  // What it can besides its role's common work: bits that the role's table names.
  uint64_t capabilities;
  // Lives as long as the process.
  const struct BallastLifeTable *life;
  // The table of the role that it was created for, such as `StorageTable`. Lives as long as the process.
  const void *role;
} BallastInstance;

// Who is told what came of a message to the hub.
typedef struct BallastReply {
  void *context;
  // Called exactly once, from any thread, perhaps before the message's call returns: with `READY` and the JSON answer
  // in `answer`, or with `FAILED` and why. Both are lent; who keeps the bytes moves them out. It does not block.
  void (*done)(void *context, uint32_t code, struct BallastBuf *answer, struct BallastFailure *failure);
} BallastReply;

// What the hub lends an instance. It lives as long as the process, and so do its texts; all of it may be called from
// any thread.
typedef struct BallastHost {
  size_t size;
  // The minor version that both sides speak.
  uint32_t minor;
  // 0.
  uint32_t reserved;
  const void *data;
  // The name of the instance: `storage.main`.
  struct BallastStr instance;
  // Whether the hub writes down what is logged at a level, from `ERROR` to `TRACE`: 0 or 1.
  uint32_t (*logs)(const void *data, uint32_t level);
  // Writes a line into the hub's log. `fields` is a JSON object, or no text.
  void (*log)(const void *data,
              uint32_t level,
              struct BallastStr target,
              struct BallastStr message,
              struct BallastStr fields);
  // Reports a fault of the instance that no call can answer with, such as a panic in a destructor.
  void (*fault)(const void *data, struct BallastStr what);
  // Since 1.1. Asks the durable space of the instance, the same on every node, with one JSON message in `call`. Null
  // where the manifest's `requires` does not name `state`.
  void (*state)(const void *data, struct BallastStr call, struct BallastReply reply);
} BallastHost;

// A store of immutable objects. An object is there, whole and durable, or it is not there at all. Keys are segments of
// `[a-z0-9._-]` with `/` between them, at most 512 bytes.
typedef struct BallastStorageTable {
  size_t size;
  // Writes the object's size, a `uint64_t`, to `out`. `NOT_FOUND` where there is none.
  struct BallastFuture (*stat)(void *data, struct BallastStr key);
  // Writes a `Reader` of exactly the bytes from `start` to before `end` to `out`. `NOT_FOUND`; `INVALID` where the
  // range ends behind the object or begins behind its end.
  struct BallastFuture (*read)(void *data, struct BallastStr key, uint64_t start, uint64_t end);
  // Writes a `Writer` to `out`. Nothing is visible before its commit, which replaces the object whole.
  struct BallastFuture (*create)(void *data, struct BallastStr key, uint32_t flags);
  // Removes objects for good. An absent key is no error. Where it fails, some may be gone. `keys` is good for this
  // call alone, and not while it is polled.
  struct BallastFuture (*remove)(void *data, const struct BallastStr *keys, size_t count);
  // Writes a `Buf` of JSON to `out`: `{"items": ["a/b", …], "next": null}`, the keys in byte order from behind
  // `after` (no text: from the first one), at most `limit`; `next` is a text where there are more.
  struct BallastFuture (*list)(void *data, struct BallastStr after, uint64_t limit);
  // Makes `to` the same bytes as `from`. `NOT_FOUND` where there is no `from`.
  struct BallastFuture (*copy)(void *data, struct BallastStr from, struct BallastStr to);
  // Signed URLs, with `CAN_SIGN`: one JSON message in `call`, and a `Buf` with the JSON answer to it in `out`.
  struct BallastFuture (*sign)(void *data, struct BallastStr call);
  // A descriptor of an object that is a file, with `CAN_FILES`: `READY` with a descriptor in `out` that the hub
  // closes, `FAILED`, or `END` where `AT_ONCE` was asked for and it is not.
  uint32_t (*open_file)(void *data, struct BallastStr key, uint32_t flags, int32_t *out, struct BallastFailure *failure);
} BallastStorageTable;

// A role that is asked by messages: since 1.1 auth and quota, since 1.2 downloader, versioning and endpoints.
typedef struct BallastMessageTable {
  size_t size;
  // One JSON message in `call`, whose key `call` says what is asked, and a `Buf` with the JSON answer to it in `out`.
  // `UNSUPPORTED` to what is not known. `call` is good for this call alone, and not while it is polled.
  struct BallastFuture (*call)(void *data, struct BallastStr call);
  // Since 1.2. The same with bytes beside the message, and a `Streamed` in `out`. What endpoints answer a request with,
  // and what a downloader fetches. `bytes` is lent for this call alone: who keeps them moves them out. Null where no
  // call of the role has bytes.
  struct BallastFuture (*stream)(void *data, struct BallastStr call, struct BallastBuf *bytes);
} BallastMessageTable;

// An answer with bytes behind it.
typedef struct BallastStreamed {
  // The JSON answer.
  struct BallastBuf answer;
  // The bytes. Without `next` there are none.
  struct BallastReader bytes;
} BallastStreamed;

// The exported symbol. Its fields up to `size` are the same in all major versions.
typedef struct BallastDeclaration {
  uint8_t magic[8];
  uint32_t major;
  uint32_t minor;
  // Of this whole table.
  size_t size;
  // JSON, and the same that lies in the section: `abi` (`{"major": 1, "minor": 2}`), `id` (`storage.example`),
  // `version`, `about` (a sentence), `roles` (`["storage"]`; since 1.1 also `auth` or `quota`, since 1.2 `downloader`,
  // `versioning` or `endpoints`), `requires` (what it cannot do without of what a hub lends; since 1.1, `state`),
  // `config` (the JSON Schema of the plugin's keys, in which `writeOnly` marks secrets), `openapi` (of endpoints, since
  // 1.2: their part of the document), `built_with` (texts that are shown and never compared).
  struct BallastStr manifest;
  // Whether the config of an instance makes sense; does no I/O. `READY`, or `FAILED` with the key's `path`. Null where the schema says all.
  uint32_t (*check)(struct BallastStr role, struct BallastStr config, struct BallastFailure *failure);
  // Makes an instance of a config that was checked; does no I/O. `READY` with the instance in `out`, or `FAILED`.
  uint32_t (*create)(const struct BallastHost *host,
                     struct BallastStr role,
                     struct BallastStr config,
                     struct BallastInstance *out,
                     struct BallastFailure *failure);
} BallastDeclaration;

#endif  /* BALLAST_PLUGIN_H */

#define BALLAST_MAGIC {'B', 'A', 'L', 'L', 'A', 'S', 'T', 'P'}

/* Puts the manifest where it can be read without running the plugin, and exports the declaration:
 *
 *   static const char manifest[] BALLAST_MANIFEST = "{ … }";
 *   BALLAST_EXPORT const BallastDeclaration ballast_plugin = { … };
 */
#ifdef __APPLE__
#define BALLAST_MANIFEST __attribute__((used, section("__DATA,__ballast")))
#else
#define BALLAST_MANIFEST __attribute__((used, section(".ballast")))
#endif
#define BALLAST_EXPORT __attribute__((visibility("default")))
