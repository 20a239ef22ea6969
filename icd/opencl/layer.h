/* SPDX-License-Identifier: MIT */
/*
 * The OpenCL layer: NEO's own entry points (next), what we know of its GPUs, and the calls we
 * answer in NEO's place. All objects the application sees are NEO's own.
 */
#ifndef ICD_OPENCL_LAYER_H
#define ICD_OPENCL_LAYER_H

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>

#include "forks.h"
#include "ranges.h"
#include "spaces.h"
#include "windows.h"

/* NEO's cl_intel_unified_shared_memory, which has no place in the dispatch table. */
struct usm_functions {
    clHostMemAllocINTEL_fn host_alloc;
    clDeviceMemAllocINTEL_fn device_alloc;
    clSharedMemAllocINTEL_fn shared_alloc;
    clMemFreeINTEL_fn free;
    clMemBlockingFreeINTEL_fn blocking_free;
    clGetMemAllocInfoINTEL_fn get_info;
    clSetKernelArgMemPointerINTEL_fn set_arg;
    clEnqueueMemFillINTEL_fn fill;
    clEnqueueMemsetINTEL_fn set;
    clEnqueueMemcpyINTEL_fn copy;
    clEnqueueMigrateMemINTEL_fn migrate;
    clEnqueueMemAdviseINTEL_fn advise;
};

typedef void *(CL_API_CALL *get_function)(const char *name);

struct layer {
    cl_icd_dispatch next;
    struct usm_functions usm;
    get_function next_function;
    struct spaces spaces;
    bool mirror; /* the kernel can mirror this process: memory is ours */
};

extern struct layer layer;

/* In a child of fork() of a process whose memory is ours. */
static inline bool layer_is_forked(void)
{
    return layer.mirror && forks_is_child();
}

/* ---- memory.c: allocations of ours ------------------------------------------------------ */

enum memory_kind { MEMORY_SVM, MEMORY_SHARED, MEMORY_HOST };

struct memory_request {
    cl_context context;
    cl_device_id device; /* NULL: none in particular */
    enum memory_kind kind;
    cl_bitfield flags;
    size_t size, alignment;
    bool on_device; /* where it should start */
};

void *memory_alloc(const struct memory_request *request, cl_int *error);
/* False if it is not an allocation of ours in that context. */
bool memory_free(cl_context context, void *pointer);
/* The allocation that holds the pointer. */
bool memory_find(const void *pointer, struct range *found);
/* A context that goes away takes its allocations along (a destructor callback). */
void CL_CALLBACK memory_drop_context(cl_context context, void *unused);
/* Makes NEO know memory that is not its own. False if there is none, or it is read-only and not
 * shared (constants.h). */
bool memory_import(cl_context context, const void *pointer);
/* Whether NEO knows the memory only because of the above. */
bool memory_in_window(cl_context context, const void *pointer);
/* Whether NEO takes the memory for shared though it is not, and cannot be: read-only, mapped into
 * a hole of a window after that was opened. Better refused than read as zeros. */
bool memory_is_misplaced(cl_context context, const void *pointer);
/* Whether NEO would let the GPU write the memory, and the process may only read it. */
bool memory_is_protected(cl_context context, const void *pointer);
/* Whether a transfer of NEO's may read the memory, or write it: false if it would find a window
 * without such memory in it. */
bool memory_is_source(cl_command_queue queue, const void *pointer);
bool memory_is_target(cl_command_queue queue, const void *pointer);
/* Whether the memory is NEO's: device memory, which has no CPU mapping. */
bool memory_is_neos(cl_context context, const void *pointer);
/* Whether a kernel may be handed this pointer; constants are made so. */
bool memory_is_reachable(cl_context context, const void *pointer);

/* ---- events.c --------------------------------------------------------------------------- */

struct wait_list {
    cl_uint count;
    const cl_event *events;
};

/*
 * A command of ours that only takes its place in the queue: done when the wait list is (and,
 * in order, everything before). type is what its event reports. event may be NULL.
 */
cl_int events_marker(cl_command_queue queue, struct wait_list wait, cl_command_type type,
                     cl_bool blocking, cl_event *event);
/* Runs work on a thread of the runtime once the wait list is done, and event after it. */
typedef void (*events_work)(void *argument);
cl_int events_after(cl_command_queue queue, struct wait_list wait, cl_command_type type,
                    events_work work, void *argument, cl_event *event);
/* A command of NEO's stands for another one: what its event is to report. */
void events_set_type(cl_event event, cl_command_type type);
/* Of an event that came from the above calls, as the application would. */
cl_int CL_API_CALL events_release(cl_event event);

/* ---- view.c: buffers over shared memory ----------------------------------------------------- */

/* What a buffer made with CL_MEM_USE_HOST_PTR over shared memory is: that memory itself. */
struct view {
    cl_context context;
    char *start;
    size_t size;
    cl_mem_flags flags;
};

/* Whether the buffer is a view; false at once while there are none. */
bool view_find(cl_mem buffer, struct view *view);
/* Counts a mapping (+1) or its end (-1); false if there was none to end. */
bool view_count_map(cl_mem buffer, int change);

/* ---- svm.c / usm.c ----------------------------------------------------------------------- */

cl_int svm_migrate(cl_command_queue queue, cl_uint count, const void **pointers,
                   const size_t *sizes, cl_mem_migration_flags flags, struct wait_list wait,
                   cl_command_type type, cl_event *event);
/* Copies and fills: makes NEO know pointers that are not its own, then lets NEO do them. */
bool svm_prepare_source(cl_command_queue queue, const void *pointer, size_t size);
bool svm_prepare_target(cl_command_queue queue, const void *pointer, size_t size);
/* What makes a copy CL_MEM_COPY_OVERLAP, which NEO does not look at. */
bool svm_overlap(const void *to, const void *from, size_t size);
cl_int CL_API_CALL svm_copy(cl_command_queue queue, cl_bool blocking, void *to, const void *from,
                            size_t size, cl_uint count, const cl_event *events, cl_event *event);
cl_int CL_API_CALL svm_fill(cl_command_queue queue, void *to, const void *pattern,
                            size_t pattern_size, size_t size, cl_uint count, const cl_event *events,
                            cl_event *event);
bool svm_fill_is_aligned(const void *to, size_t pattern_size, size_t size);
/* NULL if the handle is no good. */
cl_context kernel_context(cl_kernel kernel);
cl_context queue_context(cl_command_queue queue);
/* An argument that is shared memory; NEO has to know the pointer. */
cl_int kernel_import_pointer(cl_kernel kernel, const void *pointer);
cl_int CL_API_CALL kernel_set_arg_usm(cl_kernel kernel, cl_uint index, const void *pointer);
/* What the context's devices can do, all of them: CL_DEVICE_SVM_CAPABILITIES. */
cl_device_svm_capabilities query_svm_capabilities(cl_context context);
/* The smallest CL_DEVICE_MAX_MEM_ALLOC_SIZE of the context's devices. */
cl_ulong query_max_alloc(cl_context context);
/* Calls fn for each device of the context until it answers false. */
void query_each_device(cl_context context, bool (*fn)(cl_device_id, void *), void *argument);

/* ---- entry points ------------------------------------------------------------------------ */

void svm_install(cl_icd_dispatch *table);
void kernel_install(cl_icd_dispatch *table);
void events_install(cl_icd_dispatch *table);
void query_install(cl_icd_dispatch *table);
void view_install(cl_icd_dispatch *table);
void view_commands_install(cl_icd_dispatch *table);
/* Our replacement of an extension function, or NULL. */
void *usm_function(const char *name);

#endif
