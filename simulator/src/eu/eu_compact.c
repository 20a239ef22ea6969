/* SPDX-License-Identifier: MIT */
/*
 * The 64-bit compacted form. Five indices stand for groups of bits of the 128-bit word; the
 * tables below are those of Gen12LP (TGL PRM vol 2a, "Instruction Compaction Tables").
 */
#include "eu/eu_isa.h"

#include <string.h>

/* Bits of the native word that a table entry supplies, most significant first. */
struct span {
    uint8_t hi, lo;
};

static const struct span control_spans[] = {{95, 92}, {34, 34}, {33, 33}, {32, 32}, {31, 31},
                                            {28, 28}, {27, 24}, {23, 22}, {21, 19}, {18, 16}};
static const uint32_t control_table[32] = {
    0x000004, 0x000003, 0x002000, 0x002004, 0x002003, 0x080004, 0x000024, 0x0a0004,
    0x000000, 0x010004, 0x000013, 0x060004, 0x020004, 0x022004, 0x040004, 0x000104,
    0x0a0003, 0x000184, 0x002001, 0x000144, 0x0001c4, 0x082004, 0x000023, 0x000033,
    0x0a2004, 0x080003, 0x022000, 0x010003, 0x0a0084, 0x020003, 0x008003, 0x002024,
};

static const struct span datatype_spans[] = {{98, 98}, {91, 88}, {66, 66}, {50, 50}, {49, 48},
                                             {47, 47}, {46, 46}, {43, 40}, {39, 36}, {35, 35}};
static const uint32_t datatype_table[32] = {
    0xd6954, 0x06954, 0x02b54, 0x56d54, 0xd4954, 0xd2954, 0x54d54, 0x00800,
    0xd0954, 0x2eccc, 0xb68cc, 0x52d54, 0x96844, 0x50d54, 0x36ccc, 0x16c44,
    0x07154, 0x2cccc, 0x00822, 0x02844, 0x26c2a, 0x0ec22, 0x97044, 0x0694c,
    0x8c8cc, 0x06854, 0x2ec4c, 0x02822, 0x06834, 0x06814, 0x068d4, 0x02954,
};

static const struct span subreg_spans[] = {{103, 99}, {71, 67}, {55, 51}};
static const uint16_t subreg_table[32] = {
    0x0000, 0x4000, 0x1000, 0x3000, 0x0080, 0x2000, 0x5000, 0x0008, 0x0100, 0x6000, 0x7000,
    0x0200, 0x0004, 0x0300, 0x0280, 0x0180, 0x0380, 0x001c, 0x0010, 0x000c, 0x0018, 0x0014,
    0x0002, 0x0140, 0x0040, 0x0084, 0x005c, 0x0042, 0x018c, 0x0020, 0x0060, 0x6300,
};

static const struct span src0_spans[] = {{87, 84}, {83, 81}, {80, 80}, {65, 64}, {45, 44}};
static const uint16_t src0_table[16] = {0x464, 0x000, 0x466, 0x465, 0x002, 0x200, 0x240, 0x340,
                                        0x224, 0x300, 0x226, 0x344, 0x467, 0x100, 0x001, 0xf10};

static const struct span src1_spans[] = {{121, 120}, {119, 116}, {115, 113}, {112, 112}, {97, 96}};
static const uint16_t src1_table[16] = {0x119, 0x000, 0x919, 0x800, 0x519, 0x8d0, 0x080, 0x089,
                                        0x889, 0x0d0, 0x0d1, 0x0c0, 0xd19, 0x400, 0xc00, 0x8d1};

static const struct span control3_spans[] = {
    {95, 92}, {90, 88}, {82, 80}, {50, 50}, {48, 48}, {42, 40}, {39, 39}, {38, 36}, {34, 34},
    {33, 33}, {32, 32}, {31, 31}, {28, 28}, {27, 24}, {23, 22}, {21, 19}, {18, 16}};
static const uint64_t control3_table[32] = {
    0x04a540004, 0x04a540003, 0x048540003, 0x04a542003, 0x048542003, 0x048540013, 0x04a540013,
    0x048542013, 0x04a542013, 0x04a542004, 0x048540004, 0x04a550004, 0x04a540024, 0x048542004,
    0x04a542000, 0x04a550003, 0x048542033, 0x048542023, 0x04a542033, 0x04a542023, 0x048540023,
    0x048540033, 0x04a540023, 0x04a540033, 0x048550004, 0x04a552004, 0x04a542024, 0x04a442000,
    0x048540024, 0x04a550024, 0x04a542002, 0x048550003,
};

static const struct span source3_spans[] = {{114, 114}, {113, 112}, {98, 98}, {97, 96}, {91, 91},
                                            {87, 86},   {85, 84},   {83, 83}, {66, 66}, {65, 64},
                                            {47, 47},   {46, 46},   {45, 44}, {43, 43}, {35, 35}};
static const uint32_t source3_table[32] = {
    0x12c300, 0x12c242, 0x16c343, 0x12c343, 0x160143, 0x16c34b, 0x14c343, 0x10c300,
    0x16c300, 0x16cb43, 0x16e343, 0x160100, 0x10c343, 0x12e300, 0x12e343, 0x12c34b,
    0x120143, 0x12c308, 0x120100, 0x16e300, 0x12cb00, 0x14c300, 0x12cb43, 0x16cb4b,
    0x14c34b, 0x16e34b, 0x162143, 0x160943, 0x16c308, 0x16cb00, 0x120943, 0x14cb43,
};

static const struct span subreg3_spans[] = {{119, 115}, {103, 99}, {71, 67}, {55, 51}};
static const uint32_t subreg3_table[32] = {
    0x00000, 0x20000, 0x00180, 0xa0000, 0x80380, 0x60000, 0x40000, 0x02000,
    0x01000, 0xc0000, 0x80000, 0xe0000, 0x06000, 0x00080, 0x04000, 0x03000,
    0x05000, 0x07000, 0x00100, 0x00200, 0x00300, 0x00280, 0x00380, 0xc0380,
    0x20100, 0x20180, 0x40180, 0x80300, 0x80280, 0x60080, 0xa0380, 0x40080,
};

static void put(uint64_t w[2], unsigned hi, unsigned lo, uint64_t value)
{
    uint64_t mask = (~0ull >> (63 - (hi - lo))) << (lo % 64);

    w[lo / 64] = (w[lo / 64] & ~mask) | ((value << (lo % 64)) & mask);
}

static void spread(uint64_t w[2], const struct span *spans, unsigned n, uint64_t value)
{
    while (n--) {
        put(w, spans[n].hi, spans[n].lo, value);
        value >>= spans[n].hi - spans[n].lo + 1;
    }
}
#define SPREAD(w, name, index) \
    spread(w, name##_spans, sizeof(name##_spans) / sizeof(struct span), name##_table[index])

/* A compacted immediate has 12 bits; what the others are depends on its type. */
static bool expand_imm(unsigned type, uint32_t imm, uint32_t *out)
{
    uint32_t sext = imm | (imm & 0x800 ? 0xfffff000u : 0);

    switch (type) {
    case T_F:
        *out = imm << 20;
        return true;
    case T_HF:
        *out = imm << 20 | imm << 4;
        return true;
    case T_UW:
        *out = imm << 16 | imm;
        return true;
    case T_W:
        *out = sext << 16 | (sext & 0xffff);
        return true;
    case T_D:
        *out = sext;
        return true;
    case T_UD:
    case T_UB: /* uv */
    case T_B:  /* v */
    case 8:    /* vf */
        *out = imm;
        return true;
    default:
        return false;
    }
}

static void uncompact3(uint64_t c, uint64_t w[2])
{
    const uint64_t v[2] = {c, 0};

    SPREAD(w, control3, eu_bits(v, 28, 24));
    SPREAD(w, source3, eu_bits(v, 34, 30));
    SPREAD(w, subreg3, eu_bits(v, 39, 35));
    put(w, 63, 56, eu_bits(v, 23, 16));
    put(w, 79, 72, eu_bits(v, 47, 40));
    put(w, 111, 104, eu_bits(v, 63, 56));
    put(w, 127, 120, eu_bits(v, 55, 48));
}

static bool uncompact2(uint64_t c, uint64_t w[2], const char **why)
{
    const uint64_t v[2] = {c, 0};
    bool imm0, imm1;

    SPREAD(w, control, eu_bits(v, 28, 24));
    SPREAD(w, datatype, eu_bits(v, 34, 30));
    SPREAD(w, subreg, eu_bits(v, 39, 35));
    SPREAD(w, src0, eu_bits(v, 51, 48));
    put(w, 63, 56, eu_bits(v, 23, 16));
    put(w, 79, 72, eu_bits(v, 47, 40));
    imm0 = eu_bits(w, 46, 46);
    imm1 = eu_bits(w, 47, 47);
    if (imm0 || imm1) {
        uint32_t imm;
        unsigned type = imm0 ? eu_bits(w, 43, 40) : eu_bits(w, 91, 88);

        if (!expand_imm(type, eu_bits(v, 63, 52), &imm)) {
            *why = "compacted immediate of a type that has none";
            return false;
        }
        put(w, 127, 96, imm);
        return true;
    }
    SPREAD(w, src1, eu_bits(v, 55, 52));
    put(w, 111, 104, eu_bits(v, 63, 56));
    return true;
}

bool eu_uncompact(uint64_t compact, uint64_t out[2], const char **why)
{
    unsigned opcode = compact & 0x7f;
    bool ok = true;

    out[0] = out[1] = 0;
    if (eu_opcode_format(opcode) == FMT_BASIC3)
        uncompact3(compact, out);
    else
        ok = uncompact2(compact, out, why);
    put(out, 6, 0, opcode);
    put(out, 15, 8, compact >> 8 & 0xff);
    put(out, 30, 30, compact >> 7 & 1); /* breakpoint */
    return ok;
}
