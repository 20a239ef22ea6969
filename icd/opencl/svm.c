/* SPDX-License-Identifier: MIT */
/* OpenCL's shared virtual memory: allocation and the commands on it. */
#include <stdlib.h>
#include <string.h>

#include "layer.h"
#include "mapping.h"

#define PATTERN_MAX 128

cl_context queue_context(cl_command_queue queue)
{
    cl_context context = NULL;
    if (!layer_is_forked())
        layer.next.clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof(context), &context, NULL);
    return context;
}

/* The specification's conditions under which clSVMAlloc returns NULL. */
static bool alloc_is_valid(cl_context context, cl_svm_mem_flags flags, size_t size,
                           cl_uint alignment)
{
    const cl_svm_mem_flags access = CL_MEM_READ_WRITE | CL_MEM_WRITE_ONLY | CL_MEM_READ_ONLY;
    const cl_svm_mem_flags fine = CL_MEM_SVM_FINE_GRAIN_BUFFER, atomics = CL_MEM_SVM_ATOMICS;
    cl_svm_mem_flags wanted = flags & access;
    cl_device_svm_capabilities have = query_svm_capabilities(context);
    if ((flags & ~(access | fine | atomics)) || (wanted & (wanted - 1)))
        return false;
    if ((flags & atomics) && !((flags & fine) && (have & CL_DEVICE_SVM_ATOMICS)))
        return false;
    if ((flags & fine) && !(have & CL_DEVICE_SVM_FINE_GRAIN_BUFFER))
        return false;
    return size && size <= query_max_alloc(context) && !(alignment & (alignment - 1)) &&
           alignment <= I915SVM_ALIGNMENT_MAX;
}

static void *CL_API_CALL svm_alloc(cl_context context, cl_svm_mem_flags flags, size_t size,
                                   cl_uint alignment)
{
    cl_uint references;
    if (layer_is_forked())
        return NULL;
    /* A stock kernel: only fine-grain buffers gain from us, coarse ones are NEO's. */
    if (!layer.mirror && !(flags & CL_MEM_SVM_FINE_GRAIN_BUFFER))
        return layer.next.clSVMAlloc(context, flags, size, alignment);
    if (layer.next.clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof(references),
                                    &references, NULL) != CL_SUCCESS ||
        !alloc_is_valid(context, flags, size, alignment))
        return NULL;
    struct memory_request request = {.context = context,
                                     .kind = MEMORY_SVM,
                                     .flags = flags,
                                     .size = size,
                                     .alignment = alignment};
    cl_int error;
    return memory_alloc(&request, &error);
}

static void CL_API_CALL svm_free(cl_context context, void *pointer)
{
    if (layer_is_forked())
        return;
    /* NEO would take any pointer into a window for the window, and free that. */
    if (pointer && !memory_free(context, pointer) && !memory_in_window(context, pointer))
        layer.next.clSVMFree(context, pointer);
}

typedef bool (*refusal)(cl_context context, const void *pointer);

static bool prepare(cl_command_queue queue, const void *pointer, size_t size, refusal is_refused)
{
    if (layer_is_forked())
        return false;
    cl_context context = queue_context(queue);
    if (!layer.mirror || !context || !pointer || !size || memory_is_neos(context, pointer))
        return true; /* NEO answers these itself */
    if (!mapping_covers(pointer, size) || is_refused(context, pointer))
        return false;
    memory_import(context, pointer); /* read-only memory stays foreign to NEO: it copies that */
    return true;
}

bool svm_prepare_source(cl_command_queue queue, const void *pointer, size_t size)
{
    return prepare(queue, pointer, size, memory_is_misplaced);
}

bool svm_prepare_target(cl_command_queue queue, const void *pointer, size_t size)
{
    return prepare(queue, pointer, size, memory_is_protected);
}

bool svm_overlap(const void *to, const void *from, size_t size)
{
    uintptr_t a = (uintptr_t)to, b = (uintptr_t)from;
    return a && b && (a < b ? b - a < size : a - b < size);
}

cl_int CL_API_CALL svm_copy(cl_command_queue queue, cl_bool blocking, void *to, const void *from,
                            size_t size, cl_uint count, const cl_event *events, cl_event *event)
{
    if (svm_overlap(to, from, size))
        return CL_MEM_COPY_OVERLAP;
    if (!svm_prepare_target(queue, to, size) || !svm_prepare_source(queue, from, size))
        return CL_INVALID_VALUE;
    return layer.next.clEnqueueSVMMemcpy(queue, blocking, to, from, size, count, events, event);
}

/* What the specification asks of a fill and NEO does not look at. */
bool svm_fill_is_aligned(const void *to, size_t pattern_size, size_t size)
{
    return pattern_size && pattern_size <= PATTERN_MAX && !(pattern_size & (pattern_size - 1)) &&
           !((uintptr_t)to % pattern_size) && !(size % pattern_size);
}

cl_int CL_API_CALL svm_fill(cl_command_queue queue, void *to, const void *pattern,
                            size_t pattern_size, size_t size, cl_uint count, const cl_event *events,
                            cl_event *event)
{
    if (!svm_fill_is_aligned(to, pattern_size, size) || !svm_prepare_target(queue, to, size))
        return CL_INVALID_VALUE;
    return layer.next.clEnqueueSVMMemFill(queue, to, pattern, pattern_size, size, count, events,
                                          event);
}

/* Whether NEO has its own kind of mapping to do. */
static bool is_neos(cl_command_queue queue, const void *pointer)
{
    cl_context context = queue_context(queue);
    if (memory_find(pointer, NULL))
        return false;
    return !layer.mirror || !context || !pointer || memory_is_neos(context, pointer);
}

/* One storage: mapping is only the wait for what was enqueued before. */
static cl_int CL_API_CALL enqueue_map(cl_command_queue queue, cl_bool blocking, cl_map_flags flags,
                                      void *pointer, size_t size, cl_uint count,
                                      const cl_event *events, cl_event *event)
{
    const cl_map_flags known = CL_MAP_READ | CL_MAP_WRITE | CL_MAP_WRITE_INVALIDATE_REGION;
    if (is_neos(queue, pointer))
        return layer.next.clEnqueueSVMMap(queue, blocking, flags, pointer, size, count, events,
                                          event);
    if (!size || (flags & ~known) ||
        ((flags & CL_MAP_WRITE_INVALIDATE_REGION) && (flags & (CL_MAP_READ | CL_MAP_WRITE))))
        return CL_INVALID_VALUE;
    if (!memory_is_reachable(queue_context(queue), pointer))
        return CL_INVALID_VALUE;
    struct wait_list wait = {count, events};
    return events_marker(queue, wait, CL_COMMAND_SVM_MAP, blocking, event);
}

static cl_int CL_API_CALL enqueue_unmap(cl_command_queue queue, void *pointer, cl_uint count,
                                        const cl_event *events, cl_event *event)
{
    if (is_neos(queue, pointer))
        return layer.next.clEnqueueSVMUnmap(queue, pointer, count, events, event);
    if (!memory_is_reachable(queue_context(queue), pointer))
        return CL_INVALID_VALUE;
    struct wait_list wait = {count, events};
    return events_marker(queue, wait, CL_COMMAND_SVM_UNMAP, CL_FALSE, event);
}

/* ---- migration --------------------------------------------------------------------------- */

struct migration {
    i915svm_location to;
    cl_uint count;
    struct {
        const void *start;
        size_t length;
    } ranges[];
};

static void migrate(void *argument)
{
    struct migration *migration = argument;
    i915svm_vm *vm = spaces_vm(&layer.spaces);
    for (cl_uint i = 0; vm && i < migration->count; i++)
        /* A hint: what could not move stays usable where it is. */
        i915svm_prefetch(vm, migration->ranges[i].start, migration->ranges[i].length, migration->to,
                         NULL);
    free(migration);
}

/* Size 0 means the whole allocation that holds the pointer; other memory has to be mapped. */
static bool add_range(struct migration *migration, const void *pointer, size_t size)
{
    struct range range;
    bool ours = memory_find(pointer, &range);
    size_t offset = ours ? (uintptr_t)pointer - range.start : 0;
    if (!pointer || (ours ? size > range.length - offset : !size || !mapping_covers(pointer, size)))
        return false;
    if (ours && !size) {
        pointer = (const void *)range.start;
        size = range.length;
    }
    migration->ranges[migration->count].start = pointer;
    migration->ranges[migration->count++].length = size;
    return true;
}

static bool all_complete(struct wait_list wait)
{
    for (cl_uint i = 0; wait.events && i < wait.count; i++) {
        cl_int status = CL_QUEUED;
        layer.next.clGetEventInfo(wait.events[i], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status),
                                  &status, NULL);
        if (status != CL_COMPLETE)
            return false;
    }
    return true;
}

static cl_int enqueue_migration(cl_command_queue queue, struct migration *migration,
                                struct wait_list wait, cl_command_type type, cl_event *event)
{
    if (!all_complete(wait)) {
        cl_int result = events_after(queue, wait, type, migrate, migration, event);
        if (result != CL_SUCCESS)
            free(migration);
        return result;
    }
    cl_int result = events_marker(queue, wait, type, CL_FALSE, event);
    if (result == CL_SUCCESS)
        migrate(migration);
    else
        free(migration);
    return result;
}

cl_int svm_migrate(cl_command_queue queue, cl_uint count, const void **pointers,
                   const size_t *sizes, cl_mem_migration_flags flags, struct wait_list wait,
                   cl_command_type type, cl_event *event)
{
    const cl_mem_migration_flags known =
        CL_MIGRATE_MEM_OBJECT_HOST | CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED;
    if (!queue_context(queue))
        return CL_INVALID_COMMAND_QUEUE;
    if (!count || !pointers || (flags & ~known))
        return CL_INVALID_VALUE;
    struct migration *migration = malloc(sizeof(*migration) + count * sizeof(migration->ranges[0]));
    if (!migration)
        return CL_OUT_OF_HOST_MEMORY;
    migration->to =
        flags & CL_MIGRATE_MEM_OBJECT_HOST ? I915SVM_LOCATION_SYSTEM : I915SVM_LOCATION_DEVICE;
    migration->count = 0;
    for (cl_uint i = 0; i < count; i++) {
        if (add_range(migration, pointers[i], sizes ? sizes[i] : 0))
            continue;
        free(migration);
        return CL_INVALID_VALUE;
    }
    return enqueue_migration(queue, migration, wait, type, event);
}

static cl_int CL_API_CALL enqueue_migrate(cl_command_queue queue, cl_uint count,
                                          const void **pointers, const size_t *sizes,
                                          cl_mem_migration_flags flags, cl_uint num_events,
                                          const cl_event *events, cl_event *event)
{
    if (!layer.mirror)
        return layer.next.clEnqueueSVMMigrateMem(queue, count, pointers, sizes, flags, num_events,
                                                 events, event);
    struct wait_list wait = {num_events, events};
    return svm_migrate(queue, count, pointers, sizes, flags, wait, CL_COMMAND_SVM_MIGRATE_MEM,
                       event);
}

/* ---- freeing in order ---------------------------------------------------------------------- */

typedef void(CL_CALLBACK *free_callback)(cl_command_queue, cl_uint, void **, void *);

struct release {
    cl_command_queue queue;
    free_callback callback;
    void *user_data;
    cl_uint count;
    void *pointers[];
};

static void release_pointers(void *argument)
{
    struct release *release = argument;
    cl_context context = queue_context(release->queue);
    if (release->callback)
        release->callback(release->queue, release->count, release->pointers, release->user_data);
    for (cl_uint i = 0; !release->callback && i < release->count; i++)
        svm_free(context, release->pointers[i]);
    layer.next.clReleaseCommandQueue(release->queue);
    free(release);
}

static cl_int CL_API_CALL enqueue_free(cl_command_queue queue, cl_uint count, void *pointers[],
                                       free_callback callback, void *user_data, cl_uint num_events,
                                       const cl_event *events, cl_event *event)
{
    if (!queue_context(queue))
        return CL_INVALID_COMMAND_QUEUE;
    if (!count != !pointers)
        return CL_INVALID_VALUE;
    struct wait_list wait = {num_events, events};
    struct release *release = malloc(sizeof(*release) + count * sizeof(void *));
    if (!release)
        return CL_OUT_OF_HOST_MEMORY;
    release->queue = queue;
    release->callback = callback;
    release->user_data = user_data;
    release->count = count;
    if (count)
        memcpy(release->pointers, pointers, count * sizeof(void *));
    layer.next.clRetainCommandQueue(queue);
    cl_int result =
        events_after(queue, wait, CL_COMMAND_SVM_FREE, release_pointers, release, event);
    if (result == CL_SUCCESS)
        return result;
    layer.next.clReleaseCommandQueue(queue);
    free(release);
    return result;
}

void svm_install(cl_icd_dispatch *table)
{
    table->clSVMAlloc = svm_alloc;
    table->clSVMFree = svm_free;
    table->clEnqueueSVMFree = enqueue_free;
    table->clEnqueueSVMMemcpy = svm_copy;
    table->clEnqueueSVMMemFill = svm_fill;
    table->clEnqueueSVMMap = enqueue_map;
    table->clEnqueueSVMUnmap = enqueue_unmap;
    table->clEnqueueSVMMigrateMem = enqueue_migrate;
}
