/* SPDX-License-Identifier: MIT */
/* Where memory is and where it should be: prefetch, advice, query. */
#include <errno.h>

#include <drm/i915_svm.h>

#include "internal.h"

static i915svm_result check(const i915svm_vm *vm)
{
    if (!vm)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (svm_forked(vm->device))
        return svm_fail(I915SVM_ERROR_FORKED, 0);
    return vm->device->caps.flags ? I915SVM_OK : svm_fail(I915SVM_ERROR_NO_SVM, 0);
}

static void count_prefetch(i915svm_vm *vm, const struct drm_i915_gem_vm_prefetch *arg)
{
    atomic_fetch_add(&vm->prefetches, 1);
    atomic_fetch_add(arg->region == I915_SVM_REGION_LOCAL ? &vm->bytes_to_device
                                                          : &vm->bytes_to_system,
                     arg->moved);
    atomic_fetch_add(&vm->bytes_not_moved, arg->failed_unmapped + arg->failed_type +
                                               arg->failed_busy + arg->failed_memory);
}

i915svm_result i915svm_prefetch(i915svm_vm *vm, const void *start, size_t length,
                                i915svm_location to, i915svm_prefetch_result *out)
{
    uintptr_t first;
    size_t bytes;
    i915svm_result result = check(vm);
    if (!result)
        result = svm_check_range(start, length, &first, &bytes);
    if (result)
        return result;
    if (to != I915SVM_LOCATION_SYSTEM && to != I915SVM_LOCATION_DEVICE)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (to == I915SVM_LOCATION_DEVICE &&
        !(vm->device->caps.flags & (I915SVM_CAP_DEVMEM | I915SVM_CAP_RUNTIME)))
        return svm_fail(I915SVM_ERROR_NOT_SUPPORTED, 0);
    struct drm_i915_gem_vm_prefetch arg = {
        .vm_id = vm->id,
        .region = to == I915SVM_LOCATION_DEVICE ? I915_SVM_REGION_LOCAL : I915_SVM_REGION_SYSTEM,
        .start = first,
        .length = bytes};
    int err = svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_VM_PREFETCH, &arg);
    if (err)
        return svm_from_errno(err);
    count_prefetch(vm, &arg);
    if (out)
        *out = (i915svm_prefetch_result){
            .moved = arg.moved,
            .already = arg.already,
            .failed_unmapped = arg.failed_unmapped,
            .failed_type = arg.failed_type,
            .failed_busy = arg.failed_busy,
            .failed_memory = arg.failed_memory,
            .absent = arg.absent,
        };
    return I915SVM_OK;
}

static i915svm_result advise(i915svm_vm *vm, const void *start, size_t length, uint32_t attribute,
                             uint64_t value)
{
    uintptr_t first;
    size_t bytes;
    i915svm_result result = check(vm);
    if (!result)
        result = svm_check_range(start, length, &first, &bytes);
    if (result)
        return result;
    struct drm_i915_gem_vm_advise arg = {
        .vm_id = vm->id, .attribute = attribute, .start = first, .length = bytes, .value = value};
    result = svm_from_errno(svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_VM_ADVISE, &arg));
    if (!result)
        atomic_fetch_add(&vm->advices, 1);
    return result;
}

i915svm_result i915svm_advise_location(i915svm_vm *vm, const void *start, size_t length,
                                       i915svm_location preferred)
{
    static const uint64_t regions[] = {
        [I915SVM_LOCATION_SYSTEM] = I915_SVM_REGION_SYSTEM,
        [I915SVM_LOCATION_DEVICE] = I915_SVM_REGION_LOCAL,
        [I915SVM_LOCATION_NONE] = ~0ull,
    };
    if ((unsigned)preferred > I915SVM_LOCATION_NONE)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    return advise(vm, start, length, I915_SVM_ADVISE_PREFERRED_LOCATION, regions[preferred]);
}

i915svm_result i915svm_advise_keep(i915svm_vm *vm, const void *start, size_t length, bool keep)
{
    return advise(vm, start, length, I915_SVM_ADVISE_KEEP_IN_PLACE, keep);
}

i915svm_result i915svm_advise_granule(i915svm_vm *vm, const void *start, size_t length,
                                      uint64_t bytes)
{
    return advise(vm, start, length, I915_SVM_ADVISE_GRANULE, bytes);
}

i915svm_result i915svm_query(i915svm_vm *vm, const void *address, size_t length,
                             i915svm_range *range)
{
    i915svm_result result = check(vm);
    if (result)
        return result;
    if (!range)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    struct drm_i915_gem_vm_query arg = {
        .vm_id = vm->id, .start = (uintptr_t)address, .length = length};
    int err = svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_VM_QUERY, &arg);
    if (err)
        return svm_from_errno(err);
    *range = (i915svm_range){
        .start = arg.start,
        .length = arg.length,
        .bound = arg.type != ~0u,
        .kind = arg.type == I915_GEM_VM_BIND_SVM_OBJ ? I915SVM_KIND_RUNTIME : I915SVM_KIND_SYSTEM,
        .bytes_system = arg.bytes_system,
        .bytes_device = arg.bytes_local,
        .bytes_invalid = arg.bytes_invalid,
        .pages_4k = arg.ptes_4k,
        .pages_64k = arg.ptes_64k,
        .pages_2m = arg.ptes_2m,
    };
    return I915SVM_OK;
}
