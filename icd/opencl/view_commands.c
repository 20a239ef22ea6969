/* SPDX-License-Identifier: MIT */
/*
 * Buffer commands on views (view.c). A view is plain memory: a copy between two pieces of memory
 * is a copy of shared memory, one to or from a buffer or an image of NEO's is NEO's transfer with
 * a host pointer, a mapping is only the wait. What NEO has no command for (rectangles, and fills
 * of unaligned memory) the CPU does in its place in the queue.
 */
#include <stdlib.h>
#include <string.h>

#include "layer.h"

#define HOST_READ_DENIED  (CL_MEM_HOST_WRITE_ONLY | CL_MEM_HOST_NO_ACCESS)
#define HOST_WRITE_DENIED (CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS)

/* NEO's command did the work; its event reports the one that was asked for. */
static cl_int retype(cl_int result, cl_event *event, cl_command_type type)
{
    if (result == CL_SUCCESS && event)
        events_set_type(*event, type);
    return result;
}

static cl_int check_queue(cl_command_queue queue, const struct view *view)
{
    cl_context context = queue_context(queue);
    if (!context)
        return CL_INVALID_COMMAND_QUEUE;
    return context == view->context ? CL_SUCCESS : CL_INVALID_CONTEXT;
}

static bool is_inside(const struct view *view, size_t offset, size_t size)
{
    return offset <= view->size && size <= view->size - offset;
}

static cl_int check_transfer(cl_command_queue queue, const struct view *view, cl_mem_flags denied,
                             size_t offset, size_t size, const void *pointer)
{
    cl_int result = check_queue(queue, view);
    if (result != CL_SUCCESS)
        return result;
    if (!pointer || !is_inside(view, offset, size))
        return CL_INVALID_VALUE;
    return view->flags & denied ? CL_INVALID_OPERATION : CL_SUCCESS;
}

/* From a view to its own memory, as programs do that read a mapped buffer: nothing to move. */
static cl_int copy(cl_command_queue queue, cl_bool blocking, void *to, const void *from,
                   size_t size, struct wait_list wait, cl_command_type type, cl_event *event)
{
    if (to == from || !size)
        return events_marker(queue, wait, type, blocking, event);
    return retype(svm_copy(queue, blocking, to, from, size, wait.count, wait.events, event), event,
                  type);
}

static cl_int CL_API_CALL enqueue_read(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                       size_t offset, size_t size, void *pointer, cl_uint count,
                                       const cl_event *events, cl_event *event)
{
    struct view view;
    if (!view_find(buffer, &view))
        return memory_is_target(queue, pointer)
                   ? layer.next.clEnqueueReadBuffer(queue, buffer, blocking, offset, size, pointer,
                                                    count, events, event)
                   : CL_INVALID_VALUE;
    cl_int result = check_transfer(queue, &view, HOST_READ_DENIED, offset, size, pointer);
    struct wait_list wait = {count, events};
    return result ? result
                  : copy(queue, blocking, pointer, view.start + offset, size, wait,
                         CL_COMMAND_READ_BUFFER, event);
}

static cl_int CL_API_CALL enqueue_write(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                        size_t offset, size_t size, const void *pointer,
                                        cl_uint count, const cl_event *events, cl_event *event)
{
    struct view view;
    if (!view_find(buffer, &view))
        return memory_is_source(queue, pointer)
                   ? layer.next.clEnqueueWriteBuffer(queue, buffer, blocking, offset, size, pointer,
                                                     count, events, event)
                   : CL_INVALID_VALUE;
    cl_int result = check_transfer(queue, &view, HOST_WRITE_DENIED, offset, size, pointer);
    struct wait_list wait = {count, events};
    return result ? result
                  : copy(queue, blocking, view.start + offset, pointer, size, wait,
                         CL_COMMAND_WRITE_BUFFER, event);
}

static cl_int copy_between_views(cl_command_queue queue, const struct view *from,
                                 const struct view *to, size_t from_offset, size_t to_offset,
                                 size_t size, struct wait_list wait, cl_event *event)
{
    if (!is_inside(from, from_offset, size) || !is_inside(to, to_offset, size))
        return CL_INVALID_VALUE;
    if (!size)
        return events_marker(queue, wait, CL_COMMAND_COPY_BUFFER, CL_FALSE, event);
    return retype(svm_copy(queue, CL_FALSE, to->start + to_offset, from->start + from_offset, size,
                           wait.count, wait.events, event),
                  event, CL_COMMAND_COPY_BUFFER);
}

static cl_int CL_API_CALL enqueue_copy(cl_command_queue queue, cl_mem from, cl_mem to,
                                       size_t from_offset, size_t to_offset, size_t size,
                                       cl_uint count, const cl_event *events, cl_event *event)
{
    struct view source, target;
    bool from_view = view_find(from, &source), to_view = view_find(to, &target);
    struct wait_list wait = {count, events};
    cl_int result;
    if (!from_view && !to_view)
        return layer.next.clEnqueueCopyBuffer(queue, from, to, from_offset, to_offset, size, count,
                                              events, event);
    result = check_queue(queue, from_view ? &source : &target);
    if (result != CL_SUCCESS)
        return result;
    if (from_view && to_view)
        return copy_between_views(queue, &source, &target, from_offset, to_offset, size, wait,
                                  event);
    if (from_view ? !is_inside(&source, from_offset, size) : !is_inside(&target, to_offset, size))
        return CL_INVALID_VALUE;
    result = from_view
                 ? layer.next.clEnqueueWriteBuffer(queue, to, CL_FALSE, to_offset, size,
                                                   source.start + from_offset, count, events, event)
                 : layer.next.clEnqueueReadBuffer(queue, from, CL_FALSE, from_offset, size,
                                                  target.start + to_offset, count, events, event);
    return retype(result, event, CL_COMMAND_COPY_BUFFER);
}

/* ---- what the CPU does ------------------------------------------------------------------------
 */

/* Also a fill: then from is the pattern, of row bytes, and every pitch of it 0. */
struct rectangle {
    char *to;
    const char *from;
    size_t region[3]; /* bytes, rows, slices */
    size_t to_row, to_slice, from_row, from_slice;
    char pattern[128];
};

static void move_rectangle(void *argument)
{
    struct rectangle *rect = argument;
    for (size_t z = 0; z < rect->region[2]; z++)
        for (size_t y = 0; y < rect->region[1]; y++)
            memmove(rect->to + z * rect->to_slice + y * rect->to_row,
                    rect->from + z * rect->from_slice + y * rect->from_row, rect->region[0]);
    free(rect);
}

static cl_int enqueue_rectangle(cl_command_queue queue, cl_bool blocking,
                                const struct rectangle *rect, struct wait_list wait,
                                cl_command_type type, cl_event *event)
{
    cl_event own;
    struct rectangle *copy = malloc(sizeof(*copy));
    if (!copy)
        return CL_OUT_OF_HOST_MEMORY;
    *copy = *rect;
    if (rect->from == rect->pattern)
        copy->from = copy->pattern;
    cl_event *out = event ? event : blocking ? &own : NULL;
    cl_int result = events_after(queue, wait, type, move_rectangle, copy, out);
    if (result != CL_SUCCESS)
        free(copy);
    else if (blocking && *out)
        result = layer.next.clWaitForEvents(1, out);
    if (out == &own && own)
        events_release(own);
    return result;
}

static cl_int CL_API_CALL enqueue_fill(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                       size_t pattern_size, size_t offset, size_t size,
                                       cl_uint count, const cl_event *events, cl_event *event)
{
    struct view view;
    struct wait_list wait = {count, events};
    if (!view_find(buffer, &view))
        return layer.next.clEnqueueFillBuffer(queue, buffer, pattern, pattern_size, offset, size,
                                              count, events, event);
    cl_int result = check_queue(queue, &view);
    if (result != CL_SUCCESS)
        return result;
    if (!pattern || !svm_fill_is_aligned((const void *)offset, pattern_size, size) ||
        !is_inside(&view, offset, size))
        return CL_INVALID_VALUE;
    if (!size)
        return events_marker(queue, wait, CL_COMMAND_FILL_BUFFER, CL_FALSE, event);
    char *to = view.start + offset;
    if (svm_fill_is_aligned(to, pattern_size, size))
        return retype(svm_fill(queue, to, pattern, pattern_size, size, count, events, event), event,
                      CL_COMMAND_FILL_BUFFER);
    struct rectangle rect = {
        .to = to, .region = {pattern_size, size / pattern_size, 1}, .to_row = pattern_size};
    memcpy(rect.pattern, pattern, pattern_size);
    rect.from = rect.pattern;
    return enqueue_rectangle(queue, CL_FALSE, &rect, wait, CL_COMMAND_FILL_BUFFER, event);
}

/* Fills in the pitches left 0; false if a region does not fit them. */
static bool complete_pitches(const size_t *region, size_t *row, size_t *slice)
{
    size_t row_size, slice_size;
    if (!region[0] || !region[1] || !region[2])
        return false;
    *row = *row ? *row : region[0];
    if (*row < region[0] || __builtin_mul_overflow(*row, region[1], &row_size))
        return false;
    *slice = *slice ? *slice : row_size;
    return *slice >= row_size && !(*slice % *row) &&
           !__builtin_mul_overflow(*slice, region[2], &slice_size);
}

static bool place(const size_t *origin, size_t row, size_t slice, size_t *offset)
{
    size_t rows, slices;
    return !__builtin_mul_overflow(origin[1], row, &rows) &&
           !__builtin_mul_overflow(origin[2], slice, &slices) &&
           !__builtin_add_overflow(rows, slices, &rows) &&
           !__builtin_add_overflow(rows, origin[0], offset);
}

/* How far a region reaches from its first byte. */
static size_t extent(const size_t *region, size_t row, size_t slice)
{
    return (region[2] - 1) * slice + (region[1] - 1) * row + region[0];
}

/* One side of a rectangle: a view, or memory whose end nobody knows. */
struct side {
    char *start;
    const struct view *view;
    const size_t *origin;
    size_t row, slice;
};

static bool resolve(struct side *side, const size_t *region)
{
    size_t offset;
    if (!side->origin || !complete_pitches(region, &side->row, &side->slice) ||
        !place(side->origin, side->row, side->slice, &offset))
        return false;
    if (side->view && !is_inside(side->view, offset, extent(region, side->row, side->slice)))
        return false;
    side->start += offset;
    return true;
}

static cl_int move_sides(cl_command_queue queue, cl_bool blocking, struct side *to,
                         struct side *from, const size_t *region, struct wait_list wait,
                         cl_command_type type, cl_event *event)
{
    if (!region || !to->start || !from->start || !resolve(to, region) || !resolve(from, region))
        return CL_INVALID_VALUE;
    struct rectangle rect = {
        .to = to->start,
        .from = from->start,
        .region = {region[0], region[1], region[2]},
        .to_row = to->row,
        .to_slice = to->slice,
        .from_row = from->row,
        .from_slice = from->slice,
    };
    return enqueue_rectangle(queue, blocking, &rect, wait, type, event);
}

static cl_int CL_API_CALL enqueue_read_rect(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                            const size_t *origin, const size_t *host_origin,
                                            const size_t *region, size_t row, size_t slice,
                                            size_t host_row, size_t host_slice, void *pointer,
                                            cl_uint count, const cl_event *events, cl_event *event)
{
    struct view view;
    struct wait_list wait = {count, events};
    if (!view_find(buffer, &view))
        return memory_is_target(queue, pointer)
                   ? layer.next.clEnqueueReadBufferRect(queue, buffer, blocking, origin,
                                                        host_origin, region, row, slice, host_row,
                                                        host_slice, pointer, count, events, event)
                   : CL_INVALID_VALUE;
    cl_int result = check_transfer(queue, &view, HOST_READ_DENIED, 0, 0, pointer);
    struct side from = {view.start, &view, origin, row, slice};
    struct side to = {pointer, NULL, host_origin, host_row, host_slice};
    return result ? result
                  : move_sides(queue, blocking, &to, &from, region, wait,
                               CL_COMMAND_READ_BUFFER_RECT, event);
}

static cl_int CL_API_CALL enqueue_write_rect(cl_command_queue queue, cl_mem buffer,
                                             cl_bool blocking, const size_t *origin,
                                             const size_t *host_origin, const size_t *region,
                                             size_t row, size_t slice, size_t host_row,
                                             size_t host_slice, const void *pointer, cl_uint count,
                                             const cl_event *events, cl_event *event)
{
    struct view view;
    struct wait_list wait = {count, events};
    if (!view_find(buffer, &view))
        return memory_is_source(queue, pointer)
                   ? layer.next.clEnqueueWriteBufferRect(queue, buffer, blocking, origin,
                                                         host_origin, region, row, slice, host_row,
                                                         host_slice, pointer, count, events, event)
                   : CL_INVALID_VALUE;
    cl_int result = check_transfer(queue, &view, HOST_WRITE_DENIED, 0, 0, pointer);
    struct side to = {view.start, &view, origin, row, slice};
    struct side from = {(char *)(uintptr_t)pointer, NULL, host_origin, host_row, host_slice};
    return result ? result
                  : move_sides(queue, blocking, &to, &from, region, wait,
                               CL_COMMAND_WRITE_BUFFER_RECT, event);
}

static cl_int CL_API_CALL enqueue_copy_rect(cl_command_queue queue, cl_mem from, cl_mem to,
                                            const size_t *from_origin, const size_t *to_origin,
                                            const size_t *region, size_t from_row,
                                            size_t from_slice, size_t to_row, size_t to_slice,
                                            cl_uint count, const cl_event *events, cl_event *event)
{
    struct view source, target;
    bool from_view = view_find(from, &source), to_view = view_find(to, &target);
    struct wait_list wait = {count, events};
    cl_int result;
    if (!from_view && !to_view)
        return layer.next.clEnqueueCopyBufferRect(queue, from, to, from_origin, to_origin, region,
                                                  from_row, from_slice, to_row, to_slice, count,
                                                  events, event);
    result = check_queue(queue, from_view ? &source : &target);
    if (result != CL_SUCCESS)
        return result;
    struct side a = {source.start, &source, from_origin, from_row, from_slice};
    struct side b = {target.start, &target, to_origin, to_row, to_slice};
    if (from_view && to_view)
        return move_sides(queue, CL_FALSE, &b, &a, region, wait, CL_COMMAND_COPY_BUFFER_RECT,
                          event);
    if (!region || !resolve(from_view ? &a : &b, region))
        return CL_INVALID_VALUE;
    result = from_view
                 ? layer.next.clEnqueueWriteBufferRect(
                       queue, to, CL_FALSE, to_origin, from_origin, region, to_row, to_slice,
                       from_row, from_slice, source.start, count, events, event)
                 : layer.next.clEnqueueReadBufferRect(queue, from, CL_FALSE, from_origin, to_origin,
                                                      region, from_row, from_slice, to_row,
                                                      to_slice, target.start, count, events, event);
    return retype(result, event, CL_COMMAND_COPY_BUFFER_RECT);
}

/* ---- images ------------------------------------------------------------------------------------
 */

static size_t image_bytes(cl_mem image, const size_t *region)
{
    size_t element = 0;
    layer.next.clGetImageInfo(image, CL_IMAGE_ELEMENT_SIZE, sizeof(element), &element, NULL);
    return region ? element * region[0] * region[1] * region[2] : 0;
}

static cl_int CL_API_CALL enqueue_copy_to_image(cl_command_queue queue, cl_mem buffer, cl_mem image,
                                                size_t offset, const size_t *origin,
                                                const size_t *region, cl_uint count,
                                                const cl_event *events, cl_event *event)
{
    struct view view;
    if (!view_find(buffer, &view))
        return layer.next.clEnqueueCopyBufferToImage(queue, buffer, image, offset, origin, region,
                                                     count, events, event);
    if (!is_inside(&view, offset, image_bytes(image, region)))
        return CL_INVALID_VALUE;
    return retype(layer.next.clEnqueueWriteImage(queue, image, CL_FALSE, origin, region, 0, 0,
                                                 view.start + offset, count, events, event),
                  event, CL_COMMAND_COPY_BUFFER_TO_IMAGE);
}

static cl_int CL_API_CALL enqueue_copy_from_image(cl_command_queue queue, cl_mem image,
                                                  cl_mem buffer, const size_t *origin,
                                                  const size_t *region, size_t offset,
                                                  cl_uint count, const cl_event *events,
                                                  cl_event *event)
{
    struct view view;
    if (!view_find(buffer, &view))
        return layer.next.clEnqueueCopyImageToBuffer(queue, image, buffer, origin, region, offset,
                                                     count, events, event);
    if (!is_inside(&view, offset, image_bytes(image, region)))
        return CL_INVALID_VALUE;
    return retype(layer.next.clEnqueueReadImage(queue, image, CL_FALSE, origin, region, 0, 0,
                                                view.start + offset, count, events, event),
                  event, CL_COMMAND_COPY_IMAGE_TO_BUFFER);
}

static cl_int CL_API_CALL enqueue_read_image(cl_command_queue queue, cl_mem image, cl_bool blocking,
                                             const size_t *origin, const size_t *region, size_t row,
                                             size_t slice, void *pointer, cl_uint count,
                                             const cl_event *events, cl_event *event)
{
    return memory_is_target(queue, pointer)
               ? layer.next.clEnqueueReadImage(queue, image, blocking, origin, region, row, slice,
                                               pointer, count, events, event)
               : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL enqueue_write_image(cl_command_queue queue, cl_mem image,
                                              cl_bool blocking, const size_t *origin,
                                              const size_t *region, size_t row, size_t slice,
                                              const void *pointer, cl_uint count,
                                              const cl_event *events, cl_event *event)
{
    return memory_is_source(queue, pointer)
               ? layer.next.clEnqueueWriteImage(queue, image, blocking, origin, region, row, slice,
                                                pointer, count, events, event)
               : CL_INVALID_VALUE;
}

/* ---- mapping ------------------------------------------------------------------------------------
 */

static cl_int check_map(cl_command_queue queue, const struct view *view, cl_map_flags flags,
                        size_t offset, size_t size)
{
    const cl_map_flags write = CL_MAP_WRITE | CL_MAP_WRITE_INVALIDATE_REGION;
    cl_int result = check_queue(queue, view);
    if (result != CL_SUCCESS)
        return result;
    if (!size || !is_inside(view, offset, size) || (flags & ~(write | CL_MAP_READ)) ||
        ((flags & CL_MAP_WRITE_INVALIDATE_REGION) && (flags & (CL_MAP_READ | CL_MAP_WRITE))))
        return CL_INVALID_VALUE;
    if (((flags & CL_MAP_READ) && (view->flags & HOST_READ_DENIED)) ||
        ((flags & write) && (view->flags & HOST_WRITE_DENIED)))
        return CL_INVALID_OPERATION;
    return CL_SUCCESS;
}

static void *CL_API_CALL enqueue_map(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                     cl_map_flags flags, size_t offset, size_t size, cl_uint count,
                                     const cl_event *events, cl_event *event, cl_int *error)
{
    struct view view;
    struct wait_list wait = {count, events};
    if (!view_find(buffer, &view))
        return layer.next.clEnqueueMapBuffer(queue, buffer, blocking, flags, offset, size, count,
                                             events, event, error);
    cl_int result = check_map(queue, &view, flags, offset, size);
    if (result == CL_SUCCESS)
        result = events_marker(queue, wait, CL_COMMAND_MAP_BUFFER, blocking, event);
    if (result == CL_SUCCESS)
        view_count_map(buffer, 1);
    if (error)
        *error = result;
    return result == CL_SUCCESS ? view.start + offset : NULL;
}

static cl_int CL_API_CALL enqueue_unmap(cl_command_queue queue, cl_mem memory, void *pointer,
                                        cl_uint count, const cl_event *events, cl_event *event)
{
    struct view view;
    struct wait_list wait = {count, events};
    if (!view_find(memory, &view))
        return layer.next.clEnqueueUnmapMemObject(queue, memory, pointer, count, events, event);
    cl_int result = check_queue(queue, &view);
    if (result != CL_SUCCESS)
        return result;
    if ((uintptr_t)pointer - (uintptr_t)view.start >= view.size || !view_count_map(memory, -1))
        return CL_INVALID_VALUE;
    result = events_marker(queue, wait, CL_COMMAND_UNMAP_MEM_OBJECT, CL_FALSE, event);
    if (result != CL_SUCCESS)
        view_count_map(memory, 1);
    return result;
}

void view_commands_install(cl_icd_dispatch *table)
{
    table->clEnqueueReadBuffer = enqueue_read;
    table->clEnqueueWriteBuffer = enqueue_write;
    table->clEnqueueCopyBuffer = enqueue_copy;
    table->clEnqueueFillBuffer = enqueue_fill;
    table->clEnqueueReadBufferRect = enqueue_read_rect;
    table->clEnqueueWriteBufferRect = enqueue_write_rect;
    table->clEnqueueCopyBufferRect = enqueue_copy_rect;
    table->clEnqueueCopyBufferToImage = enqueue_copy_to_image;
    table->clEnqueueCopyImageToBuffer = enqueue_copy_from_image;
    table->clEnqueueReadImage = enqueue_read_image;
    table->clEnqueueWriteImage = enqueue_write_image;
    table->clEnqueueMapBuffer = enqueue_map;
    table->clEnqueueUnmapMemObject = enqueue_unmap;
}
