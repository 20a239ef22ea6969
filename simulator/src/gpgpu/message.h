/* SPDX-License-Identifier: MIT */
/* message.h - a message of an EU thread to a shared function, and the ways it reaches memory. */
#ifndef SIM_GPGPU_MESSAGE_H
#define SIM_GPGPU_MESSAGE_H

#include "gpgpu/internal.h"

/* Binding table indices with a meaning of their own (DG1 PRM vol 9, "Binding table index"). */
#define BTI_BINDLESS             0xfcu
#define BTI_STATELESS_INCOHERENT 0xfdu
#define BTI_SLM                  0xfeu
#define BTI_STATELESS            0xffu

/* Fields of the descriptors, DG1 PRM vol 9, "Message descriptor". Lengths are in registers. */
#define DESC_MESSAGE_LENGTH(d)  ((d) >> 25 & 0xf)
#define DESC_RESPONSE_LENGTH(d) ((d) >> 20 & 0x1f)
#define DESC_HEADER             (1u << 19)
#define DESC_TYPE(d)            ((d) >> 14 & 0x1f)
#define DESC_BTI(d)             ((d)&0xff)
#define EXDESC_LENGTH(e)        ((e) >> 6 & 0x1f)

/* DESC_TYPE of data port 0 and of the read-only port, "Data port 0". */
enum {
    DC0_OWORD_BLOCK_READ = 0x00,
    DC0_UNALIGNED_BLOCK_READ = 0x01,
    DC0_DWORD_SCATTERED_READ = 0x03,
    DC0_BYTE_SCATTERED_READ = 0x04,
    DC0_QWORD_SCATTERED_READ = 0x05,
    DC0_MEMORY_FENCE = 0x07,
    DC0_OWORD_BLOCK_WRITE = 0x08,
    DC0_UNALIGNED_BLOCK_WRITE = 0x09,
    DC0_DWORD_SCATTERED_WRITE = 0x0b,
    DC0_BYTE_SCATTERED_WRITE = 0x0c,
    DC0_QWORD_SCATTERED_WRITE = 0x0d,
};

/* DESC_TYPE of data port 1, "Data port 1". */
enum {
    DC1_UNTYPED_READ = 0x01,
    DC1_UNTYPED_ATOMIC = 0x02,
    DC1_UNTYPED_ATOMIC_HALF = 0x03,
    DC1_MEDIA_BLOCK_READ = 0x04,
    DC1_TYPED_READ = 0x05,
    DC1_TYPED_ATOMIC = 0x06,
    DC1_TYPED_ATOMIC_HALF = 0x07,
    DC1_UNTYPED_WRITE = 0x09,
    DC1_MEDIA_BLOCK_WRITE = 0x0a,
    DC1_TYPED_WRITE = 0x0d,
    DC1_A64_SCATTERED_READ = 0x10,
    DC1_A64_UNTYPED_READ = 0x11,
    DC1_A64_UNTYPED_ATOMIC = 0x12,
    DC1_A64_UNTYPED_ATOMIC_HALF = 0x13,
    DC1_A64_BLOCK_READ = 0x14,
    DC1_A64_BLOCK_WRITE = 0x15,
    DC1_A64_UNTYPED_WRITE = 0x19,
    DC1_A64_SCATTERED_WRITE = 0x1a,
    DC1_UNTYPED_ATOMIC_FLOAT = 0x1b,
    DC1_UNTYPED_ATOMIC_FLOAT_HALF = 0x1c,
    DC1_A64_UNTYPED_ATOMIC_FLOAT = 0x1d,
    DC1_A64_UNTYPED_ATOMIC_FLOAT_HALF = 0x1e,
};

#define MSG_MAX_LANES 16u
#define MSG_MAX_REGS  48u /* 15 from src0 and 31 from src1 at most */

struct gp_msg {
    const struct eu_send *send;
    struct eu_thread *t;
    struct gp_slot *slot;
    struct gp_worker *w;
    struct gp_job *job;
    const char *what; /* the message's name, once known */
    bool is_fence;
    const uint32_t *header; /* NULL without one */
    unsigned in_count;
    const uint8_t *in[MSG_MAX_REGS]; /* payload registers after the header, src0's then src1's */
    uint8_t *out;
    unsigned out_count; /* registers */
};

static inline uint32_t msg_bits(const struct gp_msg *m, unsigned high, unsigned low)
{
    return m->send->desc >> low & ((2u << (high - low)) - 1);
}

/* Where a message's offsets lead. */
struct gp_target {
    enum { TARGET_FLAT, TARGET_BUFFER, TARGET_SLM } kind;
    uint64_t base;  /* added to offsets */
    uint64_t bytes; /* valid ones, of a buffer or of SLM */
};

/* All return EU_SEND_ERROR after having reported why. */
enum eu_send_status gp_msg_error(const struct gp_msg *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum eu_send_status gp_msg_fault(const struct gp_msg *m, const struct mmu_fault *fault, int lane);
/* The message has at least so many payload and result registers, or EU_SEND_ERROR. */
enum eu_send_status gp_msg_needs(const struct gp_msg *m, unsigned in, unsigned out);

/* surface.c: the binding table entry or bindless surface of the message; NULL after an error. */
struct gp_surface *gp_surface_get(struct gp_msg *m, unsigned bti);
enum eu_send_status gp_target_of(struct gp_msg *m, unsigned bti, struct gp_target *target);

/* images.c: the same, as an image. */
const struct image_surface *gp_image_of(struct gp_msg *m);

/* memory.c */
struct gp_elements {
    bool write;
    unsigned simd;
    unsigned mem_bytes;  /* of an element in memory: 1, 2, 4, 8 */
    unsigned slot_bytes; /* in a register, per lane: 4 or 8 */
    unsigned channels;   /* bit c: element c of each lane takes part */
    unsigned first_in;   /* payload register that data begin at */
};
enum eu_send_status gp_elements(struct gp_msg *m, const struct gp_target *target,
                                const uint64_t offset[MSG_MAX_LANES], const struct gp_elements *e);
/* n contiguous bytes between memory and whole registers. */
enum eu_send_status gp_block_read(struct gp_msg *m, const struct gp_target *target, uint64_t offset,
                                  uint8_t *to, size_t n);
enum eu_send_status gp_block_write(struct gp_msg *m, const struct gp_target *target,
                                   uint64_t offset, const uint8_t *from, size_t n);
/* An offset in a flat target that leads nowhere: atomics there do nothing and return 0. */
#define GP_OUTSIDE UINT64_MAX
/* Host address of [offset, offset + n) for an atomic; NULL with *status OK: out of bounds. */
uint8_t *gp_atomic_ptr(struct gp_msg *m, const struct gp_target *target, uint64_t offset,
                       unsigned n, int lane, enum eu_send_status *status);

/* atomic.c */
struct gp_atomic {
    unsigned op;   /* AOP_* code of the descriptor */
    unsigned bits; /* 16, 32, 64 */
    unsigned simd;
    bool is_float;
    bool returns;
    unsigned first_in;
};
/* Data values per lane that the operation takes: 0 to 2. */
unsigned gp_atomic_sources(const struct gp_atomic *a);
enum eu_send_status gp_atomic(struct gp_msg *m, const struct gp_target *target,
                              const uint64_t offset[MSG_MAX_LANES], const struct gp_atomic *a);

/* quick.c: false: nothing was done, the message is to go the general way. */
bool gp_send_quick(struct eu_thread *t, const struct gp_slot *slot, const struct eu_send *s,
                   enum eu_send_status *status);

/* dc0.c, dc1.c, images.c, media_block.c, gateway.c */
enum eu_send_status gp_send_dc0(struct gp_msg *m);
enum eu_send_status gp_send_dc1(struct gp_msg *m);
enum eu_send_status gp_send_dcro(struct gp_msg *m);
enum eu_send_status gp_send_sampler(struct gp_msg *m);
enum eu_send_status gp_typed(struct gp_msg *m, bool write);
enum eu_send_status gp_typed_atomic(struct gp_msg *m, unsigned bits);
enum eu_send_status gp_media_block(struct gp_msg *m, bool write);
enum eu_send_status gp_send_gateway(struct gp_msg *m);
enum eu_send_status gp_send_spawner(struct gp_msg *m);
/* Lane offsets from the payload's first registers, of 32 or 64 bits. */
void gp_offsets32(const struct gp_msg *m, unsigned simd, uint64_t offset[MSG_MAX_LANES]);
void gp_offsets64(const struct gp_msg *m, unsigned simd, uint64_t offset[MSG_MAX_LANES]);
#endif
