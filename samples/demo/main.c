/* SPDX-License-Identifier: MIT */
/*
 * The main job: a trie that the CPU built with malloc() from a real text is counted, searched
 * and changed by the GPU through the same pointers, from system memory, from device memory, and
 * after the CPU has touched it again. Every result is checked against the CPU.
 *
 * Usage: svm-demo [--api opencl|level-zero] [--words N] FILE...
 */
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/places.h"
#include "runner.h"
#include "trie.h"

#define EXIT_USAGE 2

const char *const kernel_names[KERNEL_KINDS] = {"count", "search", "update"};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

struct row {
    const char *api, *memory, *step;
    size_t wrong;
    double seconds;
    struct place_sums places;
    uint64_t to_device, to_system;
};

static void print_header(void)
{
    printf("%-11s %-7s %-9s %-6s %8s %9s %7s %7s %9s %9s\n", "API", "memory", "step", "result",
           "ms", "4K pages", "64K", "2M", "to GPU", "to CPU");
}

static void print_row(const struct row *row)
{
    char result[32] = "right";
    if (row->wrong)
        snprintf(result, sizeof(result), "WRONG %zu", row->wrong);
    printf("%-11s %-7s %-9s %-6s %8.1f %9" PRIu64 " %7" PRIu64 " %7" PRIu64 " %7" PRIu64
           " K %7" PRIu64 " K\n",
           row->api, row->memory, row->step, result, row->seconds * 1e3, row->places.pages_4k,
           row->places.pages_64k, row->places.pages_2m, row->to_device >> 10, row->to_system >> 10);
    fflush(stdout);
}

static const char *run_kernel(const struct runner *runner, struct corpus *corpus,
                              enum demo_kernel kernel)
{
    struct argument words[] = {POINTER(corpus->root), POINTER(corpus->words.array),
                               NUMBER(corpus->words.count)};
    struct argument queries[] = {POINTER(corpus->root), POINTER(corpus->queries.array),
                                 POINTER(corpus->found), NUMBER(corpus->queries.count)};
    switch (kernel) {
    case KERNEL_COUNT:
        return runner->run(kernel, words, 3, corpus->words.count);
    case KERNEL_SEARCH:
        return runner->run(kernel, queries, 4, corpus->queries.count);
    default:
        return runner->run(kernel, queries + 2, 2, corpus->queries.count);
    }
}

static size_t check(const struct corpus *corpus, enum demo_kernel kernel)
{
    switch (kernel) {
    case KERNEL_COUNT:
        return corpus_check_count(corpus);
    case KERNEL_SEARCH:
        return corpus_check_search(corpus);
    default:
        return corpus_check_update(corpus);
    }
}

/* What the CPU's check brings back from the device counts as moved to the CPU. */
static size_t check_and_account(const struct corpus *corpus, enum demo_kernel kernel,
                                struct row *row)
{
    uint64_t on_device = row->places.bytes_device;
    size_t wrong = check(corpus, kernel);
    uint64_t left = places_sum().bytes_device;
    row->to_system = on_device > left ? on_device - left : 0;
    return wrong;
}

/* One pass of all kernels. Returns the number of differences, or -1 when it could not run. */
static long run_pass(const struct runner *runner, struct corpus *corpus, bool on_device)
{
    long wrong = 0;
    corpus_reset(corpus);
    for (enum demo_kernel kernel = 0; kernel < KERNEL_KINDS; kernel++) {
        struct row row = {.api = runner->name,
                          .memory = on_device ? "device" : "system",
                          .step = kernel_names[kernel]};
        if (on_device)
            row.to_device = places_prefetch(I915SVM_LOCATION_DEVICE).moved;
        double begin = now();
        const char *error = run_kernel(runner, corpus, kernel);
        row.seconds = now() - begin;
        if (error) {
            fprintf(stderr, "svm-demo: %s, %s: %s\n", runner->name, row.step, error);
            return -1;
        }
        row.places = places_sum();
        row.wrong = check_and_account(corpus, kernel, &row);
        wrong += (long)row.wrong;
        print_row(&row);
    }
    return wrong;
}

static bool run_api(const struct runner *runner, struct corpus *corpus)
{
    places_before();
    const char *error = runner->open();
    if (!error)
        error = places_after();
    if (error) {
        fprintf(stderr, "svm-demo: %s: %s\n", runner->name, error);
        return false;
    }
    long in_system = run_pass(runner, corpus, false);
    long on_device = in_system < 0 ? -1 : run_pass(runner, corpus, true);
    places_close();
    runner->close();
    return in_system == 0 && on_device == 0;
}

struct options {
    const char *api;
    uint32_t words;
    int files;
    char **paths;
};

static bool parse(int argc, char **argv, struct options *options)
{
    int at = 1;
    *options = (struct options){.words = UINT32_MAX};
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        if (strcmp(argv[at], "--api") == 0)
            options->api = argv[at + 1];
        else if (strcmp(argv[at], "--words") == 0)
            options->words = (uint32_t)strtoul(argv[at + 1], NULL, 10);
        else
            return false;
    }
    options->paths = argv + at;
    options->files = argc - at;
    return options->files > 0 && options->words &&
           (!options->api || strcmp(options->api, "opencl") == 0 ||
            strcmp(options->api, "level-zero") == 0);
}

static const char *prepare(struct corpus *corpus, const struct options *options)
{
    const char *error = corpus_read(corpus, options->paths, options->files);
    return error ? error : corpus_build(corpus, options->words);
}

struct preparation {
    struct corpus *corpus;
    const struct options *options;
    const char *error;
    sem_t done, over;
};

static void *prepare_thread(void *argument)
{
    struct preparation *preparation = argument;
    preparation->error = prepare(preparation->corpus, preparation->options);
    sem_post(&preparation->done);
    sem_wait(&preparation->over);
    return NULL;
}

/*
 * In a thread that stays, because malloc() then takes the memory from an arena of its own: what
 * the runtimes allocate does not lie between the nodes, and does not bring them back to the CPU.
 */
static const char *prepare_apart(struct corpus *corpus, const struct options *options,
                                 struct preparation *preparation, pthread_t *thread)
{
    preparation->corpus = corpus;
    preparation->options = options;
    sem_init(&preparation->done, 0, 0);
    sem_init(&preparation->over, 0, 0);
    if (pthread_create(thread, NULL, prepare_thread, preparation))
        return "cannot start a thread";
    sem_wait(&preparation->done);
    if (preparation->error)
        return preparation->error;
    const void *data[] = {corpus->text, corpus->words.array, corpus->queries.array, corpus->found,
                          corpus->root};
    printf("%zu bytes of text: %u words, a trie of %zu nodes (%zu KiB), %u words to look up\n\n",
           corpus->size, corpus->words.count, corpus->nodes,
           corpus->nodes * sizeof(struct node) >> 10, corpus->queries.count);
    return places_remember(data, sizeof(data) / sizeof(data[0]));
}

int main(int argc, char **argv)
{
    struct options options;
    struct corpus corpus = {0};
    struct preparation preparation = {0};
    pthread_t builder;
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "Usage: svm-demo [--api opencl|level-zero] [--words N] FILE...\n");
        return EXIT_USAGE;
    }
    const char *error = prepare_apart(&corpus, &options, &preparation, &builder);
    if (error) {
        fprintf(stderr, "svm-demo: %s\n", error);
        return EXIT_USAGE;
    }
    bool right = true;
    print_header();
    if (!options.api || strcmp(options.api, "opencl") == 0)
        right = run_api(&runner_opencl, &corpus) && right;
    if (!options.api || strcmp(options.api, "level-zero") == 0)
        right = run_api(&runner_level_zero, &corpus) && right;
    printf("\n%s\n", right ? "Every result is the CPU's." : "FAILED");
    sem_post(&preparation.over);
    pthread_join(builder, NULL);
    corpus_free(&corpus);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
