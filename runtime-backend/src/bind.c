/* SPDX-License-Identifier: MIT */
/* Binding CPU memory and buffer objects; on stock kernels, userptr objects in their place. */
#include <errno.h>
#include <unistd.h>

#include <drm/i915_svm.h>
#include <i915_drm.h>

#include "internal.h"

i915svm_result svm_check_range(const void *start, size_t length, uintptr_t *first, size_t *bytes)
{
    uintptr_t mask = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    uintptr_t begin = (uintptr_t)start;
    if (!start || !length || length > UINTPTR_MAX - mask - begin)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, EINVAL);
    *first = begin & ~mask;
    *bytes = ((begin + length + mask) & ~mask) - *first;
    return I915SVM_OK;
}

i915svm_result svm_bind_ioctl(i915svm_vm *vm, uint64_t start, uint64_t length, uint32_t handle,
                              uint64_t offset, uint32_t type, uint32_t flags)
{
    struct drm_i915_gem_vm_bind_va va = {.start = start,
                                         .offset = offset,
                                         .length = length,
                                         .handle = handle,
                                         .type = type,
                                         .flags = flags};
    struct drm_i915_gem_vm_bind arg = {.vm_id = vm->id, .num_vas = 1, .vas_ptr = (uintptr_t)&va};
    i915svm_result result = svm_from_errno(svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_VM_BIND, &arg));
    if (!result)
        atomic_fetch_add(flags & I915_GEM_VM_BIND_UNBIND ? &vm->unbinds : &vm->binds, 1);
    return result;
}

i915svm_result svm_userptr(i915svm_vm *vm, uintptr_t start, size_t length, uint32_t *handle)
{
    struct drm_i915_gem_userptr arg = {
        .user_ptr = start, .user_size = length, .flags = I915_USERPTR_PROBE};
    i915svm_result result = svm_from_errno(svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_USERPTR, &arg));
    *handle = result ? 0 : arg.handle;
    return result;
}

static uint32_t kernel_flags(uint32_t flags)
{
    return (flags & I915SVM_BIND_READONLY ? I915_GEM_VM_BIND_READONLY : 0) |
           (flags & I915SVM_BIND_POPULATE ? I915_GEM_VM_BIND_POPULATE : 0) |
           (flags & I915SVM_BIND_UNSHARE ? I915_GEM_VM_BIND_UNSHARE : 0);
}

static i915svm_result check_bind(const i915svm_vm *vm, uint32_t flags, uint32_t capability)
{
    const uint32_t known = I915SVM_BIND_READONLY | I915SVM_BIND_POPULATE | I915SVM_BIND_UNSHARE;
    if (!vm || (flags & ~known))
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (svm_forked(vm->device))
        return svm_fail(I915SVM_ERROR_FORKED, 0);
    uint32_t have = vm->device->caps.flags;
    if (have && !(have & capability))
        return svm_fail(I915SVM_ERROR_NOT_SUPPORTED, 0);
    if ((flags & I915SVM_BIND_READONLY) && !(have & I915SVM_CAP_READONLY))
        return svm_fail(I915SVM_ERROR_NOT_SUPPORTED, 0);
    if ((flags & I915SVM_BIND_UNSHARE) && !have)
        return svm_fail(I915SVM_ERROR_NOT_SUPPORTED, 0);
    return I915SVM_OK;
}

/* Stock kernel: an object of the range, listed in execbuf by the caller. */
static i915svm_result bind_userptr(i915svm_vm *vm, uintptr_t start, size_t length)
{
    pthread_mutex_lock(&vm->lock);
    struct svm_block *known = svm_blocks_find(&vm->blocks, start);
    i915svm_result result = I915SVM_OK;
    bool covered = known && known->start + known->length >= start + length;
    if (!covered && svm_blocks_overlap(&vm->blocks, start, length))
        result = svm_fail(I915SVM_ERROR_OVERLAP, EEXIST);
    struct svm_block block = {.start = start, .length = length, .requested = length};
    if (!covered && !result)
        result = svm_userptr(vm, start, length, &block.handle);
    if (!covered && !result) {
        result = svm_blocks_insert(&vm->blocks, &block);
        if (result)
            svm_release_block(vm, &block);
    }
    pthread_mutex_unlock(&vm->lock);
    if (!result)
        atomic_fetch_add(&vm->binds, 1);
    return result;
}

i915svm_result i915svm_bind(i915svm_vm *vm, const void *start, size_t length, uint32_t flags)
{
    uintptr_t first;
    size_t bytes;
    i915svm_result result = check_bind(vm, flags, I915SVM_CAP_SYSTEM);
    if (!result)
        result = svm_check_range(start, length, &first, &bytes);
    if (result)
        return result;
    if (!vm->device->caps.flags)
        return bind_userptr(vm, first, bytes);
    return svm_bind_ioctl(vm, first, bytes, 0, 0, I915_GEM_VM_BIND_SVM_BUFFER, kernel_flags(flags));
}

i915svm_result i915svm_bind_object(i915svm_vm *vm, uint32_t handle, uint64_t offset,
                                   uint64_t address, uint64_t length, uint32_t flags)
{
    i915svm_result result = check_bind(vm, flags, I915SVM_CAP_RUNTIME);
    if (result)
        return result;
    if (!vm->device->caps.flags)
        return svm_fail(I915SVM_ERROR_NO_SVM, 0);
    return svm_bind_ioctl(vm, address, length, handle, offset, I915_GEM_VM_BIND_SVM_OBJ,
                          kernel_flags(flags));
}

/* An object cannot be cut: only whole userptr ranges go, as execbuf could not list a part. */
static i915svm_result unbind_userptr(i915svm_vm *vm, uintptr_t start, size_t length)
{
    i915svm_result result = I915SVM_OK;
    pthread_mutex_lock(&vm->lock);
    for (size_t i = vm->blocks.count; i-- > 0 && !result;) {
        struct svm_block *block = &vm->blocks.array[i];
        if (block->start >= start + length || block->start + block->length <= start)
            continue;
        if (block->allocated || block->start < start ||
            block->start + block->length > start + length) {
            result = svm_fail(I915SVM_ERROR_NOT_SUPPORTED, 0);
            break;
        }
        svm_release_block(vm, block);
        svm_blocks_remove(&vm->blocks, block);
    }
    pthread_mutex_unlock(&vm->lock);
    if (!result)
        atomic_fetch_add(&vm->unbinds, 1);
    return result;
}

i915svm_result i915svm_unbind(i915svm_vm *vm, uint64_t address, uint64_t length)
{
    uintptr_t first;
    size_t bytes;
    i915svm_result result = check_bind(vm, 0, ~0u);
    if (!result)
        result = svm_check_range((const void *)(uintptr_t)address, length, &first, &bytes);
    if (result)
        return result;
    if (!vm->device->caps.flags)
        return unbind_userptr(vm, first, bytes);
    return svm_bind_ioctl(vm, first, bytes, 0, 0, I915_GEM_VM_BIND_SVM_BUFFER,
                          I915_GEM_VM_BIND_UNBIND);
}

i915svm_result i915svm_exec_handle(i915svm_vm *vm, const void *address, uint32_t *handle)
{
    i915svm_result result = check_bind(vm, 0, ~0u);
    if (result)
        return result;
    if (!handle)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    *handle = 0;
    if (vm->device->caps.flags)
        return I915SVM_OK;
    pthread_mutex_lock(&vm->lock);
    struct svm_block *block = svm_blocks_find(&vm->blocks, (uintptr_t)address);
    if (block)
        *handle = block->handle;
    pthread_mutex_unlock(&vm->lock);
    return *handle ? I915SVM_OK : svm_fail(I915SVM_ERROR_UNKNOWN_POINTER, 0);
}
