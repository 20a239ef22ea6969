/* SPDX-License-Identifier: MIT */
/*
 * Loading NEO and taking our place in front of it.
 *
 * Every OpenCL object starts with a pointer to its driver's dispatch table (cl_khr_icd). All of
 * NEO's objects share one writable table: exchanging its memory entries there intercepts them
 * for every object, and leaves every other call on its direct way from the loader to NEO.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

#ifndef NEO_OPENCL_LIBRARY
#error "NEO_OPENCL_LIBRARY: where libigdrcl.so is installed"
#endif
#define LIBRARY_VARIABLE "I915SVM_OPENCL_LIBRARY" /* another NEO, for tests */

#define EXPORT __attribute__((visibility("default")))

struct layer layer;

typedef cl_int(CL_API_CALL *get_platforms)(cl_uint, cl_platform_id *, cl_uint *);

static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static cl_icd_dispatch *neo_table;
static get_platforms neo_platforms;

static void *open_library(void)
{
    const char *path = getenv(LIBRARY_VARIABLE);
    void *library = dlopen(path ? path : NEO_OPENCL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library && getenv("I915SVM_DEBUG"))
        fprintf(stderr, "i915svm: %s\n", dlerror());
    return library;
}

static void load_usm(void)
{
    struct usm_functions *usm = &layer.usm;
    usm->host_alloc = layer.next_function("clHostMemAllocINTEL");
    usm->device_alloc = layer.next_function("clDeviceMemAllocINTEL");
    usm->shared_alloc = layer.next_function("clSharedMemAllocINTEL");
    usm->free = layer.next_function("clMemFreeINTEL");
    usm->blocking_free = layer.next_function("clMemBlockingFreeINTEL");
    usm->get_info = layer.next_function("clGetMemAllocInfoINTEL");
    usm->set_arg = layer.next_function("clSetKernelArgMemPointerINTEL");
    usm->fill = layer.next_function("clEnqueueMemFillINTEL");
    usm->set = layer.next_function("clEnqueueMemsetINTEL");
    usm->copy = layer.next_function("clEnqueueMemcpyINTEL");
    usm->migrate = layer.next_function("clEnqueueMigrateMemINTEL");
    usm->advise = layer.next_function("clEnqueueMemAdviseINTEL");
}

static bool usm_complete(void)
{
    const struct usm_functions *usm = &layer.usm;
    return usm->host_alloc && usm->device_alloc && usm->shared_alloc && usm->free &&
           usm->blocking_free && usm->get_info && usm->set_arg && usm->fill && usm->set &&
           usm->copy && usm->migrate && usm->advise;
}

/* The platform's first device, which makes NEO open its files, if it has not yet. */
static bool find_table(void)
{
    cl_platform_id platform;
    cl_uint count = 0;
    spaces_before(&layer.spaces);
    if (neo_platforms(1, &platform, &count) != CL_SUCCESS || !count)
        return false;
    neo_table = *(cl_icd_dispatch **)platform;
    layer.next = *neo_table;
    cl_device_id device;
    bool found =
        neo_table->clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL) == CL_SUCCESS;
    spaces_after(&layer.spaces);
    return found && *(cl_icd_dispatch **)device == neo_table;
}

static void *CL_API_CALL get_function_for_platform(cl_platform_id platform, const char *name)
{
    void *next = layer.next.clGetExtensionFunctionAddressForPlatform(platform, name);
    void *ours = next ? usm_function(name) : NULL;
    return ours ? ours : next;
}

static void install(void)
{
    load_usm();
    layer.mirror = usm_complete() && spaces_can_mirror(&layer.spaces);
    if (!usm_complete())
        return;
    neo_table->clGetExtensionFunctionAddressForPlatform = get_function_for_platform;
    svm_install(neo_table);
    kernel_install(neo_table);
    events_install(neo_table);
    query_install(neo_table);
    view_install(neo_table);
    view_commands_install(neo_table);
}

static void load(void)
{
    void *library = open_library();
    if (!library)
        return;
    layer.next_function = (get_function)dlsym(library, "clGetExtensionFunctionAddress");
    if (!layer.next_function)
        return;
    neo_platforms = (get_platforms)layer.next_function("clIcdGetPlatformIDsKHR");
    if (neo_platforms && find_table())
        install();
}

static bool loaded(void)
{
    pthread_once(&load_once, load);
    return neo_table != NULL;
}

EXPORT cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint entries, cl_platform_id *platforms,
                                                 cl_uint *count)
{
    if (loaded())
        return neo_platforms(entries, platforms, count);
    if (count)
        *count = 0;
    return CL_PLATFORM_NOT_FOUND_KHR;
}

EXPORT cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id platform, cl_platform_info name,
                                            size_t size, void *value, size_t *size_ret)
{
    return loaded() ? layer.next.clGetPlatformInfo(platform, name, size, value, size_ret)
                    : CL_INVALID_PLATFORM;
}

static void *function_address(const char *name)
{
    void *next = layer.next_function(name);
    void *ours = next ? usm_function(name) : NULL;
    return ours ? ours : next;
}

EXPORT void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    if (!name)
        return NULL;
    /* Asked for by the loader before anything else: NEO need not be there for it. */
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
        return (void *)clIcdGetPlatformIDsKHR;
    if (strcmp(name, "clGetPlatformInfo") == 0)
        return (void *)clGetPlatformInfo;
    return loaded() ? function_address(name) : NULL;
}
