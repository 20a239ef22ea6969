/* SPDX-License-Identifier: MIT */
/*
 * Commands on memory. Copies and fills are NEO's, once it knows the memory. Prefetch and advice
 * are the kernel driver's: a list remembers them, and they are given each time it is executed,
 * just before; an immediate list gives them at once.
 */
#include <stdlib.h>

#include "layer.h"

#define BUCKETS 64

/* ze_memory_advice_t of Level Zero 1.9, which Debian 12's headers lack. */
#define ADVICE_SET_SYSTEM_MEMORY_PREFERRED_LOCATION   8
#define ADVICE_CLEAR_SYSTEM_MEMORY_PREFERRED_LOCATION 9

struct hint {
    const void *start;
    size_t length;
    enum { HINT_TO_DEVICE, HINT_PREFER_DEVICE, HINT_PREFER_SYSTEM, HINT_PREFER_NONE } kind;
};

struct hinted_list {
    struct hinted_list *next;
    ze_command_list_handle_t handle;
    ze_device_handle_t device;
    bool immediate, copy_only;
    struct hint *hints;
    size_t count, capacity;
    void **kept; /* memory of NEO's that its commands use */
    size_t kept_count;
};

static struct {
    pthread_mutex_t lock;
    struct hinted_list *buckets[BUCKETS];
    atomic_size_t count; /* nothing is looked up while there are none */
} lists = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The link that points to the list's entry, or to the end of its chain. */
static struct hinted_list **link_of(ze_command_list_handle_t handle)
{
    struct hinted_list **link = &lists.buckets[((uintptr_t)handle >> 6) % BUCKETS];
    while (*link && (*link)->handle != handle)
        link = &(*link)->next;
    return link;
}

static struct hinted_list *get_locked(ze_command_list_handle_t handle)
{
    struct hinted_list **link = link_of(handle);
    if (!*link && (*link = calloc(1, sizeof(**link)))) {
        (*link)->handle = handle;
        atomic_fetch_add(&lists.count, 1);
    }
    return *link;
}

static void apply(const struct hint *hint)
{
    i915svm_vm *vm = spaces_vm(&layer.spaces);
    if (!vm)
        return;
    /* Hints: what the kernel cannot follow changes nothing but speed. */
    switch (hint->kind) {
    case HINT_TO_DEVICE:
        i915svm_prefetch(vm, hint->start, hint->length, I915SVM_LOCATION_DEVICE, NULL);
        break;
    case HINT_PREFER_DEVICE:
        i915svm_advise_location(vm, hint->start, hint->length, I915SVM_LOCATION_DEVICE);
        break;
    case HINT_PREFER_SYSTEM:
        i915svm_advise_location(vm, hint->start, hint->length, I915SVM_LOCATION_SYSTEM);
        break;
    case HINT_PREFER_NONE:
        i915svm_advise_location(vm, hint->start, hint->length, I915SVM_LOCATION_NONE);
        break;
    }
}

static bool add_locked(struct hinted_list *list, const struct hint *hint)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 4;
        struct hint *hints = realloc(list->hints, capacity * sizeof(*hints));
        if (!hints)
            return false;
        list->hints = hints;
        list->capacity = capacity;
    }
    list->hints[list->count++] = *hint;
    return true;
}

static ze_result_t remember(ze_command_list_handle_t handle, const struct hint *hint)
{
    if (!forks_lock(&lists.lock))
        return ZE_RESULT_ERROR_UNINITIALIZED;
    struct hinted_list *list = get_locked(handle);
    bool immediate = list && list->immediate;
    bool done = list && (immediate || add_locked(list, hint));
    pthread_mutex_unlock(&lists.lock);
    if (immediate)
        apply(hint);
    return done ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
}

/* Copied out, so that no lock is held while pages move. */
static struct hint *copy_hints(ze_command_list_handle_t handle, size_t *count)
{
    struct hint *copy = NULL;
    *count = 0;
    if (!forks_lock(&lists.lock))
        return NULL;
    struct hinted_list *list = *link_of(handle);
    *count = list ? list->count : 0;
    if (*count && (copy = malloc(*count * sizeof(*copy))))
        for (size_t i = 0; i < *count; i++)
            copy[i] = list->hints[i];
    pthread_mutex_unlock(&lists.lock);
    return copy;
}

static void apply_list(ze_command_list_handle_t handle)
{
    size_t count;
    struct hint *hints = copy_hints(handle, &count);
    for (size_t i = 0; hints && i < count; i++)
        apply(&hints[i]);
    free(hints);
}

bool list_keep(ze_command_list_handle_t handle, void *memory)
{
    if (!forks_lock(&lists.lock))
        return false;
    struct hinted_list *list = get_locked(handle);
    void **kept = list ? realloc(list->kept, (list->kept_count + 1) * sizeof(*kept)) : NULL;
    if (kept) {
        list->kept = kept;
        list->kept[list->kept_count++] = memory;
    }
    pthread_mutex_unlock(&lists.lock);
    return kept;
}

static void drop_kept(struct hinted_list *list)
{
    for (size_t i = 0; i < list->kept_count; i++)
        layer.mem.pfnFree(memory_own_context(), list->kept[i]);
    list->kept_count = 0;
}

static void forget_list(ze_command_list_handle_t handle, bool destroyed)
{
    if (!atomic_load_explicit(&lists.count, memory_order_relaxed) || !forks_lock(&lists.lock))
        return;
    struct hinted_list **link = link_of(handle);
    struct hinted_list *list = *link;
    if (list) {
        list->count = 0;
        drop_kept(list);
    }
    if (list && destroyed) {
        *link = list->next;
        atomic_fetch_sub(&lists.count, 1);
        free(list->hints);
        free(list->kept);
        free(list);
    }
    pthread_mutex_unlock(&lists.lock);
}

/* ---- the commands ---------------------------------------------------------------------------- */

/* Device memory is where it is: a hint for it is NEO's to take or refuse. */
static bool is_ours(const void *pointer, size_t size)
{
    struct range range;
    if (memory_find(pointer, &range))
        return true;
    return memory_import(pointer, size);
}

static ze_result_t ZE_APICALL append_prefetch(ze_command_list_handle_t list, const void *pointer,
                                              size_t size)
{
    if (!layer.mirror || !list || !pointer || !size || !is_ours(pointer, size))
        return layer.list.pfnAppendMemoryPrefetch(list, pointer, size);
    struct range range;
    if (memory_find(pointer, &range) && range.kind == ZE_MEMORY_TYPE_HOST)
        return ZE_RESULT_SUCCESS; /* host memory stays with the host */
    struct hint hint = {.start = pointer, .length = size, .kind = HINT_TO_DEVICE};
    return remember(list, &hint);
}

static ze_result_t ZE_APICALL append_advise(ze_command_list_handle_t list,
                                            ze_device_handle_t device, const void *pointer,
                                            size_t size, ze_memory_advice_t advice)
{
    if (!layer.mirror || !list || !device || !pointer || !size || !is_ours(pointer, size))
        return layer.list.pfnAppendMemAdvise(list, device, pointer, size, advice);
    struct hint hint = {.start = pointer, .length = size};
    switch ((unsigned)advice) {
    case ZE_MEMORY_ADVICE_SET_PREFERRED_LOCATION:
        hint.kind = HINT_PREFER_DEVICE;
        break;
    case ADVICE_SET_SYSTEM_MEMORY_PREFERRED_LOCATION:
        hint.kind = HINT_PREFER_SYSTEM;
        break;
    case ZE_MEMORY_ADVICE_CLEAR_PREFERRED_LOCATION:
    case ADVICE_CLEAR_SYSTEM_MEMORY_PREFERRED_LOCATION:
        hint.kind = HINT_PREFER_NONE;
        break;
    default: /* the others say nothing the kernel driver could use */
        return (unsigned)advice > ADVICE_CLEAR_SYSTEM_MEMORY_PREFERRED_LOCATION
                   ? ZE_RESULT_ERROR_INVALID_ENUMERATION
                   : ZE_RESULT_SUCCESS;
    }
    return remember(list, &hint);
}

static ze_result_t ZE_APICALL append_copy(ze_command_list_handle_t list, void *to, const void *from,
                                          size_t size, ze_event_handle_t signal, uint32_t count,
                                          ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, from, size))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT; /* rather than read as zeros */
    return layer.list.pfnAppendMemoryCopy(list, to, from, size, signal, count, events);
}

static ze_result_t ZE_APICALL append_fill(ze_command_list_handle_t list, void *to,
                                          const void *pattern, size_t pattern_size, size_t size,
                                          ze_event_handle_t signal, uint32_t count,
                                          ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, NULL, size))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return layer.list.pfnAppendMemoryFill(list, to, pattern, pattern_size, size, signal, count,
                                          events);
}

/* What is known of a list, but its hints and what it keeps. */
static struct hinted_list describe(ze_command_list_handle_t handle)
{
    struct hinted_list found = {.handle = handle};
    if (!atomic_load_explicit(&lists.count, memory_order_relaxed) || !forks_lock(&lists.lock))
        return found;
    struct hinted_list *list = *link_of(handle);
    if (list) {
        found.device = list->device;
        found.copy_only = list->copy_only;
    }
    pthread_mutex_unlock(&lists.lock);
    return found;
}

bool list_is_copy_only(ze_command_list_handle_t handle)
{
    return describe(handle).copy_only;
}

ze_device_handle_t list_device(ze_command_list_handle_t handle)
{
    return describe(handle).device;
}

struct plane {
    char *start;
    const ze_copy_region_t *region;
    size_t row, slice;
};

static char *row_of(const struct plane *plane, uint32_t y, uint32_t z)
{
    return plane->start + (plane->region->originZ + z) * plane->slice +
           (plane->region->originY + y) * plane->row + plane->region->originX;
}

/*
 * For a copy engine NEO makes the offset into an allocation a coordinate of the region, which has
 * 16 bits: too few for an offset into a window. So it is given single rows.
 */
static ze_result_t copy_rows(ze_command_list_handle_t list, const struct plane *to,
                             const struct plane *from, ze_event_handle_t signal, uint32_t count,
                             ze_event_handle_t *events)
{
    const uint32_t height = to->region->height ? to->region->height : 1;
    const uint32_t depth = to->region->depth ? to->region->depth : 1;
    ze_result_t result = ZE_RESULT_SUCCESS;
    for (uint32_t z = 0; z < depth && result == ZE_RESULT_SUCCESS; z++)
        for (uint32_t y = 0; y < height && result == ZE_RESULT_SUCCESS; y++) {
            bool first = !z && !y, last = z == depth - 1 && y == height - 1;
            result = layer.list.pfnAppendMemoryCopy(list, row_of(to, y, z), row_of(from, y, z),
                                                    to->region->width, last ? signal : NULL,
                                                    first ? count : 0, first ? events : NULL);
        }
    return result;
}

/* Only the first byte is asked for: NEO knows how far the region reaches. */
static ze_result_t ZE_APICALL append_copy_region(
    ze_command_list_handle_t list, void *to, const ze_copy_region_t *to_region, uint32_t to_pitch,
    uint32_t to_slice, const void *from, const ze_copy_region_t *from_region, uint32_t from_pitch,
    uint32_t from_slice, ze_event_handle_t signal, uint32_t count, ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, from, 1))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    if (to_region && from_region && list_is_copy_only(list) &&
        (memory_in_window(to) || memory_in_window(from))) {
        const struct plane target = {to, to_region, to_pitch, to_slice};
        const struct plane source = {(char *)(uintptr_t)from, from_region, from_pitch, from_slice};
        return copy_rows(list, &target, &source, signal, count, events);
    }
    return layer.list.pfnAppendMemoryCopyRegion(list, to, to_region, to_pitch, to_slice, from,
                                                from_region, from_pitch, from_slice, signal, count,
                                                events);
}

static ze_result_t ZE_APICALL append_copy_from_context(ze_command_list_handle_t list, void *to,
                                                       ze_context_handle_t context,
                                                       const void *from, size_t size,
                                                       ze_event_handle_t signal, uint32_t count,
                                                       ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, from, size))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return layer.list.pfnAppendMemoryCopyFromContext(list, to, context, from, size, signal, count,
                                                     events);
}

static ze_result_t ZE_APICALL append_timestamp(ze_command_list_handle_t list, uint64_t *to,
                                               ze_event_handle_t signal, uint32_t count,
                                               ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, NULL, sizeof(*to)))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return layer.list.pfnAppendWriteGlobalTimestamp(list, to, signal, count, events);
}

/* On a copy engine NEO would flush the ranges by a command that only a render engine has, which
 * hangs; its barrier there is an engine's own, and flushes all memory. */
static ze_result_t ZE_APICALL append_ranges_barrier(ze_command_list_handle_t list, uint32_t ranges,
                                                    const size_t *sizes, const void **starts,
                                                    ze_event_handle_t signal, uint32_t count,
                                                    ze_event_handle_t *events)
{
    if (list_is_copy_only(list))
        return layer.list.pfnAppendBarrier(list, signal, count, events);
    return layer.list.pfnAppendMemoryRangesBarrier(list, ranges, sizes, starts, signal, count,
                                                   events);
}

static ze_result_t ZE_APICALL append_launch_indirect(ze_command_list_handle_t list,
                                                     ze_kernel_handle_t kernel,
                                                     const ze_group_count_t *groups,
                                                     ze_event_handle_t signal, uint32_t count,
                                                     ze_event_handle_t *events)
{
    memory_prepare(groups, sizeof(*groups));
    return layer.list.pfnAppendLaunchKernelIndirect(list, kernel, groups, signal, count, events);
}

#define GROUPS_MAX 16 /* of command queues */

static bool is_copy_group(ze_device_handle_t device, uint32_t ordinal)
{
    ze_command_queue_group_properties_t groups[GROUPS_MAX] = {0};
    uint32_t count = GROUPS_MAX;
    return layer.device.pfnGetCommandQueueGroupProperties(device, &count, groups) ==
               ZE_RESULT_SUCCESS &&
           ordinal < count && ordinal < GROUPS_MAX &&
           !(groups[ordinal].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE);
}

static void note_list(ze_command_list_handle_t list, ze_device_handle_t device, uint32_t ordinal,
                      bool immediate)
{
    if (!layer.mirror)
        return;
    const bool copy_only = is_copy_group(device, ordinal);
    if (!forks_lock(&lists.lock))
        return;
    struct hinted_list *entry = get_locked(list);
    if (entry) {
        entry->device = device;
        entry->immediate = immediate;
        entry->copy_only = copy_only;
    }
    pthread_mutex_unlock(&lists.lock);
}

static ze_result_t ZE_APICALL create_immediate(ze_context_handle_t context,
                                               ze_device_handle_t device,
                                               const ze_command_queue_desc_t *desc,
                                               ze_command_list_handle_t *list)
{
    ze_result_t result = layer.list.pfnCreateImmediate(context, device, desc, list);
    if (result == ZE_RESULT_SUCCESS)
        note_list(*list, device, desc->ordinal, true);
    return result;
}

static ze_result_t ZE_APICALL create(ze_context_handle_t context, ze_device_handle_t device,
                                     const ze_command_list_desc_t *desc,
                                     ze_command_list_handle_t *list)
{
    ze_result_t result = layer.list.pfnCreate(context, device, desc, list);
    if (result == ZE_RESULT_SUCCESS)
        note_list(*list, device, desc->commandQueueGroupOrdinal, false);
    return result;
}

static ze_result_t ZE_APICALL reset(ze_command_list_handle_t list)
{
    ze_result_t result = layer.list.pfnReset(list);
    if (result == ZE_RESULT_SUCCESS)
        forget_list(list, false);
    return result;
}

/* Forgotten first: its handle may be given to another list as soon as NEO has freed it. */
static ze_result_t ZE_APICALL destroy(ze_command_list_handle_t list)
{
    if (list)
        forget_list(list, true);
    return layer.list.pfnDestroy(list);
}

static ze_result_t ZE_APICALL execute(ze_command_queue_handle_t queue, uint32_t count,
                                      ze_command_list_handle_t *handles, ze_fence_handle_t fence)
{
    if (layer_is_forked())
        return ZE_RESULT_ERROR_UNINITIALIZED;
    if (atomic_load_explicit(&lists.count, memory_order_relaxed) && handles)
        for (uint32_t i = 0; i < count; i++)
            apply_list(handles[i]);
    return layer.queue.pfnExecuteCommandLists(queue, count, handles, fence);
}

void list_install(ze_command_list_dditable_t *table)
{
    table->pfnCreate = create;
    table->pfnCreateImmediate = create_immediate;
    table->pfnDestroy = destroy;
    table->pfnReset = reset;
    table->pfnAppendMemoryCopy = append_copy;
    table->pfnAppendMemoryFill = append_fill;
    table->pfnAppendMemoryCopyRegion = append_copy_region;
    table->pfnAppendMemoryCopyFromContext = append_copy_from_context;
    table->pfnAppendImageCopyToMemory = bounce_image_to_memory;
    table->pfnAppendImageCopyFromMemory = bounce_image_from_memory;
    table->pfnAppendWriteGlobalTimestamp = append_timestamp;
    table->pfnAppendQueryKernelTimestamps = bounce_kernel_timestamps;
    table->pfnAppendLaunchKernelIndirect = append_launch_indirect;
    table->pfnAppendLaunchMultipleKernelsIndirect = bounce_launches;
    table->pfnAppendMemoryRangesBarrier = append_ranges_barrier;
    table->pfnAppendMemoryPrefetch = append_prefetch;
    table->pfnAppendMemAdvise = append_advise;
}

void queue_install(ze_command_queue_dditable_t *table)
{
    table->pfnExecuteCommandLists = execute;
    deferred_install(table);
}
