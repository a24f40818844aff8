/* Loaded before all libraries: calls that need room below a folder fail, from a chosen one on, and clocks jump.

What Python, SQLite, HDF5 and TensorFlow write goes through these functions of the C library. Calls of one kind on one
file in a row count as one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX], last[PATH_MAX + 32], failed[PATH_MAX + 32];
static int first, final, error, count; /* `first` 0: count only; `final`: the last that fails */
static volatile int armed;
static volatile long jump; /* seconds that the clock of the day is ahead */

void faults_arm(const char *path, int from, int to, int number) {
    snprintf(folder, sizeof folder, "%s", path);
    first = from, final = to, error = number, count = 0, last[0] = failed[0] = 0;
    armed = path[0] != 0;
}
void faults_jump(long seconds) { jump = seconds; }
int faults_count(void) { return count; }
const char *faults_failed(void) { return failed; }

static int below(const char *path) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* Whether a call on a path fails. */
static int fails(const char *what, const char *path) {
    char event[PATH_MAX + 32], whole[PATH_MAX];
    int answer = 0;
    if (!armed) return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, sizeof whole, "%.2000s/%.2000s", here, path);
        path = whole;
    }
    if (!below(path)) return 0;
    snprintf(event, sizeof event, "%s %.4000s", what, path);
    pthread_mutex_lock(&lock);
    if (strcmp(event, last)) {
        count++;
        strcpy(last, event);
        const char *log = getenv("FAULTS_LOG");
        FILE *file = log && log[0] ? ((FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen64"))(log, "a") : 0;
        if (file) fprintf(file, "%d %s\n", count, event), fclose(file);
    }
    if (first && count >= first && count <= final) {
        if (!failed[0]) strcpy(failed, event);
        answer = 1;
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

static int fails_at(const char *what, int handle) {
    char link[64], path[PATH_MAX];
    if (!armed) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(what, path);
}

#define NEXT(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))
#define FAIL_IF(condition, answer) if (condition) { errno = error; return answer; }

static int makes(const char *path, int flags) { return (flags & O_CREAT) && access(path, F_OK); }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; va_end(rest); \
        FAIL_IF(armed && makes(path, flags) && fails("make", path), -1) \
        return NEXT(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; va_end(rest); \
        FAIL_IF(armed && (at == AT_FDCWD || path[0] == '/') && makes(path, flags) && fails("make", path), -1) \
        return NEXT(name)(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        FAIL_IF(armed && strpbrk(mode, "wa") && fails("make", path), NULL) \
        return NEXT(name)(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int handle, const void *data, size_t size) {
    FAIL_IF(fails_at("write", handle), -1)
    return NEXT(write)(handle, data, size);
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t place) {
    FAIL_IF(fails_at("write", handle), -1)
    return NEXT(pwrite)(handle, data, size, place);
}
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t place) {
    FAIL_IF(fails_at("write", handle), -1)
    return NEXT(pwrite64)(handle, data, size, place);
}
ssize_t writev(int handle, const struct iovec *parts, int number) {
    FAIL_IF(fails_at("write", handle), -1)
    return NEXT(writev)(handle, parts, number);
}
ssize_t sendfile(int to, int from, off_t *place, size_t size) {
    FAIL_IF(fails_at("write", to), -1)
    return NEXT(sendfile)(to, from, place, size);
}
ssize_t sendfile64(int to, int from, off64_t *place, size_t size) {
    FAIL_IF(fails_at("write", to), -1)
    return NEXT(sendfile64)(to, from, place, size);
}
int fsync(int handle) {
    FAIL_IF(fails_at("sync", handle), -1)
    return NEXT(fsync)(handle);
}
int fdatasync(int handle) {
    FAIL_IF(fails_at("sync", handle), -1)
    return NEXT(fdatasync)(handle);
}
int mkdir(const char *path, mode_t mode) {
    FAIL_IF(armed && access(path, F_OK) && fails("mkdir", path), -1)
    return NEXT(mkdir)(path, mode);
}
int rename(const char *from, const char *to) {
    FAIL_IF(fails("rename", to), -1)
    return NEXT(rename)(from, to);
}
int link(const char *from, const char *to) {
    FAIL_IF(fails("link", to), -1)
    return NEXT(link)(from, to);
}
int linkat(int at, const char *from, int there, const char *to, int flags) {
    FAIL_IF(fails("link", to), -1)
    return NEXT(linkat)(at, from, there, to, flags);
}
int symlink(const char *from, const char *to) {
    FAIL_IF(fails("link", to), -1)
    return NEXT(symlink)(from, to);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int answer = NEXT(clock_gettime)(clock, now);
    if (!answer && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += jump;
    return answer;
}
int gettimeofday(struct timeval *now, void *zone) {
    int answer = NEXT(gettimeofday)(now, zone);
    if (!answer) now->tv_sec += jump;
    return answer;
}
time_t time(time_t *place) {
    time_t now = NEXT(time)(NULL) + jump;
    if (place) *place = now;
    return now;
}
