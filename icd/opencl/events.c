/* SPDX-License-Identifier: MIT */
/*
 * Commands that need nothing of the GPU but their place in the queue. They are NEO's markers,
 * so waiting, profiling, callbacks and in-order semantics are NEO's; only the command type that
 * their events report is put right here.
 */
#include <stdlib.h>
#include <string.h>

#include "layer.h"

#define BUCKETS 256

struct typed_event {
    struct typed_event *next;
    cl_event event;
    cl_command_type type;
    cl_uint references; /* the application's: the entry goes with the last one */
};

static struct {
    pthread_mutex_t lock;
    struct typed_event *buckets[BUCKETS];
    atomic_size_t count; /* nothing is looked up while there are none */
} typed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct typed_event **bucket_of(cl_event event)
{
    return &typed.buckets[((uintptr_t)event >> 6) % BUCKETS];
}

/* The link that points to the event's entry, or to the end of its list. */
static struct typed_event **link_of(cl_event event)
{
    struct typed_event **link = bucket_of(event);
    while (*link && (*link)->event != event)
        link = &(*link)->next;
    return link;
}

/* Should memory run out, the event reports a marker: its only defect. */
void events_set_type(cl_event event, cl_command_type type)
{
    if (!forks_lock(&typed.lock))
        return;
    struct typed_event **link = link_of(event);
    if (!*link && (*link = calloc(1, sizeof(**link))))
        atomic_fetch_add(&typed.count, 1);
    if (*link) {
        (*link)->event = event;
        (*link)->type = type;
        (*link)->references = 1;
    }
    pthread_mutex_unlock(&typed.lock);
}

static bool get_type(cl_event event, cl_command_type *type)
{
    if (!atomic_load_explicit(&typed.count, memory_order_relaxed) || !forks_lock(&typed.lock))
        return false;
    struct typed_event *entry = *link_of(event);
    if (entry)
        *type = entry->type;
    pthread_mutex_unlock(&typed.lock);
    return entry;
}

/* Before NEO frees the event, whose handle may then be another one's. */
static void drop_reference(cl_event event)
{
    if (!forks_lock(&typed.lock))
        return;
    struct typed_event **link = link_of(event);
    struct typed_event *entry = *link;
    bool last = entry && !--entry->references;
    if (last) {
        *link = entry->next;
        atomic_fetch_sub(&typed.count, 1);
    }
    pthread_mutex_unlock(&typed.lock);
    if (last)
        free(entry);
}

static void add_reference(cl_event event)
{
    if (!forks_lock(&typed.lock))
        return;
    struct typed_event *entry = *link_of(event);
    if (entry)
        entry->references++;
    pthread_mutex_unlock(&typed.lock);
}

static cl_int CL_API_CALL get_event_info(cl_event event, cl_event_info name, size_t size,
                                         void *value, size_t *size_ret)
{
    cl_int result = layer.next.clGetEventInfo(event, name, size, value, size_ret);
    cl_command_type type;
    if (result == CL_SUCCESS && name == CL_EVENT_COMMAND_TYPE && value && get_type(event, &type))
        memcpy(value, &type, sizeof(type));
    return result;
}

static cl_int CL_API_CALL retain_event(cl_event event)
{
    cl_int result = layer.next.clRetainEvent(event);
    if (result == CL_SUCCESS && atomic_load_explicit(&typed.count, memory_order_relaxed))
        add_reference(event);
    return result;
}

cl_int CL_API_CALL events_release(cl_event event)
{
    if (atomic_load_explicit(&typed.count, memory_order_relaxed))
        drop_reference(event);
    return layer.next.clReleaseEvent(event);
}

static bool is_out_of_order(cl_command_queue queue)
{
    cl_command_queue_properties properties = 0;
    layer.next.clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof(properties), &properties,
                                     NULL);
    return properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
}

/*
 * A marker without a wait list waits for everything before it, which a memory command in an
 * out-of-order queue must not: there it is given an event that is done already.
 */
static cl_int enqueue_unordered_marker(cl_command_queue queue, cl_event *event)
{
    cl_int result;
    cl_event done = layer.next.clCreateUserEvent(queue_context(queue), &result);
    if (!done)
        return result;
    layer.next.clSetUserEventStatus(done, CL_COMPLETE);
    result = layer.next.clEnqueueMarkerWithWaitList(queue, 1, &done, event);
    layer.next.clReleaseEvent(done);
    return result;
}

/* NEO looks at this in some commands only; a marker is none of them. */
static bool is_of_one_context(cl_command_queue queue, struct wait_list wait)
{
    cl_context context = queue_context(queue), other;
    for (cl_uint i = 0; context && wait.events && i < wait.count; i++)
        if (layer.next.clGetEventInfo(wait.events[i], CL_EVENT_CONTEXT, sizeof(other), &other,
                                      NULL) == CL_SUCCESS &&
            other != context)
            return false;
    return true;
}

static cl_int enqueue_marker(cl_command_queue queue, struct wait_list wait, cl_event *event)
{
    if (!is_of_one_context(queue, wait))
        return CL_INVALID_CONTEXT;
    if (!wait.count && !wait.events && is_out_of_order(queue))
        return enqueue_unordered_marker(queue, event);
    return layer.next.clEnqueueMarkerWithWaitList(queue, wait.count, wait.events, event);
}

cl_int events_marker(cl_command_queue queue, struct wait_list wait, cl_command_type type,
                     cl_bool blocking, cl_event *event)
{
    cl_event marker;
    cl_int result = enqueue_marker(queue, wait, event || blocking ? &marker : NULL);
    if (result != CL_SUCCESS || !(event || blocking))
        return result;
    if (blocking)
        result = layer.next.clWaitForEvents(1, &marker);
    if (event && result == CL_SUCCESS) {
        events_set_type(marker, type);
        *event = marker;
    } else {
        layer.next.clReleaseEvent(marker);
    }
    return result;
}

struct deferred {
    events_work work;
    void *argument;
    cl_event gate;
};

static void CL_CALLBACK run_deferred(cl_event event, cl_int status, void *argument)
{
    struct deferred *deferred = argument;
    deferred->work(deferred->argument);
    layer.next.clSetUserEventStatus(deferred->gate, status < 0 ? status : CL_COMPLETE);
    layer.next.clReleaseEvent(deferred->gate);
    layer.next.clReleaseEvent(event);
    free(deferred);
}

/* First a marker whose completion runs the work, then one that waits for the work. */
static cl_int enqueue_gated(cl_command_queue queue, struct wait_list wait, cl_command_type type,
                            struct deferred *deferred, cl_event *event)
{
    cl_event trigger = NULL;
    cl_int result = enqueue_marker(queue, wait, &trigger);
    if (result != CL_SUCCESS)
        return result;
    cl_event gate = deferred->gate;
    layer.next.clRetainEvent(gate);
    result = layer.next.clSetEventCallback(trigger, CL_COMPLETE, run_deferred, deferred);
    if (result != CL_SUCCESS) {
        layer.next.clReleaseEvent(trigger);
        layer.next.clReleaseEvent(gate);
        return result;
    }
    /* From here on the callback owns the argument. Nothing else flushes the trigger. */
    layer.next.clFlush(queue);
    struct wait_list after = {.count = 1, .events = &gate};
    cl_int enqueued = events_marker(queue, after, type, CL_FALSE, event);
    layer.next.clReleaseEvent(gate);
    if (enqueued != CL_SUCCESS && event)
        *event = NULL;
    return CL_SUCCESS;
}

cl_int events_after(cl_command_queue queue, struct wait_list wait, cl_command_type type,
                    events_work work, void *argument, cl_event *event)
{
    cl_int result;
    struct deferred *deferred = calloc(1, sizeof(*deferred));
    if (!deferred)
        return CL_OUT_OF_HOST_MEMORY;
    cl_context context = queue_context(queue);
    if (!context) {
        free(deferred);
        return CL_INVALID_COMMAND_QUEUE;
    }
    deferred->work = work;
    deferred->argument = argument;
    deferred->gate = layer.next.clCreateUserEvent(context, &result);
    if (deferred->gate)
        result = enqueue_gated(queue, wait, type, deferred, event);
    if (result != CL_SUCCESS) {
        if (deferred->gate)
            layer.next.clReleaseEvent(deferred->gate);
        free(deferred);
    }
    return result;
}

void events_install(cl_icd_dispatch *table)
{
    table->clGetEventInfo = get_event_info;
    table->clRetainEvent = retain_event;
    table->clReleaseEvent = events_release;
}
