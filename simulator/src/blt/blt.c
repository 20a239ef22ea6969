/* SPDX-License-Identifier: MIT */
/*
 * blt.c - decoding of 2D commands. Layouts: i915 gt/intel_gpu_commands.h and its use in
 * gt/intel_migrate.c and the client_blt selftest; the Gen12LP definitions of Intel's compute
 * runtime for XY_BLOCK_COPY_BLT and XY_FAST_COLOR_BLT; SKL PRM vol. 11 for the older ones.
 */
#include "blt/blt.h"
#include "blt/rect.h"

#include <string.h>

/* Opcodes, bits 28:22 of the header. */
enum {
    OP_XY_BLOCK_COPY_BLT = 0x41,
    OP_XY_FAST_COPY_BLT = 0x42,
    OP_XY_FAST_COLOR_BLT = 0x44,
    OP_XY_COLOR_BLT = 0x50,
    OP_XY_SRC_COPY_BLT = 0x53,
};

#define BCS_SWCTRL 0x22200 /* i915 gt/intel_gt_regs.h: which kind of tile "tiled" means */
#define BCS_SRC_Y  (1u << 0)
#define BCS_DST_Y  (1u << 1)

static uint32_t field(uint32_t dw, unsigned high, unsigned low)
{
    return (dw >> low) & (uint32_t)((1ull << (high - low + 1)) - 1);
}

static uint64_t address(const uint32_t *dw)
{
    return dw[0] | (uint64_t)dw[1] << 32;
}

static int32_t low16(uint32_t dw)
{
    return (int16_t)dw;
}

static int32_t high16(uint32_t dw)
{
    return (int16_t)(dw >> 16);
}

/* Rectangle x1,y1 (inclusive) to x2,y2 (exclusive) of the destination. */
static void set_rect(struct blt_op *op, uint32_t top_left, uint32_t bottom_right)
{
    op->dst.x = low16(top_left);
    op->dst.y = high16(top_left);
    op->width = low16(bottom_right) - op->dst.x;
    op->height = high16(bottom_right) - op->dst.y;
}

/* 16-bit pitch of the older commands: signed bytes when linear, dwords when tiled. */
static int64_t pitch16(uint32_t dw, enum tiling tiling)
{
    return tiling == TILING_LINEAR ? (int16_t)dw : (int64_t)(dw & 0xffff) * 4;
}

/* 18-bit pitch minus one of the Gen12 commands: bytes when linear, dwords when tiled. */
static int64_t pitch18(uint32_t dw, enum tiling tiling)
{
    return ((int64_t)field(dw, 17, 0) + 1) * (tiling == TILING_LINEAR ? 1 : 4);
}

static bool check_surface(struct cs_env *env, const char *name, const struct blt_surface *s)
{
    if (s->tiling == TILING_LINEAR)
        return true;
    if (s->base % TILE_BYTES || s->pitch % tiling_width(s->tiling) || s->x < 0 || s->y < 0) {
        cs_error(env, "%s: tiled surface at 0x%llx, pitch %lld, x %d, y %d", name,
                 (unsigned long long)s->base, (long long)s->pitch, s->x, s->y);
        return false;
    }
    return true;
}

static enum cs_result run(struct cs_env *env, const char *name, const struct blt_op *op)
{
    if (!check_surface(env, name, &op->dst) || (!op->fill && !check_surface(env, name, &op->src)))
        return CS_ERROR;
    return blt_rect(env, op);
}

static enum cs_result bad_value(struct cs_env *env, const char *name, const char *what,
                                uint32_t value)
{
    cs_error(env, "%s: unsupported %s %u", name, what, value);
    return CS_ERROR;
}

/* --- XY_SRC_COPY_BLT, XY_COLOR_BLT --- */

#define OLD_DST_TILED (1u << 11) /* dw0 */
#define OLD_SRC_TILED (1u << 15)
#define OLD_WRITE_RGB (1u << 20)
#define OLD_WRITE_A   (1u << 21)
#define OLD_CLIPPING  (1u << 30) /* dw1 */

/* What both have in dw0 and dw1: depth, raster operation, channel masks, clipping. */
static bool decode_old(struct cs_env *env, const char *name, const uint32_t *dw, struct blt_op *op)
{
    static const uint8_t pixel[4] = {1, 2, 2, 4}; /* 8, 565, 1555, 8888 */
    if (dw[1] & OLD_CLIPPING) {
        bad_value(env, name, "clipping", 1);
        return false;
    }
    op->pixel = pixel[field(dw[1], 25, 24)];
    op->rop = (uint8_t)field(dw[1], 23, 16);
    if (op->pixel == 4)
        op->keep = (uint8_t)((dw[0] & OLD_WRITE_RGB ? 0 : 7) | (dw[0] & OLD_WRITE_A ? 0 : 8));
    if (dw[0] & OLD_DST_TILED)
        op->dst.tiling = cs_reg_read(env, BCS_SWCTRL) & BCS_DST_Y ? TILING_Y : TILING_X;
    op->dst.pitch = pitch16(dw[1], op->dst.tiling);
    set_rect(op, dw[2], dw[3]);
    op->dst.base = address(dw + 4);
    return true;
}

static enum cs_result src_copy(struct cs_env *env, const char *name, const uint32_t *dw)
{
    struct blt_op op = {0};
    if (!decode_old(env, name, dw, &op))
        return CS_ERROR;
    if (dw[0] & OLD_SRC_TILED)
        op.src.tiling = cs_reg_read(env, BCS_SWCTRL) & BCS_SRC_Y ? TILING_Y : TILING_X;
    op.src.x = low16(dw[6]);
    op.src.y = high16(dw[6]);
    op.src.pitch = pitch16(dw[7], op.src.tiling);
    op.src.base = address(dw + 8);
    return run(env, name, &op);
}

static enum cs_result color(struct cs_env *env, const char *name, const uint32_t *dw)
{
    struct blt_op op = {.fill = true};
    if (!decode_old(env, name, dw, &op))
        return CS_ERROR;
    memcpy(op.color, &dw[6], 4);
    return run(env, name, &op);
}

/* --- XY_FAST_COPY_BLT --- */

#define FAST_SRC_NEW_Y (1u << 31) /* dw1: Yf instead of the older Y tile */
#define FAST_DST_NEW_Y (1u << 30)

static bool fast_tiling(uint32_t code, bool new_y, enum tiling *tiling)
{
    static const enum tiling tilings[] = {TILING_LINEAR, TILING_X, TILING_Y};
    if (code > 2 || (code == 2 && new_y))
        return false;
    *tiling = tilings[code];
    return true;
}

static enum cs_result fast_copy(struct cs_env *env, const char *name, const uint32_t *dw)
{
    static const uint8_t pixel[8] = {1, 2, 0, 4, 8, 16};
    struct blt_op op = {.rop = BLT_ROP_COPY};
    uint32_t depth = field(dw[1], 26, 24);
    op.pixel = pixel[depth];
    if (!op.pixel)
        return bad_value(env, name, "color depth", depth);
    uint32_t src = field(dw[0], 21, 20), dst = field(dw[0], 14, 13);
    if (!fast_tiling(src, dw[1] & FAST_SRC_NEW_Y, &op.src.tiling))
        return bad_value(env, name, "source tiling", src);
    if (!fast_tiling(dst, dw[1] & FAST_DST_NEW_Y, &op.dst.tiling))
        return bad_value(env, name, "destination tiling", dst);
    op.dst.pitch = pitch16(dw[1], op.dst.tiling);
    set_rect(&op, dw[2], dw[3]);
    op.dst.base = address(dw + 4);
    op.src.x = low16(dw[6]);
    op.src.y = high16(dw[6]);
    op.src.pitch = pitch16(dw[7], op.src.tiling);
    op.src.base = address(dw + 8);
    return run(env, name, &op);
}

/* --- XY_BLOCK_COPY_BLT, XY_FAST_COLOR_BLT --- */

#define NEW_COMPRESSED (1u << 29) /* dw1, dw8 */

static bool new_surface(struct cs_env *env, const char *name, uint32_t dw, const uint32_t *offsets,
                        struct blt_surface *s)
{
    uint32_t tiling = field(dw, 31, 30);
    if (tiling > 1 || (dw & NEW_COMPRESSED)) {
        bad_value(env, name, dw & NEW_COMPRESSED ? "compression" : "tiling", tiling);
        return false;
    }
    s->tiling = tiling ? TILING_Y : TILING_LINEAR;
    s->pitch = pitch18(dw, s->tiling);
    s->x += (int32_t)field(*offsets, 13, 0);
    s->y += (int32_t)field(*offsets, 29, 16);
    return true;
}

/* Bytes per pixel from dw0; 96 bits only when linear. */
static unsigned new_pixel(uint32_t dw0)
{
    static const uint8_t pixel[8] = {1, 2, 4, 8, 12, 16};
    return pixel[field(dw0, 21, 19)];
}

static enum cs_result block_copy(struct cs_env *env, const char *name, const uint32_t *dw)
{
    struct blt_op op = {.rop = BLT_ROP_COPY, .pixel = new_pixel(dw[0])};
    set_rect(&op, dw[2], dw[3]);
    op.dst.base = address(dw + 4);
    op.src.x = low16(dw[7]);
    op.src.y = high16(dw[7]);
    op.src.base = address(dw + 9);
    if (!new_surface(env, name, dw[1], &dw[6], &op.dst) ||
        !new_surface(env, name, dw[8], &dw[11], &op.src))
        return CS_ERROR;
    bool tiled = op.src.tiling != TILING_LINEAR || op.dst.tiling != TILING_LINEAR;
    if (!op.pixel || (op.pixel == 12 && tiled))
        return bad_value(env, name, "color depth", field(dw[0], 21, 19));
    return run(env, name, &op);
}

static enum cs_result fast_color(struct cs_env *env, const char *name, const uint32_t *dw)
{
    struct blt_op op = {.fill = true, .rop = BLT_ROP_PATTERN, .pixel = new_pixel(dw[0])};
    set_rect(&op, dw[2], dw[3]);
    op.dst.base = address(dw + 4);
    if (!new_surface(env, name, dw[1], &dw[6], &op.dst))
        return CS_ERROR;
    if (!op.pixel || (op.pixel == 12 && op.dst.tiling != TILING_LINEAR))
        return bad_value(env, name, "color depth", field(dw[0], 21, 19));
    memcpy(op.color, &dw[7], BLT_PIXEL_MAX);
    return run(env, name, &op);
}

static const struct {
    uint8_t opcode, ndw; /* at least so many dwords */
    const char *name;
    enum cs_result (*execute)(struct cs_env *, const char *, const uint32_t *);
} commands[] = {
    {OP_XY_BLOCK_COPY_BLT, 12, "XY_BLOCK_COPY_BLT", block_copy},
    {OP_XY_FAST_COPY_BLT, 10, "XY_FAST_COPY_BLT", fast_copy},
    {OP_XY_FAST_COLOR_BLT, 11, "XY_FAST_COLOR_BLT", fast_color},
    {OP_XY_COLOR_BLT, 7, "XY_COLOR_BLT", color},
    {OP_XY_SRC_COPY_BLT, 10, "XY_SRC_COPY_BLT", src_copy},
};

enum cs_result blt_execute(struct cs_env *env, const uint32_t *dw, unsigned ndw)
{
    uint32_t opcode = ndw ? field(dw[0], 28, 22) : 0;
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].opcode != opcode)
            continue;
        if (ndw < commands[i].ndw) {
            cs_error(env, "%s: %u dwords, needs %u", commands[i].name, ndw, commands[i].ndw);
            return CS_ERROR;
        }
        return commands[i].execute(env, commands[i].name, dw);
    }
    cs_error(env, "illegal 2D command 0x%08x (opcode 0x%02x)", ndw ? dw[0] : 0, opcode);
    return CS_ERROR;
}
