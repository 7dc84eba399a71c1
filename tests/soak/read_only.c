/* A disk that turns read-only under files that are open, as ext4 does on an error (errors=remount-ro): EROFS.
 *
 * Preloaded into a bench and its watchdog. A file below PLACE/run takes no more as soon as PLACE/.read-only is there.
 * No mount can be told to do this while files are open for writing. Built and used by tests/soak/read_only.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int refused(int fd)
{
    char link[64], path[PATH_MAX + 16];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length <= 0 || path[0] != '/') { errno = kept; return 0; }
    path[length] = 0;
    char *run = strstr(path, "/run/");
    if (!run) { errno = kept; return 0; }
    strcpy(run, "/.read-only");
    int there = access(path, F_OK) == 0;
    errno = there ? EROFS : kept;
    return there;
}

#define WRAP(result, name, parameters, arguments)                          \
    result name parameters                                                 \
    {                                                                      \
        static result (*real) parameters;                                  \
        if (!real) real = (result (*) parameters)dlsym(RTLD_NEXT, #name);  \
        return refused(fd) ? -1 : real arguments;                          \
    }

WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
WRAP(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size))
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
