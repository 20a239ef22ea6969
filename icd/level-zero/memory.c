/* SPDX-License-Identifier: MIT */
/*
 * Shared and host allocations: anonymous memory of this process, at one address for CPU and
 * GPU. NEO hears of them as of any other memory: when a pointer is first used (windows.h).
 * Device memory is NEO's.
 */
#include <string.h>

#include "constants.h"
#include "layer.h"
#include "mapping.h"

/* zex_memory.h: *pointer of zeMemAllocHost is then an input, existing memory. */
#define ZEX_HOST_MEM_ALLOC_FLAG_USE_HOST_PTR (1u << 30)

#define OUR_ID ((uint64_t)1 << 63) /* NEO counts its own from 0 */
#define KNOWN_HOST_FLAGS                                                         \
    (ZE_HOST_MEM_ALLOC_FLAG_BIAS_CACHED | ZE_HOST_MEM_ALLOC_FLAG_BIAS_UNCACHED | \
     ZE_HOST_MEM_ALLOC_FLAG_BIAS_WRITE_COMBINED | ZE_HOST_MEM_ALLOC_FLAG_BIAS_INITIAL_PLACEMENT)
#define KNOWN_DEVICE_FLAGS                                                           \
    (ZE_DEVICE_MEM_ALLOC_FLAG_BIAS_CACHED | ZE_DEVICE_MEM_ALLOC_FLAG_BIAS_UNCACHED | \
     ZE_DEVICE_MEM_ALLOC_FLAG_BIAS_INITIAL_PLACEMENT)

static struct ranges allocations = RANGES_INIT;

/* ---- windows --------------------------------------------------------------------------------- */

/* NEO knows memory per driver, whatever the context: windows live in one of our own. */
ze_context_handle_t memory_own_context(void)
{
    static ze_context_handle_t context;
    ze_driver_handle_t driver;
    ze_context_desc_t desc = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    uint32_t count = 1;
    if (!context && layer.driver.pfnGet(&count, &driver) == ZE_RESULT_SUCCESS && count)
        layer.context.pfnCreate(driver, &desc, &context);
    return context;
}

static bool import_window(void *owner, void *start, size_t length)
{
    (void)owner;
    ze_context_handle_t context = memory_own_context();
    ze_relaxed_allocation_limits_exp_desc_t relaxed = {
        .stype = ZE_STRUCTURE_TYPE_RELAXED_ALLOCATION_LIMITS_EXP_DESC,
        .flags = ZE_RELAXED_ALLOCATION_LIMITS_EXP_FLAG_MAX_SIZE};
    ze_host_mem_alloc_desc_t desc = {.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC,
                                     .pNext = &relaxed,
                                     .flags = ZEX_HOST_MEM_ALLOC_FLAG_USE_HOST_PTR};
    void *pointer = start;
    return context &&
           layer.mem.pfnAllocHost(context, &desc, length, 0, &pointer) == ZE_RESULT_SUCCESS &&
           pointer == start;
}

static struct windows windows = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .ranges = RANGES_INIT, .import = import_window};

bool memory_find(const void *pointer, struct range *found)
{
    return ranges_find(&allocations, (uintptr_t)pointer, found);
}

bool memory_in_window(const void *pointer)
{
    return windows_is_open(&windows, pointer);
}

bool memory_import(const void *start, size_t length)
{
    return layer.mirror && mapping_covers(start, length) && spaces_enable(&layer.spaces) &&
           windows_open(&windows, start);
}

bool memory_import_constant(const void *pointer)
{
    return layer.mirror && constants_share(&layer.spaces, pointer) &&
           windows_open_constant(&windows, pointer);
}

bool memory_is_protected(const void *pointer)
{
    struct mapping mapping;
    return memory_in_window(pointer) && !memory_find(pointer, NULL) &&
           !(mapping_find((uintptr_t)pointer, &mapping) && mapping.readable && mapping.writable);
}

bool memory_is_misplaced(const void *pointer)
{
    return memory_is_protected(pointer) && !constants_share(&layer.spaces, pointer);
}

void memory_prepare(const void *start, size_t length)
{
    if (layer.mirror && start && length)
        memory_import(start, length);
}

bool memory_prepare_transfer(const void *to, const void *from, size_t length)
{
    if (memory_is_protected(to) || memory_is_misplaced(from))
        return false;
    memory_prepare(to, length);
    memory_prepare(from, length);
    return true;
}

/* ---- allocation ------------------------------------------------------------------------------ */

static ze_result_t check_alloc(const ze_context_handle_t context, size_t size, size_t alignment,
                               void **pointer)
{
    if (!context)
        return ZE_RESULT_ERROR_INVALID_NULL_HANDLE;
    if (!pointer)
        return ZE_RESULT_ERROR_INVALID_NULL_POINTER;
    *pointer = NULL;
    if (forks_is_child())
        return ZE_RESULT_ERROR_UNINITIALIZED;
    if (!size)
        return ZE_RESULT_ERROR_UNSUPPORTED_SIZE;
    if ((alignment & (alignment - 1)) || alignment > I915SVM_ALIGNMENT_MAX)
        return ZE_RESULT_ERROR_UNSUPPORTED_ALIGNMENT;
    return ZE_RESULT_SUCCESS;
}

static ze_result_t allocate(struct range *range, size_t alignment, void **pointer)
{
    void *map;
    if (!spaces_enable(&layer.spaces))
        return ZE_RESULT_ERROR_DEVICE_LOST;
    if (spaces_alloc(&layer.spaces, range->length, alignment, &map))
        return ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
    range->start = (uintptr_t)map;
    if (!ranges_insert(&allocations, range)) {
        spaces_free(&layer.spaces, map);
        return ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
    }
    *pointer = map;
    return ZE_RESULT_SUCCESS;
}

static const void *find_desc(const void *chain, ze_structure_type_t type)
{
    const ze_base_desc_t *desc = chain;
    while (desc && desc->stype != type)
        desc = desc->pNext;
    return desc;
}

static ze_device_handle_t first_device(void)
{
    uint32_t count = 1;
    ze_driver_handle_t driver;
    ze_device_handle_t device = NULL;
    if (layer.driver.pfnGet(&count, &driver) == ZE_RESULT_SUCCESS && count)
        layer.device.pfnGet(driver, &count, &device);
    return device;
}

static bool is_too_large(ze_device_handle_t device, size_t size)
{
    ze_device_properties_t properties = {.stype = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES};
    return device && layer.device.pfnGetProperties(device, &properties) == ZE_RESULT_SUCCESS &&
           size > properties.maxMemAllocSize;
}

/* A size above the device's limit needs the relaxed-limits descriptor; of memory for no device in
 * particular, the first one's. */
static ze_result_t check_limit(const void *chain, ze_device_handle_t device, size_t size)
{
    const ze_relaxed_allocation_limits_exp_desc_t *relaxed =
        find_desc(chain, ZE_STRUCTURE_TYPE_RELAXED_ALLOCATION_LIMITS_EXP_DESC);
    if (relaxed && (relaxed->flags & ~ZE_RELAXED_ALLOCATION_LIMITS_EXP_FLAG_MAX_SIZE))
        return ZE_RESULT_ERROR_INVALID_ENUMERATION;
    if (relaxed && relaxed->flags)
        return ZE_RESULT_SUCCESS;
    return is_too_large(device ? device : first_device(), size) ? ZE_RESULT_ERROR_UNSUPPORTED_SIZE
                                                                : ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL alloc_shared(ze_context_handle_t context,
                                           const ze_device_mem_alloc_desc_t *device_desc,
                                           const ze_host_mem_alloc_desc_t *host_desc, size_t size,
                                           size_t alignment, ze_device_handle_t device,
                                           void **pointer)
{
    if (!layer.mirror)
        return layer.mem.pfnAllocShared(context, device_desc, host_desc, size, alignment, device,
                                        pointer);
    if (!device_desc || !host_desc)
        return ZE_RESULT_ERROR_INVALID_NULL_POINTER;
    if ((device_desc->flags & ~KNOWN_DEVICE_FLAGS) || (host_desc->flags & ~KNOWN_HOST_FLAGS))
        return ZE_RESULT_ERROR_INVALID_ENUMERATION;
    ze_result_t result = check_alloc(context, size, alignment, pointer);
    if (result == ZE_RESULT_SUCCESS)
        result = check_limit(device_desc->pNext, device, size);
    if (result != ZE_RESULT_SUCCESS)
        return result;
    struct range range = {
        .length = size, .owner = context, .device = device, .kind = ZE_MEMORY_TYPE_SHARED};
    result = allocate(&range, alignment, pointer);
    /* A hint. */
    if (result == ZE_RESULT_SUCCESS &&
        (device_desc->flags & ZE_DEVICE_MEM_ALLOC_FLAG_BIAS_INITIAL_PLACEMENT))
        i915svm_advise_location(spaces_vm(&layer.spaces), *pointer, size, I915SVM_LOCATION_DEVICE);
    return result;
}

static ze_result_t ZE_APICALL alloc_host(ze_context_handle_t context,
                                         const ze_host_mem_alloc_desc_t *desc, size_t size,
                                         size_t alignment, void **pointer)
{
    /* Existing memory, by NEO's own extension: NEO's business. */
    if (!layer.mirror || (desc && (desc->flags & ZEX_HOST_MEM_ALLOC_FLAG_USE_HOST_PTR)))
        return layer.mem.pfnAllocHost(context, desc, size, alignment, pointer);
    if (!desc)
        return ZE_RESULT_ERROR_INVALID_NULL_POINTER;
    if (desc->flags & ~KNOWN_HOST_FLAGS)
        return ZE_RESULT_ERROR_INVALID_ENUMERATION;
    ze_result_t result = check_alloc(context, size, alignment, pointer);
    if (result == ZE_RESULT_SUCCESS)
        result = check_limit(desc->pNext, NULL, size);
    if (result != ZE_RESULT_SUCCESS)
        return result;
    struct range range = {.length = size, .owner = context, .kind = ZE_MEMORY_TYPE_HOST};
    result = allocate(&range, alignment, pointer);
    if (result == ZE_RESULT_SUCCESS)
        i915svm_advise_location(spaces_vm(&layer.spaces), *pointer, size, I915SVM_LOCATION_SYSTEM);
    return result;
}

/* munmap waits, in the kernel, for submitted work that may still use the memory. Any context of the
 * driver will do, as with NEO, which keeps one book of memory for all of them. */
static bool free_ours(void *pointer)
{
    struct range range;
    if (!ranges_take(&allocations, (uintptr_t)pointer, NULL, &range))
        return false;
    spaces_free(&layer.spaces, pointer);
    return true;
}

static bool defer_ours(void *pointer)
{
    struct range range;
    return ranges_take(&allocations, (uintptr_t)pointer, NULL, &range) && deferred_add(&range);
}

static ze_result_t ZE_APICALL mem_free(ze_context_handle_t context, void *pointer)
{
    if (layer_is_forked())
        return ZE_RESULT_ERROR_UNINITIALIZED;
    if (context && pointer && free_ours(pointer))
        return ZE_RESULT_SUCCESS;
    if (memory_in_window(pointer))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return layer.mem.pfnFree(context, pointer);
}

static ze_result_t ZE_APICALL mem_free_ext(ze_context_handle_t context,
                                           const ze_memory_free_ext_desc_t *desc, void *pointer)
{
    const ze_driver_memory_free_policy_ext_flags_t known =
        ZE_DRIVER_MEMORY_FREE_POLICY_EXT_FLAG_BLOCKING_FREE |
        ZE_DRIVER_MEMORY_FREE_POLICY_EXT_FLAG_DEFER_FREE;
    struct range range;
    bool ours = context && pointer && desc && memory_find(pointer, &range) &&
                range.start == (uintptr_t)pointer;
    if (ours && (desc->freePolicy & ~known))
        return ZE_RESULT_ERROR_INVALID_ENUMERATION;
    if (ours && (desc->freePolicy & ZE_DRIVER_MEMORY_FREE_POLICY_EXT_FLAG_DEFER_FREE))
        return defer_ours(pointer) ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
    if (ours && free_ours(pointer))
        return ZE_RESULT_SUCCESS;
    if (memory_in_window(pointer))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return layer.mem.pfnFreeExt(context, desc, pointer);
}

/* ---- queries --------------------------------------------------------------------------------- */

/* Memory of ours has no file descriptor to give; the answers are those of NEO for its own. */
static ze_result_t refuse_export(const void *chain)
{
    const ze_external_memory_export_fd_t *export =
        find_desc(chain, ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_FD);
    if (!export)
        return ZE_RESULT_SUCCESS;
    return export->flags == ZE_EXTERNAL_MEMORY_TYPE_FLAG_DMA_BUF
               ? ZE_RESULT_ERROR_UNSUPPORTED_FEATURE
               : ZE_RESULT_ERROR_UNSUPPORTED_ENUMERATION;
}

static ze_result_t ZE_APICALL get_properties(ze_context_handle_t context, const void *pointer,
                                             ze_memory_allocation_properties_t *properties,
                                             ze_device_handle_t *device)
{
    struct range range;
    bool ours = properties && memory_find(pointer, &range);
    if (!ours && !(properties && memory_in_window(pointer)))
        return layer.mem.pfnGetAllocProperties(context, pointer, properties, device);
    properties->type = ours ? (ze_memory_type_t)range.kind : ZE_MEMORY_TYPE_UNKNOWN;
    properties->id = ours ? OUR_ID | range.id : 0;
    properties->pageSize = ours ? 4096 : 0; /* the finest grain at which it migrates */
    if (device)
        *device = ours ? range.device : NULL;
    return ours ? refuse_export(properties->pNext) : ZE_RESULT_SUCCESS;
}

/* What NEO itself says of a pointer that it does not know. */
static ze_result_t unknown_range(ze_context_handle_t context, void **base, size_t *size)
{
    return layer.mem.pfnGetAddressRange(context, (const void *)1, base, size);
}

static ze_result_t ZE_APICALL get_address_range(ze_context_handle_t context, const void *pointer,
                                                void **base, size_t *size)
{
    struct range range;
    if (!memory_find(pointer, &range))
        return memory_in_window(pointer)
                   ? unknown_range(context, base, size)
                   : layer.mem.pfnGetAddressRange(context, pointer, base, size);
    if (base)
        *base = (void *)range.start;
    if (size)
        *size = range.length;
    return ZE_RESULT_SUCCESS;
}

/* Only device memory can be shared with another process. */
static ze_result_t ZE_APICALL get_ipc_handle(ze_context_handle_t context, const void *pointer,
                                             ze_ipc_mem_handle_t *handle)
{
    if (memory_find(pointer, NULL) || memory_in_window(pointer))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return layer.mem.pfnGetIpcHandle(context, pointer, handle);
}

void memory_install(ze_mem_dditable_t *table)
{
    table->pfnAllocShared = alloc_shared;
    table->pfnAllocHost = alloc_host;
    table->pfnFree = mem_free;
    table->pfnGetAllocProperties = get_properties;
    table->pfnGetAddressRange = get_address_range;
    table->pfnGetIpcHandle = get_ipc_handle;
    if (table->pfnFreeExt)
        table->pfnFreeExt = mem_free_ext;
}

/* ---- residency ------------------------------------------------------------------------------- */

/*
 * Mirrored memory is always resident: that of ours, and any other of the process. NEO knows what
 * else there is, but not that a window may have no memory at some place.
 */
static bool is_answered(const void *pointer, size_t size, ze_result_t *result)
{
    if (!layer.mirror)
        return false;
    bool mirrored = memory_find(pointer, NULL) || memory_import(pointer, size);
    *result = mirrored ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_INVALID_ARGUMENT;
    return mirrored || memory_in_window(pointer);
}

static ze_result_t ZE_APICALL make_resident(ze_context_handle_t context, ze_device_handle_t device,
                                            void *pointer, size_t size)
{
    ze_result_t result;
    if (context && device && pointer && is_answered(pointer, size, &result))
        return result;
    return layer.context.pfnMakeMemoryResident(context, device, pointer, size);
}

static ze_result_t ZE_APICALL evict(ze_context_handle_t context, ze_device_handle_t device,
                                    void *pointer, size_t size)
{
    ze_result_t result;
    if (!context || !device || !pointer || !is_answered(pointer, size, &result))
        return layer.context.pfnEvictMemory(context, device, pointer, size);
    i915svm_vm *vm = spaces_vm(&layer.spaces);
    if (vm && size && result == ZE_RESULT_SUCCESS)
        i915svm_prefetch(vm, pointer, size, I915SVM_LOCATION_SYSTEM, NULL); /* as far as possible */
    return result;
}

static ze_result_t ZE_APICALL destroy_context(ze_context_handle_t context)
{
    struct range range;
    while (context && ranges_take_owned(&allocations, context, &range))
        spaces_free(&layer.spaces, (void *)range.start);
    if (context)
        deferred_release(context);
    return layer.context.pfnDestroy(context);
}

void residency_install(ze_context_dditable_t *table)
{
    table->pfnMakeMemoryResident = make_resident;
    table->pfnEvictMemory = evict;
    table->pfnDestroy = destroy_context;
}
