/* SPDX-License-Identifier: MIT */
#include "trie.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_LENGTH_MAX 64
#define CHUNK           65536
#define QUERY_STRIDE    3 /* every third word is looked up, each once as it is, once changed */

static char message[512];

static const char *fail(const char *path, const char *why)
{
    snprintf(message, sizeof(message), "%s: %s", path, why);
    return message;
}

/* ---- reading ------------------------------------------------------------------------------- */

static const char *read_stream(struct corpus *corpus, FILE *file, const char *path)
{
    size_t begin = corpus->size, got;
    do {
        unsigned char *text = realloc(corpus->text, corpus->size + CHUNK + 1);
        if (!text)
            return fail(path, "too large for the memory of this machine");
        corpus->text = text;
        got = fread(text + corpus->size, 1, CHUNK, file);
        corpus->size += got;
    } while (got);
    if (ferror(file))
        return fail(path, strerror(errno));
    if (corpus->size == begin)
        return fail(path, "is empty");
    if (memchr(corpus->text + begin, 0, corpus->size - begin))
        return fail(path, "is not a text (it has zero bytes)");
    corpus->text[corpus->size++] = '\n'; /* words do not join over files */
    return NULL;
}

const char *corpus_read(struct corpus *corpus, char *const *paths, int count)
{
    for (int i = 0; i < count; i++) {
        FILE *file = fopen(paths[i], "rb");
        if (!file)
            return fail(paths[i], strerror(errno));
        const char *error = read_stream(corpus, file, paths[i]);
        fclose(file);
        if (error)
            return error;
    }
    return NULL;
}

/* ---- building ------------------------------------------------------------------------------ */

static bool add_word(struct words *words, const unsigned char *text, uint32_t length)
{
    if (words->count == words->capacity) {
        uint32_t capacity = words->capacity ? 2 * words->capacity : 1024;
        struct word *array = realloc(words->array, capacity * sizeof(*array));
        if (!array)
            return false;
        words->array = array;
        words->capacity = capacity;
    }
    words->array[words->count++] = (struct word){.text = text, .length = length};
    return true;
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool cut_words(struct corpus *corpus, uint32_t max)
{
    size_t at = 0;
    while (at < corpus->size && corpus->words.count < max) {
        while (at < corpus->size && !is_letter(corpus->text[at]))
            at++;
        size_t begin = at;
        while (at < corpus->size && is_letter(corpus->text[at]))
            at++;
        if (at > begin && at - begin <= WORD_LENGTH_MAX &&
            !add_word(&corpus->words, corpus->text + begin, (uint32_t)(at - begin)))
            return false;
    }
    return true;
}

static unsigned letter_index(unsigned char c)
{
    return (unsigned)tolower(c) - 'a';
}

static struct node *new_node(struct corpus *corpus)
{
    corpus->nodes++;
    return calloc(1, sizeof(struct node));
}

static bool insert(struct corpus *corpus, const struct word *word)
{
    struct node *node = corpus->root;
    for (uint32_t i = 0; i < word->length; i++) {
        struct node **child = &node->child[letter_index(word->text[i])];
        if (!*child && !(*child = new_node(corpus)))
            return false;
        node = *child;
    }
    node->words++;
    return true;
}

/* Each is one allocation of its own; the last letter is changed in every second one. */
static bool add_query(struct corpus *corpus, const struct word *word, bool change)
{
    unsigned char *text = malloc(word->length);
    if (!text)
        return false;
    memcpy(text, word->text, word->length);
    if (change)
        text[word->length - 1] = letter_index(text[word->length - 1]) == 'z' - 'a' ? 'q' : 'z';
    return add_word(&corpus->queries, text, word->length);
}

static bool build(struct corpus *corpus)
{
    corpus->root = new_node(corpus);
    if (!corpus->root)
        return false;
    for (uint32_t i = 0; i < corpus->words.count; i++) {
        const struct word *word = &corpus->words.array[i];
        if (!insert(corpus, word))
            return false;
        if (i % QUERY_STRIDE == 0 && !add_query(corpus, word, i / QUERY_STRIDE % 2))
            return false;
    }
    corpus->found = calloc(corpus->queries.count, sizeof(*corpus->found));
    return corpus->found;
}

const char *corpus_build(struct corpus *corpus, uint32_t max_words)
{
    if (!cut_words(corpus, max_words))
        return "out of memory";
    if (!corpus->words.count)
        return "the text has no words (runs of the letters a to z)";
    return build(corpus) ? NULL : "out of memory";
}

static void free_nodes(struct node *node)
{
    if (!node)
        return;
    for (unsigned i = 0; i < LETTERS; i++)
        free_nodes(node->child[i]);
    free(node);
}

void corpus_free(struct corpus *corpus)
{
    free_nodes(corpus->root);
    for (uint32_t i = 0; i < corpus->queries.count; i++)
        free((void *)corpus->queries.array[i].text);
    free(corpus->queries.array);
    free(corpus->words.array);
    free(corpus->found);
    free(corpus->text);
}

/* ---- checking ------------------------------------------------------------------------------ */

struct node *trie_find(struct node *root, const struct word *word)
{
    struct node *node = root;
    for (uint32_t i = 0; i < word->length && node; i++)
        node = node->child[letter_index(word->text[i])];
    return node;
}

static void reset_nodes(struct node *node)
{
    if (!node)
        return;
    node->counted = node->marked = 0;
    for (unsigned i = 0; i < LETTERS; i++)
        reset_nodes(node->child[i]);
}

void corpus_reset(struct corpus *corpus)
{
    reset_nodes(corpus->root);
    memset(corpus->found, 0xff, corpus->queries.count * sizeof(*corpus->found));
}

static size_t count_differences(const struct node *node)
{
    size_t wrong = node->counted != node->words;
    for (unsigned i = 0; i < LETTERS; i++)
        if (node->child[i])
            wrong += count_differences(node->child[i]);
    return wrong;
}

size_t corpus_check_count(const struct corpus *corpus)
{
    return count_differences(corpus->root);
}

static struct node *expected(const struct corpus *corpus, uint32_t query)
{
    struct node *node = trie_find(corpus->root, &corpus->queries.array[query]);
    return node && node->words ? node : NULL;
}

size_t corpus_check_search(const struct corpus *corpus)
{
    size_t wrong = 0;
    for (uint32_t i = 0; i < corpus->queries.count; i++)
        wrong += corpus->found[i] != expected(corpus, i);
    return wrong;
}

/* Takes back what the GPU should have added: nothing may be left anywhere. */
static size_t marks_left(const struct node *node)
{
    size_t left = node->marked != 0;
    for (unsigned i = 0; i < LETTERS; i++)
        if (node->child[i])
            left += marks_left(node->child[i]);
    return left;
}

size_t corpus_check_update(const struct corpus *corpus)
{
    for (uint32_t i = 0; i < corpus->queries.count; i++) {
        struct node *node = expected(corpus, i);
        if (node)
            node->marked -= node->words;
    }
    return marks_left(corpus->root);
}
