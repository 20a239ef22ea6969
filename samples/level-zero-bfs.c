/* SPDX-License-Identifier: MIT */
/*
 * Breadth-first search over a graph of pointers in zeMemAllocShared. The graph is made by the
 * CPU, prefetched to the device, searched there level by level, and checked by the CPU, whose
 * touch brings it back.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/places.h"
#include "common/ze.h"
#include "level-zero.spv.h"

#define VERTICES  32768
#define DEGREE    4
#define GROUP     32
#define UNREACHED 0xffffffffu

struct vertex {
    struct vertex *edge[DEGREE];
    unsigned distance, visits;
};

static void make_graph(struct vertex *vertices)
{
    unsigned state = 1;
    for (unsigned i = 0; i < VERTICES; i++) {
        for (unsigned e = 0; e < DEGREE; e++) {
            state = state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
            vertices[i].edge[e] = &vertices[(state >> 8) % VERTICES];
        }
        vertices[i].distance = i ? UNREACHED : 0;
        vertices[i].visits = 0;
    }
}

/* The same search by the CPU; distances only. */
static unsigned *cpu_search(struct vertex *vertices)
{
    unsigned *distance = malloc(VERTICES * sizeof(*distance));
    unsigned *queue = malloc(VERTICES * sizeof(*queue)), head = 0, tail = 0;
    if (!distance || !queue)
        abort();
    for (unsigned i = 0; i < VERTICES; i++)
        distance[i] = i ? UNREACHED : 0;
    queue[tail++] = 0;
    while (head < tail) {
        unsigned at = queue[head++];
        for (unsigned e = 0; e < DEGREE; e++) {
            unsigned to = (unsigned)(vertices[at].edge[e] - vertices);
            if (distance[to] != UNREACHED)
                continue;
            distance[to] = distance[at] + 1;
            queue[tail++] = to;
        }
    }
    free(queue);
    return distance;
}

static unsigned gpu_search(const struct ze *ze, struct vertex *vertices)
{
    ze_kernel_handle_t kernel = ze_kernel(ze, "expand", GROUP);
    ze_command_list_handle_t list = ze_list(ze);
    ze_group_count_t groups = {VERTICES / GROUP, 1, 1};
    unsigned *changed = malloc(sizeof(*changed)), level = 0;
    if (!changed)
        abort();
    ZE_CHECK(zeCommandListAppendMemoryPrefetch(list, vertices, VERTICES * sizeof(*vertices)));
    do {
        *changed = 0;
        ze_pointer(kernel, 0, vertices);
        ze_number(kernel, 1, level++);
        ze_pointer(kernel, 2, changed);
        ZE_CHECK(zeCommandListAppendLaunchKernel(list, kernel, &groups, NULL, 0, NULL));
        ze_run(ze, list);
    } while (*(volatile unsigned *)changed);
    free(changed);
    zeCommandListDestroy(list);
    zeKernelDestroy(kernel);
    return level;
}

int main(void)
{
    struct ze ze = ze_open(level_zero_spv, sizeof(level_zero_spv));
    struct vertex *vertices = ze_shared(&ze, VERTICES * sizeof(*vertices));
    make_graph(vertices);
    unsigned *expected = cpu_search(vertices), wrong = 0;
    unsigned levels = gpu_search(&ze, vertices);
    places_print("the graph after the search", vertices, VERTICES * sizeof(*vertices));
    for (unsigned i = 0; i < VERTICES; i++)
        wrong +=
            vertices[i].distance != expected[i] || vertices[i].visits != (expected[i] != UNREACHED);
    places_print("the graph after the check", vertices, VERTICES * sizeof(*vertices));
    printf("%u vertices, %u levels, %u wrong\n", VERTICES, levels, wrong);
    free(expected);
    ZE_CHECK(zeMemFree(ze.context, vertices));
    ze_close(&ze);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
