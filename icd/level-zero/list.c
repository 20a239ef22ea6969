/* SPDX-License-Identifier: MIT */
/*
 * Commands on memory. Copies and fills are NEO's, once it knows the memory. Prefetch and advice
 * are the kernel driver's: a list remembers them, and they are given each time it is executed,
 * just before; an immediate list gives them at once.
 */
#include <stdlib.h>

#include "layer.h"

#define BUCKETS 64

struct hint {
    const void *start;
    size_t length;
    enum { HINT_TO_DEVICE, HINT_PREFER_DEVICE, HINT_PREFER_NONE } kind;
};

/* A list with hints, or an immediate one. */
struct hinted_list {
    struct hinted_list *next;
    ze_command_list_handle_t handle;
    bool immediate;
    struct hint *hints;
    size_t count, capacity;
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
    pthread_mutex_lock(&lists.lock);
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
    pthread_mutex_lock(&lists.lock);
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

static void forget_list(ze_command_list_handle_t handle, bool destroyed)
{
    if (!atomic_load_explicit(&lists.count, memory_order_relaxed))
        return;
    pthread_mutex_lock(&lists.lock);
    struct hinted_list **link = link_of(handle);
    struct hinted_list *list = *link;
    if (list)
        list->count = 0;
    if (list && destroyed) {
        *link = list->next;
        atomic_fetch_sub(&lists.count, 1);
        free(list->hints);
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
    if ((unsigned)advice > ZE_MEMORY_ADVICE_BIAS_UNCACHED)
        return ZE_RESULT_ERROR_INVALID_ENUMERATION;
    struct hint hint = {.start = pointer, .length = size};
    if (advice == ZE_MEMORY_ADVICE_SET_PREFERRED_LOCATION)
        hint.kind = HINT_PREFER_DEVICE;
    else if (advice == ZE_MEMORY_ADVICE_CLEAR_PREFERRED_LOCATION)
        hint.kind = HINT_PREFER_NONE;
    else
        return ZE_RESULT_SUCCESS; /* says nothing the kernel driver could use */
    return remember(list, &hint);
}

static ze_result_t ZE_APICALL append_copy(ze_command_list_handle_t list, void *to, const void *from,
                                          size_t size, ze_event_handle_t signal, uint32_t count,
                                          ze_event_handle_t *events)
{
    if (memory_is_misplaced(to) || memory_is_misplaced(from))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT; /* rather than read as zeros */
    memory_prepare(to, size);
    memory_prepare(from, size);
    return layer.list.pfnAppendMemoryCopy(list, to, from, size, signal, count, events);
}

static ze_result_t ZE_APICALL append_fill(ze_command_list_handle_t list, void *to,
                                          const void *pattern, size_t pattern_size, size_t size,
                                          ze_event_handle_t signal, uint32_t count,
                                          ze_event_handle_t *events)
{
    memory_prepare(to, size);
    return layer.list.pfnAppendMemoryFill(list, to, pattern, pattern_size, size, signal, count,
                                          events);
}

/* Only the first byte is asked for: NEO knows how far the region reaches. */
static ze_result_t ZE_APICALL append_copy_region(
    ze_command_list_handle_t list, void *to, const ze_copy_region_t *to_region, uint32_t to_pitch,
    uint32_t to_slice, const void *from, const ze_copy_region_t *from_region, uint32_t from_pitch,
    uint32_t from_slice, ze_event_handle_t signal, uint32_t count, ze_event_handle_t *events)
{
    memory_prepare(to, 1);
    memory_prepare(from, 1);
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
    memory_prepare(to, size);
    memory_prepare(from, size);
    return layer.list.pfnAppendMemoryCopyFromContext(list, to, context, from, size, signal, count,
                                                     events);
}

static ze_result_t ZE_APICALL create_immediate(ze_context_handle_t context,
                                               ze_device_handle_t device,
                                               const ze_command_queue_desc_t *desc,
                                               ze_command_list_handle_t *list)
{
    ze_result_t result = layer.list.pfnCreateImmediate(context, device, desc, list);
    if (result != ZE_RESULT_SUCCESS || !layer.mirror)
        return result;
    pthread_mutex_lock(&lists.lock);
    struct hinted_list *entry = get_locked(*list);
    if (entry)
        entry->immediate = true;
    pthread_mutex_unlock(&lists.lock);
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
    if (atomic_load_explicit(&lists.count, memory_order_relaxed) && handles)
        for (uint32_t i = 0; i < count; i++)
            apply_list(handles[i]);
    return layer.queue.pfnExecuteCommandLists(queue, count, handles, fence);
}

void list_install(ze_command_list_dditable_t *table)
{
    table->pfnCreateImmediate = create_immediate;
    table->pfnDestroy = destroy;
    table->pfnReset = reset;
    table->pfnAppendMemoryCopy = append_copy;
    table->pfnAppendMemoryFill = append_fill;
    table->pfnAppendMemoryCopyRegion = append_copy_region;
    table->pfnAppendMemoryCopyFromContext = append_copy_from_context;
    table->pfnAppendMemoryPrefetch = append_prefetch;
    table->pfnAppendMemAdvise = append_advise;
}

void queue_install(ze_command_queue_dditable_t *table)
{
    table->pfnExecuteCommandLists = execute;
}
