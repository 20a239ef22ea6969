/* SPDX-License-Identifier: MIT */
/* Surface states, sampler states and image messages of the guest's invention. */
#include "image/image.h"

#include <stdlib.h>
#include <string.h>

#define LMEM_BYTES   (256ull << 20)
#define PML4         0x100000ull
#define MAPPED_BYTES (2ull << 20) /* one large page at address 0, local memory 16 MiB and up */
#define MAPPED_AT    (16ull << 20)
#define LEAF         (1 | 1 << 7 | 1 << 11) /* present, page size, local */
#define REGS_MAX     32

struct input {
    uint32_t surface[16], sampler[4], header[8];
    uint32_t desc, exec_mask;
    uint8_t in_count, out_count;
    uint8_t flags; /* bit 0: has a header, bit 1: typed, bit 2: base anywhere, bit 3: no sampler */
    uint8_t regs[];
};

static struct mem *mem;
static struct tlb *tlb;

static void set_up(void)
{
    mem = mem_create(LMEM_BYTES);
    struct mmu *mmu = mem ? mmu_create(mem) : NULL;
    struct mem_lease *lease = mem ? mem_lease_create(mem) : NULL;
    tlb = mmu ? tlb_create(mmu, ENGINE_RCS0) : NULL;
    if (!tlb || !lease)
        abort();
    for (uint64_t level = 0; level < 2; level++)
        *(uint64_t *)(mem_lmem(mem) + PML4 + level * 4096) = (PML4 + (level + 1) * 4096) | 1;
    *(uint64_t *)(mem_lmem(mem) + PML4 + 2 * 4096) = MAPPED_AT | LEAF;
    tlb_set_root(tlb, PML4);
    mem_lease_open(lease);
}

static void use_every_address(const struct image_surface *surface, const struct input *input)
{
    uint64_t va;

    image_texel_bytes(surface);
    image_texel_address(surface, input->header, &va);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input;
    uint8_t regs[REGS_MAX][32] = {{0}}, out[REGS_MAX][32];
    const uint8_t *in[REGS_MAX];
    struct image_surface surface;
    struct image_sampler sampler;
    const char *why;

    if (!mem)
        set_up();
    if (size < sizeof(input))
        return 0;
    memcpy(&input, data, sizeof(input));
    size -= sizeof(input);
    memcpy(regs, data + sizeof(input), size < sizeof(regs) ? size : sizeof(regs));
    for (unsigned i = 0; i < REGS_MAX; i++)
        in[i] = regs[i];
    if (!(input.flags & 4)) { /* most bases would be unmapped */
        input.surface[8] &= MAPPED_BYTES - 1;
        input.surface[9] = 0;
    }
    if (!image_surface_parse(input.surface, &surface, &why))
        return 0;
    bool sampled = !(input.flags & 8) && image_sampler_parse(input.sampler, &sampler, &why);
    struct image_env env = {.tlb = tlb, .dynamic_base = MAPPED_BYTES / 2};
    struct image_message message = {
        .desc = input.desc,
        .header = input.flags & 1 ? input.header : NULL,
        .exec_mask = input.exec_mask,
        .in_count = input.in_count % (REGS_MAX + 1),
        .in = in,
        .out = out[0],
        .out_count = input.out_count % (REGS_MAX + 1),
    };
    use_every_address(&surface, &input);
    if (input.flags & 2)
        image_typed_message(&env, &surface, &message);
    else
        image_sampler_message(&env, &surface, sampled ? &sampler : NULL, &message);
    return 0;
}
