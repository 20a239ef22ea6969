/* SPDX-License-Identifier: MIT */
/*
 * Children of fork(). One inherits the layer and NEO as they were, but neither the GPU address
 * space nor the threads that may have held a lock. There nothing is looked up, and what needs the
 * GPU is refused, before any lock is waited for.
 */
#ifndef ICD_FORKS_H
#define ICD_FORKS_H

#include <pthread.h>
#include <stdbool.h>

/* The calling process is the parent from now on. */
void forks_watch(void);
bool forks_is_child(void);
/* Takes the lock; false, at once, in a child. */
bool forks_lock(pthread_mutex_t *lock);

#endif
