/*
 * Takes the disk from under a mounted ext4, as a loss of power or a dead controller does: what was not synced is lost,
 * and from now on every operation fails. Argument: the mount. The ioctl is that of the kernel's own crash tests.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
/* Neither data nor journal is written out before. */
#define NOLOGFLUSH 2

int main(int count, char **arguments) {
  uint32_t how = NOLOGFLUSH;
  int folder = count == 2 ? open(arguments[1], O_RDONLY) : -1;
  if (folder >= 0 && ioctl(folder, EXT4_IOC_SHUTDOWN, &how) == 0) return 0;
  perror("go-down");
  return 1;
}
