/* SPDX-License-Identifier: MIT */
/*
 * A binary search tree of malloc'ed nodes that CPU and GPU change in turn: the CPU inserts keys,
 * the GPU looks every key up and marks its node, the CPU inserts more, and so on. Neither ever
 * copies or translates a pointer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/ocl.h"
#include "common/places.h"

#define ROUNDS         4
#define KEYS_PER_ROUND 500

struct node {
    struct node *left, *right;
    unsigned key;
    unsigned marks; /* by the GPU */
};

static const char source[] = "struct node { global struct node *left, *right; uint key, marks; };\n"
                             "kernel void mark(global struct node *root, global const uint *keys)\n"
                             "{\n"
                             "    uint key = keys[get_global_id(0)];\n"
                             "    global struct node *node = root;\n"
                             "    while (node && node->key != key)\n"
                             "        node = key < node->key ? node->left : node->right;\n"
                             "    if (node)\n"
                             "        atomic_inc((volatile global uint *)&node->marks);\n"
                             "}\n";

static void insert(struct node **link, unsigned key)
{
    while (*link)
        link = key < (*link)->key ? &(*link)->left : &(*link)->right;
    *link = calloc(1, sizeof(**link));
    if (!*link)
        abort();
    (*link)->key = key;
}

/* Each key is there once; keys of round r have been looked up in rounds r to the last one. */
static size_t count_wrong(const struct node *node, unsigned rounds_done)
{
    if (!node)
        return 0;
    unsigned round = node->key % ROUNDS;
    return (node->marks != rounds_done - round) + count_wrong(node->left, rounds_done) +
           count_wrong(node->right, rounds_done);
}

int main(void)
{
    struct ocl ocl = ocl_open(CL_DEVICE_SVM_FINE_GRAIN_SYSTEM);
    cl_kernel kernel = ocl_kernel(&ocl, source, "mark");
    unsigned *keys = malloc(ROUNDS * KEYS_PER_ROUND * sizeof(*keys));
    struct node *root = NULL;
    unsigned count = 0;
    size_t wrong = 0;
    if (!keys)
        abort();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < KEYS_PER_ROUND; i++) {
            /* An odd multiplier makes all keys different; their remainder tells the round. */
            keys[count] = (i * 2654435761u & 0xfffffu) * ROUNDS + round;
            insert(&root, keys[count++]);
        }
        OCL_CHECK(clSetKernelArgSVMPointer(kernel, 0, root));
        OCL_CHECK(clSetKernelArgSVMPointer(kernel, 1, keys));
        ocl_run(&ocl, kernel, count);
        places_print("the root's page", root, sizeof(*root));
        wrong += count_wrong(root, round + 1);
        printf("round %u: %u keys in the tree, %zu wrong marks\n", round + 1, count, wrong);
    }
    clReleaseKernel(kernel);
    ocl_close(&ocl);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
