/* SPDX-License-Identifier: MIT */
/* cl_intel_unified_shared_memory: shared and host memory is ours, device memory NEO's. */
#include <string.h>

#include "layer.h"
#include "mapping.h"

struct properties {
    cl_mem_alloc_flags_intel flags;
    bool valid;
};

static struct properties parse_properties(const cl_mem_properties_intel *list)
{
    const cl_mem_alloc_flags_intel known = CL_MEM_ALLOC_WRITE_COMBINED_INTEL |
                                           CL_MEM_ALLOC_INITIAL_PLACEMENT_DEVICE_INTEL |
                                           CL_MEM_ALLOC_INITIAL_PLACEMENT_HOST_INTEL;
    struct properties properties = {.valid = true};
    for (; list && list[0]; list += 2) {
        if (list[0] != CL_MEM_ALLOC_FLAGS_INTEL || (list[1] & ~known))
            properties.valid = false;
        else
            properties.flags = list[1];
    }
    const cl_mem_alloc_flags_intel both =
        CL_MEM_ALLOC_INITIAL_PLACEMENT_DEVICE_INTEL | CL_MEM_ALLOC_INITIAL_PLACEMENT_HOST_INTEL;
    if ((properties.flags & both) == both)
        properties.valid = false;
    return properties;
}

struct search {
    cl_device_id device;
    bool found;
};

static bool match_device(cl_device_id device, void *argument)
{
    struct search *search = argument;
    search->found = device == search->device;
    return !search->found;
}

static cl_int check_alloc(const struct memory_request *request, bool properties_valid)
{
    cl_uint references;
    if (layer.next.clGetContextInfo(request->context, CL_CONTEXT_REFERENCE_COUNT,
                                    sizeof(references), &references, NULL) != CL_SUCCESS)
        return CL_INVALID_CONTEXT;
    struct search search = {.device = request->device};
    if (request->device)
        query_each_device(request->context, match_device, &search);
    if (request->device && !search.found)
        return CL_INVALID_DEVICE;
    if (!properties_valid)
        return CL_INVALID_PROPERTY;
    if ((request->alignment & (request->alignment - 1)) ||
        request->alignment > I915SVM_ALIGNMENT_MAX)
        return CL_INVALID_VALUE;
    return request->size && request->size <= query_max_alloc(request->context)
               ? CL_SUCCESS
               : CL_INVALID_BUFFER_SIZE;
}

static void *allocate(struct memory_request *request, const cl_mem_properties_intel *list,
                      cl_int *error)
{
    struct properties properties = parse_properties(list);
    request->flags = properties.flags;
    request->on_device = request->kind == MEMORY_SHARED &&
                         (properties.flags & CL_MEM_ALLOC_INITIAL_PLACEMENT_DEVICE_INTEL);
    cl_int result = check_alloc(request, properties.valid);
    void *pointer = result == CL_SUCCESS ? memory_alloc(request, &result) : NULL;
    if (error)
        *error = result;
    return pointer;
}

static void *CL_API_CALL shared_alloc(cl_context context, cl_device_id device,
                                      const cl_mem_properties_intel *list, size_t size,
                                      cl_uint alignment, cl_int *error)
{
    if (!layer.mirror)
        return layer.usm.shared_alloc(context, device, list, size, alignment, error);
    struct memory_request request = {.context = context,
                                     .device = device,
                                     .kind = MEMORY_SHARED,
                                     .size = size,
                                     .alignment = alignment};
    return allocate(&request, list, error);
}

static void *CL_API_CALL host_alloc(cl_context context, const cl_mem_properties_intel *list,
                                    size_t size, cl_uint alignment, cl_int *error)
{
    if (!layer.mirror)
        return layer.usm.host_alloc(context, list, size, alignment, error);
    struct memory_request request = {
        .context = context, .kind = MEMORY_HOST, .size = size, .alignment = alignment};
    return allocate(&request, list, error);
}

/* Device memory has its own place, where no window is ever opened. */
static bool is_windowed(cl_context context, const void *pointer)
{
    return layer.mirror && memory_in_window(context, pointer);
}

/* False: NEO should see to it. It would take any pointer into a window for the window. */
static bool free_ours(cl_context context, void *pointer, cl_int *result)
{
    if (!pointer)
        return false;
    *result = memory_free(context, pointer) ? CL_SUCCESS : CL_INVALID_VALUE;
    return *result == CL_SUCCESS || is_windowed(context, pointer);
}

static cl_int CL_API_CALL mem_free(cl_context context, void *pointer)
{
    cl_int result;
    return free_ours(context, pointer, &result) ? result : layer.usm.free(context, pointer);
}

/* The kernel driver lets submitted work end before it takes the memory: free() blocks as it is. */
static cl_int CL_API_CALL mem_blocking_free(cl_context context, void *pointer)
{
    cl_int result;
    return free_ours(context, pointer, &result) ? result
                                                : layer.usm.blocking_free(context, pointer);
}

struct answer {
    const void *data;
    size_t size;
};

static cl_int give(struct answer answer, size_t size, void *value, size_t *size_ret)
{
    if (value && size < answer.size)
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, answer.data, answer.size);
    if (size_ret)
        *size_ret = answer.size;
    return CL_SUCCESS;
}

static cl_unified_shared_memory_type_intel type_of(uint32_t kind)
{
    switch (kind) {
    case MEMORY_SHARED:
        return CL_MEM_TYPE_SHARED_INTEL;
    case MEMORY_HOST:
        return CL_MEM_TYPE_HOST_INTEL;
    default: /* what clSVMAlloc gave is not unified shared memory, as with NEO */
        return CL_MEM_TYPE_UNKNOWN_INTEL;
    }
}

static cl_int give_info(const struct range *range, cl_mem_info_intel name, size_t size, void *value,
                        size_t *size_ret)
{
    cl_unified_shared_memory_type_intel type = type_of(range->kind);
    bool known = type != CL_MEM_TYPE_UNKNOWN_INTEL;
    const void *base = known ? (const void *)range->start : NULL;
    size_t length = known ? range->length : 0;
    cl_device_id device = known ? range->device : NULL;
    cl_mem_alloc_flags_intel flags = known ? range->flags : 0;
    switch (name) {
    case CL_MEM_ALLOC_TYPE_INTEL:
        return give((struct answer){&type, sizeof(type)}, size, value, size_ret);
    case CL_MEM_ALLOC_BASE_PTR_INTEL:
        return give((struct answer){&base, sizeof(base)}, size, value, size_ret);
    case CL_MEM_ALLOC_SIZE_INTEL:
        return give((struct answer){&length, sizeof(length)}, size, value, size_ret);
    case CL_MEM_ALLOC_DEVICE_INTEL:
        return give((struct answer){&device, sizeof(device)}, size, value, size_ret);
    case CL_MEM_ALLOC_FLAGS_INTEL:
        return give((struct answer){&flags, sizeof(flags)}, size, value, size_ret);
    default:
        return CL_INVALID_VALUE;
    }
}

/* Memory NEO was told of through a window is the application's own: unknown, not "host". */
static cl_int CL_API_CALL get_info(cl_context context, const void *pointer, cl_mem_info_intel name,
                                   size_t size, void *value, size_t *size_ret)
{
    struct range range;
    const struct range unknown = {.kind = MEMORY_SVM};
    if (memory_find(pointer, &range) && range.owner == context)
        return give_info(&range, name, size, value, size_ret);
    if (is_windowed(context, pointer))
        return give_info(&unknown, name, size, value, size_ret);
    return layer.usm.get_info(context, pointer, name, size, value, size_ret);
}

static cl_int CL_API_CALL enqueue_fill(cl_command_queue queue, void *to, const void *pattern,
                                       size_t pattern_size, size_t size, cl_uint count,
                                       const cl_event *events, cl_event *event)
{
    if (!svm_fill_is_aligned(to, pattern_size, size) || !svm_prepare_target(queue, to, size))
        return CL_INVALID_VALUE;
    return layer.usm.fill(queue, to, pattern, pattern_size, size, count, events, event);
}

static cl_int CL_API_CALL enqueue_set(cl_command_queue queue, void *to, cl_int value, size_t size,
                                      cl_uint count, const cl_event *events, cl_event *event)
{
    if (!svm_prepare_target(queue, to, size))
        return CL_INVALID_VALUE;
    return layer.usm.set(queue, to, value, size, count, events, event);
}

static cl_int CL_API_CALL enqueue_copy(cl_command_queue queue, cl_bool blocking, void *to,
                                       const void *from, size_t size, cl_uint count,
                                       const cl_event *events, cl_event *event)
{
    if (svm_overlap(to, from, size))
        return CL_MEM_COPY_OVERLAP;
    if (!svm_prepare_target(queue, to, size) || !svm_prepare_source(queue, from, size))
        return CL_INVALID_VALUE;
    return layer.usm.copy(queue, blocking, to, from, size, count, events, event);
}

static cl_int CL_API_CALL enqueue_migrate(cl_command_queue queue, const void *pointer, size_t size,
                                          cl_mem_migration_flags flags, cl_uint count,
                                          const cl_event *events, cl_event *event)
{
    if (!layer.mirror)
        return layer.usm.migrate(queue, pointer, size, flags, count, events, event);
    struct wait_list wait = {count, events};
    return svm_migrate(queue, 1, &pointer, &size, flags, wait, CL_COMMAND_MIGRATEMEM_INTEL, event);
}

/*
 * The extension leaves the advices to the vendor. They are numbered here as Level Zero numbers
 * its own (ze_memory_advice_t); those that mean nothing to the kernel are accepted as hints.
 */
enum advice {
    ADVICE_SET_PREFERRED_LOCATION = 2,
    ADVICE_CLEAR_PREFERRED_LOCATION = 3,
    ADVICE_SET_SYSTEM_MEMORY_PREFERRED_LOCATION = 8,
    ADVICE_CLEAR_SYSTEM_MEMORY_PREFERRED_LOCATION = 9,
    ADVICE_COUNT,
};

static void advise(i915svm_vm *vm, const void *pointer, size_t size, cl_mem_advice_intel advice)
{
    switch (advice) {
    case ADVICE_SET_PREFERRED_LOCATION:
        i915svm_advise_location(vm, pointer, size, I915SVM_LOCATION_DEVICE);
        break;
    case ADVICE_SET_SYSTEM_MEMORY_PREFERRED_LOCATION:
        i915svm_advise_location(vm, pointer, size, I915SVM_LOCATION_SYSTEM);
        break;
    case ADVICE_CLEAR_PREFERRED_LOCATION:
    case ADVICE_CLEAR_SYSTEM_MEMORY_PREFERRED_LOCATION:
        i915svm_advise_location(vm, pointer, size, I915SVM_LOCATION_NONE);
        break;
    default:
        break;
    }
}

static cl_int CL_API_CALL enqueue_advise(cl_command_queue queue, const void *pointer, size_t size,
                                         cl_mem_advice_intel advice, cl_uint count,
                                         const cl_event *events, cl_event *event)
{
    if (!layer.mirror)
        return layer.usm.advise(queue, pointer, size, advice, count, events, event);
    if (!queue_context(queue))
        return CL_INVALID_COMMAND_QUEUE;
    if (!pointer || !size || advice >= ADVICE_COUNT ||
        !(memory_find(pointer, NULL) || mapping_covers(pointer, size)))
        return CL_INVALID_VALUE;
    i915svm_vm *vm = spaces_vm(&layer.spaces);
    if (vm)
        advise(vm, pointer, size, advice);
    struct wait_list wait = {count, events};
    return events_marker(queue, wait, CL_COMMAND_MEMADVISE_INTEL, CL_FALSE, event);
}

void *usm_function(const char *name)
{
    static const struct {
        const char *name;
        void *function;
    } functions[] = {
        {"clHostMemAllocINTEL", (void *)host_alloc},
        {"clSharedMemAllocINTEL", (void *)shared_alloc},
        {"clMemFreeINTEL", (void *)mem_free},
        {"clMemBlockingFreeINTEL", (void *)mem_blocking_free},
        {"clGetMemAllocInfoINTEL", (void *)get_info},
        {"clSetKernelArgMemPointerINTEL", (void *)kernel_set_arg_usm},
        {"clEnqueueMemFillINTEL", (void *)enqueue_fill},
        {"clEnqueueMemsetINTEL", (void *)enqueue_set},
        {"clEnqueueMemcpyINTEL", (void *)enqueue_copy},
        {"clEnqueueMigrateMemINTEL", (void *)enqueue_migrate},
        {"clEnqueueMemAdviseINTEL", (void *)enqueue_advise},
    };
    for (size_t i = 0; name && i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].function;
    return NULL;
}
