/* SPDX-License-Identifier: MIT */
/* Memory with one storage and one address for CPU and GPU. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/i915_svm.h>
#include <i915_drm.h>

#include "internal.h"

#define LARGE_PAGE ((size_t)2 << 20)

static void close_handle(i915svm_vm *vm, uint32_t handle)
{
    struct drm_gem_close close = {.handle = handle};
    if (handle)
        svm_ioctl(vm->device, DRM_IOCTL_GEM_CLOSE, &close);
}

void svm_release_block(i915svm_vm *vm, const struct svm_block *block)
{
    /* The GPU side goes first: it must not outlive the memory. A mirrored process needs no
     * unbind: the kernel follows munmap. */
    if (block->allocated && vm->device->caps.flags &&
        (block->kind == I915SVM_KIND_RUNTIME || !atomic_load(&vm->mirror)))
        svm_bind_ioctl(vm, block->start, block->length, 0, 0,
                       block->kind == I915SVM_KIND_RUNTIME ? I915_GEM_VM_BIND_SVM_OBJ
                                                           : I915_GEM_VM_BIND_SVM_BUFFER,
                       I915_GEM_VM_BIND_UNBIND);
    if (block->allocated)
        munmap((void *)block->start, block->length);
    close_handle(vm, block->handle);
}

/* Address space of our own with the alignment asked for. Whole large pages can be migrated and
 * mapped as such. */
static void *reserve(size_t length, size_t alignment, int protection)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (length >= LARGE_PAGE && alignment < LARGE_PAGE)
        alignment = LARGE_PAGE;
    size_t slack = alignment > page ? alignment - page : 0;
    if (length > SIZE_MAX - slack)
        return MAP_FAILED;
    char *map = mmap(NULL, length + slack, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || !slack)
        return map;
    char *aligned = (char *)(((uintptr_t)map + alignment - 1) & ~(uintptr_t)(alignment - 1));
    if (aligned > map)
        munmap(map, (size_t)(aligned - map));
    size_t tail = slack - (size_t)(aligned - map);
    if (tail)
        munmap(aligned + length, tail);
    return aligned;
}

static i915svm_result alloc_system(i915svm_vm *vm, const i915svm_alloc_info *info,
                                   struct svm_block *block)
{
    void *map = reserve(block->length, info->alignment, PROT_READ | PROT_WRITE);
    if (map == MAP_FAILED)
        return svm_fail(I915SVM_ERROR_OUT_OF_HOST_MEMORY, ENOMEM);
    block->start = (uintptr_t)map;
    i915svm_result result = I915SVM_OK;
    if (!vm->device->caps.flags)
        result = svm_userptr(vm, block->start, block->length, &block->handle);
    else if (!atomic_load(&vm->mirror))
        result =
            svm_bind_ioctl(vm, block->start, block->length, 0, 0, I915_GEM_VM_BIND_SVM_BUFFER, 0);
    if (!result && info->location == I915SVM_LOCATION_DEVICE &&
        (vm->device->caps.flags & I915SVM_CAP_DEVMEM))
        result = i915svm_advise_location(vm, map, block->length, I915SVM_LOCATION_DEVICE);
    if (result)
        munmap(map, block->length);
    return result;
}

static i915svm_result create_object(i915svm_vm *vm, struct svm_block *block,
                                    i915svm_location location)
{
    bool local = location == I915SVM_LOCATION_DEVICE && vm->device->caps.local_bytes;
    struct drm_i915_gem_memory_class_instance region = {
        .memory_class = local ? I915_MEMORY_CLASS_DEVICE : I915_MEMORY_CLASS_SYSTEM};
    struct drm_i915_gem_create_ext_memory_regions placement = {
        .base = {.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS},
        .num_regions = 1,
        .regions = (uintptr_t)&region};
    struct drm_i915_gem_create_ext create = {.size = block->length,
                                             .extensions = (uintptr_t)&placement};
    int err = svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_CREATE_EXT, &create);
    if (err == ENOMEM && local)
        err = ENOSPC; /* i915 answers ENOMEM for either memory */
    block->handle = err ? 0 : create.handle;
    return svm_from_errno(err);
}

static i915svm_result map_object(i915svm_vm *vm, struct svm_block *block, size_t alignment)
{
    /* FIXED is the only mode for objects of a device with local memory; WB else. */
    struct drm_i915_gem_mmap_offset offset = {
        .handle = block->handle,
        .flags = vm->device->caps.local_bytes ? I915_MMAP_OFFSET_FIXED : I915_MMAP_OFFSET_WB};
    int err = svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset);
    if (err)
        return svm_from_errno(err);
    void *place = reserve(block->length, alignment, PROT_NONE);
    if (place == MAP_FAILED)
        return svm_fail(I915SVM_ERROR_OUT_OF_HOST_MEMORY, ENOMEM);
    void *map = mmap(place, block->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                     vm->device->fd, (off_t)offset.offset);
    if (map == MAP_FAILED) {
        err = errno;
        munmap(place, block->length);
        return svm_from_errno(err);
    }
    block->start = (uintptr_t)map;
    return I915SVM_OK;
}

/* On a stock kernel the object is listed by the caller at its own address. */
static i915svm_result alloc_runtime(i915svm_vm *vm, const i915svm_alloc_info *info,
                                    struct svm_block *block)
{
    i915svm_result result = create_object(vm, block, info->location);
    if (result)
        return result;
    result = map_object(vm, block, info->alignment);
    if (!result && vm->device->caps.flags) {
        result = svm_bind_ioctl(vm, block->start, block->length, block->handle, 0,
                                I915_GEM_VM_BIND_SVM_OBJ, 0);
        if (result)
            munmap((void *)block->start, block->length);
    }
    if (result)
        close_handle(vm, block->handle);
    return result;
}

static i915svm_result check_alloc(const i915svm_vm *vm, const i915svm_alloc_info *info,
                                  void **pointer)
{
    if (!vm || !info || !pointer || !info->size ||
        (info->kind != I915SVM_KIND_SYSTEM && info->kind != I915SVM_KIND_RUNTIME) ||
        (info->alignment & (info->alignment - 1)) || info->alignment > I915SVM_ALIGNMENT_MAX ||
        info->location > I915SVM_LOCATION_NONE)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    return svm_forked(vm->device) ? svm_fail(I915SVM_ERROR_FORKED, 0) : I915SVM_OK;
}

i915svm_result i915svm_alloc(i915svm_vm *vm, const i915svm_alloc_info *info, void **pointer)
{
    i915svm_result result = check_alloc(vm, info, pointer);
    if (result)
        return result;
    size_t mask = (size_t)sysconf(_SC_PAGESIZE) - 1;
    if (info->kind == I915SVM_KIND_RUNTIME && vm->device->caps.local_bytes)
        mask = ((size_t)64 << 10) - 1; /* the page size of local memory */
    if (info->size > SIZE_MAX - mask)
        return svm_fail(I915SVM_ERROR_OUT_OF_HOST_MEMORY, ENOMEM);
    struct svm_block block = {.length = (info->size + mask) & ~mask,
                              .requested = info->size,
                              .allocated = true,
                              .kind = info->kind};
    result = info->kind == I915SVM_KIND_SYSTEM ? alloc_system(vm, info, &block)
                                               : alloc_runtime(vm, info, &block);
    if (result)
        return result;
    pthread_mutex_lock(&vm->lock);
    result = svm_blocks_insert(&vm->blocks, &block);
    pthread_mutex_unlock(&vm->lock);
    if (result) {
        svm_release_block(vm, &block);
        return result;
    }
    atomic_fetch_add(&vm->allocated_bytes, block.length);
    *pointer = (void *)block.start;
    return I915SVM_OK;
}

i915svm_result i915svm_free(i915svm_vm *vm, void *pointer)
{
    if (!vm || !pointer)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (svm_forked(vm->device))
        return svm_fail(I915SVM_ERROR_FORKED, 0);
    pthread_mutex_lock(&vm->lock);
    struct svm_block *found = svm_blocks_find(&vm->blocks, (uintptr_t)pointer);
    if (!found || !found->allocated || found->start != (uintptr_t)pointer) {
        pthread_mutex_unlock(&vm->lock);
        return svm_fail(I915SVM_ERROR_UNKNOWN_POINTER, 0);
    }
    struct svm_block block = *found;
    svm_blocks_remove(&vm->blocks, found);
    pthread_mutex_unlock(&vm->lock);
    svm_release_block(vm, &block);
    atomic_fetch_sub(&vm->allocated_bytes, block.length);
    return I915SVM_OK;
}

i915svm_result i915svm_find(i915svm_vm *vm, const void *pointer, void **base, size_t *size)
{
    if (!vm)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (svm_forked(vm->device))
        return svm_fail(I915SVM_ERROR_FORKED, 0);
    pthread_mutex_lock(&vm->lock);
    struct svm_block *found = svm_blocks_find(&vm->blocks, (uintptr_t)pointer);
    bool known = found && found->allocated && (uintptr_t)pointer - found->start < found->requested;
    if (known && base)
        *base = (void *)found->start;
    if (known && size)
        *size = found->requested;
    pthread_mutex_unlock(&vm->lock);
    return known ? I915SVM_OK : svm_fail(I915SVM_ERROR_UNKNOWN_POINTER, 0);
}
