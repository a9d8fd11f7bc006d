/* Stands between a program and the C library, for tests that kill it at a chosen call or at any moment.
 *
 * A "moment" is a call that changes a file of the state or hands bytes to the network. The variables:
 *   MOMENTS_LOG     each moment becomes a line of this file
 *   MOMENTS_KILL    the process is killed (SIGKILL) at the moment with this number, counted from 1
 *   MOMENTS_AFTER   if set: once that call is done, else before it
 *   MOMENTS_SLOW    before each write of the state it sleeps for up to so many microseconds, by chance; a quarter of it
 *                   before each send, six times as much before a write that follows a send (the time between an answer
 *                   and its being noted), twelve times before each new thread (between taking work and beginning it)
 *   MOMENTS_SEED    what that chance begins with
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static atomic_ulong count, chance;
static atomic_int has_sent;
static unsigned long kill_at, slow;
static int kill_after, log_fd = -1;

static unsigned long number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("MOMENTS_LOG");
    kill_at = number("MOMENTS_KILL");
    kill_after = getenv("MOMENTS_AFTER") != NULL;
    slow = number("MOMENTS_SLOW");
    chance = number("MOMENTS_SEED") * 2654435761u + 1;
    if (log)
        log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void pause_up_to(unsigned long micros)
{
    if (!micros)
        return;
    unsigned long x = atomic_fetch_add(&chance, 0x9e3779b97f4a7c15ul);
    x ^= x >> 31;
    x *= 0xbf58476d1ce4e5b9ul;
    x ^= x >> 29;
    struct timespec time = {0, (long)(x % micros) * 1000};
    syscall(SYS_nanosleep, &time, NULL);
}

static void die(void)
{
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        syscall(SYS_pause);
}

/* What processes share and make anew when they need it. */
static int is_shared_memory(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, "-shm") == 0;
}

/* The number of this moment. */
static unsigned long moment(const char *call, const char *what)
{
    unsigned long number = atomic_fetch_add(&count, 1) + 1;
    if (log_fd >= 0) {
        char line[512];
        int length = snprintf(line, sizeof line, "%s %s\n", call, what);
        if (length > 0)
            syscall(SYS_write, log_fd, line, (size_t)length);
    }
    if (strcmp(call, "send") == 0) {
        pause_up_to(slow / 4);
        atomic_store(&has_sent, 1);
    } else if (!is_shared_memory(what)) {
        pause_up_to(atomic_exchange(&has_sent, 0) ? slow * 6 : slow);
    }
    if (number == kill_at && !kill_after)
        die();
    return number;
}

static void over(unsigned long number)
{
    if (number && number == kill_at)
        die();
}

static const char *name_of(const char *path)
{
    const char *name = strrchr(path, '/');
    return name ? name + 1 : path;
}

static int is_state(const char *path)
{
    return strncmp(name_of(path), "checker.db", 10) == 0;
}

/* 0 if what happens to this file is no moment. */
static unsigned long file_moment(const char *call, int fd)
{
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    return is_state(path) ? moment(call, name_of(path)) : 0;
}

static int is_network(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define AROUND(type, number, call)   \
    do {                             \
        unsigned long which = (number); \
        type result = (call);        \
        over(which);                 \
        return result;               \
    } while (0)

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at_byte)
{
    AROUND(ssize_t, file_moment("pwrite", fd), REAL(pwrite64)(fd, data, size, at_byte));
}

int ftruncate64(int fd, off64_t size)
{
    AROUND(int, file_moment("ftruncate", fd), REAL(ftruncate64)(fd, size));
}

int fsync(int fd)
{
    AROUND(int, file_moment("fsync", fd), REAL(fsync)(fd));
}

int fdatasync(int fd)
{
    AROUND(int, file_moment("fdatasync", fd), REAL(fdatasync)(fd));
}

int unlink(const char *path)
{
    AROUND(int, is_state(path) ? moment("unlink", name_of(path)) : 0, REAL(unlink)(path));
}

int rename(const char *from, const char *to)
{
    AROUND(int, is_state(to) ? moment("rename", name_of(to)) : 0, REAL(rename)(from, to));
}

ssize_t write(int fd, const void *data, size_t size)
{
    unsigned long at = is_network(fd) ? moment("send", "network") : file_moment("write", fd);
    AROUND(ssize_t, at, REAL(write)(fd, data, size));
}

ssize_t writev(int fd, const struct iovec *parts, int parts_count)
{
    unsigned long at = is_network(fd) ? moment("send", "network") : file_moment("write", fd);
    AROUND(ssize_t, at, REAL(writev)(fd, parts, parts_count));
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    AROUND(ssize_t, is_network(fd) ? moment("send", "network") : 0, REAL(send)(fd, data, size, flags));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    AROUND(ssize_t, is_network(fd) ? moment("send", "network") : 0, REAL(sendmsg)(fd, message, flags));
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*start)(void *), void *with)
{
    pause_up_to(slow * 12);
    return REAL(pthread_create)(thread, how, start, with);
}
