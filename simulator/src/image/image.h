/* SPDX-License-Identifier: MIT */
/*
 * image.h - surfaces with a format: RENDER_SURFACE_STATE and SAMPLER_STATE as Gen12LP lays
 * them out, the sampler's messages and the data port's typed messages.
 *
 * For the GPGPU front end: it finds the states (binding table, sampler pointer), reads their
 * dwords, hands them to the parse functions, and passes messages on in the form in which
 * threads send them, register by register. Buffers (SURFTYPE_BUFFER) with a format are images
 * too: a typed or sampler message may read them.
 */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

#include "mem/mmu.h"
#include "tiling/tiling.h"

#ifdef __cplusplus
extern "C" {
#endif

enum image_type {
    IMAGE_1D,
    IMAGE_2D,
    IMAGE_3D,
    IMAGE_CUBE,
    IMAGE_BUFFER,
    IMAGE_STRUCTURED, /* SURFTYPE_STRBUF: no format, no image message may use it */
    IMAGE_NULL = 7    /* reads give 0, writes go nowhere */
};

struct image_format; /* image/format.h */

struct image_surface {
    enum image_type type;
    bool array;
    enum tiling tiling;
    const struct image_format *format;
    uint64_t base;
    uint32_t width, height, depth; /* texels; depth also counts array elements */
    uint32_t pitch;                /* bytes from row to row */
    uint64_t slice;          /* rows (1D: texels) from array element or depth slice to the next */
    uint32_t first_slice;    /* minimum array element: added to every slice index */
    uint8_t select[4];       /* shader channel selects for R, G, B, A */
    uint8_t levels;          /* mip levels that exist */
    uint8_t min_lod;         /* level that messages call level 0 */
    uint32_t halign, valign; /* texels; mip levels begin at multiples */
    uint32_t x_offset, y_offset; /* texels, of the surface within its tiles */
};

enum image_mip_filter { IMAGE_MIP_NONE = 0, IMAGE_MIP_NEAREST = 1, IMAGE_MIP_LINEAR = 3 };

struct image_sampler {
    bool disabled;   /* reads give 0 */
    bool linear_min; /* filters of minification and magnification; level 0 is magnified */
    bool linear_mag;
    bool unnormalized;
    uint8_t address[3]; /* texture coordinate modes of u, v, r */
    enum image_mip_filter mip;
    float bias, min_lod, max_lod;
    uint64_t border; /* offset of the border color from the dynamic state base */
};

enum image_status {
    IMAGE_OK,
    IMAGE_FAULT, /* env->fault and env->lane tell */
    IMAGE_ERROR, /* env->error tells: malformed or unsupported */
};

/* Who asks. One per thread; tlb under an open lease. */
struct image_env {
    struct tlb *tlb;
    uint64_t dynamic_base; /* dynamic state base address, for border colors */
    struct mmu_fault fault;
    int lane; /* in which the fault happened, -1: in none */
    char error[160];
};

/* A message as sent. Registers are 32 bytes. Lanes that are off change nothing. */
struct image_message {
    uint32_t desc; /* message descriptor; message type, SIMD mode and masks are taken from it */
    const uint32_t *header; /* 8 dwords, NULL without one */
    uint32_t exec_mask;     /* bit 0: first lane of the instruction */
    unsigned in_count;
    const uint8_t *const *in; /* payload registers after the header */
    uint8_t *out;             /* out_count registers, one after the other */
    unsigned out_count;
};

/* False with *why set when the state is malformed or uses what is not modelled. */
bool image_surface_parse(const uint32_t dw[16], struct image_surface *surface, const char **why);
bool image_sampler_parse(const uint32_t dw[4], struct image_sampler *sampler, const char **why);

/*
 * send.smpl: sample, sample_l, sample_lz, ld, ld_lz, resinfo and relatives. sampler may be NULL
 * for those that use none (image_message_samples() says so).
 */
enum image_status image_sampler_message(struct image_env *env, const struct image_surface *surface,
                                        const struct image_sampler *sampler,
                                        const struct image_message *message);
/* Is it the flush of the sampler's cache? It has no surface, and nothing to do here. */
bool image_message_is_flush(uint32_t desc);
/* Does a send.smpl with this descriptor use a sampler state? */
bool image_message_samples(uint32_t desc);

/* send.dc1, message types 5 (typed surface read) and 13 (typed surface write). */
enum image_status image_typed_message(struct image_env *env, const struct image_surface *surface,
                                      const struct image_message *message);

/*
 * Address of a texel for a typed atomic. False: outside the surface (the atomic does nothing and
 * returns 0). coord: u, v, r as the payload has them, 0 where it has none.
 */
bool image_texel_address(const struct image_surface *surface, const uint32_t coord[3],
                         uint64_t *va);
/* Bytes per texel of the surface's format. */
unsigned image_texel_bytes(const struct image_surface *surface);

#ifdef __cplusplus
}
#endif
#endif
