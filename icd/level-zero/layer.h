/* SPDX-License-Identifier: MIT */
/*
 * The Level Zero layer: NEO's own functions (next), what we know of its GPUs, and the functions
 * we put in NEO's tables in their place. All handles the application sees are NEO's own.
 */
#ifndef ICD_LEVEL_ZERO_LAYER_H
#define ICD_LEVEL_ZERO_LAYER_H

#include <level_zero/ze_api.h>
#include <level_zero/ze_ddi.h>

#include "forks.h"
#include "ranges.h"
#include "spaces.h"
#include "windows.h"

struct layer {
    ze_global_dditable_t global;
    ze_driver_dditable_t driver;
    ze_device_dditable_t device;
    ze_context_dditable_t context;
    ze_command_queue_dditable_t queue;
    ze_command_list_dditable_t list;
    ze_kernel_dditable_t kernel;
    ze_fence_dditable_t fence;
    ze_event_dditable_t event;
    ze_image_dditable_t image;
    ze_mem_dditable_t mem;
    struct spaces spaces;
    bool mirror; /* the kernel can mirror this process: memory is ours. Set by zeInit. */
};

extern struct layer layer;

/* In a child of fork() of a process whose memory is ours. */
static inline bool layer_is_forked(void)
{
    return layer.mirror && forks_is_child();
}

/* ---- memory.c ----------------------------------------------------------------------------- */

/* The allocation of ours that holds the pointer. */
bool memory_find(const void *pointer, struct range *found);
/* Makes NEO know the memory. False: it is not mapped, or NEO refused. */
bool memory_import(const void *start, size_t length);
/* Whether NEO may take the pointer only because of a window. */
bool memory_in_window(const void *pointer);
/* The same for what the process may only read. Costs memory: only where a kernel is to have it. */
bool memory_import_constant(const void *pointer);
/* Whether a window is open there, but what it has is no (longer) writable memory. */
bool memory_is_protected(const void *pointer);
/* The same, and it cannot be shared as a constant either. */
bool memory_is_misplaced(const void *pointer);
/* Tells NEO of memory that is not its own; what cannot be told is left for NEO to refuse. */
void memory_prepare(const void *start, size_t length);
/* The same for what is written and what is read, each or NULL; false: NEO would take such memory
 * for shared though it is not. */
bool memory_prepare_transfer(const void *to, const void *from, size_t length);

/* A context of ours, for what NEO is to know whatever the application's contexts. */
ze_context_handle_t memory_own_context(void);

/* ---- list.c -------------------------------------------------------------------------------- */

/* Whether the list is one of a copy engine. */
bool list_is_copy_only(ze_command_list_handle_t list);
/* The device it was made for; NULL if it is not known. */
ze_device_handle_t list_device(ze_command_list_handle_t list);
/* Memory of NEO's in memory_own_context(), to be freed with the list's commands. */
bool list_keep(ze_command_list_handle_t list, void *memory);

/* ---- bounce.c ------------------------------------------------------------------------------- */

ze_result_t ZE_APICALL bounce_image_to_memory(ze_command_list_handle_t list, void *to,
                                              ze_image_handle_t image,
                                              const ze_image_region_t *region,
                                              ze_event_handle_t signal, uint32_t count,
                                              ze_event_handle_t *events);
ze_result_t ZE_APICALL bounce_image_from_memory(ze_command_list_handle_t list,
                                                ze_image_handle_t image, const void *from,
                                                const ze_image_region_t *region,
                                                ze_event_handle_t signal, uint32_t count,
                                                ze_event_handle_t *events);
ze_result_t ZE_APICALL bounce_kernel_timestamps(ze_command_list_handle_t list, uint32_t asked,
                                                ze_event_handle_t *about, void *to,
                                                const size_t *offsets, ze_event_handle_t signal,
                                                uint32_t count, ze_event_handle_t *events);

ze_result_t ZE_APICALL bounce_launches(ze_command_list_handle_t list, uint32_t kernels,
                                       ze_kernel_handle_t *handles, const uint32_t *asked,
                                       const ze_group_count_t *groups, ze_event_handle_t signal,
                                       uint32_t count, ze_event_handle_t *events);

/* ---- deferred.c ----------------------------------------------------------------------------- */

/* Memory that is to be freed when it is no longer used. False: memory ran out. */
bool deferred_add(const struct range *range);
/* Frees what is deferred of a context, or with NULL of all. */
void deferred_release(ze_context_handle_t context);

/* ---- which functions are replaced, per table ----------------------------------------------- */

void memory_install(ze_mem_dditable_t *table);
void residency_install(ze_context_dditable_t *table);
void kernel_install(ze_kernel_dditable_t *table);
void device_install(ze_device_dditable_t *table);
void list_install(ze_command_list_dditable_t *table);
void queue_install(ze_command_queue_dditable_t *table);
void deferred_install(ze_command_queue_dditable_t *table);
void fence_install(ze_fence_dditable_t *table);
void event_install(ze_event_dditable_t *table);
void image_install(ze_image_dditable_t *table);

#endif
