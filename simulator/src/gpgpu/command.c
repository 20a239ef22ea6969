/* SPDX-License-Identifier: MIT */
/*
 * Commands of type 3: those that set compute state are kept in gp_state, those of the 3D pipe are
 * accepted without effect, drawing is an error. Layouts: DG1 PRM vol 2a (instructions).
 */
#include "gpgpu/internal.h"
#include <string.h>

#define CMD_KEY(dw0) ((dw0) >> 16 & 0x1fff) /* sub-type, opcode, sub-opcode */

enum {
    CMD_STATE_BASE_ADDRESS = 0x0101,
    CMD_STATE_SIP = 0x0102,
    CMD_STATE_COMPUTE_MODE = 0x0105,
    CMD_PIPELINE_SELECT = 0x0904,
    CMD_MEDIA_VFE_STATE = 0x1000,
    CMD_MEDIA_CURBE_LOAD = 0x1001,
    CMD_MEDIA_INTERFACE_DESCRIPTOR_LOAD = 0x1002,
    CMD_MEDIA_STATE_FLUSH = 0x1004,
    CMD_MEDIA_OBJECT = 0x1100,
    CMD_GPGPU_WALKER = 0x1105,
};

/* L3_CONTROL: two bits of what is a sub-opcode elsewhere are flags (NEO hw_cmds_generated_gen12lp).
 */
#define CMD_L3_CONTROL      0x1d80u
#define L3_CONTROL_FLAGS    0x30u /* of the key: stall, GGTT */
#define L3_POST_SYNC        (1u << 14)
#define L3_GGTT             (1u << 21)
#define L3_POST_SYNC_DWORDS 5u

#define BASE_MODIFY    1u /* STATE_BASE_ADDRESS: the field takes effect */
#define PIPELINE_GPGPU 2u
#define PIPELINE_MASK  3u

static uint64_t qword(const uint32_t *dw)
{
    return dw[0] | (uint64_t)dw[1] << 32;
}

static void set_base(uint64_t *base, const uint32_t *dw)
{
    if (dw[0] & BASE_MODIFY)
        *base = qword(dw) & GP_VA_MASK & ~UINT64_C(0xfff);
}

/* Drivers of Gen8 and Gen9 send fewer dwords: what is not there does not change. */
#define SBA_DWORDS_GEN8  16u
#define SBA_DWORDS_GEN9  19u
#define SBA_DWORDS_GEN11 22u

static enum cs_result state_base_address(struct gp_state *s, const uint32_t *dw, unsigned ndw)
{
    set_base(&s->general_base, dw + 1);
    set_base(&s->surface_base, dw + 4);
    set_base(&s->dynamic_base, dw + 6);
    set_base(&s->indirect_base, dw + 8);
    set_base(&s->instruction_base, dw + 10);
    if (dw[12] & BASE_MODIFY)
        s->general_bytes = dw[12] & ~0xfffu;
    if (ndw >= SBA_DWORDS_GEN9)
        set_base(&s->bindless_surface_base, dw + 16);
    if (ndw >= SBA_DWORDS_GEN11)
        set_base(&s->bindless_sampler_base, dw + 19);
    return CS_DONE;
}

static enum cs_result pipeline_select(struct gp_state *s, const uint32_t *dw)
{
    unsigned mask = dw[0] >> 8 & PIPELINE_MASK; /* masked write, as of Gen9 */

    s->pipeline = (s->pipeline & ~mask) | (dw[0] & mask);
    return CS_DONE;
}

static enum cs_result curbe_load(struct gp_state *s, const uint32_t *dw)
{
    s->curbe_bytes = dw[2] & 0x1ffff;
    s->curbe_va = s->dynamic_base + dw[3];
    return CS_DONE;
}

static enum cs_result descriptor_load(struct gp_state *s, struct cs_env *env, const uint32_t *dw)
{
    size_t bytes = dw[2] & 0x1ffff;
    struct mmu_fault fault;

    if (bytes > sizeof(s->idd)) {
        cs_error(env, "MEDIA_INTERFACE_DESCRIPTOR_LOAD: %zu bytes, the table has %zu", bytes,
                 sizeof(s->idd));
        return CS_ERROR;
    }
    if (!tlb_read(env->tlb, s->dynamic_base + dw[3], s->idd, bytes, &fault)) {
        cs_fault(env, &fault, "MEDIA_INTERFACE_DESCRIPTOR_LOAD");
        return CS_ERROR;
    }
    return CS_DONE;
}

/* No cache is modelled: nothing is left of a flush but the qword written after it. */
static enum cs_result l3_control(struct cs_env *env, const uint32_t *dw, unsigned ndw)
{
    struct mmu_fault fault;

    if (!(dw[0] & L3_POST_SYNC))
        return CS_DONE;
    if (ndw < L3_POST_SYNC_DWORDS || (dw[0] & L3_GGTT)) {
        cs_error(env, "L3_CONTROL %08x of %u dwords: post-sync write not supported", dw[0], ndw);
        return CS_ERROR;
    }
    if (!tlb_write(env->tlb, qword(dw + 1) & GP_VA_MASK & ~UINT64_C(7), dw + 3, 8, &fault)) {
        cs_fault(env, &fault, "L3_CONTROL");
        return CS_ERROR;
    }
    return CS_DONE;
}

/* Commands that only steer the 3D or media pipe: no work-item can see their effect. */
static const struct {
    uint16_t key;
    const char *name;
} ignored[] = {
    {0x0103, "3DSTATE_CSC_COEFF"},
    {0x0104, "GPGPU_CSR_BASE_ADDRESS"},
    {0x0803, "STATE_PREFETCH"},
    {0x090b, "3DSTATE_VF_STATISTICS"},
    {0x1804, "3DSTATE_CLEAR_PARAMS"},
    {0x1805, "3DSTATE_DEPTH_BUFFER"},
    {0x1806, "3DSTATE_STENCIL_BUFFER"},
    {0x1807, "3DSTATE_HIER_DEPTH_BUFFER"},
    {0x1808, "3DSTATE_VERTEX_BUFFERS"},
    {0x1809, "3DSTATE_VERTEX_ELEMENTS"},
    {0x180a, "3DSTATE_INDEX_BUFFER"},
    {0x180c, "3DSTATE_VF"},
    {0x180d, "3DSTATE_MULTISAMPLE"},
    {0x180e, "3DSTATE_CC_STATE_POINTERS"},
    {0x180f, "3DSTATE_SCISSOR_STATE_POINTERS"},
    {0x1810, "3DSTATE_VS"},
    {0x1811, "3DSTATE_GS"},
    {0x1812, "3DSTATE_CLIP"},
    {0x1813, "3DSTATE_SF"},
    {0x1814, "3DSTATE_WM"},
    {0x1815, "3DSTATE_CONSTANT_VS"},
    {0x1816, "3DSTATE_CONSTANT_GS"},
    {0x1817, "3DSTATE_CONSTANT_PS"},
    {0x1818, "3DSTATE_SAMPLE_MASK"},
    {0x1819, "3DSTATE_CONSTANT_HS"},
    {0x181a, "3DSTATE_CONSTANT_DS"},
    {0x181b, "3DSTATE_HS"},
    {0x181c, "3DSTATE_TE"},
    {0x181d, "3DSTATE_DS"},
    {0x181e, "3DSTATE_STREAMOUT"},
    {0x181f, "3DSTATE_SBE"},
    {0x1820, "3DSTATE_PS"},
    {0x1821, "3DSTATE_VIEWPORT_STATE_POINTERS_SF_CLIP"},
    {0x1823, "3DSTATE_VIEWPORT_STATE_POINTERS_CC"},
    {0x1824, "3DSTATE_BLEND_STATE_POINTERS"},
    {0x1826, "3DSTATE_BINDING_TABLE_POINTERS_VS"},
    {0x1827, "3DSTATE_BINDING_TABLE_POINTERS_HS"},
    {0x1828, "3DSTATE_BINDING_TABLE_POINTERS_DS"},
    {0x1829, "3DSTATE_BINDING_TABLE_POINTERS_GS"},
    {0x182a, "3DSTATE_BINDING_TABLE_POINTERS_PS"},
    {0x182b, "3DSTATE_SAMPLER_STATE_POINTERS_VS"},
    {0x182c, "3DSTATE_SAMPLER_STATE_POINTERS_HS"},
    {0x182d, "3DSTATE_SAMPLER_STATE_POINTERS_DS"},
    {0x182e, "3DSTATE_SAMPLER_STATE_POINTERS_GS"},
    {0x182f, "3DSTATE_SAMPLER_STATE_POINTERS_PS"},
    {0x1830, "3DSTATE_URB_VS"},
    {0x1831, "3DSTATE_URB_HS"},
    {0x1832, "3DSTATE_URB_DS"},
    {0x1833, "3DSTATE_URB_GS"},
    {0x1849, "3DSTATE_VF_INSTANCING"},
    {0x184a, "3DSTATE_VF_SGVS"},
    {0x184b, "3DSTATE_VF_TOPOLOGY"},
    {0x184c, "3DSTATE_WM_CHROMAKEY"},
    {0x184d, "3DSTATE_PS_BLEND"},
    {0x184e, "3DSTATE_WM_DEPTH_STENCIL"},
    {0x184f, "3DSTATE_PS_EXTRA"},
    {0x1850, "3DSTATE_RASTER"},
    {0x1851, "3DSTATE_SBE_SWIZ"},
    {0x1852, "3DSTATE_WM_HZ_OP"},
    {0x1856, "3DSTATE_VF_SGVS_2"},
    {0x1900, "3DSTATE_DRAWING_RECTANGLE"},
    {0x1902, "3DSTATE_SAMPLER_PALETTE_LOAD0"},
    {0x1904, "3DSTATE_CHROMA_KEY"},
    {0x1906, "3DSTATE_POLY_STIPPLE_OFFSET"},
    {0x1907, "3DSTATE_POLY_STIPPLE_PATTERN"},
    {0x1908, "3DSTATE_LINE_STIPPLE"},
    {0x190a, "3DSTATE_AA_LINE_PARAMETERS"},
    {0x190c, "3DSTATE_SAMPLER_PALETTE_LOAD1"},
    {0x1912, "3DSTATE_PUSH_CONSTANT_ALLOC_VS"},
    {0x1913, "3DSTATE_PUSH_CONSTANT_ALLOC_HS"},
    {0x1914, "3DSTATE_PUSH_CONSTANT_ALLOC_DS"},
    {0x1915, "3DSTATE_PUSH_CONSTANT_ALLOC_GS"},
    {0x1916, "3DSTATE_PUSH_CONSTANT_ALLOC_PS"},
    {0x1917, "3DSTATE_SO_DECL_LIST"},
    {0x1918, "3DSTATE_SO_BUFFER"},
    {0x1919, "3DSTATE_BINDING_TABLE_POOL_ALLOC"},
    {0x191c, "3DSTATE_SAMPLE_PATTERN"},
    {0x191f, "3DSTATE_3D_MODE"},
    {0x1920, "3DSTATE_SUBSLICE_HASH_TABLE"},
    {0x1921, "3DSTATE_SLICE_TABLE_STATE_POINTERS"},
    {0x1922, "3DSTATE_PTBR_TILE_PASS_INFO"},
};

#define IGNORED_COUNT (sizeof(ignored) / sizeof(ignored[0]))

static enum cs_result other_command(struct cs_env *env, const uint32_t *dw)
{
    static atomic_bool warned[IGNORED_COUNT];

    for (unsigned i = 0; i < IGNORED_COUNT; i++) {
        if (ignored[i].key != CMD_KEY(dw[0]))
            continue;
        if (!atomic_exchange(&warned[i], true))
            sim_log(env->dev, "gpgpu: %s has no effect here (said once)", ignored[i].name);
        return CS_DONE;
    }
    cs_error(env, "command %08x is not implemented (sub-type %u, opcode %u, sub-opcode %#x)", dw[0],
             dw[0] >> 27 & 3, dw[0] >> 24 & 7, dw[0] >> 16 & 0xff);
    return CS_ERROR;
}

static unsigned minimum_dwords(unsigned key)
{
    switch (key) {
    case CMD_STATE_BASE_ADDRESS:
        return SBA_DWORDS_GEN8;
    case CMD_STATE_SIP:
        return 3;
    case CMD_STATE_COMPUTE_MODE:
    case CMD_MEDIA_STATE_FLUSH:
        return 2;
    case CMD_MEDIA_VFE_STATE:
        return 9;
    case CMD_MEDIA_CURBE_LOAD:
    case CMD_MEDIA_INTERFACE_DESCRIPTOR_LOAD:
        return 4;
    case CMD_MEDIA_OBJECT:
        return 6;
    case CMD_GPGPU_WALKER:
        return 15;
    default:
        return 1;
    }
}

enum cs_result gpgpu_execute(struct gpgpu *g, struct cs_env *env, const uint32_t *dw, unsigned ndw)
{
    struct gp_state *s = &g->state;
    unsigned key = CMD_KEY(dw[0]);

    if (ndw < minimum_dwords(key)) {
        cs_error(env, "command %08x has %u dwords, not %u", dw[0], ndw, minimum_dwords(key));
        return CS_ERROR;
    }
    if (key != CMD_GPGPU_WALKER)
        s->walker_active = 0;
    switch (key) {
    case CMD_STATE_BASE_ADDRESS:
        return state_base_address(s, dw, ndw);
    case CMD_STATE_SIP:
        s->sip = qword(dw + 1);
        return CS_DONE;
    case CMD_STATE_COMPUTE_MODE:
        s->compute_mode = dw[1];
        return CS_DONE;
    case CMD_PIPELINE_SELECT:
        return pipeline_select(s, dw);
    case CMD_MEDIA_VFE_STATE:
        memcpy(s->vfe, dw + 1, sizeof(s->vfe));
        return CS_DONE;
    case CMD_MEDIA_CURBE_LOAD:
        return curbe_load(s, dw);
    case CMD_MEDIA_INTERFACE_DESCRIPTOR_LOAD:
        return descriptor_load(s, env, dw);
    case CMD_MEDIA_STATE_FLUSH:
        return CS_DONE; /* a walker is over when gpgpu_execute returns: nothing to wait for */
    case CMD_MEDIA_OBJECT:
        return gp_media_object(g, env, dw, ndw);
    case CMD_GPGPU_WALKER:
        return gp_walker(g, env, dw, ndw);
    default:
        if ((key & ~L3_CONTROL_FLAGS) == CMD_L3_CONTROL)
            return l3_control(env, dw, ndw);
        return other_command(env, dw);
    }
}
