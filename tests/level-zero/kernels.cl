/* SPDX-License-Identifier: MIT */
struct node {
    global struct node *next;
    uint value;
};

kernel void increment(global uint *data)
{
    data[get_global_id(0)] += 1;
}

kernel void copy(global uint *to, global const uint *from)
{
    to[get_global_id(0)] = from[get_global_id(0)];
}

kernel void walk(global struct node *node, global uint *out)
{
    uint count = 0;
    for (; node; node = node->next) {
        node->value += 1;
        count++;
    }
    *out = count;
}

kernel void follow(global ulong *pointers)
{
    global uint *to = (global uint *)pointers[get_global_id(0)];
    *to += 1;
}

kernel void store_scalar(global ulong *out, ulong value)
{
    *out = value;
}
