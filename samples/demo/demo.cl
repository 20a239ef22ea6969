/* SPDX-License-Identifier: MIT */
/*
 * The demo's kernels. They get the CPU's own data structures and follow the CPU's own pointers:
 * the structs are those of trie.h.
 */
#define LETTERS 26

/* The children are nodes; Debian's IGC 1.0.12504 ends on an array of pointers to the own struct. */
struct node {
    global void *child[LETTERS];
    uint words;
    uint counted;
    uint marked;
};

struct word {
    global const uchar *text; /* into the text as it was read */
    uint length;
};

static global struct node *find(global struct node *node, const global struct word *word)
{
    global const uchar *text = word->text;
    for (uint i = 0; i < word->length && node; i++)
        node = node->child[(text[i] | 0x20) - 'a'];
    return node;
}

/* Counts every word of the text where it ends in the trie. */
kernel void count(global struct node *root, const global struct word *words, uint number)
{
    uint i = get_global_id(0);
    if (i >= number)
        return;
    global struct node *node = find(root, &words[i]);
    if (node)
        atomic_inc((volatile global uint *)&node->counted);
}

/* Looks up words; what is found is stored as a pointer for the CPU to follow. */
kernel void search(global struct node *root, const global struct word *words,
                   global struct node *global *found, uint number)
{
    uint i = get_global_id(0);
    if (i >= number)
        return;
    global struct node *node = find(root, &words[i]);
    found[i] = node && node->words ? node : 0;
}

/* Changes the nodes that the search found, through the pointers it stored. */
kernel void update(global struct node *global *found, uint number)
{
    uint i = get_global_id(0);
    if (i < number && found[i])
        atomic_add((volatile global uint *)&found[i]->marked, found[i]->words);
}
