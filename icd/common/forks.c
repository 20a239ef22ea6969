/* SPDX-License-Identifier: MIT */
#include "forks.h"

#include <sys/mman.h>
#include <unistd.h>

/* One page that fork() wipes. */
static const volatile char *alive;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Without such a page a child is taken for its parent. */
static void make_page(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, size, MADV_WIPEONFORK)) {
        munmap(page, size);
        return;
    }
    *page = 1;
    alive = page;
}

void forks_watch(void)
{
    pthread_once(&once, make_page);
}

bool forks_is_child(void)
{
    return alive && !*alive;
}

bool forks_lock(pthread_mutex_t *lock)
{
    if (forks_is_child())
        return false;
    pthread_mutex_lock(lock);
    return true;
}
