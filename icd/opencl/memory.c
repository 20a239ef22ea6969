/* SPDX-License-Identifier: MIT */
/*
 * Allocations of ours: anonymous memory of this process, at one address for CPU and GPU.
 *
 * With a kernel that mirrors the process nothing else is needed, and the kernel moves the pages.
 * On a stock kernel NEO is told of the memory as it is made (a userptr at its own address), which
 * gives fine-grain buffers in system memory.
 */
#include "layer.h"
#include "mapping.h"
#include "storage.h"

/* Not in the public headers: the property by which NEO is told of existing memory
 * (opencl/extensions/public/cl_ext_private.h). */
#define CL_MEM_ALLOC_USE_HOST_PTR_INTEL 0x1000F

static bool import_host(void *context, void *start, size_t length)
{
    cl_mem_properties_intel properties[] = {CL_MEM_ALLOC_USE_HOST_PTR_INTEL, (uintptr_t)start, 0};
    return layer.usm.host_alloc(context, properties, length, 0, NULL) == start;
}

static void forget_host(void *context, void *start)
{
    layer.usm.free(context, start);
}

static struct ranges allocations = RANGES_INIT;
static struct windows windows = {
    .ranges = RANGES_INIT, .import = import_host, .forget = forget_host};

static bool make_reachable(const struct memory_request *request, void *map, size_t length)
{
    if (!layer.mirror)
        return import_host(request->context, map, length);
    i915svm_vm *vm = spaces_vm(&layer.spaces);
    if (vm && request->on_device)
        i915svm_advise_location(vm, map, length, I915SVM_LOCATION_DEVICE); /* a hint */
    return vm != NULL;
}

static void unmap_storage(const struct range *range)
{
    size_t length = storage_length(range->length);
    if (layer.mirror)
        windows_drop(&windows, (void *)range->start, length);
    else
        forget_host(range->owner, (void *)range->start);
    storage_unmap((void *)range->start, length);
}

void *memory_alloc(const struct memory_request *request, cl_int *error)
{
    *error = CL_OUT_OF_HOST_MEMORY;
    size_t length = storage_length(request->size);
    void *map = storage_map(length, request->alignment);
    if (!map)
        return NULL;
    struct range range = {.start = (uintptr_t)map,
                          .length = request->size,
                          .owner = request->context,
                          .device = request->device,
                          .kind = request->kind,
                          .flags = (uint32_t)request->flags};
    if (!make_reachable(request, map, length)) {
        *error = CL_OUT_OF_RESOURCES;
        storage_unmap(map, length);
        return NULL;
    }
    if (!ranges_insert(&allocations, &range)) {
        unmap_storage(&range);
        return NULL;
    }
    *error = CL_SUCCESS;
    return map;
}

bool memory_free(cl_context context, void *pointer)
{
    struct range range;
    if (!ranges_take(&allocations, (uintptr_t)pointer, context, &range))
        return false;
    unmap_storage(&range);
    return true;
}

bool memory_find(const void *pointer, struct range *found)
{
    return ranges_find(&allocations, (uintptr_t)pointer, found);
}

void memory_drop_context(cl_context context)
{
    struct range range;
    while (ranges_take_owned(&allocations, context, &range))
        unmap_storage(&range);
    windows_drop_owner(&windows, context);
}

bool memory_import(cl_context context, const void *start, size_t length)
{
    return windows_cover(&windows, context, start, length);
}

bool memory_in_window(const void *pointer)
{
    struct range window;
    return windows_find(&windows, pointer, &window);
}

bool memory_is_reachable(cl_context context, const void *pointer)
{
    cl_unified_shared_memory_type_intel type = CL_MEM_TYPE_UNKNOWN_INTEL;
    if (ranges_find(&allocations, (uintptr_t)pointer, NULL) || mapping_covers(pointer, 1))
        return true;
    /* Device memory has no CPU mapping: only NEO knows it. */
    layer.usm.get_info(context, pointer, CL_MEM_ALLOC_TYPE_INTEL, sizeof(type), &type, NULL);
    return type != CL_MEM_TYPE_UNKNOWN_INTEL;
}
