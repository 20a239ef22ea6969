/* SPDX-License-Identifier: MIT */
/*
 * rect.c - rectangles moved and filled.
 *
 * A row is worked on in segments: stretches that lie side by side in both surfaces and do
 * not cross a 4 KiB page. Plain copies and fills work on guest memory directly; raster
 * operations, channel masks and overlapping copies go through a row buffer.
 */
#include "blt/rect.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define PAGE_BYTES 4096u

/* Work done between two looks at the engine's stop flags and the lease. */
#define POLL_BYTES (1u << 20)

struct job {
    struct cs_env *env;
    const struct blt_op *op;
    uint64_t unpolled;
    enum cs_result result;
};

static bool poll(struct job *job, uint64_t bytes)
{
    job->unpolled += bytes;
    if (job->unpolled < POLL_BYTES)
        return true;
    job->unpolled = 0;
    struct cs_env *env = job->env;
    if (mem_lease_wanted(env->lease)) {
        mem_lease_close(env->lease);
        mem_lease_open(env->lease);
    }
    if (atomic_load_explicit(env->stop, memory_order_relaxed) & CS_STOP_RESET) {
        job->result = CS_STOPPED;
        return false;
    }
    return true;
}

/* Virtual address of byte x of row y, both counted from the surface's own start. */
static uint64_t locate(const struct blt_surface *s, int64_t x, int64_t y)
{
    return s->base + (uint64_t)tiling_offset(s->tiling, s->pitch, x, y);
}

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Length of the segment that starts at byte x of a row, at address va. */
static uint64_t segment(const struct blt_surface *s, int64_t x, uint64_t va, uint64_t left)
{
    return min64(left, min64(tiling_run(s->tiling, x), PAGE_BYTES - va % PAGE_BYTES));
}

static uint8_t *host(struct job *job, uint64_t va, enum mmu_access access)
{
    struct mmu_fault fault;
    uint8_t *at = tlb_ptr(job->env->tlb, va, access, &fault);
    if (!at) {
        cs_fault(job->env, &fault,
                 access != MMU_WRITE ? "blit source"
                 : job->op->fill     ? "fill"
                                     : "blit destination");
        job->result = CS_ERROR;
    }
    return at;
}

/* --- direct copies and fills --- */

/*
 * From this size on a copy does not fit into the caches: stores that bypass them save the read
 * of what they overwrite. The C library does the same for one large memcpy, but a blit is many
 * of a page each.
 */
#define STREAM_MIN (4u << 20)

/* next: where the following bytes will be read, to be fetched meanwhile; NULL: unknown. */
static void copy_bytes(uint8_t *to, const uint8_t *from, uint64_t n, bool stream,
                       const uint8_t *next)
{
#ifdef __SSE2__
    if (stream && n % 64 == 0 && (uintptr_t)to % 16 == 0) {
        for (uint64_t i = 0; i < n; i += 64) {
            if (next)
                __builtin_prefetch(next + i);
            const __m128i *read = (const __m128i *)(from + i);
            __m128i *write = (__m128i *)(to + i);
            __m128i a = _mm_loadu_si128(read), b = _mm_loadu_si128(read + 1);
            __m128i c = _mm_loadu_si128(read + 2), d = _mm_loadu_si128(read + 3);
            _mm_stream_si128(write, a);
            _mm_stream_si128(write + 1, b);
            _mm_stream_si128(write + 2, c);
            _mm_stream_si128(write + 3, d);
        }
        return;
    }
#endif
    (void)stream;
    (void)next;
    memcpy(to, from, n);
}

/* Streamed stores must not become visible after what the engine writes next, its breadcrumb. */
static void copies_done(bool stream)
{
#ifdef __SSE2__
    if (stream)
        _mm_sfence();
#endif
    (void)stream;
}

/* Guest pages are scattered over host memory, where the processor cannot foresee the next one. */
static const uint8_t *next_page(struct job *job, uint64_t va)
{
    struct mmu_fault ignored; /* told when the page is really read */
    return tlb_ptr(job->env->tlb, va, MMU_READ, &ignored);
}

static bool copy_row(struct job *job, int64_t row, uint64_t bytes, bool stream)
{
    const struct blt_surface *dst = &job->op->dst, *src = &job->op->src;
    int64_t dx = (int64_t)dst->x * job->op->pixel, sx = (int64_t)src->x * job->op->pixel;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t to = locate(dst, dx + (int64_t)done, dst->y + row);
        uint64_t from = locate(src, sx + (int64_t)done, src->y + row);
        uint64_t n = segment(dst, dx + (int64_t)done, to, bytes - done);
        n = segment(src, sx + (int64_t)done, from, n);
        const uint8_t *read = host(job, from, MMU_READ);
        uint8_t *write = read ? host(job, to, MMU_WRITE) : NULL;
        if (!write)
            return false;
        bool go_on = stream && n == PAGE_BYTES && bytes - done > n;
        if (n == TILE_Y_COLUMN)
            memcpy(write, read, TILE_Y_COLUMN);
        else
            copy_bytes(write, read, n, stream, go_on ? next_page(job, from + n) : NULL);
        done += n;
        if (!poll(job, n))
            return false;
    }
    return true;
}

/* pattern: the colour repeated for one page and one pixel, so that it can start at any byte of it.
 */
static bool fill_row(struct job *job, const uint8_t *pattern, int64_t row, uint64_t bytes)
{
    const struct blt_surface *dst = &job->op->dst;
    int64_t x = (int64_t)dst->x * job->op->pixel;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t to = locate(dst, x + (int64_t)done, dst->y + row);
        uint64_t n = segment(dst, x + (int64_t)done, to, bytes - done);
        uint8_t *write = host(job, to, MMU_WRITE);
        if (!write)
            return false;
        memcpy(write, pattern + done % job->op->pixel, n);
        done += n;
        if (!poll(job, n))
            return false;
    }
    return true;
}

static void make_pattern(const struct blt_op *op, uint8_t *pattern, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        pattern[i] = op->color[i % op->pixel];
}

/* Rows that follow each other without a gap are one long row. */
static bool gapless(const struct blt_surface *s, uint64_t bytes)
{
    return s->tiling == TILING_LINEAR && s->pitch == (int64_t)bytes;
}

static void direct(struct job *job, uint64_t bytes)
{
    const struct blt_op *op = job->op;
    int64_t rows = op->height;
    if (gapless(&op->dst, bytes) && (op->fill || gapless(&op->src, bytes))) {
        bytes *= (uint64_t)rows;
        rows = 1;
    }
    uint8_t pattern[PAGE_BYTES + BLT_PIXEL_MAX];
    if (op->fill)
        make_pattern(op, pattern, sizeof(pattern));
    bool stream = !op->fill && bytes * (uint64_t)rows >= STREAM_MIN;
    for (int64_t row = 0; row < rows; row++)
        if (!(op->fill ? fill_row(job, pattern, row, bytes) : copy_row(job, row, bytes, stream)))
            break;
    copies_done(stream);
}

/* --- through a row buffer --- */

static bool transfer_row(struct job *job, const struct blt_surface *s, int64_t row, uint8_t *buf,
                         uint64_t bytes, enum mmu_access access)
{
    int64_t x = (int64_t)s->x * job->op->pixel;
    for (uint64_t done = 0; done < bytes;) {
        uint64_t va = locate(s, x + (int64_t)done, s->y + row);
        uint64_t n = segment(s, x + (int64_t)done, va, bytes - done);
        uint8_t *at = host(job, va, access);
        if (!at)
            return false;
        if (access == MMU_WRITE)
            memcpy(at, buf + done, n);
        else
            memcpy(buf + done, at, n);
        done += n;
    }
    return true;
}

/* The raster operation is a truth table: bit (pattern << 2 | source << 1 | destination). */
static uint8_t rop3(uint8_t rop, uint8_t p, uint8_t s, uint8_t d)
{
    uint8_t result = 0;
    for (unsigned term = 0; term < 8; term++)
        if (rop & (1u << term))
            result |= (uint8_t)((term & 4 ? p : ~p) & (term & 2 ? s : ~s) & (term & 1 ? d : ~d));
    return result;
}

/* src: source or pattern of the row; dst: what is there, replaced by what shall be. */
static void combine(const struct blt_op *op, const uint8_t *src, uint8_t *dst, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        if (op->keep & (1u << i % op->pixel))
            continue;
        uint8_t pattern = op->fill ? src[i] : 0, source = op->fill ? 0 : src[i];
        if (op->rop == BLT_ROP_COPY && !op->fill)
            dst[i] = source;
        else
            dst[i] = rop3(op->rop, pattern, source, dst[i]);
    }
}

static bool buffered_row(struct job *job, int64_t row, uint8_t *src, uint8_t *dst, uint64_t bytes)
{
    const struct blt_op *op = job->op;
    if (!op->fill && !transfer_row(job, &op->src, row, src, bytes, MMU_READ))
        return false;
    if (!transfer_row(job, &op->dst, row, dst, bytes, MMU_READ))
        return false;
    combine(op, src, dst, bytes);
    return transfer_row(job, &op->dst, row, dst, bytes, MMU_WRITE) && poll(job, bytes);
}

static void buffered(struct job *job, uint64_t bytes)
{
    const struct blt_op *op = job->op;
    uint8_t *src = malloc(bytes), *dst = malloc(bytes);
    if (!src || !dst) {
        cs_error(job->env, "copy engine: no host memory for a row of %llu bytes",
                 (unsigned long long)bytes);
        job->result = CS_ERROR;
    } else {
        if (op->fill)
            make_pattern(op, src, bytes);
        /* Moving down within a surface: the lower rows first, or they would be overwritten. */
        bool up = !op->fill && locate(&op->src, 0, op->src.y) < locate(&op->dst, 0, op->dst.y);
        for (int64_t i = 0; i < op->height; i++)
            if (!buffered_row(job, up ? op->height - 1 - i : i, src, dst, bytes))
                break;
    }
    free(src);
    free(dst);
}

struct extent {
    uint64_t first, last;
};

/* Addresses a rectangle lies within; for tiled surfaces whole rows of tiles. */
static struct extent extent_of(const struct blt_surface *s, const struct blt_op *op)
{
    int64_t tile_rows = tiling_height(s->tiling);
    int64_t top = s->y, bottom = s->y + op->height - 1;
    if (s->tiling != TILING_LINEAR)
        return (struct extent){s->base + (uint64_t)(top / tile_rows * tile_rows * s->pitch),
                               s->base +
                                   (uint64_t)((bottom / tile_rows + 1) * tile_rows * s->pitch) - 1};
    int64_t left = (int64_t)s->x * op->pixel, right = left + op->width * op->pixel - 1;
    if (s->pitch < 0)
        return (struct extent){locate(s, left, bottom), locate(s, right, top)};
    return (struct extent){locate(s, left, top), locate(s, right, bottom)};
}

static bool overlapping(const struct blt_op *op)
{
    struct extent dst = extent_of(&op->dst, op), src = extent_of(&op->src, op);
    return dst.first <= src.last && src.first <= dst.last;
}

enum cs_result blt_rect(struct cs_env *env, const struct blt_op *op)
{
    struct job job = {.env = env, .op = op, .result = CS_DONE};
    if (op->width <= 0 || op->height <= 0)
        return CS_DONE;
    uint64_t bytes = (uint64_t)op->width * op->pixel;
    bool plain = !op->keep && op->rop == (op->fill ? BLT_ROP_PATTERN : BLT_ROP_COPY);
    if (plain && (op->fill || !overlapping(op)))
        direct(&job, bytes);
    else
        buffered(&job, bytes);
    return job.result;
}
