/* SPDX-License-Identifier: MIT */
#include "spaces.h"

#include <pthread.h>
#include <string.h>

#include "forks.h"

/*
 * NEO makes one VM per GPU before anything else, on a DRM file of its own, and i915 numbers the
 * VMs of a file from 1 (i915_gem_context.c: vm_xa is XA_FLAGS_ALLOC1).
 */
#define NEO_VM_ID 1

/*
 * What a CPU touch brings back, bytes: half of the kernel's default. Whoever waits for it is one
 * thread that wants one page; one that goes on to read everything is brought more and more at
 * once. (./svm bench runtime measures both.)
 */
#define TOUCH_GRANULE (1 << 20)

static pthread_mutex_t enable_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t list_fds(int *fds)
{
    size_t count;
    if (i915svm_find_fds(fds, SPACES_MAX, &count) != I915SVM_OK)
        return 0;
    return count < SPACES_MAX ? count : SPACES_MAX;
}

void spaces_before(struct spaces *spaces)
{
    forks_watch();
    spaces->before_count = list_fds(spaces->before);
}

static bool was_there(const struct spaces *spaces, int fd)
{
    for (size_t i = 0; i < spaces->before_count; i++)
        if (spaces->before[i] == fd)
            return true;
    return false;
}

void spaces_after(struct spaces *spaces)
{
    int fds[SPACES_MAX];
    size_t count = list_fds(fds);
    for (size_t i = 0; i < count && spaces->count < SPACES_MAX; i++) {
        struct space *space = &spaces->array[spaces->count];
        if (was_there(spaces, fds[i]) || i915svm_device_open_fd(fds[i], &space->device))
            continue;
        i915svm_device_capabilities(space->device, &space->caps);
        spaces->count++;
    }
}

struct space *spaces_at(struct spaces *spaces, const char *pci_address)
{
    if (!pci_address)
        return spaces->count == 1 ? &spaces->array[0] : NULL;
    for (size_t i = 0; i < spaces->count; i++)
        if (strcmp(spaces->array[i].caps.pci_address, pci_address) == 0)
            return &spaces->array[i];
    return NULL;
}

i915svm_vm *spaces_vm(struct spaces *spaces)
{
    if (!spaces_enable(spaces))
        return NULL;
    for (size_t i = 0; i < spaces->count; i++)
        if (spaces->array[i].vm)
            return spaces->array[i].vm;
    return NULL;
}

bool spaces_can_mirror(const struct spaces *spaces)
{
    for (size_t i = 0; i < spaces->count; i++)
        if (spaces->array[i].caps.flags & I915SVM_CAP_MIRROR)
            return true;
    return false;
}

/* On a stock kernel the handle is all there is: memory of ours is counted by it, too. */
static bool enable_one(struct space *space)
{
    uint32_t flags = space->caps.flags & I915SVM_CAP_MIRROR ? I915SVM_VM_MIRROR : 0;
    if (space->vm)
        return true;
    if (i915svm_vm_attach(space->device, NEO_VM_ID, flags, &space->vm))
        return false;
    if (flags)
        i915svm_vm_set_granule(space->vm, TOUCH_GRANULE);
    return true;
}

i915svm_result spaces_alloc(struct spaces *spaces, size_t size, size_t alignment, void **pointer)
{
    i915svm_vm *vm = spaces_vm(spaces);
    const i915svm_alloc_info info = {
        .size = size, .alignment = alignment, .kind = I915SVM_KIND_SYSTEM};
    return vm ? i915svm_alloc(vm, &info, pointer) : I915SVM_ERROR_NO_DEVICE;
}

void spaces_free(struct spaces *spaces, void *pointer)
{
    i915svm_free(spaces_vm(spaces), pointer);
}

bool spaces_enable(struct spaces *spaces)
{
    if (forks_is_child())
        return false;
    if (atomic_load_explicit(&spaces->enabled, memory_order_acquire))
        return true;
    bool done = true;
    pthread_mutex_lock(&enable_lock);
    for (size_t i = 0; i < spaces->count; i++)
        done = enable_one(&spaces->array[i]) && done;
    atomic_store_explicit(&spaces->enabled, done, memory_order_release);
    pthread_mutex_unlock(&enable_lock);
    return done;
}
