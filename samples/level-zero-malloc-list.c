/* SPDX-License-Identifier: MIT */
/* The list of opencl-malloc-list.c with Level Zero: malloc'ed, and walked by the GPU as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "common/places.h"
#include "common/ze.h"
#include "level-zero.spv.h"

#define ITEMS 1000

struct item {
    struct item *next;
    unsigned value;
};

static struct item *make_list(unsigned *sum)
{
    struct item *head = NULL;
    for (unsigned i = 0; i < ITEMS; i++) {
        struct item *item = malloc(sizeof(*item));
        if (!item)
            abort();
        *item = (struct item){.next = head, .value = i * 3};
        *sum += item->value;
        head = item;
    }
    return head;
}

int main(void)
{
    struct ze ze = ze_open(level_zero_spv, sizeof(level_zero_spv));
    ze_kernel_handle_t kernel = ze_kernel(&ze, "walk", 1);
    ze_command_list_handle_t list = ze_list(&ze);
    ze_group_count_t one = {1, 1, 1};
    unsigned expected = 0, after = 0, *out = calloc(2, sizeof(*out));
    struct item *head = make_list(&expected);
    if (!out)
        abort();
    ze_pointer(kernel, 0, head);
    ze_pointer(kernel, 1, out);
    ZE_CHECK(zeCommandListAppendLaunchKernel(list, kernel, &one, NULL, 0, NULL));
    ze_run(&ze, list);
    places_print("the head's page", head, sizeof(*head));
    for (const struct item *item = head; item; item = item->next)
        after += item->value;
    bool right = out[0] == ITEMS && out[1] == expected && after == expected + ITEMS;
    printf("list at %p: GPU counted %u items, sum %u (CPU %u); incremented sum %u: %s\n",
           (void *)head, out[0], out[1], expected, after, right ? "right" : "WRONG");
    zeCommandListDestroy(list);
    zeKernelDestroy(kernel);
    ze_close(&ze);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
