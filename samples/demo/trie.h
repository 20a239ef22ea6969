/* SPDX-License-Identifier: MIT */
/* The data of the demo: all of it made with malloc() and full of pointers. */
#ifndef DEMO_TRIE_H
#define DEMO_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LETTERS 26

struct node {
    struct node *child[LETTERS];
    uint32_t words;   /* how often a word ends here: counted by the CPU */
    uint32_t counted; /* the same by the GPU */
    uint32_t marked;  /* changed by the GPU through pointers it found */
};

struct word {
    const unsigned char *text;
    uint32_t length;
};

struct words {
    struct word *array;
    uint32_t count, capacity;
};

struct corpus {
    unsigned char *text;
    size_t size;
    struct words words;   /* every word of the text */
    struct words queries; /* words to be looked up, some of which are not there */
    struct node *root;
    struct node **found; /* one per query, written by the GPU */
    size_t nodes;
};

/* NULL, or a message for people. */
const char *corpus_read(struct corpus *corpus, char *const *paths, int count);
/* Cuts the text into words, builds the trie and the queries. */
const char *corpus_build(struct corpus *corpus, uint32_t max_words);
void corpus_free(struct corpus *corpus);

struct node *trie_find(struct node *root, const struct word *word);
/* Clears what the GPU writes. */
void corpus_reset(struct corpus *corpus);
/* Number of differences between what the GPU wrote and what the CPU says. */
size_t corpus_check_count(const struct corpus *corpus);
size_t corpus_check_search(const struct corpus *corpus);
size_t corpus_check_update(const struct corpus *corpus);

#endif
