/* SPDX-License-Identifier: MIT */
/*
 * A double-buffered pipeline: while the GPU squares one buffer in device memory, the CPU fills
 * the other; each buffer is advised and prefetched to the device, and comes back by the CPU's
 * touch. No copy is ever asked for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/places.h"
#include "common/ze.h"
#include "level-zero.spv.h"

#define ROUNDS 6
#define COUNT  65536
#define BYTES  (COUNT * sizeof(unsigned long))
#define GROUP  32

struct stage {
    unsigned long *data;
    ze_command_list_handle_t list;
    unsigned long base; /* what the CPU filled it with; 0: nothing yet */
};

static void fill(struct stage *stage, unsigned long base)
{
    stage->base = base;
    for (unsigned long i = 0; i < COUNT; i++)
        stage->data[i] = base + i;
}

static size_t check(const struct stage *stage)
{
    size_t wrong = 0;
    for (unsigned long i = 0; stage->base && i < COUNT; i++)
        wrong += stage->data[i] != (stage->base + i) * (stage->base + i);
    return wrong;
}

static void start(const struct ze *ze, ze_kernel_handle_t kernel, struct stage *stage)
{
    ze_group_count_t groups = {COUNT / GROUP, 1, 1};
    ZE_CHECK(zeCommandListReset(stage->list));
    ZE_CHECK(zeCommandListAppendMemoryPrefetch(stage->list, stage->data, BYTES));
    ze_pointer(kernel, 0, stage->data);
    ZE_CHECK(zeCommandListAppendLaunchKernel(stage->list, kernel, &groups, NULL, 0, NULL));
    ZE_CHECK(zeCommandListClose(stage->list));
    ZE_CHECK(zeCommandQueueExecuteCommandLists(ze->queue, 1, &stage->list, NULL));
}

static void prepare(const struct ze *ze, struct stage *stage)
{
    stage->data = ze_shared(ze, BYTES);
    stage->list = ze_list(ze);
    stage->base = 0;
    ZE_CHECK(zeCommandListAppendMemAdvise(stage->list, ze->device, stage->data, BYTES,
                                          ZE_MEMORY_ADVICE_SET_PREFERRED_LOCATION));
    ze_run(ze, stage->list);
}

int main(void)
{
    struct ze ze = ze_open(level_zero_spv, sizeof(level_zero_spv));
    ze_kernel_handle_t kernel = ze_kernel(&ze, "square", GROUP);
    struct stage stages[2];
    size_t wrong = 0;
    for (int i = 0; i < 2; i++)
        prepare(&ze, &stages[i]);
    fill(&stages[0], 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct stage *on_gpu = &stages[round % 2], *on_cpu = &stages[(round + 1) % 2];
        start(&ze, kernel, on_gpu);
        wrong += check(on_cpu); /* of the round before */
        fill(on_cpu, round + 2);
        ZE_CHECK(zeCommandQueueSynchronize(ze.queue, UINT64_MAX));
        places_print("the GPU's buffer", on_gpu->data, BYTES);
    }
    wrong += check(&stages[(ROUNDS - 1) % 2]);
    printf("%d rounds of %zu KiB, %zu numbers wrong\n", ROUNDS, BYTES >> 10, wrong);
    for (int i = 0; i < 2; i++) {
        zeCommandListDestroy(stages[i].list);
        ZE_CHECK(zeMemFree(ze.context, stages[i].data));
    }
    zeKernelDestroy(kernel);
    ze_close(&ze);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
