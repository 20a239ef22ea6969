/* SPDX-License-Identifier: MIT */
/*
 * Media block messages: a rectangle of bytes of a 2D surface, row by row in registers. Header and
 * descriptor: DG1 PRM vol 9, "Media block"; rows are as far apart as IGC's MEDIA_LD and MEDIA_ST
 * document it, and the surface's width counts doublewords, as Intel's compute runtime sets it for
 * images that kernels read or write in blocks.
 */
#include "gpgpu/message.h"
#include <string.h>

/* Header dwords. X counts bytes, Y rows; both are signed. */
enum { HEADER_X, HEADER_Y, HEADER_SIZE };

#define LINE_OVERRIDE      10 /* of the descriptor: fields of interlaced surfaces */
#define BLOCK_BYTES        (8 * GP_GRF_BYTES)
#define WIDTH_UNIT         4u /* bytes that the surface's width counts, for these messages only */
#define EDGE_ELEMENT_BYTES 4u /* texels are at most so large for replication at edges */

struct block {
    int32_t x, y;
    uint32_t width, height, pitch; /* bytes, rows, bytes from row to row in registers */
    uint32_t unit;                 /* bytes that are addressed at once */
    uint32_t texel;                /* bytes of one */
};

static enum eu_send_status parse(struct gp_msg *m, const struct image_surface *s, struct block *b)
{
    uint32_t size;

    if (!m->header)
        return gp_msg_error(m, "no header");
    if (msg_bits(m, LINE_OVERRIDE, LINE_OVERRIDE))
        return gp_msg_error(m, "fields of interlaced surfaces are not implemented");
    if (s->type != IMAGE_2D && s->type != IMAGE_NULL)
        return gp_msg_error(m, "the surface is not a 2D one");
    size = m->header[HEADER_SIZE];
    *b = (struct block){.x = (int32_t)m->header[HEADER_X],
                        .y = (int32_t)m->header[HEADER_Y],
                        .width = (size & 0x3f) + 1,
                        .height = (size >> 16 & 0x3f) + 1,
                        .pitch = 4,
                        .texel = s->type == IMAGE_NULL ? 1 : image_texel_bytes(s)};
    while (b->pitch < b->width)
        b->pitch *= 2;
    b->unit = b->texel < EDGE_ELEMENT_BYTES ? b->texel : EDGE_ELEMENT_BYTES;
    if (b->x % (int32_t)b->unit || b->width % b->unit)
        return gp_msg_error(m, "%u bytes at %d do not fit texels of %u", b->width, b->x, b->texel);
    if (b->pitch * b->height > BLOCK_BYTES)
        return gp_msg_error(m, "a block of %u x %u bytes", b->width, b->height);
    return EU_SEND_OK;
}

static int64_t clamp(int64_t v, int64_t last)
{
    return v < 0 ? 0 : v > last ? last : v;
}

/* Where the unit at byte x of row y is. False: outside of the surface, or there is none. */
static bool address(const struct image_surface *s, const struct block *b, int64_t x, int64_t y,
                    uint64_t *va)
{
    uint32_t at[3] = {(uint32_t)(x / b->texel), (uint32_t)y, 0};

    if (x < 0 || y < 0 || !image_texel_address(s, at, va))
        return false;
    *va += (uint64_t)(x % b->texel);
    return true;
}

/* What lies outside reads as the nearest unit inside. */
static enum eu_send_status read_row(struct gp_msg *m, const struct image_surface *s,
                                    const struct block *b, uint32_t row, uint8_t *to)
{
    int64_t last_x = (int64_t)s->width * b->texel - b->unit, last_y = (int64_t)s->height - 1;
    struct mmu_fault fault;
    uint64_t va;

    for (uint32_t i = 0; i < b->width; i += b->unit)
        if (!address(s, b, clamp((int64_t)b->x + i, last_x), clamp((int64_t)b->y + row, last_y),
                     &va))
            memset(to + i, 0, b->unit);
        else if (!tlb_read(m->w->tlb, va & GP_VA_MASK, to + i, b->unit, &fault))
            return gp_msg_fault(m, &fault, -1);
    return EU_SEND_OK;
}

/* What lies outside is not written. */
static enum eu_send_status write_row(struct gp_msg *m, const struct image_surface *s,
                                     const struct block *b, uint32_t row, const uint8_t *from)
{
    struct mmu_fault fault;
    uint64_t va;

    for (uint32_t i = 0; i < b->width; i += b->unit)
        if (address(s, b, (int64_t)b->x + i, (int64_t)b->y + row, &va) &&
            !tlb_write(m->w->tlb, va & GP_VA_MASK, from + i, b->unit, &fault))
            return gp_msg_fault(m, &fault, -1);
    return EU_SEND_OK;
}

enum eu_send_status gp_media_block(struct gp_msg *m, bool write)
{
    enum eu_send_status status = EU_SEND_OK;
    const struct image_surface *image;
    struct image_surface surface, *s = &surface;
    struct block b = {0};
    unsigned regs;

    m->what = write ? "media block write" : "media block read";
    image = gp_image_of(m);
    if (!image || parse(m, image, &b) != EU_SEND_OK)
        return EU_SEND_ERROR;
    surface = *image;
    surface.width = (uint32_t)((uint64_t)image->width * WIDTH_UNIT / b.texel);
    regs = (b.pitch * b.height + GP_GRF_BYTES - 1) / GP_GRF_BYTES;
    if (gp_msg_needs(m, write ? regs : 0, write ? 0 : regs) != EU_SEND_OK)
        return EU_SEND_ERROR;
    for (uint32_t row = 0; row < b.height && status == EU_SEND_OK; row++) {
        uint32_t at = row * b.pitch;
        uint8_t data[2 * GP_GRF_BYTES]; /* a row spans two registers at most */

        if (!write) {
            status = read_row(m, s, &b, row, m->out + at);
            continue;
        }
        for (uint32_t i = 0; i < b.width; i++)
            data[i] = m->in[(at + i) / GP_GRF_BYTES][(at + i) % GP_GRF_BYTES];
        status = write_row(m, s, &b, row, data);
    }
    return status;
}
