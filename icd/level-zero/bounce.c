/* SPDX-License-Identifier: MIT */
/*
 * Commands for which NEO looks at the start of an allocation only, wherever in it the pointer is:
 * image transfers of a copy engine, the query of kernel timestamps, and the count of indirect
 * launches. The start of a window is not the application's pointer, so they go by way of memory of
 * NEO's own, kept until the list is reset or destroyed.
 */
#include <stdlib.h>

#include "layer.h"

/* ---- images: how large an element is --------------------------------------------------------- */

struct known_image {
    struct known_image *next;
    ze_image_handle_t handle;
    size_t element; /* bytes; 0 if it has several planes */
    uint32_t size[3];
};

static pthread_mutex_t images_lock = PTHREAD_MUTEX_INITIALIZER;
static struct known_image *images;

static size_t element_size(ze_image_format_layout_t layout)
{
    static const unsigned char sizes[] = {
        [ZE_IMAGE_FORMAT_LAYOUT_8] = 1,
        [ZE_IMAGE_FORMAT_LAYOUT_16] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_32] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_8_8] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_8_8_8_8] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_16_16] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_16_16_16_16] = 8,
        [ZE_IMAGE_FORMAT_LAYOUT_32_32] = 8,
        [ZE_IMAGE_FORMAT_LAYOUT_32_32_32_32] = 16,
        [ZE_IMAGE_FORMAT_LAYOUT_10_10_10_2] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_11_11_10] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_5_6_5] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_5_5_5_1] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_4_4_4_4] = 2,
        /* Media formats of one plane. */
        [ZE_IMAGE_FORMAT_LAYOUT_Y8] = 1,
        [ZE_IMAGE_FORMAT_LAYOUT_YUYV] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_VYUY] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_YVYU] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_UYVY] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_YUY2] = 2,
        [ZE_IMAGE_FORMAT_LAYOUT_AYUV] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_Y410] = 4,
        [ZE_IMAGE_FORMAT_LAYOUT_Y210] = 8,
        [ZE_IMAGE_FORMAT_LAYOUT_Y216] = 8,
        [ZE_IMAGE_FORMAT_LAYOUT_Y416] = 8,
    };
    return (unsigned)layout < sizeof(sizes) ? sizes[layout] : 0;
}

static uint32_t at_least_one(uint64_t size)
{
    return size ? (uint32_t)size : 1;
}

static ze_result_t ZE_APICALL create_image(ze_context_handle_t context, ze_device_handle_t device,
                                           const ze_image_desc_t *desc, ze_image_handle_t *image)
{
    ze_result_t result = layer.image.pfnCreate(context, device, desc, image);
    struct known_image *entry =
        result == ZE_RESULT_SUCCESS && !forks_is_child() ? malloc(sizeof(*entry)) : NULL;
    if (!entry)
        return result;
    bool flat = desc->type == ZE_IMAGE_TYPE_1D || desc->type == ZE_IMAGE_TYPE_BUFFER;
    bool deep = desc->type == ZE_IMAGE_TYPE_3D;
    entry->handle = *image;
    entry->element = element_size(desc->format.layout);
    entry->size[0] = at_least_one(desc->width);
    entry->size[1] = flat ? 1 : at_least_one(desc->height);
    entry->size[2] = deep ? at_least_one(desc->depth) : at_least_one(desc->arraylevels);
    pthread_mutex_lock(&images_lock);
    entry->next = images;
    images = entry;
    pthread_mutex_unlock(&images_lock);
    return result;
}

/* Forgotten first: the handle may be given to another image at once. */
static ze_result_t ZE_APICALL destroy_image(ze_image_handle_t image)
{
    if (!forks_lock(&images_lock))
        return layer.image.pfnDestroy(image);
    struct known_image **link = &images;
    while (*link && (*link)->handle != image)
        link = &(*link)->next;
    struct known_image *entry = *link;
    if (entry)
        *link = entry->next;
    pthread_mutex_unlock(&images_lock);
    free(entry);
    return layer.image.pfnDestroy(image);
}

/* What a transfer moves, in bytes; 0 if that is not known. */
static size_t transfer_size(ze_image_handle_t image, const ze_image_region_t *region)
{
    size_t size = 0;
    if (!forks_lock(&images_lock))
        return 0;
    const struct known_image *entry = images;
    while (entry && entry->handle != image)
        entry = entry->next;
    if (entry && region)
        size = entry->element * region->width * at_least_one(region->height) *
               at_least_one(region->depth);
    else if (entry)
        size = entry->element * entry->size[0] * entry->size[1] * entry->size[2];
    pthread_mutex_unlock(&images_lock);
    return size;
}

void image_install(ze_image_dditable_t *table)
{
    table->pfnCreate = create_image;
    table->pfnDestroy = destroy_image;
}

/* ---- the commands -----------------------------------------------------------------------------
 */

/* Device memory, which has addresses of its own: what NEO allocates inside a window hides from it
 * all that the window has above. */
static void *new_bounce(ze_command_list_handle_t list, size_t size)
{
    ze_device_mem_alloc_desc_t desc = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};
    ze_device_handle_t device = list_device(list);
    void *bounce = NULL;
    if (!device || layer.mem.pfnAllocDevice(memory_own_context(), &desc, size, 0, device,
                                            &bounce) != ZE_RESULT_SUCCESS)
        return NULL;
    if (list_keep(list, bounce))
        return bounce;
    layer.mem.pfnFree(memory_own_context(), bounce);
    return NULL;
}

/* The same for what a transfer moves, and how much that is. */
static ze_result_t new_image_bounce(ze_command_list_handle_t list, ze_image_handle_t image,
                                    const ze_image_region_t *region, void **bounce, size_t *size)
{
    *size = transfer_size(image, region);
    if (!*size)
        return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE;
    *bounce = new_bounce(list, *size);
    return *bounce ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
}

static bool needs_bounce(ze_command_list_handle_t list, const void *pointer)
{
    return list_is_copy_only(list) && memory_in_window(pointer);
}

ze_result_t ZE_APICALL bounce_image_to_memory(ze_command_list_handle_t list, void *to,
                                              ze_image_handle_t image,
                                              const ze_image_region_t *region,
                                              ze_event_handle_t signal, uint32_t count,
                                              ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, NULL, 1))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    if (!needs_bounce(list, to))
        return layer.list.pfnAppendImageCopyToMemory(list, to, image, region, signal, count,
                                                     events);
    void *bounce;
    size_t size;
    ze_result_t result = new_image_bounce(list, image, region, &bounce, &size);
    if (result != ZE_RESULT_SUCCESS)
        return result;
    result =
        layer.list.pfnAppendImageCopyToMemory(list, bounce, image, region, NULL, count, events);
    return result == ZE_RESULT_SUCCESS
               ? layer.list.pfnAppendMemoryCopy(list, to, bounce, size, signal, 0, NULL)
               : result;
}

ze_result_t ZE_APICALL bounce_image_from_memory(ze_command_list_handle_t list,
                                                ze_image_handle_t image, const void *from,
                                                const ze_image_region_t *region,
                                                ze_event_handle_t signal, uint32_t count,
                                                ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(NULL, from, 1))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    if (!needs_bounce(list, from))
        return layer.list.pfnAppendImageCopyFromMemory(list, image, from, region, signal, count,
                                                       events);
    void *bounce;
    size_t size;
    ze_result_t result = new_image_bounce(list, image, region, &bounce, &size);
    if (result != ZE_RESULT_SUCCESS)
        return result;
    result = layer.list.pfnAppendMemoryCopy(list, bounce, from, size, NULL, count, events);
    return result == ZE_RESULT_SUCCESS ? layer.list.pfnAppendImageCopyFromMemory(
                                             list, image, bounce, region, signal, 0, NULL)
                                       : result;
}

/* From packed results to where they are wanted. */
static ze_result_t spread(ze_command_list_handle_t list, char *to, const size_t *offsets,
                          const ze_kernel_timestamp_result_t *from, uint32_t asked,
                          ze_event_handle_t signal)
{
    ze_result_t result = layer.list.pfnAppendBarrier(list, NULL, 0, NULL);
    if (!offsets && result == ZE_RESULT_SUCCESS)
        return layer.list.pfnAppendMemoryCopy(list, to, from, asked * sizeof(*from), signal, 0,
                                              NULL);
    for (uint32_t i = 0; i < asked && result == ZE_RESULT_SUCCESS; i++)
        result = layer.list.pfnAppendMemoryCopy(list, to + offsets[i], &from[i], sizeof(*from),
                                                i == asked - 1 ? signal : NULL, 0, NULL);
    return result;
}

ze_result_t ZE_APICALL bounce_kernel_timestamps(ze_command_list_handle_t list, uint32_t asked,
                                                ze_event_handle_t *about, void *to,
                                                const size_t *offsets, ze_event_handle_t signal,
                                                uint32_t count, ze_event_handle_t *events)
{
    if (!memory_prepare_transfer(to, NULL, 1))
        return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    if (!asked || !memory_in_window(to))
        return layer.list.pfnAppendQueryKernelTimestamps(list, asked, about, to, offsets, signal,
                                                         count, events);
    ze_kernel_timestamp_result_t *bounce = new_bounce(list, asked * sizeof(*bounce));
    if (!bounce)
        return ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
    ze_result_t result = layer.list.pfnAppendQueryKernelTimestamps(list, asked, about, bounce, NULL,
                                                                   NULL, count, events);
    return result == ZE_RESULT_SUCCESS ? spread(list, to, offsets, bounce, asked, signal) : result;
}

ze_result_t ZE_APICALL bounce_launches(ze_command_list_handle_t list, uint32_t kernels,
                                       ze_kernel_handle_t *handles, const uint32_t *asked,
                                       const ze_group_count_t *groups, ze_event_handle_t signal,
                                       uint32_t count, ze_event_handle_t *events)
{
    memory_prepare(asked, sizeof(*asked));
    memory_prepare(groups, kernels * sizeof(*groups));
    if (!memory_in_window(asked))
        return layer.list.pfnAppendLaunchMultipleKernelsIndirect(list, kernels, handles, asked,
                                                                 groups, signal, count, events);
    uint32_t *bounce = new_bounce(list, sizeof(*bounce));
    if (!bounce)
        return ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
    ze_result_t result =
        layer.list.pfnAppendMemoryCopy(list, bounce, asked, sizeof(*bounce), NULL, count, events);
    if (result == ZE_RESULT_SUCCESS)
        result = layer.list.pfnAppendBarrier(list, NULL, 0, NULL);
    return result == ZE_RESULT_SUCCESS
               ? layer.list.pfnAppendLaunchMultipleKernelsIndirect(list, kernels, handles, bounce,
                                                                   groups, signal, 0, NULL)
               : result;
}
