/* SPDX-License-Identifier: MIT */
/* What the files of the backend share. */
#ifndef I915SVM_INTERNAL_H
#define I915SVM_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "i915svm/i915svm.h"

struct i915svm_device {
    int fd;
    i915svm_capabilities caps;
    /* One page that fork() wipes: non-zero in the process that opened the device, 0 in its
     * children. Read without a lock, so that a child is refused before it could hang on one. */
    const volatile uint32_t *alive;
};

/* An allocation of ours, or (on stock kernels) a userptr object standing in for a bind. */
struct svm_block {
    uintptr_t start;
    size_t length;    /* page multiple */
    size_t requested; /* what the caller asked for */
    uint32_t handle;  /* GEM object, 0 for anonymous memory */
    bool allocated;   /* by i915svm_alloc(): free() may take it */
    i915svm_kind kind;
};

struct svm_blocks {
    struct svm_block *array; /* ascending, disjoint */
    size_t count, capacity;
};

struct i915svm_vm {
    i915svm_device *device;
    uint32_t id;
    bool owned;
    atomic_bool mirror;
    pthread_mutex_t lock; /* blocks */
    struct svm_blocks blocks;
    _Atomic uint64_t allocated_bytes, binds, unbinds, prefetches, advices;
    _Atomic uint64_t bytes_to_device, bytes_to_system, bytes_not_moved;
};

/* error.c */
i915svm_result svm_fail(i915svm_result result, int err);
i915svm_result svm_from_errno(int err);

/* device.c */
static inline bool svm_forked(const i915svm_device *device)
{
    return *device->alive == 0;
}
/* ioctl that restarts on EINTR/EAGAIN; 0 or the errno. */
int svm_ioctl(const i915svm_device *device, unsigned long request, void *argument);

/* blocks.c: the caller holds the lock. */
struct svm_block *svm_blocks_find(const struct svm_blocks *blocks, uintptr_t address);
bool svm_blocks_overlap(const struct svm_blocks *blocks, uintptr_t start, size_t length);
i915svm_result svm_blocks_insert(struct svm_blocks *blocks, const struct svm_block *block);
void svm_blocks_remove(struct svm_blocks *blocks, struct svm_block *block);

/* alloc.c */
void svm_release_block(i915svm_vm *vm, const struct svm_block *block);

/* bind.c */
i915svm_result svm_check_range(const void *start, size_t length, uintptr_t *first, size_t *bytes);
i915svm_result svm_bind_ioctl(i915svm_vm *vm, uint64_t start, uint64_t length, uint32_t handle,
                              uint64_t offset, uint32_t type, uint32_t flags);
i915svm_result svm_userptr(i915svm_vm *vm, uintptr_t start, size_t length, uint32_t *handle);

#endif
