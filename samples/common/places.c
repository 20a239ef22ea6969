/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FDS_MAX 16
/* NEO makes one VM per GPU, the first of its DRM file: docs/using.md. */
#define NEO_VM_ID 1

static int before[FDS_MAX];
static size_t before_count;
static i915svm_device *device;
static i915svm_vm *vm;

void places_before(void)
{
    if (i915svm_find_fds(before, FDS_MAX, &before_count) != I915SVM_OK)
        before_count = 0;
}

static bool was_there(int fd)
{
    for (size_t i = 0; i < before_count && i < FDS_MAX; i++)
        if (before[i] == fd)
            return true;
    return false;
}

const char *places_after(void)
{
    int fds[FDS_MAX];
    size_t count;
    i915svm_result result = i915svm_find_fds(fds, FDS_MAX, &count);
    for (size_t i = 0; result == I915SVM_OK && i < count && i < FDS_MAX; i++) {
        if (was_there(fds[i]))
            continue;
        if (i915svm_device_open_fd(fds[i], &device) != I915SVM_OK)
            continue;
        result = i915svm_vm_attach(device, NEO_VM_ID, I915SVM_VM_MIRROR, &vm);
        if (result == I915SVM_OK)
            return NULL;
        i915svm_device_close(device);
    }
    device = NULL;
    return result == I915SVM_OK ? "the runtime opened no i915" : i915svm_result_string(result);
}

void places_close(void)
{
    i915svm_vm_close(vm);
    i915svm_device_close(device);
    vm = NULL;
    device = NULL;
}

static struct mapping {
    char *start;
    size_t length;
} * mappings;
static size_t mapping_count;

static bool add_mapping(char *start, size_t length)
{
    struct mapping *longer = realloc(mappings, (mapping_count + 1) * sizeof(*mappings));
    if (!longer)
        return false;
    mappings = longer;
    mappings[mapping_count++] = (struct mapping){start, length};
    return true;
}

static bool holds_any(uintptr_t start, uintptr_t end, const void *const *pointers, int count)
{
    for (int i = 0; i < count; i++)
        if ((uintptr_t)pointers[i] >= start && (uintptr_t)pointers[i] < end)
            return true;
    return false;
}

const char *places_remember(const void *const *pointers, int count)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char *line = NULL;
    size_t capacity = 0;
    bool done = maps;
    while (done && getline(&line, &capacity, maps) > 0) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx", &start, &end) == 2 && holds_any(start, end, pointers, count))
            done = add_mapping((char *)start, end - start);
    }
    free(line);
    if (maps)
        fclose(maps);
    return done ? NULL : "cannot read /proc/self/maps";
}

static void each_mapping(void (*fn)(void *start, size_t length, void *argument), void *argument)
{
    for (size_t i = 0; i < mapping_count; i++)
        fn(mappings[i].start, mappings[i].length, argument);
}

static void add_query(void *start, size_t length, void *argument)
{
    struct place_sums *sums = argument;
    i915svm_range range;
    if (i915svm_query(vm, start, length, &range) != I915SVM_OK)
        return;
    sums->bytes_system += range.bytes_system;
    sums->bytes_device += range.bytes_device;
    sums->pages_4k += range.pages_4k;
    sums->pages_64k += range.pages_64k;
    sums->pages_2m += range.pages_2m;
}

struct place_sums places_sum(void)
{
    struct place_sums sums = {0};
    each_mapping(add_query, &sums);
    return sums;
}

struct move {
    i915svm_location to;
    i915svm_prefetch_result sum;
};

static void add_prefetch(void *start, size_t length, void *argument)
{
    struct move *move = argument;
    i915svm_prefetch_result result;
    if (i915svm_prefetch(vm, start, length, move->to, &result) != I915SVM_OK)
        return;
    move->sum.moved += result.moved;
    move->sum.already += result.already;
    move->sum.absent += result.absent;
    move->sum.failed_unmapped += result.failed_unmapped;
    move->sum.failed_type += result.failed_type;
    move->sum.failed_busy += result.failed_busy;
    move->sum.failed_memory += result.failed_memory;
}

i915svm_prefetch_result places_prefetch(i915svm_location to)
{
    struct move move = {.to = to};
    each_mapping(add_prefetch, &move);
    return move.sum;
}

void places_print(const char *label, const void *start, size_t length)
{
    i915svm_range range;
    i915svm_result result = i915svm_query(vm, start, length, &range);
    if (result != I915SVM_OK)
        printf("%s: %s\n", label, i915svm_result_string(result));
    else
        printf("%s: %" PRIu64 " KiB in system, %" PRIu64 " KiB in device memory, %" PRIu64
               " KiB not in use by the GPU\n",
               label, range.bytes_system >> 10, range.bytes_device >> 10,
               range.bytes_invalid >> 10);
}
