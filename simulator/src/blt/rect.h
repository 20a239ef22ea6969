/* SPDX-License-Identifier: MIT */
/* rect.h - what the copy engine does once a command is decoded: copy or fill a rectangle. */
#ifndef SIM_BLT_RECT_H
#define SIM_BLT_RECT_H

#include "engine/cs.h"
#include "tiling/tiling.h"

#define BLT_PIXEL_MAX 16 /* bytes */

/* Raster operations with names of their own; the rest is computed from the truth table. */
#define BLT_ROP_COPY    0xcc /* result = source */
#define BLT_ROP_PATTERN 0xf0 /* result = pattern */

struct blt_surface {
    uint64_t base;
    int64_t pitch; /* bytes; negative only when linear */
    enum tiling tiling;
    int32_t x, y; /* first pixel of the rectangle */
};

struct blt_op {
    struct blt_surface dst, src; /* src unused by a fill */
    int64_t width, height;       /* pixels; nothing is done unless both are positive */
    unsigned pixel;              /* bytes per pixel */
    uint8_t rop;
    uint8_t keep; /* bytes of a 32-bit pixel that must not change, bit 0 = lowest */
    bool fill;
    uint8_t color[BLT_PIXEL_MAX]; /* of a fill, pixel bytes used */
};

enum cs_result blt_rect(struct cs_env *env, const struct blt_op *op);
#endif
