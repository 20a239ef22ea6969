/* SPDX-License-Identifier: MIT */
/* Life, saved state and report of the GPGPU front end. */
#include "gpgpu/internal.h"
#include <stdlib.h>
#include <string.h>

#define STATE_MAGIC 0x47503132u /* "GP12": this layout, version 1 */

struct gpgpu *gpgpu_create(struct dg1 *dev, struct mmu *mmu, struct mem *mem, unsigned workers)
{
    struct gpgpu *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->dev = dev;
    g->mmu = mmu;
    g->mem = mem;
    gpgpu_reset(g);
    if (!gp_pool_create(g, workers)) {
        free(g);
        return NULL;
    }
    return g;
}

void gpgpu_destroy(struct gpgpu *g)
{
    if (!g)
        return;
    gp_pool_destroy(g);
    gp_residence_free(g);
    gp_programs_free(g);
    free(g);
}

void gpgpu_reset(struct gpgpu *g)
{
    memset(&g->state, 0, sizeof(g->state));
    g->state.magic = STATE_MAGIC;
}

void gpgpu_save(const struct gpgpu *g, uint8_t image[GPGPU_STATE_BYTES])
{
    memcpy(image, &g->state, sizeof(g->state));
}

void gpgpu_restore(struct gpgpu *g, const uint8_t image[GPGPU_STATE_BYTES])
{
    memcpy(&g->state, image, sizeof(g->state));
    if (g->state.magic != STATE_MAGIC)
        gpgpu_reset(g);
}

void gpgpu_report(const struct gpgpu *g, FILE *out)
{
    static const char *const names[16] = {
        [EU_SFID_SMPL] = "sampler", [EU_SFID_GTWY] = "gateway", [EU_SFID_TS] = "spawner",
        [EU_SFID_DCRO] = "dcro",    [EU_SFID_DC0] = "dc0",      [EU_SFID_DC1] = "dc1",
    };
    struct gp_counters sum = {0};

    for (unsigned i = 0; i < g->worker_count; i++) {
        const struct gp_counters *c = &g->workers[i].count;

        sum.instructions += c->instructions;
        sum.threads += c->threads;
        sum.groups += c->groups;
        for (unsigned s = 0; s < 16; s++)
            sum.messages[s] += c->messages[s];
    }
    fprintf(out, "gpgpu: %llu walkers, %llu groups, %llu threads, %llu instructions\n",
            (unsigned long long)g->walkers, (unsigned long long)sum.groups,
            (unsigned long long)sum.threads, (unsigned long long)sum.instructions);
    for (unsigned s = 0; s < 16; s++)
        if (sum.messages[s])
            fprintf(out, "gpgpu: %llu messages to %s (%u)\n", (unsigned long long)sum.messages[s],
                    names[s] ? names[s] : "other", s);
}
