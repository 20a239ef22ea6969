// SPDX-License-Identifier: MIT
/* The file systems: the read-only image under a writable layer in memory, and the host's shares. */
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void mount_or_die(const char *src, const char *dst, const char *type, unsigned long flags,
                         const char *data)
{
    if (mount(src, dst, type, flags, data))
        die("cannot mount %s on %s: %s", src, dst, strerror(errno));
}

static void mkdir_parents(const char *path)
{
    char copy[4096];

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        mkdir(copy, 0755);
        *p = '/';
    }
    mkdir(copy, 0755);
}

void mount_early(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
}

static bool disk_has_serial(const char *disk)
{
    char path[512], text[64] = "";
    int fd;

    snprintf(path, sizeof(path), "/sys/block/%s/serial", disk);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    close(fd);
    return !strncmp(text, ROOT_SERIAL, strlen(ROOT_SERIAL));
}

static bool find_root_disk(char *path, size_t size)
{
    DIR *dir = opendir("/sys/block");
    struct dirent *e;
    bool found = false;

    while (dir && !found && (e = readdir(dir))) {
        found = !strncmp(e->d_name, "vd", 2) && disk_has_serial(e->d_name);
        if (found)
            snprintf(path, size, "/dev/%s", e->d_name);
    }
    if (dir)
        closedir(dir);
    return found;
}

void mount_root(void)
{
    const struct timespec tick = {.tv_nsec = 5000000};
    char disk[300];
    int tries;

    for (tries = 0; tries < 1000 && !find_root_disk(disk, sizeof(disk)); tries++)
        nanosleep(&tick, NULL);
    if (tries == 1000)
        die("no disk with serial %s", ROOT_SERIAL);
    mkdir("/lower", 0755);
    mkdir("/rw", 0755);
    mkdir(NEW_ROOT, 0755);
    mount_or_die(disk, "/lower", "erofs", MS_RDONLY, NULL);
    mount_or_die("tmpfs", "/rw", "tmpfs", 0, "mode=755");
    mkdir("/rw/upper", 0755);
    mkdir("/rw/work", 0755);
    mount_or_die("overlay", NEW_ROOT, "overlay", 0,
                 "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work");

    mount_or_die("proc", NEW_ROOT "/proc", "proc", 0, NULL);
    mount_or_die("sysfs", NEW_ROOT "/sys", "sysfs", 0, NULL);
    mount_or_die("devtmpfs", NEW_ROOT "/dev", "devtmpfs", 0, NULL);
    mkdir(NEW_ROOT "/dev/pts", 0755);
    mkdir(NEW_ROOT "/dev/shm", 01777);
    mount_or_die("devpts", NEW_ROOT "/dev/pts", "devpts", 0, "gid=5,mode=620,ptmxmode=666");
    mount_or_die("tmpfs", NEW_ROOT "/dev/shm", "tmpfs", 0, "mode=1777");
    mount_or_die("tmpfs", NEW_ROOT "/run", "tmpfs", 0, "mode=755");
    mount_or_die("tmpfs", NEW_ROOT "/tmp", "tmpfs", 0, "mode=1777");
    /* Absent in some kernels: the tests that want them say so themselves. */
    mount("debugfs", NEW_ROOT "/sys/kernel/debug", "debugfs", 0, NULL);
    mount("tracefs", NEW_ROOT "/sys/kernel/tracing", "tracefs", 0, NULL);
    mount("cgroup2", NEW_ROOT "/sys/fs/cgroup", "cgroup2", 0, NULL);
    /* The kernel's modules travel with the kernel, not with the image. */
    mkdir_parents(NEW_ROOT "/lib/modules");
    mount_or_die("/lib/modules", NEW_ROOT "/lib/modules", NULL, MS_BIND, NULL);
}

void mount_shares(const struct config *cfg)
{
    for (int i = 0; cfg->mounts[i]; i++) {
        char tag[64], path[4096], data[200];
        bool ro;
        const char *mode = strchr(cfg->mounts[i], ':');
        const char *dir = mode ? strchr(mode + 1, ':') : NULL;

        if (!dir)
            die("bad mount line: %s", cfg->mounts[i]);
        snprintf(tag, sizeof(tag), "%.*s", (int)(mode - cfg->mounts[i]), cfg->mounts[i]);
        ro = !strncmp(mode + 1, "ro:", 3);
        snprintf(path, sizeof(path), NEW_ROOT "%s", dir + 1);
        mkdir_parents(path);
        /* mmap: the page cache is used for mapped files, yet a change on the host is seen. */
        snprintf(data, sizeof(data), "trans=virtio,version=9p2000.L,msize=524288,cache=mmap");
        mount_or_die(tag, path, "9p", ro ? MS_RDONLY : 0, data);
    }
}

void enter_root(void)
{
    if (chdir(NEW_ROOT) || mount(NEW_ROOT, "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
        die("cannot enter the root image: %s", strerror(errno));
}
