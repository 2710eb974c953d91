/*
 * A disk that refuses, for one program. Below READ_ONLY_FOLDER, opens for writing and new folders fail with EROFS.
 * While the file FULL_DISK_FLAG exists, writes to files below FULL_DISK_FOLDER fail with ENOSPC.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int refused(const char *path, int flags) {
  const char *folder = getenv("READ_ONLY_FOLDER");
  if (folder == NULL || strncmp(path, folder, strlen(folder)) != 0) return 0;
  return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
}

#define OPEN(name)                                                 \
  int name(const char *path, int flags, ...) {                     \
    va_list rest;                                                  \
    va_start(rest, flags);                                         \
    int mode = va_arg(rest, int);                                  \
    va_end(rest);                                                  \
    if (refused(path, flags)) {                                    \
      errno = EROFS;                                               \
      return -1;                                                   \
    }                                                              \
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
    return real(path, flags, mode);                                \
  }

OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
  struct stat there;
  if (stat(path, &there) != 0 && refused(path, O_WRONLY)) {
    errno = EROFS;
    return -1;
  }
  int (*real)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");
  return real(path, mode);
}

static int is_full(int file) {
  const char *folder = getenv("FULL_DISK_FOLDER");
  const char *flag = getenv("FULL_DISK_FLAG");
  if (folder == NULL || flag == NULL || access(flag, F_OK) != 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  return length > 0 && strncmp(path, folder, strlen(folder)) == 0;
}

#define WRITE(name, buffer, size)                                          \
  ssize_t name(int file, buffer data, size count, off64_t offset) {         \
    if (is_full(file)) {                                                    \
      errno = ENOSPC;                                                       \
      return -1;                                                            \
    }                                                                       \
    ssize_t (*real)(int, buffer, size, off64_t) = dlsym(RTLD_NEXT, #name);  \
    return real(file, data, count, offset);                                 \
  }

WRITE(pwrite, const void *, size_t)
WRITE(pwrite64, const void *, size_t)
WRITE(pwritev, const struct iovec *, int)
WRITE(pwritev64, const struct iovec *, int)
