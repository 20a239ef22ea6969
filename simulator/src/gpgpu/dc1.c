/* SPDX-License-Identifier: MIT */
/* Data cache port 1: untyped and A64 messages. Descriptors: DG1 PRM vol 9, "Data port 1". */
#include "gpgpu/message.h"

enum { SIMD_MODE_4X2 = 0, SIMD_MODE_16 = 1, SIMD_MODE_8 = 2 };
enum { SCATTERED_BYTE = 0, SCATTERED_DWORD = 1, SCATTERED_QWORD = 2 };
enum { BLOCK_OWORD_UNALIGNED = 0, BLOCK_OWORD_ALIGNED = 1, BLOCK_HWORD = 3 };

/* A64 messages address the whole space of the context. */
static const struct gp_target flat = {TARGET_FLAT, 0, 0};

/* Lane addresses and what they relate to. *regs: payload registers they took. */
static enum eu_send_status addresses(struct gp_msg *m, bool a64, unsigned simd,
                                     struct gp_target *target, uint64_t offset[MSG_MAX_LANES],
                                     unsigned *regs)
{
    *regs = simd * (a64 ? 8 : 4) / GP_GRF_BYTES;
    if (gp_msg_needs(m, *regs, 0) != EU_SEND_OK)
        return EU_SEND_ERROR;
    if (!a64) {
        gp_offsets32(m, simd, offset);
        return gp_target_of(m, DESC_BTI(m->send->desc), target);
    }
    gp_offsets64(m, simd, offset);
    *target = flat;
    return EU_SEND_OK;
}

/* Up to four dwords per lane; the descriptor masks channels off. */
static enum eu_send_status untyped(struct gp_msg *m, bool write, bool a64)
{
    struct gp_elements e = {.write = write, .mem_bytes = 4, .slot_bytes = 4};
    uint64_t offset[MSG_MAX_LANES];
    struct gp_target target;

    m->what = write ? "untyped write" : "untyped read";
    if (msg_bits(m, 13, 12) != SIMD_MODE_16 && msg_bits(m, 13, 12) != SIMD_MODE_8)
        return gp_msg_error(m, "SIMD mode %u", msg_bits(m, 13, 12));
    e.simd = msg_bits(m, 13, 12) == SIMD_MODE_16 ? 16 : 8;
    e.channels = ~msg_bits(m, 11, 8) & 0xf;
    e.first_in = e.simd * (a64 ? 8 : 4) / GP_GRF_BYTES;
    if (gp_msg_needs(m, e.first_in, 0) != EU_SEND_OK)
        return EU_SEND_ERROR;
    if (!a64) {
        if (gp_target_of(m, DESC_BTI(m->send->desc), &target) != EU_SEND_OK)
            return EU_SEND_ERROR;
        gp_offsets32(m, e.simd, offset);
        return gp_elements(m, &target, offset, &e);
    }
    gp_offsets64(m, e.simd, offset);
    return gp_elements(m, &flat, offset, &e);
}

/* Bytes, or one to eight dwords or qwords per lane. */
static enum eu_send_status a64_scattered(struct gp_msg *m, bool write)
{
    unsigned subtype = msg_bits(m, 9, 8), log2n = msg_bits(m, 11, 10);
    struct gp_elements e = {.write = write, .channels = 1};
    uint64_t offset[MSG_MAX_LANES];
    struct gp_target target;

    m->what = write ? "A64 scattered write" : "A64 gathering read";
    e.simd = msg_bits(m, 12, 12) ? 16 : 8;
    switch (subtype) {
    case SCATTERED_BYTE:
        e.mem_bytes = 1u << log2n;
        e.slot_bytes = e.mem_bytes == 8 ? 8 : 4;
        break;
    case SCATTERED_DWORD:
    case SCATTERED_QWORD:
        e.mem_bytes = e.slot_bytes = subtype == SCATTERED_DWORD ? 4 : 8;
        e.channels = (1u << (1u << log2n)) - 1;
        break;
    default:
        return gp_msg_error(m, "sub-type %u", subtype);
    }
    if (addresses(m, true, e.simd, &target, offset, &e.first_in) != EU_SEND_OK)
        return EU_SEND_ERROR;
    return gp_elements(m, &target, offset, &e);
}

static enum eu_send_status atomic(struct gp_msg *m, bool a64, struct gp_atomic *a)
{
    uint64_t offset[MSG_MAX_LANES];
    struct gp_target target;

    m->what = a64 ? "A64 atomic" : "untyped atomic";
    a->op = a->is_float ? msg_bits(m, 10, 8) : msg_bits(m, 11, 8);
    a->returns = msg_bits(m, 13, 13);
    if (addresses(m, a64, a->simd, &target, offset, &a->first_in) != EU_SEND_OK)
        return EU_SEND_ERROR;
    return gp_atomic(m, &target, offset, a);
}

/* Bit 12 is the SIMD mode of surface atomics ... */
static enum eu_send_status surface_atomic(struct gp_msg *m, unsigned bits, bool is_float)
{
    struct gp_atomic a = {.bits = bits, .is_float = is_float, .simd = msg_bits(m, 12, 12) ? 8 : 16};

    return atomic(m, false, &a);
}

/* ... and the data width of A64 ones, which are SIMD8 only. */
static enum eu_send_status a64_atomic(struct gp_msg *m, unsigned bits, bool is_float)
{
    struct gp_atomic a = {.bits = bits, .is_float = is_float, .simd = 8};

    if (bits == 32 && msg_bits(m, 12, 12))
        a.bits = 64;
    if (is_float && a.bits == 64)
        return gp_msg_error(m, "64-bit float atomics do not exist on this device");
    return atomic(m, true, &a);
}

static enum eu_send_status a64_block(struct gp_msg *m, bool write)
{
    unsigned subtype = msg_bits(m, 12, 11), size = msg_bits(m, 10, 8);
    size_t bytes, reg_at = 0;
    uint64_t address;
    unsigned regs;

    m->what = write ? "A64 block write" : "A64 block read";
    if (!m->header)
        return gp_msg_error(m, "no header");
    address = m->header[0] | (uint64_t)m->header[1] << 32;
    if (subtype == BLOCK_HWORD) {
        bytes = (size_t)GP_GRF_BYTES << size;
    } else if (subtype == BLOCK_OWORD_ALIGNED || subtype == BLOCK_OWORD_UNALIGNED) {
        bytes = size < 2 ? 16 : (size_t)16 << (size - 1);
        reg_at = size == 1 ? 16 : 0; /* one OWord: low or high half of the register */
    } else {
        return gp_msg_error(m, "sub-type %u", subtype);
    }
    if (bytes > 8 * GP_GRF_BYTES)
        return gp_msg_error(m, "block size code %u", size);
    regs = (reg_at + bytes + GP_GRF_BYTES - 1) / GP_GRF_BYTES;
    if (gp_msg_needs(m, write ? regs : 0, write ? 0 : regs) != EU_SEND_OK)
        return EU_SEND_ERROR;
    if (!write)
        return gp_block_read(m, &flat, address, m->out + reg_at, bytes);
    if (bytes < GP_GRF_BYTES)
        return gp_block_write(m, &flat, address, m->in[0] + reg_at, bytes);
    for (unsigned r = 0; r < regs; r++)
        if (gp_block_write(m, &flat, address + r * GP_GRF_BYTES, m->in[r], GP_GRF_BYTES) !=
            EU_SEND_OK)
            return EU_SEND_ERROR;
    return EU_SEND_OK;
}

enum eu_send_status gp_send_dc1(struct gp_msg *m)
{
    unsigned type = DESC_TYPE(m->send->desc);

    switch (type) {
    case DC1_UNTYPED_READ:
    case DC1_UNTYPED_WRITE:
        return untyped(m, type == DC1_UNTYPED_WRITE, false);
    case DC1_MEDIA_BLOCK_READ:
    case DC1_MEDIA_BLOCK_WRITE:
        return gp_media_block(m, type == DC1_MEDIA_BLOCK_WRITE);
    case DC1_TYPED_READ:
    case DC1_TYPED_WRITE:
        return gp_typed(m, type == DC1_TYPED_WRITE);
    case DC1_TYPED_ATOMIC:
        return gp_typed_atomic(m, 32);
    case DC1_TYPED_ATOMIC_HALF:
        return gp_typed_atomic(m, 16);
    case DC1_A64_UNTYPED_READ:
    case DC1_A64_UNTYPED_WRITE:
        return untyped(m, type == DC1_A64_UNTYPED_WRITE, true);
    case DC1_A64_SCATTERED_READ:
    case DC1_A64_SCATTERED_WRITE:
        return a64_scattered(m, type == DC1_A64_SCATTERED_WRITE);
    case DC1_A64_BLOCK_READ:
    case DC1_A64_BLOCK_WRITE:
        return a64_block(m, type == DC1_A64_BLOCK_WRITE);
    case DC1_UNTYPED_ATOMIC:
        return surface_atomic(m, 32, false);
    case DC1_UNTYPED_ATOMIC_HALF:
        return surface_atomic(m, 16, false);
    case DC1_UNTYPED_ATOMIC_FLOAT:
        return surface_atomic(m, 32, true);
    case DC1_UNTYPED_ATOMIC_FLOAT_HALF:
        return surface_atomic(m, 16, true);
    case DC1_A64_UNTYPED_ATOMIC:
        return a64_atomic(m, 32, false);
    case DC1_A64_UNTYPED_ATOMIC_HALF:
        return a64_atomic(m, 16, false);
    case DC1_A64_UNTYPED_ATOMIC_FLOAT:
        return a64_atomic(m, 32, true);
    case DC1_A64_UNTYPED_ATOMIC_FLOAT_HALF:
        return a64_atomic(m, 16, true);
    default:
        return gp_msg_error(m, "message type %#x is not implemented", type);
    }
}
