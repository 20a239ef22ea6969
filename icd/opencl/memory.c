/* SPDX-License-Identifier: MIT */
/*
 * Allocations of ours: anonymous memory of this process, at one address for CPU and GPU.
 *
 * With a kernel that mirrors the process nothing else is needed, and the kernel moves the pages.
 * On a stock kernel NEO is told of the memory as it is made (a userptr at its own address), which
 * gives fine-grain buffers in system memory.
 */
#include <stdlib.h>
#include <unistd.h>

#include "constants.h"
#include "layer.h"
#include "mapping.h"

/* Not in the public headers: the property by which NEO is told of existing memory
 * (opencl/extensions/public/cl_ext_private.h). */
#define CL_MEM_ALLOC_USE_HOST_PTR_INTEL 0x1000F

/* cl_ext_private.h as well: without it sizes above CL_DEVICE_MAX_MEM_ALLOC_SIZE are refused. */
#define CL_MEM_FLAGS_INTEL                   0x10001
#define CL_MEM_ALLOW_UNRESTRICTED_SIZE_INTEL (1 << 23)

static bool import_host(void *context, void *start, size_t length)
{
    cl_mem_properties_intel properties[] = {CL_MEM_ALLOC_USE_HOST_PTR_INTEL, (uintptr_t)start,
                                            CL_MEM_FLAGS_INTEL,
                                            CL_MEM_ALLOW_UNRESTRICTED_SIZE_INTEL, 0};
    return layer.usm.host_alloc(context, properties, length, 0, NULL) == start;
}

static struct ranges allocations = RANGES_INIT;

/* NEO keeps what it knows of memory per context. */
struct context_windows {
    struct context_windows *next;
    struct windows windows;
};

static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct context_windows *contexts;
static atomic_bool any_windows; /* nothing is looked up before there are */

static struct windows *find_windows(cl_context context)
{
    struct context_windows *entry = contexts;
    while (entry && entry->windows.owner != context)
        entry = entry->next;
    return entry ? &entry->windows : NULL;
}

static struct windows *add_windows(cl_context context)
{
    struct context_windows *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    pthread_mutex_init(&entry->windows.lock, NULL);
    pthread_rwlock_init(&entry->windows.ranges.lock, NULL);
    entry->windows.owner = context;
    entry->windows.import = import_host;
    entry->next = contexts;
    contexts = entry;
    atomic_store_explicit(&any_windows, true, memory_order_relaxed);
    if (layer.next.clSetContextDestructorCallback)
        layer.next.clSetContextDestructorCallback(context, memory_drop_context, NULL);
    return &entry->windows;
}

static struct windows *windows_of(cl_context context, bool make)
{
    if (!forks_lock(&contexts_lock))
        return NULL;
    struct windows *windows = find_windows(context);
    if (!windows && make)
        windows = add_windows(context);
    pthread_mutex_unlock(&contexts_lock);
    return windows;
}

static bool make_reachable(const struct memory_request *request, void *map)
{
    /* Whole pages, as they are allocated. */
    const size_t mask = (size_t)sysconf(_SC_PAGESIZE) - 1, length = (request->size + mask) & ~mask;
    if (!layer.mirror)
        return import_host(request->context, map, length);
    i915svm_vm *vm = spaces_vm(&layer.spaces);
    if (!vm || !windows_of(request->context, true))
        return false;
    /* Hints: memory that cannot be where it should works all the same. */
    if (request->on_device)
        i915svm_advise_location(vm, map, length, I915SVM_LOCATION_DEVICE);
    if (request->kind == MEMORY_HOST)
        i915svm_advise_location(vm, map, length, I915SVM_LOCATION_SYSTEM);
    return true;
}

static void release(const struct range *range)
{
    if (!layer.mirror)
        layer.usm.free(range->owner, (void *)range->start);
    spaces_free(&layer.spaces, (void *)range->start);
}

static cl_int from_result(i915svm_result result)
{
    return result == I915SVM_ERROR_OUT_OF_HOST_MEMORY ? CL_OUT_OF_HOST_MEMORY : CL_OUT_OF_RESOURCES;
}

void *memory_alloc(const struct memory_request *request, cl_int *error)
{
    void *map;
    i915svm_result result = spaces_alloc(&layer.spaces, request->size, request->alignment, &map);
    *error = from_result(result);
    if (result)
        return NULL;
    struct range range = {.start = (uintptr_t)map,
                          .length = request->size,
                          .owner = request->context,
                          .device = request->device,
                          .kind = request->kind,
                          .flags = (uint32_t)request->flags};
    if (!make_reachable(request, map)) {
        *error = CL_OUT_OF_RESOURCES;
        spaces_free(&layer.spaces, map);
        return NULL;
    }
    if (!ranges_insert(&allocations, &range)) {
        *error = CL_OUT_OF_HOST_MEMORY;
        release(&range);
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
    release(&range);
    return true;
}

bool memory_find(const void *pointer, struct range *found)
{
    return ranges_find(&allocations, (uintptr_t)pointer, found);
}

/* NEO's context is gone, and with it what it knew. */
static void drop_windows(cl_context context)
{
    if (!forks_lock(&contexts_lock))
        return;
    struct context_windows **link = &contexts;
    while (*link && (*link)->windows.owner != context)
        link = &(*link)->next;
    struct context_windows *entry = *link;
    if (entry)
        *link = entry->next;
    pthread_mutex_unlock(&contexts_lock);
    if (entry)
        free(entry->windows.ranges.array);
    free(entry);
}

void CL_CALLBACK memory_drop_context(cl_context context, void *unused)
{
    struct range range;
    (void)unused;
    while (ranges_take_owned(&allocations, context, &range))
        spaces_free(&layer.spaces, (void *)range.start);
    drop_windows(context);
}

bool memory_import(cl_context context, const void *pointer)
{
    struct windows *windows = windows_of(context, true);
    if (!windows || !spaces_enable(&layer.spaces))
        return false;
    return constants_are_shared(pointer) ? windows_open_constant(windows, pointer)
                                         : windows_open(windows, pointer);
}

bool memory_in_window(cl_context context, const void *pointer)
{
    struct windows *windows = windows_of(context, false);
    return windows && windows_is_open(windows, pointer);
}

bool memory_is_neos(cl_context context, const void *pointer)
{
    cl_unified_shared_memory_type_intel type = CL_MEM_TYPE_UNKNOWN_INTEL;
    if (ranges_find(&allocations, (uintptr_t)pointer, NULL) || memory_in_window(context, pointer))
        return false;
    layer.usm.get_info(context, pointer, CL_MEM_ALLOC_TYPE_INTEL, sizeof(type), &type, NULL);
    return type != CL_MEM_TYPE_UNKNOWN_INTEL;
}

/* Mapped now, and writable: what is not is not mirrored. */
static bool is_mirrored(const void *pointer)
{
    struct mapping mapping;
    return ranges_find(&allocations, (uintptr_t)pointer, NULL) ||
           (mapping_find((uintptr_t)pointer, &mapping) && mapping.readable && mapping.writable);
}

bool memory_is_protected(cl_context context, const void *pointer)
{
    return memory_in_window(context, pointer) && !is_mirrored(pointer);
}

bool memory_is_misplaced(cl_context context, const void *pointer)
{
    return memory_is_protected(context, pointer) && !constants_share(&layer.spaces, pointer);
}

bool memory_is_source(cl_command_queue queue, const void *pointer)
{
    return !atomic_load_explicit(&any_windows, memory_order_relaxed) ||
           !memory_is_misplaced(queue_context(queue), pointer);
}

bool memory_is_target(cl_command_queue queue, const void *pointer)
{
    return !atomic_load_explicit(&any_windows, memory_order_relaxed) ||
           !memory_is_protected(queue_context(queue), pointer);
}

bool memory_is_reachable(cl_context context, const void *pointer)
{
    return is_mirrored(pointer) || memory_is_neos(context, pointer) ||
           constants_share(&layer.spaces, pointer);
}
