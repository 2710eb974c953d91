/*
 * A disk that fails, for one program: loaded before the system's library, it knows of each file below
 * FAULTY_DISK_FOLDER what the disk has for sure, and makes the operations fail that a plan names.
 *
 * The file FAULTY_DISK_PLAN holds one rule a line and may change at any time; counting begins anew then:
 *
 *   OPERATION[:PART] EFFECT FROM [on]
 *
 * The FROM-th such operation has the effect, with `on` each one from there. Operations: write, grow (a write beyond the
 * file's end), sync, syncfolder, read, truncate, create, open, rename, remove, any (all but read, open and grow). The
 * file's path holds PART. Effects:
 *
 *   EIO ENOSPC EROFS   the error. What a failed sync was for is lost, as Linux has it: it can be read while it is
 *                      remembered, no later sync writes it, and the next power loss shows what the disk has
 *   EVICT              EIO, and what is lost is forgotten at once: the old bytes are read again
 *   short              a write or read ends early
 *   lie                a sync says that all is well and makes nothing last
 *   kill               the process is killed in the midst of the operation; the disk gets what was written in the end
 *   die                the power is lost: of what was not synced any sectors, and the last names, are gone
 *
 * FAULTY_DISK_HELD is an empty folder on the same file system, where removed files wait until that is certain.
 * FAULTY_DISK_SEED makes the choices. The file `lock` is left alone: SQLite's locks depend on who opens it.
 */
#define _GNU_SOURCE
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define FILES_MAX 4096
#define NAMES_MAX 4096
#define RULES_MAX 16
#define PLAN_MAX 2048

/* What the disk has of a file, and which sectors of the file differ from it. */
typedef struct {
  dev_t device;
  ino_t inode;
  char *bytes;
  off64_t size, room;
  /* By sector: 1 written since the last sync, 2 lost by a failed one. */
  unsigned char *state;
  off64_t sectors;
} File;

typedef enum { CREATED, RENAMED, REMOVED } Act;

/* A change of names that no sync of the folder has made last. `held` keeps what was removed or replaced. */
typedef struct {
  Act act;
  char from[PATH_MAX], to[PATH_MAX], held[PATH_MAX];
} Name;

typedef struct {
  char operation[16], part[64], effect[16];
  long from, count;
  int on;
} Rule;

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static File files[FILES_MAX];
static int file_count;
static Name names[NAMES_MAX];
static int name_count;
static Rule rules[RULES_MAX];
static int rule_count;
static char plan[PLAN_MAX];
static long held_count;
static uint64_t chance_state;

#define REAL(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))
static int real_open(const char *path, int flags, int mode) { return REAL(int, open64, const char *, int, ...)(path, flags, mode); }
static ssize_t real_pwrite(int file, const void *data, size_t count, off64_t at) {
  return REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)(file, data, count, at);
}
static ssize_t real_pread(int file, void *data, size_t count, off64_t at) {
  return REAL(ssize_t, pread64, int, void *, size_t, off64_t)(file, data, count, at);
}
static int real_truncate(int file, off64_t size) { return REAL(int, ftruncate64, int, off64_t)(file, size); }
static int real_rename(const char *from, const char *to) { return REAL(int, rename, const char *, const char *)(from, to); }
static int real_unlink(const char *path) { return REAL(int, unlink, const char *)(path); }

static uint32_t chance(uint32_t bound) {
  if (chance_state == 0) chance_state = strtoull(getenv("FAULTY_DISK_SEED") ? getenv("FAULTY_DISK_SEED") : "1", NULL, 10) * 2 + 1;
  chance_state ^= chance_state << 13;
  chance_state ^= chance_state >> 7;
  chance_state ^= chance_state << 17;
  return bound == 0 ? 0 : (uint32_t)((chance_state >> 16) % bound);
}

/* Below the folder, and not the lock. */
static int is_ours(const char *path) {
  const char *folder = getenv("FAULTY_DISK_FOLDER");
  const char *name = strrchr(path, '/');
  if (folder == NULL || strncmp(path, folder, strlen(folder)) != 0) return 0;
  return name == NULL || strncmp(name, "/lock", 5) != 0;
}

static int path_of(int file, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static void read_plan(void) {
  char text[PLAN_MAX] = "";
  int file = getenv("FAULTY_DISK_PLAN") ? real_open(getenv("FAULTY_DISK_PLAN"), O_RDONLY | O_CLOEXEC, 0) : -1;
  if (file >= 0) {
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
  }
  if (strcmp(text, plan) == 0) return;
  strcpy(plan, text);
  rule_count = 0;
  for (char *line = strtok(text, "\n"); line != NULL && rule_count < RULES_MAX; line = strtok(NULL, "\n")) {
    Rule *rule = &rules[rule_count];
    char what[80] = "", on[8] = "";
    memset(rule, 0, sizeof *rule);
    if (sscanf(line, "%79s %15s %ld %7s", what, rule->effect, &rule->from, on) < 3) continue;
    char *colon = strchr(what, ':');
    if (colon != NULL) {
      *colon = 0;
      snprintf(rule->part, sizeof rule->part, "%s", colon + 1);
    }
    snprintf(rule->operation, sizeof rule->operation, "%.15s", what);
    rule->on = strcmp(on, "on") == 0;
    rule_count += 1;
  }
}

static int ends_process(const char *effect) { return strcmp(effect, "die") == 0 || strcmp(effect, "kill") == 0; }

/* The effect that the plan has for this operation, or "". */
static const char *effect_on(const char *operation, const char *path) {
  read_plan();
  const char *effect = "";
  int is_change = strcmp(operation, "read") != 0 && strcmp(operation, "open") != 0 && strcmp(operation, "grow") != 0;
  for (int index = 0; index < rule_count; index++) {
    Rule *rule = &rules[index];
    if (strcmp(rule->operation, operation) != 0 && !(is_change && strcmp(rule->operation, "any") == 0)) continue;
    if (strstr(path, rule->part) == NULL) continue;
    rule->count += 1;
    if (rule->count != rule->from && !(rule->on && rule->count > rule->from)) continue;
    /* The end comes whatever else would have been. */
    if (*effect == 0 || ends_process(rule->effect)) effect = rule->effect;
  }
  return effect;
}

static int error_of(const char *effect) {
  if (strcmp(effect, "EIO") == 0 || strcmp(effect, "EVICT") == 0) return EIO;
  if (strcmp(effect, "ENOSPC") == 0) return ENOSPC;
  return strcmp(effect, "EROFS") == 0 ? EROFS : 0;
}

static void make_room(File *file, off64_t size) {
  if (size > file->room) {
    file->bytes = realloc(file->bytes, size);
    memset(file->bytes + file->room, 0, size - file->room);
    file->room = size;
  }
  off64_t sectors = (size + SECTOR - 1) / SECTOR;
  if (sectors <= file->sectors) return;
  file->state = realloc(file->state, sectors);
  memset(file->state + file->sectors, 0, sectors - file->sectors);
  file->sectors = sectors;
}

/* What is known of an open file. One that was there before is taken as it is. */
static File *known(int handle, int is_new) {
  struct stat64 stat;
  if (fstat64(handle, &stat) != 0 || !S_ISREG(stat.st_mode)) return NULL;
  File *file = NULL;
  for (int index = 0; index < file_count && file == NULL; index++)
    if (files[index].inode == stat.st_ino && files[index].device == stat.st_dev) file = &files[index];
  if (file != NULL && !is_new) return file;
  if (file == NULL) {
    if (file_count == FILES_MAX) abort();
    file = &files[file_count++];
  }
  free(file->bytes);
  free(file->state);
  *file = (File){.device = stat.st_dev, .inode = stat.st_ino};
  if (is_new) return file;
  make_room(file, stat.st_size);
  file->size = real_pread(handle, file->bytes, stat.st_size, 0);
  return file;
}

static void mark(File *file, off64_t from, off64_t to) {
  make_room(file, to);
  for (off64_t sector = from / SECTOR; sector * SECTOR < to; sector++) file->state[sector] = 1;
}

static off64_t size_of(int handle) {
  struct stat64 stat;
  return fstat64(handle, &stat) == 0 ? stat.st_size : 0;
}

/* Takes what was written since the last sync for durable. */
static void make_last(File *file, int handle) {
  off64_t size = size_of(handle);
  make_room(file, size);
  for (off64_t sector = 0; sector * SECTOR < size; sector++) {
    if (file->state[sector] != 1) continue;
    off64_t at = sector * SECTOR;
    off64_t end = at + SECTOR < size ? at + SECTOR : size;
    if (real_pread(handle, file->bytes + at, end - at, at) < 0) abort();
    file->state[sector] = 0;
  }
  if (size < file->size) memset(file->bytes + size, 0, file->size - size);
  file->size = size;
}

/* Puts back what the disk has of a sector: zeros where it has nothing. */
static void put_back(File *file, int handle, off64_t sector, off64_t size) {
  char old[SECTOR] = {0};
  off64_t at = sector * SECTOR;
  off64_t end = at + SECTOR < size ? at + SECTOR : size;
  if (at < file->size) memcpy(old, file->bytes + at, (at + SECTOR < file->size ? at + SECTOR : file->size) - at);
  if (end > at && real_pwrite(handle, old, end - at, at) < 0) abort();
}

static void lose(File *file, int handle, int evict) {
  off64_t size = size_of(handle);
  for (off64_t sector = 0; sector < file->sectors; sector++) {
    if (file->state[sector] != 1) continue;
    file->state[sector] = 2;
    if (evict) put_back(file, handle, sector, size);
  }
}

/* All, none, or any of the sectors that were on their way are on the disk. */
static void cut_power_of(File *file, int handle) {
  if (file == NULL) return;
  off64_t size = size_of(handle);
  int survives = chance(3);
  off64_t left = survives == 0 || (survives == 1 && chance(2) == 0) ? file->size : size;
  if (left != size && real_truncate(handle, left) != 0) abort();
  for (off64_t sector = 0; sector < file->sectors; sector++) {
    if (file->state[sector] == 0) continue;
    int is_lost = file->state[sector] == 2 || survives == 0 || (survives == 1 && chance(2) == 0);
    /* What the file was cut by is in nobody's memory any more. */
    if (is_lost || (left > size && (sector + 1) * SECTOR > size)) put_back(file, handle, sector, left);
  }
}

/* The power is gone: each file is as the disk has it, with some of what was on its way. */
static void lose_power(void) {
  int kept = chance(name_count + 1);
  for (int index = name_count - 1; index >= kept; index--) {
    Name *name = &names[index];
    if (name->act == CREATED) real_unlink(name->to);
    if (name->act == RENAMED) real_rename(name->to, name->from);
    if (*name->held != 0) real_rename(name->held, name->act == REMOVED ? name->from : name->to);
  }
  char command[PATH_MAX + 64];
  snprintf(command, sizeof command, "find '%s' -type f ! -name 'lock*'", getenv("FAULTY_DISK_FOLDER"));
  /* Whatever runs it must not load this library. */
  unsetenv("LD_PRELOAD");
  FILE *found = popen(command, "r");
  char path[PATH_MAX];
  while (found != NULL && fgets(path, sizeof path, found) != NULL) {
    path[strcspn(path, "\n")] = 0;
    int handle = real_open(path, O_RDWR | O_CLOEXEC, 0);
    if (handle < 0) continue;
    cut_power_of(known(handle, 0), handle);
    close(handle);
  }
  if (found != NULL) pclose(found);
}

static void end_process(const char *effect) {
  if (strcmp(effect, "die") == 0) lose_power();
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int fails(const char *effect) {
  int error = error_of(effect);
  if (error != 0) errno = error;
  return error != 0;
}

static void hold(Name *name, const char *path) {
  snprintf(name->held, PATH_MAX, "%s/%ld", getenv("FAULTY_DISK_HELD") ? getenv("FAULTY_DISK_HELD") : "", held_count++);
  if (REAL(int, link, const char *, const char *)(path, name->held) != 0) name->held[0] = 0;
}

static Name *remember(Act act, const char *from, const char *to) {
  if (name_count == NAMES_MAX) abort();
  Name *name = &names[name_count++];
  name->act = act;
  name->held[0] = 0;
  snprintf(name->from, PATH_MAX, "%s", from);
  snprintf(name->to, PATH_MAX, "%s", to);
  return name;
}

static int is_in(const char *folder, const char *path) {
  size_t length = strlen(folder);
  return *path != 0 && strncmp(path, folder, length) == 0 && path[length] == '/' && strchr(path + length + 1, '/') == NULL;
}

static void make_names_last(const char *folder) {
  int kept = 0;
  for (int index = 0; index < name_count; index++) {
    Name *name = &names[index];
    if (is_in(folder, name->to) || is_in(folder, name->from)) {
      if (*name->held != 0) real_unlink(name->held);
    } else {
      if (kept != index) names[kept] = *name;
      kept += 1;
    }
  }
  name_count = kept;
}

static int opened(const char *name, const char *path, int flags, int mode) {
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
  char whole[PATH_MAX];
  if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else if (getcwd(whole, sizeof whole) != NULL) snprintf(whole + strlen(whole), sizeof whole - strlen(whole), "/%s", path);
  if (!is_ours(whole) || (flags & O_DIRECTORY) != 0) return real(path, flags, mode);
  pthread_mutex_lock(&one_at_a_time);
  int creates = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
  int writes = (flags & O_ACCMODE) != O_RDONLY;
  const char *effect = creates || writes ? effect_on(creates ? "create" : "open", whole) : "";
  int handle = -1;
  if (!fails(effect)) {
    handle = real(path, flags, mode);
    int error = errno;
    if (handle >= 0 && (creates || writes)) known(handle, creates);
    if (handle >= 0 && creates) remember(CREATED, "", whole);
    if (ends_process(effect)) end_process(effect);
    errno = error;
  }
  pthread_mutex_unlock(&one_at_a_time);
  return handle;
}

#define OPEN(name)                               \
  int name(const char *path, int flags, ...) {   \
    va_list rest;                                \
    va_start(rest, flags);                       \
    int mode = va_arg(rest, int);                \
    va_end(rest);                                \
    return opened(#name, path, flags, mode);     \
  }

OPEN(open)
OPEN(open64)

/* A sync of a file: its own call, or the end of a write to one that was opened with O_DSYNC. */
static int sync_file(const char *path, int handle, int (*real)(int)) {
  const char *effect = effect_on("sync", path);
  if (ends_process(effect)) end_process(effect);
  File *file = known(handle, 0);
  if (fails(effect)) {
    int error = errno;
    if (file != NULL) lose(file, handle, strcmp(effect, "EVICT") == 0);
    errno = error;
    return -1;
  }
  if (strcmp(effect, "lie") == 0) return 0;
  int result = real == NULL ? 0 : real(handle);
  int error = errno;
  if (result == 0 && file != NULL) make_last(file, handle);
  errno = error;
  return result;
}

static int syncs_itself(int handle) {
  int flags = fcntl(handle, F_GETFL);
  return flags >= 0 && (flags & O_DSYNC) != 0;
}

ssize_t pwrite64(int handle, const void *data, size_t count, off64_t at) {
  char path[PATH_MAX];
  if (!path_of(handle, path)) return real_pwrite(handle, data, count, at);
  pthread_mutex_lock(&one_at_a_time);
  const char *effect = effect_on("write", path);
  if (*effect == 0 && at + (off64_t)count > size_of(handle)) effect = effect_on("grow", path);
  ssize_t written = -1;
  if (!fails(effect)) {
    int ends_early = count > 1 && (strcmp(effect, "short") == 0 || strcmp(effect, "kill") == 0);
    File *file = known(handle, 0);
    written = real_pwrite(handle, data, ends_early ? 1 + chance(count - 1) : count, at);
    int error = errno;
    if (written > 0 && file != NULL) mark(file, at, at + written);
    if (ends_process(effect)) end_process(effect);
    errno = error;
    if (written > 0 && syncs_itself(handle) && sync_file(path, handle, NULL) != 0) written = -1;
  }
  pthread_mutex_unlock(&one_at_a_time);
  return written;
}

ssize_t pwrite(int handle, const void *data, size_t count, off64_t at) { return pwrite64(handle, data, count, at); }

/* One part at a time is enough: whoever calls goes on with the rest. */
ssize_t pwritev64(int handle, const struct iovec *parts, int count, off64_t at) {
  return count == 0 ? 0 : pwrite64(handle, parts[0].iov_base, parts[0].iov_len, at);
}

ssize_t pwritev(int handle, const struct iovec *parts, int count, off64_t at) { return pwritev64(handle, parts, count, at); }

ssize_t pread64(int handle, void *data, size_t count, off64_t at) {
  char path[PATH_MAX];
  if (!path_of(handle, path)) return real_pread(handle, data, count, at);
  pthread_mutex_lock(&one_at_a_time);
  const char *effect = effect_on("read", path);
  int is_failing = fails(effect);
  pthread_mutex_unlock(&one_at_a_time);
  if (is_failing) return -1;
  return real_pread(handle, data, strcmp(effect, "short") == 0 && count > 1 ? 1 + count / 2 : count, at);
}

ssize_t pread(int handle, void *data, size_t count, off64_t at) { return pread64(handle, data, count, at); }

static int sync_folder(const char *path, int handle, int (*real)(int)) {
  const char *effect = effect_on("syncfolder", path);
  if (ends_process(effect)) end_process(effect);
  if (fails(effect)) return -1;
  if (strcmp(effect, "lie") == 0) return 0;
  int result = real(handle);
  int error = errno;
  if (result == 0) make_names_last(path);
  errno = error;
  return result;
}

static int synced(const char *name, int handle) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  char path[PATH_MAX];
  if (!path_of(handle, path)) return real(handle);
  pthread_mutex_lock(&one_at_a_time);
  struct stat64 stat;
  int is_folder = fstat64(handle, &stat) == 0 && S_ISDIR(stat.st_mode);
  int result = is_folder ? sync_folder(path, handle, real) : sync_file(path, handle, real);
  pthread_mutex_unlock(&one_at_a_time);
  return result;
}

int fsync(int handle) { return synced("fsync", handle); }
int fdatasync(int handle) { return synced("fdatasync", handle); }

int ftruncate64(int handle, off64_t size) {
  char path[PATH_MAX];
  if (!path_of(handle, path)) return real_truncate(handle, size);
  pthread_mutex_lock(&one_at_a_time);
  const char *effect = effect_on("truncate", path);
  int result = -1;
  if (!fails(effect)) {
    File *file = known(handle, 0);
    off64_t before = size_of(handle);
    result = real_truncate(handle, size);
    int error = errno;
    if (result == 0 && file != NULL) mark(file, size < before ? size : before, size > before ? size : before);
    if (ends_process(effect)) end_process(effect);
    errno = error;
  }
  pthread_mutex_unlock(&one_at_a_time);
  return result;
}

int ftruncate(int handle, off64_t size) { return ftruncate64(handle, size); }

int rename(const char *from, const char *to) {
  if (!is_ours(from)) return real_rename(from, to);
  pthread_mutex_lock(&one_at_a_time);
  const char *effect = effect_on("rename", to);
  int result = -1;
  if (!fails(effect)) {
    Name *name = remember(RENAMED, from, to);
    hold(name, to);
    result = real_rename(from, to);
    int error = errno;
    if (result != 0) name_count -= 1;
    if (ends_process(effect)) end_process(effect);
    errno = error;
  }
  pthread_mutex_unlock(&one_at_a_time);
  return result;
}

int unlink(const char *path) {
  if (!is_ours(path)) return real_unlink(path);
  pthread_mutex_lock(&one_at_a_time);
  const char *effect = effect_on("remove", path);
  int result = -1;
  if (!fails(effect)) {
    Name *name = remember(REMOVED, path, "");
    hold(name, path);
    result = real_unlink(path);
    int error = errno;
    if (result != 0) name_count -= 1;
    if (ends_process(effect)) end_process(effect);
    errno = error;
  }
  pthread_mutex_unlock(&one_at_a_time);
  return result;
}
