/* SPDX-License-Identifier: MIT */
/* What every Level Zero sample needs before its own story begins. Errors end the program. */
#ifndef SAMPLES_ZE_H
#define SAMPLES_ZE_H

#include <level_zero/ze_api.h>
#include <stdbool.h>
#include <stddef.h>

struct ze {
    ze_driver_handle_t driver;
    ze_device_handle_t device;
    ze_context_handle_t context;
    ze_command_queue_handle_t queue;
    ze_module_handle_t module;
};

/* The first GPU that takes system memory; false without one. */
bool ze_find_device(ze_driver_handle_t *driver, ze_device_handle_t *device);
/* On that GPU; spirv is the program. */
struct ze ze_open(const void *spirv, size_t size);
void ze_close(struct ze *ze);
void *ze_shared(const struct ze *ze, size_t size);
ze_kernel_handle_t ze_kernel(const struct ze *ze, const char *name, unsigned group_size);
void ze_pointer(ze_kernel_handle_t kernel, unsigned index, const void *pointer);
void ze_number(ze_kernel_handle_t kernel, unsigned index, unsigned number);
ze_command_list_handle_t ze_list(const struct ze *ze);
/* Closes the list, runs it, waits, and makes it empty again. */
void ze_run(const struct ze *ze, ze_command_list_handle_t list);

void ze_check_at(ze_result_t result, const char *what, const char *file, int line);
#define ZE_CHECK(call) ze_check_at(call, #call, __FILE__, __LINE__)

/* Exit code for "this machine cannot run the sample", as ctest and automake know it. */
#define SAMPLE_SKIP 77

#endif
