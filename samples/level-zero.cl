/* SPDX-License-Identifier: MIT */
/* The kernels of the Level Zero samples. */

struct item {
    global struct item *next;
    uint value;
};

/* level-zero-malloc-list.c */
kernel void walk(global struct item *item, global uint *out)
{
    uint count = 0, sum = 0;
    for (; item; item = item->next) {
        sum += item->value;
        item->value += 1;
        count++;
    }
    out[0] = count;
    out[1] = sum;
}

#define DEGREE 4

/* The edges are vertices; Debian's IGC ends on an array of pointers to the own struct. */
struct vertex {
    global void *edge[DEGREE];
    uint distance;
    uint visits;
};

/* level-zero-bfs.c: one step outwards from every vertex at this distance. */
kernel void expand(global struct vertex *vertices, uint distance, global uint *changed)
{
    global struct vertex *vertex = &vertices[get_global_id(0)];
    if (vertex->distance != distance)
        return;
    vertex->visits++;
    for (uint i = 0; i < DEGREE; i++) {
        volatile global struct vertex *to = vertex->edge[i];
        if (to && atomic_cmpxchg(&to->distance, 0xffffffff, distance + 1) == 0xffffffff)
            atomic_inc(changed);
    }
}

/* level-zero-pipeline.c */
kernel void square(global ulong *data)
{
    size_t i = get_global_id(0);
    data[i] = data[i] * data[i];
}
