/* SPDX-License-Identifier: MIT */
/*
 * Taking our place in front of NEO: the loader asks a driver for tables of functions. This
 * library is linked with NEO's driver, so that the loader finds through it every table we do not
 * define; those we do are NEO's with the memory functions exchanged.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "layer.h"

#define NEO_LIBRARY "libze_intel_gpu.so.1"
#define EXPORT      __attribute__((visibility("default")))

struct layer layer;

static pthread_once_t open_once = PTHREAD_ONCE_INIT;
static void *neo;

static void open_neo(void)
{
    neo = dlopen(NEO_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

static void *neo_symbol(const char *name)
{
    pthread_once(&open_once, open_neo);
    return neo ? dlsym(neo, name) : NULL;
}

static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;

/* NEO opens its devices in the first zeInit. */
static ze_result_t ZE_APICALL init(ze_init_flags_t flags)
{
    if (!forks_lock(&init_lock))
        return ZE_RESULT_ERROR_UNINITIALIZED;
    if (layer.spaces.count) {
        pthread_mutex_unlock(&init_lock);
        return layer.global.pfnInit(flags);
    }
    spaces_before(&layer.spaces);
    ze_result_t result = layer.global.pfnInit(flags);
    if (result == ZE_RESULT_SUCCESS) {
        spaces_after(&layer.spaces);
        layer.mirror = spaces_can_mirror(&layer.spaces);
    }
    pthread_mutex_unlock(&init_lock);
    return result;
}

static void init_install(ze_global_dditable_t *table)
{
    table->pfnInit = init;
}

/* Gets NEO's table, keeps a copy, and lets install exchange what we replace. */
#define DEFINE_TABLE(Name, type, member, install)                                    \
    EXPORT ze_result_t ZE_APICALL Name(ze_api_version_t version, type *table)        \
    {                                                                                \
        ze_result_t(ZE_APICALL *next)(ze_api_version_t, type *) = neo_symbol(#Name); \
        if (!next)                                                                   \
            return ZE_RESULT_ERROR_UNINITIALIZED;                                    \
        ze_result_t result = next(version, table);                                   \
        if (result != ZE_RESULT_SUCCESS)                                             \
            return result;                                                           \
        layer.member = *table;                                                       \
        install(table);                                                              \
        return ZE_RESULT_SUCCESS;                                                    \
    }

static void keep(ze_driver_dditable_t *table)
{
    (void)table; /* only called by us: for a context of our own */
}

DEFINE_TABLE(zeGetGlobalProcAddrTable, ze_global_dditable_t, global, init_install)
DEFINE_TABLE(zeGetDriverProcAddrTable, ze_driver_dditable_t, driver, keep)
DEFINE_TABLE(zeGetDeviceProcAddrTable, ze_device_dditable_t, device, device_install)
DEFINE_TABLE(zeGetContextProcAddrTable, ze_context_dditable_t, context, residency_install)
DEFINE_TABLE(zeGetCommandQueueProcAddrTable, ze_command_queue_dditable_t, queue, queue_install)
DEFINE_TABLE(zeGetCommandListProcAddrTable, ze_command_list_dditable_t, list, list_install)
DEFINE_TABLE(zeGetKernelProcAddrTable, ze_kernel_dditable_t, kernel, kernel_install)
DEFINE_TABLE(zeGetFenceProcAddrTable, ze_fence_dditable_t, fence, fence_install)
DEFINE_TABLE(zeGetEventProcAddrTable, ze_event_dditable_t, event, event_install)
DEFINE_TABLE(zeGetImageProcAddrTable, ze_image_dditable_t, image, image_install)
DEFINE_TABLE(zeGetMemProcAddrTable, ze_mem_dditable_t, mem, memory_install)
