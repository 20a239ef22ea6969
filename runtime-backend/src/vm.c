/* SPDX-License-Identifier: MIT */
/* GPU address spaces: our own or a runtime's, and the parameters of SVM on them. */
#include <errno.h>
#include <stdlib.h>

#include <drm/i915_svm.h>
#include <i915_drm.h>

#include "internal.h"

static int set_param(i915svm_vm *vm, uint64_t param, uint64_t value)
{
    struct drm_i915_gem_vm_param arg = {
        .vm_id = vm->id, .param = I915_VM_PARAM | param, .value = value};
    return svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_VM_SETPARAM, &arg);
}

static int get_param(i915svm_vm *vm, uint64_t param, uint64_t *value)
{
    struct drm_i915_gem_vm_param arg = {.vm_id = vm->id, .param = I915_VM_PARAM | param};
    int err = svm_ioctl(vm->device, DRM_IOCTL_I915_GEM_VM_GETPARAM, &arg);
    *value = arg.value;
    return err;
}

static i915svm_result check_vm(const i915svm_vm *vm)
{
    if (!vm)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (svm_forked(vm->device))
        return svm_fail(I915SVM_ERROR_FORKED, 0);
    if (!vm->device->caps.flags)
        return svm_fail(I915SVM_ERROR_NO_SVM, 0);
    return I915SVM_OK;
}

i915svm_result i915svm_vm_set_mirror(i915svm_vm *vm, bool on)
{
    i915svm_result result = check_vm(vm);
    if (result)
        return result;
    if (on && !(vm->device->caps.flags & I915SVM_CAP_MIRROR))
        return svm_fail(I915SVM_ERROR_NOT_SUPPORTED, 0);
    uint64_t value = I915_SVM_VM_ENABLE | (on ? I915_SVM_VM_MIRROR : 0);
    int err = set_param(vm, I915_GEM_VM_PARAM_SVM, value);
    if (!err)
        atomic_store(&vm->mirror, on);
    return svm_from_errno(err);
}

i915svm_result i915svm_vm_get_mirror(i915svm_vm *vm, bool *on)
{
    i915svm_result result = check_vm(vm);
    if (result)
        return result;
    if (!on)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    uint64_t value;
    int err = get_param(vm, I915_GEM_VM_PARAM_SVM, &value);
    if (!err)
        *on = value & I915_SVM_VM_MIRROR;
    return svm_from_errno(err);
}

static i915svm_result set_tunable(i915svm_vm *vm, uint64_t param, uint64_t value)
{
    i915svm_result result = check_vm(vm);
    return result ? result : svm_from_errno(set_param(vm, param, value));
}

static i915svm_result get_tunable(i915svm_vm *vm, uint64_t param, uint64_t *value)
{
    i915svm_result result = check_vm(vm);
    if (result)
        return result;
    if (!value)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    return svm_from_errno(get_param(vm, param, value));
}

i915svm_result i915svm_vm_set_granule(i915svm_vm *vm, uint64_t bytes)
{
    return set_tunable(vm, I915_GEM_VM_PARAM_SVM_GRANULE, bytes);
}

i915svm_result i915svm_vm_get_granule(i915svm_vm *vm, uint64_t *bytes)
{
    return get_tunable(vm, I915_GEM_VM_PARAM_SVM_GRANULE, bytes);
}

i915svm_result i915svm_vm_set_read_ahead(i915svm_vm *vm, uint64_t bytes)
{
    return set_tunable(vm, I915_GEM_VM_PARAM_SVM_READ_AHEAD, bytes);
}

i915svm_result i915svm_vm_get_read_ahead(i915svm_vm *vm, uint64_t *bytes)
{
    return get_tunable(vm, I915_GEM_VM_PARAM_SVM_READ_AHEAD, bytes);
}

i915svm_result i915svm_vm_set_populate_limit(i915svm_vm *vm, uint64_t bytes)
{
    return set_tunable(vm, I915_GEM_VM_PARAM_SVM_POPULATE_LIMIT, bytes);
}

static void destroy_kernel_vm(i915svm_device *device, uint32_t id)
{
    struct drm_i915_gem_vm_control control = {.vm_id = id};
    svm_ioctl(device, DRM_IOCTL_I915_GEM_VM_DESTROY, &control);
}

/* A kernel without SVM is fine here: bind() then falls back to userptr. */
static i915svm_result enable(i915svm_vm *vm, uint32_t flags)
{
    bool mirror = flags & I915SVM_VM_MIRROR;
    i915svm_result result = i915svm_vm_set_mirror(vm, mirror);
    return result == I915SVM_ERROR_NO_SVM && !mirror ? I915SVM_OK : result;
}

static i915svm_result make_handle(i915svm_device *device, uint32_t id, bool owned, uint32_t flags,
                                  i915svm_vm **out)
{
    i915svm_vm *vm = calloc(1, sizeof(*vm));
    if (!vm)
        return svm_fail(I915SVM_ERROR_OUT_OF_HOST_MEMORY, ENOMEM);
    vm->device = device;
    vm->id = id;
    vm->owned = owned;
    pthread_mutex_init(&vm->lock, NULL);
    i915svm_result result = enable(vm, flags);
    if (result) {
        pthread_mutex_destroy(&vm->lock);
        free(vm);
        return result;
    }
    *out = vm;
    return I915SVM_OK;
}

static i915svm_result check_open(const i915svm_device *device, uint32_t flags, i915svm_vm **vm)
{
    if (!device || !vm || (flags & ~I915SVM_VM_MIRROR))
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    return svm_forked(device) ? svm_fail(I915SVM_ERROR_FORKED, 0) : I915SVM_OK;
}

i915svm_result i915svm_vm_create(i915svm_device *device, uint32_t flags, i915svm_vm **vm)
{
    i915svm_result result = check_open(device, flags, vm);
    if (result)
        return result;
    struct drm_i915_gem_vm_control control = {0};
    int err = svm_ioctl(device, DRM_IOCTL_I915_GEM_VM_CREATE, &control);
    if (err)
        return svm_from_errno(err);
    result = make_handle(device, control.vm_id, true, flags, vm);
    if (result)
        destroy_kernel_vm(device, control.vm_id);
    return result;
}

i915svm_result i915svm_vm_attach(i915svm_device *device, uint32_t vm_id, uint32_t flags,
                                 i915svm_vm **vm)
{
    i915svm_result result = check_open(device, flags, vm);
    if (result)
        return result;
    if (!vm_id)
        return svm_fail(I915SVM_ERROR_UNKNOWN_VM, 0);
    return make_handle(device, vm_id, false, flags, vm);
}

void i915svm_vm_close(i915svm_vm *vm)
{
    if (!vm)
        return;
    if (!svm_forked(vm->device)) {
        for (size_t i = 0; i < vm->blocks.count; i++)
            svm_release_block(vm, &vm->blocks.array[i]);
        if (vm->owned)
            destroy_kernel_vm(vm->device, vm->id);
    }
    pthread_mutex_destroy(&vm->lock);
    free(vm->blocks.array);
    free(vm);
}

uint32_t i915svm_vm_id(const i915svm_vm *vm)
{
    return vm ? vm->id : 0;
}

i915svm_result i915svm_vm_statistics(i915svm_vm *vm, i915svm_statistics *statistics)
{
    if (!vm || !statistics)
        return svm_fail(I915SVM_ERROR_INVALID_ARGUMENT, 0);
    if (svm_forked(vm->device))
        return svm_fail(I915SVM_ERROR_FORKED, 0);
    *statistics = (i915svm_statistics){
        .allocated_bytes = vm->allocated_bytes,
        .binds = vm->binds,
        .unbinds = vm->unbinds,
        .prefetches = vm->prefetches,
        .advices = vm->advices,
        .bytes_to_device = vm->bytes_to_device,
        .bytes_to_system = vm->bytes_to_system,
        .bytes_not_moved = vm->bytes_not_moved,
    };
    pthread_mutex_lock(&vm->lock);
    for (size_t i = 0; i < vm->blocks.count; i++)
        statistics->allocations += vm->blocks.array[i].allocated;
    pthread_mutex_unlock(&vm->lock);
    return I915SVM_OK;
}
