/* SPDX-License-Identifier: MIT */
/*
 * Decoded kernels, cached by content: before each walker the code in GPU memory is compared with
 * the copy that was decoded, so rewritten memory is never run from a stale decoding.
 */
#include "gpgpu/internal.h"
#include <stdlib.h>
#include <string.h>

#define CACHE_ENTRIES  128u
#define PAGE_BYTES     4096u
#define FIRST_WINDOW   (16u << 10)
#define LARGEST_KERNEL (16u << 20)

struct gp_program {
    uint64_t offset; /* from the instruction base */
    size_t bytes;
    uint8_t *code;
    struct eu_program *program;
    uint64_t used; /* program_clock of the last use */
};

static size_t to_page_end(uint64_t va, size_t n)
{
    size_t rest = PAGE_BYTES - (va & (PAGE_BYTES - 1));

    return n < rest ? n : rest;
}

static bool same_code(struct tlb *tlb, uint64_t va, const struct gp_program *p)
{
    struct mmu_fault fault;

    for (size_t at = 0; at < p->bytes;) {
        size_t n = to_page_end(va + at, p->bytes - at);
        const uint8_t *host = tlb_ptr(tlb, (va + at) & GP_VA_MASK, MMU_FETCH, &fault);

        if (!host || memcmp(host, p->code + at, n) != 0)
            return false;
        at += n;
    }
    return true;
}

/* Bytes fetched from va on, up to n: less when the mapping ends earlier. */
static size_t fetch(struct tlb *tlb, uint64_t va, uint8_t *to, size_t n, struct mmu_fault *fault)
{
    size_t at = 0;

    while (at < n) {
        size_t part = to_page_end(va + at, n - at);
        const uint8_t *host = tlb_ptr(tlb, (va + at) & GP_VA_MASK, MMU_FETCH, fault);

        if (!host)
            break;
        memcpy(to + at, host, part);
        at += part;
    }
    return at;
}

/* The kernel's code, as far as it can be reached; NULL after cs_fault/cs_error. */
static uint8_t *read_code(struct cs_env *env, uint64_t va, size_t *bytes)
{
    struct mmu_fault fault;
    uint8_t *code = NULL;

    for (size_t window = FIRST_WINDOW; window <= LARGEST_KERNEL; window *= 2) {
        uint8_t *grown = realloc(code, window);
        size_t got, extent;
        bool more = false;

        if (!grown)
            break;
        code = grown;
        got = fetch(env->tlb, va, code, window, &fault);
        if (got == 0) {
            cs_fault(env, &fault, "kernel code fetch");
            free(code);
            return NULL;
        }
        extent = eu_code_extent(code, got, &more);
        if (!more || got < window) {
            /* Code that does not decode is kept as far as one instruction: it stops its thread. */
            *bytes = more || extent == 0 ? got : extent;
            return code;
        }
    }
    cs_error(env, "kernel at %#llx: no end of its code within %u MiB", (unsigned long long)va,
             LARGEST_KERNEL >> 20);
    free(code);
    return NULL;
}

static void drop(struct gp_program *p)
{
    eu_program_destroy(p->program);
    free(p->code);
    memset(p, 0, sizeof(*p));
}

static struct gp_program *free_entry(struct gpgpu *g)
{
    struct gp_program *oldest = &g->programs[0];

    if (g->program_count < CACHE_ENTRIES)
        return &g->programs[g->program_count++];
    for (unsigned i = 1; i < CACHE_ENTRIES; i++)
        if (g->programs[i].used < oldest->used)
            oldest = &g->programs[i];
    drop(oldest);
    return oldest;
}

static const struct eu_program *add(struct gpgpu *g, struct cs_env *env, uint64_t offset,
                                    uint8_t *code, size_t bytes)
{
    struct eu_program *program = eu_program_create(code, bytes, offset);
    struct gp_program *entry;

    if (!program) {
        cs_error(env, "no memory to decode a kernel of %zu bytes", bytes);
        free(code);
        return NULL;
    }
    entry = free_entry(g);
    *entry = (struct gp_program){.offset = offset,
                                 .bytes = bytes,
                                 .code = code,
                                 .program = program,
                                 .used = g->program_clock};
    return program;
}

const struct eu_program *gp_program_get(struct gpgpu *g, struct cs_env *env, uint64_t base,
                                        uint64_t offset)
{
    uint64_t va = (base + offset) & GP_VA_MASK;
    size_t bytes;
    uint8_t *code;

    if (!g->programs) {
        g->programs = calloc(CACHE_ENTRIES, sizeof(*g->programs));
        if (!g->programs) {
            cs_error(env, "no memory for the program cache");
            return NULL;
        }
    }
    g->program_clock++;
    for (unsigned i = 0; i < g->program_count; i++) {
        struct gp_program *p = &g->programs[i];

        if (p->offset == offset && same_code(env->tlb, va, p)) {
            p->used = g->program_clock;
            return p->program;
        }
    }
    code = read_code(env, va, &bytes);
    return code ? add(g, env, offset, code, bytes) : NULL;
}

void gp_programs_free(struct gpgpu *g)
{
    for (unsigned i = 0; i < g->program_count; i++)
        drop(&g->programs[i]);
    free(g->programs);
}
