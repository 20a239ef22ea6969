/* SPDX-License-Identifier: MIT */
/* Kernel arguments and execution info: any CPU pointer is good once the process is mirrored. */
#include <stdlib.h>

#include "layer.h"
#include "mapping.h"

cl_context kernel_context(cl_kernel kernel)
{
    cl_context context = NULL;
    layer.next.clGetKernelInfo(kernel, CL_KERNEL_CONTEXT, sizeof(context), &context, NULL);
    return context;
}

/* Leaves the errors of a bad kernel to NEO: it knows. */
cl_int kernel_import_pointer(cl_kernel kernel, const void *pointer)
{
    cl_context context = layer.mirror && pointer ? kernel_context(kernel) : NULL;
    if (!context || memory_is_neos(context, pointer))
        return CL_SUCCESS;
    if (!spaces_enable(&layer.spaces))
        return CL_OUT_OF_RESOURCES;
    if (memory_is_reachable(context, pointer) && memory_import(context, pointer))
        return CL_SUCCESS;
    mapping_explain_refusal(pointer);
    return CL_INVALID_ARG_VALUE;
}

/* Where there is no such argument, that is the error, whatever the pointer. */
static cl_int import_argument(cl_kernel kernel, cl_uint index, const void *pointer)
{
    cl_uint count;
    cl_int result = kernel_import_pointer(kernel, pointer);
    if (result == CL_INVALID_ARG_VALUE &&
        layer.next.clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof(count), &count, NULL) ==
            CL_SUCCESS &&
        index >= count)
        return CL_INVALID_ARG_INDEX;
    return result;
}

static cl_int CL_API_CALL set_arg_svm(cl_kernel kernel, cl_uint index, const void *pointer)
{
    cl_int result = import_argument(kernel, index, pointer);
    return result ? result : layer.next.clSetKernelArgSVMPointer(kernel, index, pointer);
}

cl_int CL_API_CALL kernel_set_arg_usm(cl_kernel kernel, cl_uint index, const void *pointer)
{
    cl_int result = import_argument(kernel, index, pointer);
    return result ? result : layer.usm.set_arg(kernel, index, pointer);
}

/*
 * NEO must hear of its own allocations, to make them resident; of all other memory the kernel
 * driver takes care, and NEO would refuse it. A list with none of NEO's leaves NEO's last one
 * in force: too much is resident then, never too little.
 */
static cl_int set_pointers(cl_kernel kernel, cl_kernel_exec_info name, size_t size,
                           const void *const *pointers)
{
    cl_context context = kernel_context(kernel);
    size_t count = size / sizeof(*pointers), kept = 0;
    if (!context || !size || size % sizeof(*pointers) || !pointers)
        return layer.next.clSetKernelExecInfo(kernel, name, size, pointers);
    if (!spaces_enable(&layer.spaces))
        return CL_OUT_OF_RESOURCES;
    const void **known = malloc(size);
    if (!known)
        return CL_OUT_OF_HOST_MEMORY;
    cl_int result = CL_SUCCESS;
    for (size_t i = 0; i < count && result == CL_SUCCESS; i++) {
        if (!memory_is_reachable(context, pointers[i])) {
            mapping_explain_refusal(pointers[i]);
            result = CL_INVALID_VALUE;
        } else if (memory_is_neos(context, pointers[i])) {
            known[kept++] = pointers[i];
        }
    }
    if (result == CL_SUCCESS && kept)
        result = layer.next.clSetKernelExecInfo(kernel, name, kept * sizeof(*known), known);
    free(known);
    return result;
}

static cl_int CL_API_CALL set_exec_info(cl_kernel kernel, cl_kernel_exec_info name, size_t size,
                                        const void *value)
{
    if (!layer.mirror)
        return layer.next.clSetKernelExecInfo(kernel, name, size, value);
    switch (name) {
    case CL_KERNEL_EXEC_INFO_SVM_PTRS:
    case CL_KERNEL_EXEC_INFO_USM_PTRS_INTEL:
        return set_pointers(kernel, name, size, value);
    case CL_KERNEL_EXEC_INFO_SVM_FINE_GRAIN_SYSTEM:
        if (!kernel_context(kernel))
            return CL_INVALID_KERNEL;
        if (size != sizeof(cl_bool) || !value)
            return CL_INVALID_VALUE;
        return spaces_enable(&layer.spaces) ? CL_SUCCESS : CL_OUT_OF_RESOURCES;
    case CL_KERNEL_EXEC_INFO_INDIRECT_HOST_ACCESS_INTEL:
    case CL_KERNEL_EXEC_INFO_INDIRECT_DEVICE_ACCESS_INTEL:
    case CL_KERNEL_EXEC_INFO_INDIRECT_SHARED_ACCESS_INTEL:
        if (!spaces_enable(&layer.spaces))
            return CL_OUT_OF_RESOURCES;
        break;
    default:
        break;
    }
    return layer.next.clSetKernelExecInfo(kernel, name, size, value);
}

void kernel_install(cl_icd_dispatch *table)
{
    table->clSetKernelArgSVMPointer = set_arg_svm;
    table->clSetKernelExecInfo = set_exec_info;
}
