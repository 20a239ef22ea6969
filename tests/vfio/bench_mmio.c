/* SPDX-License-Identifier: MIT */
/*
 * In the guest: how long an access to BAR0 takes, trapped and mapped.
 * Usage: bench-mmio [PCI address]
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS         5000
#define BAR0_SIZE      (16u << 20)
#define GGTT_OFFSET    (8u << 20)
#define RCS_TIMESTAMP  0x2358 /* i915: RING_TIMESTAMP(RENDER_RING_BASE); reading changes nothing */
#define RCS_HWSTAM     0x2098 /* i915: RING_HWSTAM, which i915 too writes all ones to */
#define DEFAULT_DEVICE "0000:00:10.0" /* where ./svm puts the GPU */

typedef void access_function(volatile uint32_t *bar);

static void read_register(volatile uint32_t *bar)
{
    (void)bar[RCS_TIMESTAMP / 4];
}

static void write_register(volatile uint32_t *bar)
{
    bar[RCS_HWSTAM / 4] = ~0u;
}

static void read_ggtt(volatile uint32_t *bar)
{
    (void)bar[GGTT_OFFSET / 4];
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const char *name, access_function *access, volatile uint32_t *bar)
{
    static double took[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        double start = now_us();

        access(bar);
        took[i] = now_us() - start;
    }
    qsort(took, ROUNDS, sizeof(took[0]), compare);
    printf("%-22s median %8.2f us   least %8.2f us   99%% below %8.2f us\n", name, took[ROUNDS / 2],
           took[0], took[ROUNDS * 99 / 100]);
}

int main(int argc, char **argv)
{
    char path[256];
    void *bar;
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0",
             argc > 1 ? argv[1] : DEFAULT_DEVICE);
    fd = open(path, O_RDWR | O_SYNC);
    if (fd < 0) {
        perror(path);
        return EXIT_FAILURE;
    }
    bar = mmap(NULL, BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bar == MAP_FAILED) {
        perror(path);
        return EXIT_FAILURE;
    }
    measure("register read", read_register, bar);
    measure("register write", write_register, bar);
    measure("GGTT read (mapped)", read_ggtt, bar);
    return EXIT_SUCCESS;
}
