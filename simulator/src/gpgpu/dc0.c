/* SPDX-License-Identifier: MIT */
/*
 * Data cache port 0: blocks, byte, dword and qword scattered messages, scratch, fences; and the
 * read-only port, which has a subset. Descriptors: DG1 PRM vol 9, "Data port 0".
 */
#include "gpgpu/message.h"
#include <string.h>

#define DC0_SCRATCH_BIT     18 /* of the descriptor: the scratch block category */
#define DC0_SCRATCH_WRITE   17
#define FENCE_COMMIT        13
#define HEADER_OFFSET       2 /* header dword: block offset */
#define HEADER_SCRATCH_SIZE 3 /* header dword: per-thread size code in 3:0 */
#define HEADER_SCRATCH_BASE 5 /* header dword: scratch pointer in 31:10 */

/* Offset units: OWords for the aligned forms, bytes for the others. */
static enum eu_send_status oword_block(struct gp_msg *m, bool write, bool bytes_unit)
{
    unsigned size = msg_bits(m, 10, 8), regs;
    size_t bytes = size < 2 ? 16 : (size_t)16 << (size - 1);
    size_t reg_at = size == 1 ? 16 : 0;
    struct gp_target target;
    uint64_t offset;

    m->what = write ? "OWord block write" : "OWord block read";
    if (!m->header)
        return gp_msg_error(m, "no header");
    if (bytes > 8 * GP_GRF_BYTES)
        return gp_msg_error(m, "block size code %u", size);
    regs = (reg_at + bytes + GP_GRF_BYTES - 1) / GP_GRF_BYTES;
    if (gp_msg_needs(m, write ? regs : 0, write ? 0 : regs) != EU_SEND_OK ||
        gp_target_of(m, DESC_BTI(m->send->desc), &target) != EU_SEND_OK)
        return EU_SEND_ERROR;
    offset = m->header[HEADER_OFFSET];
    if (!bytes_unit)
        offset *= 16;
    if (!write)
        return gp_block_read(m, &target, offset, m->out + reg_at, bytes);
    if (bytes < GP_GRF_BYTES)
        return gp_block_write(m, &target, offset, m->in[0] + reg_at, bytes);
    for (unsigned r = 0; r < regs; r++)
        if (gp_block_write(m, &target, offset + r * GP_GRF_BYTES, m->in[r], GP_GRF_BYTES) !=
            EU_SEND_OK)
            return EU_SEND_ERROR;
    return EU_SEND_OK;
}

/* Whole registers in the thread's own scratch space, whose end is checked. */
static enum eu_send_status scratch_block(struct gp_msg *m)
{
    unsigned regs = 1u << msg_bits(m, 13, 12);
    uint64_t offset = (uint64_t)msg_bits(m, 11, 0) * GP_GRF_BYTES;
    bool write = msg_bits(m, DC0_SCRATCH_WRITE, DC0_SCRATCH_WRITE);
    struct gp_target target = {TARGET_BUFFER, 0, 0};

    m->what = write ? "scratch block write" : "scratch block read";
    if (!m->header)
        return gp_msg_error(m, "no header");
    if (gp_msg_needs(m, write ? regs : 0, write ? 0 : regs) != EU_SEND_OK)
        return EU_SEND_ERROR;
    target.base = m->job->state->general_base + (m->header[HEADER_SCRATCH_BASE] & ~0x3ffu);
    target.bytes = UINT64_C(1024) << (m->header[HEADER_SCRATCH_SIZE] & 0xf);
    if (!write)
        return gp_block_read(m, &target, offset, m->out, (size_t)regs * GP_GRF_BYTES);
    for (unsigned r = 0; r < regs; r++)
        if (gp_block_write(m, &target, offset + r * GP_GRF_BYTES, m->in[r], GP_GRF_BYTES) !=
            EU_SEND_OK)
            return EU_SEND_ERROR;
    return EU_SEND_OK;
}

static enum eu_send_status lanes(struct gp_msg *m, struct gp_elements *e, unsigned unit)
{
    uint64_t offset[MSG_MAX_LANES];
    struct gp_target target;

    e->first_in = e->simd * 4 / GP_GRF_BYTES;
    if (gp_msg_needs(m, e->first_in, 0) != EU_SEND_OK)
        return EU_SEND_ERROR;
    gp_offsets32(m, e->simd, offset);
    for (unsigned i = 0; i < e->simd; i++)
        offset[i] *= unit;
    if (gp_target_of(m, DESC_BTI(m->send->desc), &target) != EU_SEND_OK)
        return EU_SEND_ERROR;
    return gp_elements(m, &target, offset, e);
}

static enum eu_send_status byte_scattered(struct gp_msg *m, bool write)
{
    struct gp_elements e = {.write = write, .slot_bytes = 4, .channels = 1};

    m->what = write ? "byte scattered write" : "byte gathering read";
    e.simd = msg_bits(m, 8, 8) ? 16 : 8;
    e.mem_bytes = 1u << msg_bits(m, 11, 10);
    if (e.mem_bytes > 4)
        return gp_msg_error(m, "data size code 3");
    return lanes(m, &e, 1);
}

/* Offsets count dwords. */
static enum eu_send_status dword_scattered(struct gp_msg *m, bool write)
{
    struct gp_elements e = {.write = write, .slot_bytes = 4, .mem_bytes = 4, .channels = 1};

    m->what = write ? "dword scattered write" : "dword gathering read";
    e.simd = msg_bits(m, 8, 8) ? 16 : 8;
    return lanes(m, &e, 4);
}

/* One to eight qwords per lane; offsets count bytes. */
static enum eu_send_status qword_scattered(struct gp_msg *m, bool write)
{
    struct gp_elements e = {.write = write, .slot_bytes = 8, .mem_bytes = 8};

    m->what = write ? "qword scattered write" : "qword gathering read";
    e.simd = msg_bits(m, 12, 12) ? 16 : 8;
    e.channels = (1u << (1u << msg_bits(m, 11, 10))) - 1;
    return lanes(m, &e, 1);
}

/* Everything earlier is already in memory; order it for other host threads. */
static enum eu_send_status fence(struct gp_msg *m)
{
    m->what = "memory fence";
    m->is_fence = true;
    atomic_thread_fence(memory_order_seq_cst);
    if (!msg_bits(m, FENCE_COMMIT, FENCE_COMMIT))
        return EU_SEND_OK;
    if (m->out_count)
        memset(m->out, 0, GP_GRF_BYTES);
    return EU_SEND_OK;
}

enum eu_send_status gp_send_dc0(struct gp_msg *m)
{
    unsigned type = DESC_TYPE(m->send->desc);

    if (msg_bits(m, DC0_SCRATCH_BIT, DC0_SCRATCH_BIT))
        return scratch_block(m);
    switch (type) {
    case DC0_OWORD_BLOCK_READ:
    case DC0_UNALIGNED_BLOCK_READ:
        return oword_block(m, false, type == DC0_UNALIGNED_BLOCK_READ);
    case DC0_OWORD_BLOCK_WRITE:
    case DC0_UNALIGNED_BLOCK_WRITE:
        return oword_block(m, true, type == DC0_UNALIGNED_BLOCK_WRITE);
    case DC0_BYTE_SCATTERED_READ:
    case DC0_BYTE_SCATTERED_WRITE:
        return byte_scattered(m, type == DC0_BYTE_SCATTERED_WRITE);
    case DC0_DWORD_SCATTERED_READ:
    case DC0_DWORD_SCATTERED_WRITE:
        return dword_scattered(m, type == DC0_DWORD_SCATTERED_WRITE);
    case DC0_QWORD_SCATTERED_READ:
    case DC0_QWORD_SCATTERED_WRITE:
        return qword_scattered(m, type == DC0_QWORD_SCATTERED_WRITE);
    case DC0_MEMORY_FENCE:
        return fence(m);
    default:
        return gp_msg_error(m, "message type %#x is not implemented", type);
    }
}

enum eu_send_status gp_send_dcro(struct gp_msg *m)
{
    unsigned type = DESC_TYPE(m->send->desc);

    switch (type) {
    case DC0_OWORD_BLOCK_READ:
    case DC0_UNALIGNED_BLOCK_READ:
        return oword_block(m, false, type == DC0_UNALIGNED_BLOCK_READ);
    case DC0_DWORD_SCATTERED_READ:
        return dword_scattered(m, false);
    default:
        return gp_msg_error(m, "message type %#x is not implemented", type);
    }
}
