/* SPDX-License-Identifier: MIT */
/*
 * tiling.h - where a byte of a linear, X-tiled or Y-tiled surface lies.
 *
 * A tile is one 4 KiB page; tiles are stored row by row, pitch / tile width of them in a row. An X
 * tile is 512 bytes by 8 rows, stored row by row; a Y tile is 128 bytes by 32 rows, stored as 8
 * columns of 16 bytes. (TGL PRM vol. 5 "Tiled memory"; Gen12 has no bit-6 swizzling.)
 */
#ifndef SIM_TILING_H
#define SIM_TILING_H

#include <stdbool.h>
#include <stdint.h>

enum tiling { TILING_LINEAR, TILING_X, TILING_Y };

#define TILE_BYTES    4096u
#define TILE_X_WIDTH  512u
#define TILE_X_HEIGHT 8u
#define TILE_Y_WIDTH  128u
#define TILE_Y_HEIGHT 32u
#define TILE_Y_COLUMN 16u /* bytes in a row that lie side by side */

/* Bytes across and rows down one tile; 1 and 1 when linear. */
static inline uint32_t tiling_width(enum tiling tiling)
{
    return tiling == TILING_X ? TILE_X_WIDTH : tiling == TILING_Y ? TILE_Y_WIDTH : 1;
}

static inline uint32_t tiling_height(enum tiling tiling)
{
    return tiling == TILING_X ? TILE_X_HEIGHT : tiling == TILING_Y ? TILE_Y_HEIGHT : 1;
}

/*
 * Offset from the surface's start of the byte x of row y. pitch is in bytes: positive and a
 * multiple of the tile width when tiled; x and y must not be negative then.
 */
static inline int64_t tiling_offset(enum tiling tiling, int64_t pitch, int64_t x, int64_t y)
{
    uint64_t ux = (uint64_t)x, uy = (uint64_t)y; /* divisions become shifts */
    switch (tiling) {
    case TILING_X:
        return (int64_t)(uy / TILE_X_HEIGHT * TILE_X_HEIGHT * (uint64_t)pitch +
                         ux / TILE_X_WIDTH * TILE_BYTES + uy % TILE_X_HEIGHT * TILE_X_WIDTH +
                         ux % TILE_X_WIDTH);
    case TILING_Y:
        return (int64_t)(uy / TILE_Y_HEIGHT * TILE_Y_HEIGHT * (uint64_t)pitch +
                         ux / TILE_Y_WIDTH * TILE_BYTES +
                         ux % TILE_Y_WIDTH / TILE_Y_COLUMN * (TILE_Y_COLUMN * TILE_Y_HEIGHT) +
                         uy % TILE_Y_HEIGHT * TILE_Y_COLUMN + ux % TILE_Y_COLUMN);
    default:
        return (int64_t)(uy * (uint64_t)pitch + ux); /* wraps, as addresses do */
    }
}

/* How many bytes from byte x of a row on lie side by side in memory. */
static inline uint64_t tiling_run(enum tiling tiling, int64_t x)
{
    switch (tiling) {
    case TILING_X:
        return TILE_X_WIDTH - (uint64_t)x % TILE_X_WIDTH;
    case TILING_Y:
        return TILE_Y_COLUMN - (uint64_t)x % TILE_Y_COLUMN;
    default:
        return UINT64_MAX;
    }
}

#endif
