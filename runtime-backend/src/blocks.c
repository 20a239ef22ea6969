/* SPDX-License-Identifier: MIT */
/* The memory a VM handle knows, as a sorted array: found by bisection, so that an interior
 * pointer costs O(log n) and no allocation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* First block whose end is above the address. */
static size_t lower_bound(const struct svm_blocks *blocks, uintptr_t address)
{
    size_t low = 0, high = blocks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct svm_block *block = &blocks->array[middle];
        if (block->start + block->length <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct svm_block *svm_blocks_find(const struct svm_blocks *blocks, uintptr_t address)
{
    size_t at = lower_bound(blocks, address);
    if (at == blocks->count || blocks->array[at].start > address)
        return NULL;
    return &blocks->array[at];
}

bool svm_blocks_overlap(const struct svm_blocks *blocks, uintptr_t start, size_t length)
{
    size_t at = lower_bound(blocks, start);
    return at < blocks->count && blocks->array[at].start < start + length;
}

i915svm_result svm_blocks_insert(struct svm_blocks *blocks, const struct svm_block *block)
{
    if (blocks->count == blocks->capacity) {
        size_t capacity = blocks->capacity ? 2 * blocks->capacity : 16;
        struct svm_block *array = realloc(blocks->array, capacity * sizeof(*array));
        if (!array)
            return svm_fail(I915SVM_ERROR_OUT_OF_HOST_MEMORY, ENOMEM);
        blocks->array = array;
        blocks->capacity = capacity;
    }
    size_t at = lower_bound(blocks, block->start);
    memmove(&blocks->array[at + 1], &blocks->array[at],
            (blocks->count - at) * sizeof(*blocks->array));
    blocks->array[at] = *block;
    blocks->count++;
    return I915SVM_OK;
}

void svm_blocks_remove(struct svm_blocks *blocks, struct svm_block *block)
{
    size_t at = (size_t)(block - blocks->array);
    blocks->count--;
    memmove(block, block + 1, (blocks->count - at) * sizeof(*block));
}
