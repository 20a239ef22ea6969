/* SPDX-License-Identifier: MIT */
/*
 * zeMemFreeExt with "defer": the memory goes when nothing uses it any more. Taking it at once would
 * wait, in the kernel, for submitted work, which may wait for the very caller. So it is kept until
 * the caller has waited for something successfully, or its context ends.
 */
#include "layer.h"

static struct ranges deferred = RANGES_INIT;
static atomic_size_t count; /* nothing is looked for while there are none */

bool deferred_add(const struct range *range)
{
    struct range copy = *range;
    bool done = ranges_insert(&deferred, &copy);
    if (done)
        atomic_fetch_add(&count, 1);
    return done;
}

void deferred_release(ze_context_handle_t context)
{
    struct range range;
    if (!atomic_load_explicit(&count, memory_order_relaxed))
        return;
    while (ranges_take_owned(&deferred, context, &range)) {
        atomic_fetch_sub(&count, 1);
        spaces_free(&layer.spaces, (void *)range.start);
    }
}

static ze_result_t waited(ze_result_t result)
{
    if (result == ZE_RESULT_SUCCESS)
        deferred_release(NULL);
    return result;
}

static ze_result_t ZE_APICALL synchronize_queue(ze_command_queue_handle_t queue, uint64_t timeout)
{
    return waited(layer.queue.pfnSynchronize(queue, timeout));
}

static ze_result_t ZE_APICALL synchronize_fence(ze_fence_handle_t fence, uint64_t timeout)
{
    return waited(layer.fence.pfnHostSynchronize(fence, timeout));
}

static ze_result_t ZE_APICALL synchronize_event(ze_event_handle_t event, uint64_t timeout)
{
    return waited(layer.event.pfnHostSynchronize(event, timeout));
}

void deferred_install(ze_command_queue_dditable_t *table)
{
    table->pfnSynchronize = synchronize_queue;
}

void fence_install(ze_fence_dditable_t *table)
{
    table->pfnHostSynchronize = synchronize_fence;
}

void event_install(ze_event_dditable_t *table)
{
    table->pfnHostSynchronize = synchronize_event;
}
