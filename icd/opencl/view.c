/* SPDX-License-Identifier: MIT */
/*
 * Views: buffers made with CL_MEM_USE_HOST_PTR over shared memory. OpenCL wants them to be that
 * memory, at its own address, so that pointers into it hold in kernels. NEO would make a copy in
 * device memory of what it knows by a window, and take the window's start for the buffer's.
 *
 * The handle is a buffer of NEO's without contents (memory it never touches costs nothing): it
 * checks sizes and flags, counts references, and can be handed to any call. Kernels are given the
 * pointer in its place; the commands are in view_commands.c.
 */
#include <stdlib.h>
#include <string.h>

#include "layer.h"
#include "mapping.h"

#define BUCKETS 256

struct entry {
    struct entry *next;
    cl_mem handle;
    struct view view;
    cl_uint maps;
};

static struct {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    atomic_size_t count;
} views = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The link that points to the handle's entry, or to the end of its list. */
static struct entry **link_of(cl_mem handle)
{
    struct entry **link = &views.buckets[((uintptr_t)handle >> 6) % BUCKETS];
    while (*link && (*link)->handle != handle)
        link = &(*link)->next;
    return link;
}

static bool find_entry(cl_mem handle, struct entry *found)
{
    if (!atomic_load_explicit(&views.count, memory_order_relaxed) || !forks_lock(&views.lock))
        return false;
    struct entry *entry = *link_of(handle);
    if (entry)
        *found = *entry;
    pthread_mutex_unlock(&views.lock);
    return entry;
}

bool view_find(cl_mem buffer, struct view *view)
{
    struct entry entry;
    bool found = find_entry(buffer, &entry);
    if (found)
        *view = entry.view;
    return found;
}

bool view_count_map(cl_mem buffer, int change)
{
    if (!forks_lock(&views.lock))
        return false;
    struct entry *entry = *link_of(buffer);
    bool done = entry && (change > 0 || entry->maps);
    if (done)
        entry->maps += (cl_uint)change;
    pthread_mutex_unlock(&views.lock);
    return done;
}

static void CL_CALLBACK forget(cl_mem handle, void *unused)
{
    (void)unused;
    if (!forks_lock(&views.lock))
        return;
    struct entry **link = link_of(handle);
    struct entry *entry = *link;
    if (entry) {
        *link = entry->next;
        atomic_fetch_sub(&views.count, 1);
    }
    pthread_mutex_unlock(&views.lock);
    free(entry);
}

/* Takes the handle: on failure it is released. */
static cl_mem add(cl_mem handle, const struct view *view, cl_int *error)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry || layer.next.clSetMemObjectDestructorCallback(handle, forget, NULL) != CL_SUCCESS) {
        free(entry);
        layer.next.clReleaseMemObject(handle);
        *error = CL_OUT_OF_HOST_MEMORY;
        return NULL;
    }
    *entry = (struct entry){.handle = handle, .view = *view};
    pthread_mutex_lock(&views.lock);
    struct entry **link = link_of(handle);
    entry->next = *link;
    *link = entry;
    atomic_fetch_add(&views.count, 1);
    pthread_mutex_unlock(&views.lock);
    return handle;
}

/* ---- making them --------------------------------------------------------------------------- */

/* Only memory that NEO would get wrong: of ours, or known to it by a window. */
static bool is_for_us(cl_context context, cl_mem_flags flags, const void *start)
{
    return (flags & CL_MEM_USE_HOST_PTR) && start &&
           (memory_find(start, NULL) || memory_in_window(context, start));
}

static cl_int check(cl_context context, cl_mem_flags flags, size_t size, const void *start)
{
    struct range range;
    if (flags & (CL_MEM_ALLOC_HOST_PTR | CL_MEM_COPY_HOST_PTR))
        return CL_INVALID_VALUE;
    if (size > query_max_alloc(context))
        return CL_INVALID_BUFFER_SIZE;
    if (memory_find(start, &range))
        return size > range.start + range.length - (uintptr_t)start ? CL_INVALID_BUFFER_SIZE
                                                                    : CL_SUCCESS;
    return memory_is_protected(context, start) || !mapping_covers(start, size) ? CL_INVALID_HOST_PTR
                                                                               : CL_SUCCESS;
}

static cl_mem finish(cl_mem handle, const struct view *view, cl_int result, cl_int *error)
{
    if (handle)
        handle = add(handle, view, &result);
    if (error)
        *error = result;
    return handle;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size,
                                        void *start, cl_int *error)
{
    if (!is_for_us(context, flags, start))
        return layer.next.clCreateBuffer(context, flags, size, start, error);
    struct view view = {context, start, size, flags};
    cl_int result = check(context, flags, size, start);
    cl_mem handle = NULL;
    if (result == CL_SUCCESS)
        handle = layer.next.clCreateBuffer(context, flags & ~(cl_mem_flags)CL_MEM_USE_HOST_PTR,
                                           size, NULL, &result);
    return finish(handle, &view, result, error);
}

static cl_mem CL_API_CALL create_buffer_with_properties(cl_context context,
                                                        const cl_mem_properties *properties,
                                                        cl_mem_flags flags, size_t size,
                                                        void *start, cl_int *error)
{
    if (!is_for_us(context, flags, start))
        return layer.next.clCreateBufferWithProperties(context, properties, flags, size, start,
                                                       error);
    struct view view = {context, start, size, flags};
    cl_int result = check(context, flags, size, start);
    cl_mem handle = NULL;
    if (result == CL_SUCCESS)
        handle = layer.next.clCreateBufferWithProperties(
            context, properties, flags & ~(cl_mem_flags)CL_MEM_USE_HOST_PTR, size, NULL, &result);
    return finish(handle, &view, result, error);
}

static cl_mem CL_API_CALL create_sub_buffer(cl_mem buffer, cl_mem_flags flags,
                                            cl_buffer_create_type type, const void *info,
                                            cl_int *error)
{
    struct view view;
    cl_int result;
    if (!view_find(buffer, &view))
        return layer.next.clCreateSubBuffer(buffer, flags, type, info, error);
    cl_mem handle = layer.next.clCreateSubBuffer(buffer, flags, type, info, &result);
    if (handle) {
        const cl_buffer_region *region = info;
        view.start += region->origin;
        view.size = region->size;
        layer.next.clGetMemObjectInfo(handle, CL_MEM_FLAGS, sizeof(view.flags), &view.flags, NULL);
        view.flags |= CL_MEM_USE_HOST_PTR;
    }
    return finish(handle, &view, result, error);
}

/* An image would be over NEO's buffer, which holds nothing. */
static bool is_over_view(const cl_image_desc *desc)
{
    struct view view;
    return desc && desc->mem_object && view_find(desc->mem_object, &view);
}

static cl_mem refuse_image(cl_int *error)
{
    if (error)
        *error = CL_INVALID_IMAGE_DESCRIPTOR;
    return NULL;
}

static cl_mem CL_API_CALL create_image(cl_context context, cl_mem_flags flags,
                                       const cl_image_format *format, const cl_image_desc *desc,
                                       void *start, cl_int *error)
{
    return is_over_view(desc)
               ? refuse_image(error)
               : layer.next.clCreateImage(context, flags, format, desc, start, error);
}

static cl_mem CL_API_CALL create_image_with_properties(
    cl_context context, const cl_mem_properties *properties, cl_mem_flags flags,
    const cl_image_format *format, const cl_image_desc *desc, void *start, cl_int *error)
{
    return is_over_view(desc) ? refuse_image(error)
                              : layer.next.clCreateImageWithProperties(context, properties, flags,
                                                                       format, desc, start, error);
}

/* ---- asking and using them ------------------------------------------------------------------- */

static cl_int CL_API_CALL get_info(cl_mem handle, cl_mem_info name, size_t size, void *value,
                                   size_t *size_ret)
{
    struct entry entry;
    cl_int result = layer.next.clGetMemObjectInfo(handle, name, size, value, size_ret);
    if (result != CL_SUCCESS || !value || !find_entry(handle, &entry))
        return result;
    const cl_bool yes = CL_TRUE;
    switch (name) {
    case CL_MEM_FLAGS:
        memcpy(value, &entry.view.flags, sizeof(entry.view.flags));
        break;
    case CL_MEM_HOST_PTR:
        memcpy(value, &entry.view.start, sizeof(entry.view.start));
        break;
    case CL_MEM_MAP_COUNT:
        memcpy(value, &entry.maps, sizeof(entry.maps));
        break;
    case CL_MEM_USES_SVM_POINTER:
        if (memory_find(entry.view.start, NULL))
            memcpy(value, &yes, sizeof(yes));
        break;
    default:
        break;
    }
    return result;
}

/* First as the buffer, so that NEO finds what is wrong; then what is in it. */
static cl_int CL_API_CALL set_arg(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
    cl_mem handle;
    struct view view;
    cl_int result = layer.next.clSetKernelArg(kernel, index, size, value);
    if (result != CL_SUCCESS || size != sizeof(cl_mem) || !value)
        return result;
    memcpy(&handle, value, sizeof(cl_mem));
    if (!view_find(handle, &view))
        return result;
    result = kernel_import_pointer(kernel, view.start);
    /* Refused for an argument that is no pointer: a number that looks like our handle. */
    if (result == CL_SUCCESS)
        layer.next.clSetKernelArgSVMPointer(kernel, index, view.start);
    return result;
}

void view_install(cl_icd_dispatch *table)
{
    table->clCreateBuffer = create_buffer;
    if (table->clCreateBufferWithProperties)
        table->clCreateBufferWithProperties = create_buffer_with_properties;
    table->clCreateSubBuffer = create_sub_buffer;
    table->clCreateImage = create_image;
    if (table->clCreateImageWithProperties)
        table->clCreateImageWithProperties = create_image_with_properties;
    table->clGetMemObjectInfo = get_info;
    table->clSetKernelArg = set_arg;
}
