/* A storage plugin for Ballast in C, against ballast_plugin.h alone: objects in memory, forgotten at the end.
 *
 *   cc -std=c11 -O2 -shared -fPIC -fvisibility=hidden -I ../../../kernel/abi/include plugin.c -o libstorage_c.so -lpthread
 *
 * Nothing here waits, so every call is done when it is polled first. */
#include "ballast_plugin.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char manifest[] BALLAST_MANIFEST =
    "{\"abi\": {\"major\": 1, \"minor\": 0}, \"id\": \"storage.c\", \"version\": \"1.0.0\","
    " \"about\": \"Keeps bytes in memory, written in C\", \"roles\": [\"storage\"], \"built_with\": {\"language\": \"C\"},"
    " \"config\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
    "\"room\": {\"type\": \"integer\", \"minimum\": 0, \"description\": \"Bytes at most; 0 has no limit\"}}}}";

/* --- Bytes that are counted, so that who reads keeps them --- */

typedef struct {
  int count;
  size_t length;
  uint8_t bytes[];
} Bytes;

static void release(void *owner) {
  Bytes *bytes = owner;
  if (__atomic_sub_fetch(&bytes->count, 1, __ATOMIC_ACQ_REL) == 0) free(bytes);
}

static Bytes *retain(Bytes *bytes) {
  __atomic_add_fetch(&bytes->count, 1, __ATOMIC_RELAXED);
  return bytes;
}

static Bytes *allocate(size_t length) {
  Bytes *bytes = malloc(sizeof *bytes + length);
  if (bytes == NULL) return NULL;
  bytes->count = 1;
  bytes->length = length;
  return bytes;
}

/* --- A store: keys in byte order --- */

typedef struct {
  char *key;
  Bytes *bytes;
} Object;

typedef struct {
  const BallastHost *host;
  pthread_mutex_t lock;
  Object *objects;
  size_t count, space;
  uint64_t room, used;
} Store;

static int compare(const char *one, size_t one_length, const char *other, size_t other_length) {
  size_t common = one_length < other_length ? one_length : other_length;
  int order = memcmp(one, other, common);
  return order != 0 ? order : (one_length > other_length) - (one_length < other_length);
}

/* The place of a key, or where it would be. */
static size_t place(const Store *store, const char *key, size_t length, bool *found) {
  size_t low = 0, high = store->count;
  *found = false;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = compare(store->objects[middle].key, strlen(store->objects[middle].key), key, length);
    if (order == 0) {
      *found = true;
      return middle;
    }
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

static Bytes *get(Store *store, const char *key, size_t length) {
  bool found;
  pthread_mutex_lock(&store->lock);
  size_t at = place(store, key, length, &found);
  Bytes *bytes = found ? retain(store->objects[at].bytes) : NULL;
  pthread_mutex_unlock(&store->lock);
  return bytes;
}

/* Takes the bytes, whatever comes of it. */
static uint32_t put(Store *store, const char *key, size_t length, Bytes *bytes) {
  bool found;
  uint32_t failure = 0;
  pthread_mutex_lock(&store->lock);
  size_t at = place(store, key, length, &found);
  uint64_t before = found ? store->objects[at].bytes->length : 0;
  if (store->room != 0 && store->used - before + bytes->length > store->room) {
    failure = BALLAST_NO_ROOM;
  } else if (found) {
    release(store->objects[at].bytes);
    store->objects[at].bytes = bytes;
  } else {
    if (store->count == store->space) {
      size_t space = store->space == 0 ? 64 : store->space * 2;
      Object *objects = realloc(store->objects, space * sizeof *objects);
      if (objects != NULL) {
        store->objects = objects;
        store->space = space;
      }
    }
    char *name = store->count < store->space ? malloc(length + 1) : NULL;
    if (name == NULL) {
      failure = BALLAST_NO_ROOM;
    } else {
      memcpy(name, key, length);
      name[length] = 0;
      memmove(store->objects + at + 1, store->objects + at, (store->count - at) * sizeof *store->objects);
      store->objects[at] = (Object){name, bytes};
      store->count += 1;
    }
  }
  if (failure == 0) store->used += bytes->length - before;
  pthread_mutex_unlock(&store->lock);
  if (failure != 0) release(bytes);
  return failure;
}

static void take_away(Store *store, const char *key, size_t length) {
  bool found;
  pthread_mutex_lock(&store->lock);
  size_t at = place(store, key, length, &found);
  if (found) {
    store->used -= store->objects[at].bytes->length;
    release(store->objects[at].bytes);
    free(store->objects[at].key);
    store->count -= 1;
    memmove(store->objects + at, store->objects + at + 1, (store->count - at) * sizeof *store->objects);
  }
  pthread_mutex_unlock(&store->lock);
}

/* --- Calls that are done at once: their answer waits in the future --- */

typedef enum { NOTHING, NUMBER, BUFFER, READER, WRITER } Kind;

typedef struct {
  Kind kind;
  uint32_t failure; /* 0 where there is none */
  const char *why;
  union {
    uint64_t number;
    BallastBuf buffer;
    BallastReader reader;
    BallastWriter writer;
  } is;
} Answer;

static uint32_t fail(BallastFailure *failure, uint32_t code, const char *why) {
  size_t space = strlen(why) + 32;
  Bytes *json = allocate(space);
  failure->code = code;
  failure->reserved = 0;
  failure->json = (BallastBuf){NULL, 0, NULL, NULL};
  if (json != NULL) {
    int length = snprintf((char *)json->bytes, space, "{\"context\": \"%s\"}", why);
    failure->json = (BallastBuf){json->bytes, (size_t)length, json, release};
  }
  return BALLAST_FAILED;
}

static uint32_t answer(void *data, const BallastContext *context, void *out, BallastFailure *failure) {
  (void)context;
  Answer *answer = data;
  if (answer->failure != 0) return fail(failure, answer->failure, answer->why);
  switch (answer->kind) {
    case NOTHING: break;
    case NUMBER: *(uint64_t *)out = answer->is.number; break;
    case BUFFER: *(BallastBuf *)out = answer->is.buffer; break;
    case READER: *(BallastReader *)out = answer->is.reader; break;
    case WRITER: *(BallastWriter *)out = answer->is.writer; break;
  }
  answer->kind = NOTHING; /* The hub has it now. */
  return BALLAST_READY;
}

static void drop_answer(void *data) {
  Answer *answer = data;
  if (answer->kind == BUFFER && answer->is.buffer.release) answer->is.buffer.release(answer->is.buffer.owner);
  if (answer->kind == READER) answer->is.reader.drop(answer->is.reader.data);
  if (answer->kind == WRITER) answer->is.writer.drop(answer->is.writer.data);
  free(answer);
}

static uint32_t no_memory(void *data, const BallastContext *context, void *out, BallastFailure *failure) {
  (void)data, (void)context, (void)out;
  *failure = (BallastFailure){BALLAST_NO_ROOM, 0, {NULL, 0, NULL, NULL}};
  return BALLAST_FAILED;
}

static BallastFuture done(Answer is) {
  Answer *kept = malloc(sizeof *kept);
  if (kept == NULL) {
    if (is.kind == READER) is.is.reader.drop(is.is.reader.data);
    if (is.kind == WRITER) is.is.writer.drop(is.is.writer.data);
    if (is.kind == BUFFER) is.is.buffer.release(is.is.buffer.owner);
    return (BallastFuture){NULL, no_memory, NULL};
  }
  *kept = is;
  return (BallastFuture){kept, answer, drop_answer};
}

static BallastFuture failed(uint32_t code, const char *why) {
  return done((Answer){.kind = NOTHING, .failure = code, .why = why});
}

/* --- Readers --- */

typedef struct {
  Bytes *bytes;
  size_t at, end;
} Reading;

#define PIECE ((size_t)1 << 20)

static uint32_t next(void *data, const BallastContext *context, BallastBuf *out, BallastFailure *failure) {
  (void)context, (void)failure;
  Reading *reading = data;
  size_t left = reading->end - reading->at, length = left < PIECE ? left : PIECE;
  if (length == 0) return BALLAST_END;
  *out = (BallastBuf){reading->bytes->bytes + reading->at, length, retain(reading->bytes), release};
  reading->at += length;
  return BALLAST_READY;
}

static void drop_reader(void *data) {
  Reading *reading = data;
  release(reading->bytes);
  free(reading);
}

/* --- Writers --- */

typedef struct {
  Store *store;
  Bytes *bytes;
  size_t length;
  size_t key_length;
  char key[512];
} Writing;

static uint32_t write_some(void *data, const BallastContext *context, BallastBuf *buf, BallastFailure *failure) {
  (void)context;
  Writing *writing = data;
  size_t space = writing->bytes->length;
  if (writing->length + buf->len > space) {
    while (writing->length + buf->len > space) space = space * 2;
    Bytes *larger = realloc(writing->bytes, sizeof *larger + space);
    if (larger == NULL) return fail(failure, BALLAST_NO_ROOM, "no memory for the object");
    larger->length = space;
    writing->bytes = larger;
  }
  if (buf->len > 0) memcpy(writing->bytes->bytes + writing->length, buf->ptr, buf->len);
  writing->length += buf->len;
  return BALLAST_READY; /* The buffer stays the hub's. */
}

static uint32_t commit(void *data, const BallastContext *context, uint64_t *out, BallastFailure *failure) {
  (void)context;
  Writing *writing = data;
  Bytes *bytes = writing->bytes;
  writing->bytes = NULL;
  bytes->length = writing->length;
  uint32_t code = put(writing->store, writing->key, writing->key_length, bytes);
  if (code != 0) return fail(failure, code, "there is no room for the object");
  *out = writing->length;
  return BALLAST_READY;
}

static void drop_writer(void *data) {
  Writing *writing = data;
  if (writing->bytes != NULL) release(writing->bytes);
  free(writing);
}

/* --- The table --- */

static BallastFuture stat_object(void *data, BallastStr key) {
  Bytes *bytes = get(data, (const char *)key.ptr, key.len);
  if (bytes == NULL) return failed(BALLAST_NOT_FOUND, "there is no such object");
  uint64_t size = bytes->length;
  release(bytes);
  return done((Answer){.kind = NUMBER, .is.number = size});
}

static BallastFuture read_object(void *data, BallastStr key, uint64_t start, uint64_t end) {
  Bytes *bytes = get(data, (const char *)key.ptr, key.len);
  if (bytes == NULL) return failed(BALLAST_NOT_FOUND, "there is no such object");
  Reading *reading = malloc(sizeof *reading);
  if (reading == NULL || start > end || end > bytes->length) {
    free(reading);
    release(bytes);
    return reading == NULL ? failed(BALLAST_NO_ROOM, "no memory for a reader")
                           : failed(BALLAST_INVALID, "the range ends behind the object");
  }
  *reading = (Reading){bytes, (size_t)start, (size_t)end};
  return done((Answer){.kind = READER, .is.reader = {reading, next, drop_reader}});
}

static BallastFuture create_object(void *data, BallastStr key, uint32_t flags) {
  (void)flags;
  Writing *writing = malloc(sizeof *writing);
  if (writing == NULL) return failed(BALLAST_NO_ROOM, "no memory for a writer");
  Bytes *bytes = allocate(4096);
  if (bytes == NULL || key.len > sizeof writing->key) {
    free(bytes);
    free(writing);
    return failed(BALLAST_NO_ROOM, "no memory for a writer");
  }
  writing->store = data;
  writing->bytes = bytes;
  writing->length = 0;
  writing->key_length = key.len;
  memcpy(writing->key, key.ptr, key.len);
  return done((Answer){.kind = WRITER, .is.writer = {writing, write_some, commit, NULL, drop_writer}});
}

static BallastFuture delete_objects(void *data, const BallastStr *keys, size_t count) {
  for (size_t i = 0; i < count; i++) take_away(data, (const char *)keys[i].ptr, keys[i].len);
  return done((Answer){.kind = NOTHING});
}

static BallastFuture list_objects(void *data, BallastStr after, uint64_t limit) {
  Store *store = data;
  bool found;
  pthread_mutex_lock(&store->lock);
  size_t first = after.ptr == NULL ? 0 : place(store, (const char *)after.ptr, after.len, &found);
  if (after.ptr != NULL && found) first += 1;
  size_t end = limit < store->count - first ? first + (size_t)limit : store->count, space = 64;
  for (size_t i = first; i < end; i++) space += strlen(store->objects[i].key) + 4;
  Bytes *json = allocate(space);
  if (json == NULL) {
    pthread_mutex_unlock(&store->lock);
    return failed(BALLAST_NO_ROOM, "no memory for a page");
  }
  char *text = (char *)json->bytes;
  size_t length = (size_t)sprintf(text, "{\"items\": [");
  for (size_t i = first; i < end; i++) {
    length += (size_t)sprintf(text + length, "%s\"%s\"", i == first ? "" : ", ", store->objects[i].key);
  }
  length += (size_t)sprintf(text + length, "], \"next\": %s}", end < store->count && end > first ? "\"more\"" : "null");
  pthread_mutex_unlock(&store->lock);
  return done((Answer){.kind = BUFFER, .is.buffer = {json->bytes, length, json, release}});
}

static BallastFuture copy_object(void *data, BallastStr from, BallastStr to) {
  Bytes *bytes = get(data, (const char *)from.ptr, from.len);
  if (bytes == NULL) return failed(BALLAST_NOT_FOUND, "there is no such object");
  uint32_t code = put(data, (const char *)to.ptr, to.len, bytes); /* Objects do not change: both have the same bytes. */
  return code == 0 ? done((Answer){.kind = NOTHING}) : failed(code, "there is no room for the object");
}

static void destroy(void *data) {
  Store *store = data;
  for (size_t i = 0; i < store->count; i++) {
    release(store->objects[i].bytes);
    free(store->objects[i].key);
  }
  free(store->objects);
  pthread_mutex_destroy(&store->lock);
  free(store);
}

static const BallastLifeTable life = {.size = sizeof(BallastLifeTable), .destroy = destroy};

static const BallastStorageTable storage = {
    .size = sizeof(BallastStorageTable),
    .stat = stat_object,
    .read = read_object,
    .create = create_object,
    .remove = delete_objects,
    .list = list_objects,
    .copy = copy_object,
};

/* The hub has held the config against the schema: where `room` is, it is a number. */
static uint64_t room_of(BallastStr config) {
  static const char key[] = "\"room\":";
  for (size_t i = 0; i + sizeof key - 1 < config.len; i++) {
    if (memcmp(config.ptr + i, key, sizeof key - 1) != 0) continue;
    uint64_t room = 0;
    for (i += sizeof key - 1; i < config.len; i++) {
      if (config.ptr[i] == ' ') continue;
      if (config.ptr[i] < '0' || config.ptr[i] > '9') break;
      room = room * 10 + (uint64_t)(config.ptr[i] - '0');
    }
    return room;
  }
  return 0;
}

static uint32_t create(const BallastHost *host, BallastStr role, BallastStr config, BallastInstance *out,
                       BallastFailure *failure) {
  static const char said[] = "keeping objects in memory", target[] = "storage.c";
  (void)role;
  Store *store = calloc(1, sizeof *store);
  if (store == NULL) return fail(failure, BALLAST_NO_ROOM, "no memory for a store");
  store->host = host;
  store->room = room_of(config);
  pthread_mutex_init(&store->lock, NULL);
  *out = (BallastInstance){store, 0, &life, &storage};
  host->log(host->data, BALLAST_INFO, (BallastStr){(const uint8_t *)target, sizeof target - 1},
            (BallastStr){(const uint8_t *)said, sizeof said - 1}, (BallastStr){NULL, 0});
  return BALLAST_READY;
}

BALLAST_EXPORT const BallastDeclaration ballast_plugin = {
    .magic = BALLAST_MAGIC,
    .major = BALLAST_MAJOR,
    .minor = BALLAST_MINOR,
    .size = sizeof(BallastDeclaration),
    .manifest = {(const uint8_t *)manifest, sizeof manifest - 1},
    .create = create,
};
