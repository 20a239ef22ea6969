/* SPDX-License-Identifier: MIT */
/* texel.c - texels in guest memory. */
#include "image/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PAGE_BYTES 4096u

enum image_status image_error(struct image_env *env, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(env->error, sizeof(env->error), fmt, args);
    va_end(args);
    return IMAGE_ERROR;
}

static bool crosses_page(uint64_t va, unsigned bytes)
{
    return va % PAGE_BYTES + bytes > PAGE_BYTES;
}

static enum image_status fault(struct image_env *env, int lane)
{
    env->lane = lane;
    return IMAGE_FAULT;
}

static bool load(struct image_env *env, uint64_t va, uint8_t *raw, unsigned bytes)
{
    if (crosses_page(va, bytes))
        return tlb_read(env->tlb, va, raw, bytes, &env->fault);
    const uint8_t *host = tlb_ptr(env->tlb, va, MMU_READ, &env->fault);
    if (host)
        memcpy(raw, host, bytes);
    return host;
}

enum image_status image_texel_read(struct image_env *env, const struct image_surface *s,
                                   uint64_t va, int lane, uint32_t rgba[4])
{
    uint8_t raw[TEXEL_BYTES_MAX];
    if (!load(env, va, raw, s->format->bytes))
        return fault(env, lane);
    image_format_decode(s->format, raw, rgba);
    return IMAGE_OK;
}

/* Read, changed and written back: bits of channels that are masked off stay. */
enum image_status image_texel_write(struct image_env *env, const struct image_surface *s,
                                    uint64_t va, int lane, const uint32_t rgba[4], unsigned mask)
{
    unsigned bytes = s->format->bytes;
    uint8_t raw[TEXEL_BYTES_MAX];
    if (!crosses_page(va, bytes)) {
        uint8_t *host = tlb_ptr(env->tlb, va, MMU_WRITE, &env->fault);
        if (!host)
            return fault(env, lane);
        image_format_encode(s->format, rgba, mask, host);
        return IMAGE_OK;
    }
    if (!tlb_read(env->tlb, va, raw, bytes, &env->fault))
        return fault(env, lane);
    image_format_encode(s->format, rgba, mask, raw);
    return tlb_write(env->tlb, va, raw, bytes, &env->fault) ? IMAGE_OK : fault(env, lane);
}
