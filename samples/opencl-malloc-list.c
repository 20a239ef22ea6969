/* SPDX-License-Identifier: MIT */
/*
 * A linked list made with malloc() is walked by the GPU, which gets the raw pointer to its head.
 * Nothing is copied, mapped or registered: the pointers inside the list are followed as they are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/ocl.h"
#include "common/places.h"

#define NODES 1000

struct node {
    struct node *next;
    unsigned value;
};

/* The same struct seen from the GPU: pointers are 64 bits there too. */
static const char source[] = "struct node { global struct node *next; uint value; };\n"
                             "kernel void walk(global struct node *node, global uint *out)\n"
                             "{\n"
                             "    uint count = 0, sum = 0;\n"
                             "    for (; node; node = node->next) {\n"
                             "        sum += node->value;\n"
                             "        node->value += 1;\n"
                             "        count++;\n"
                             "    }\n"
                             "    out[0] = count;\n"
                             "    out[1] = sum;\n"
                             "}\n";

static struct node *make_list(void)
{
    struct node *head = NULL;
    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = malloc(sizeof(*node));
        if (!node)
            abort();
        node->value = i * i;
        node->next = head;
        head = node;
    }
    return head;
}

static unsigned sum_list(const struct node *node)
{
    unsigned sum = 0;
    for (; node; node = node->next)
        sum += node->value;
    return sum;
}

int main(void)
{
    struct ocl ocl = ocl_open(CL_DEVICE_SVM_FINE_GRAIN_SYSTEM);
    cl_kernel kernel = ocl_kernel(&ocl, source, "walk");
    struct node *head = make_list();
    unsigned expected = sum_list(head);
    unsigned *out = calloc(2, sizeof(*out));
    if (!out)
        abort();

    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, head));
    OCL_CHECK(clSetKernelArgSVMPointer(kernel, 1, out));
    ocl_run(&ocl, kernel, 1);
    places_print("the head's page", head, sizeof(*head));

    unsigned after = sum_list(head);
    bool right = out[0] == NODES && out[1] == expected && after == expected + NODES;
    printf("list at %p: GPU counted %u nodes, sum %u (CPU %u); each node incremented: "
           "sum now %u (CPU %u): %s\n",
           (void *)head, out[0], out[1], expected, after, expected + NODES,
           right ? "right" : "WRONG");
    clReleaseKernel(kernel);
    ocl_close(&ocl);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
