/* SPDX-License-Identifier: MIT */
/*
 * From bits to struct eu_inst. Field positions are those of the Gen12LP native formats (TGL PRM
 * vol 2a, "EU instruction structures"); each is named by its bit numbers at its only use.
 */
#include "eu/eu_isa.h"

#include <string.h>

static const struct {
    const char *name;
    enum eu_format format;
    uint8_t sources;
} opcodes[OP_COUNT] = {
    [OP_ILLEGAL] = {"illegal", FMT_NOP, 0}, [OP_SYNC] = {"sync", FMT_SYNC, 1},
    [OP_JMPI] = {"jmpi", FMT_BRANCHR, 0},   [OP_BRD] = {"brd", FMT_BRANCHR, 0},
    [OP_IF] = {"if", FMT_BRANCH2, 0},       [OP_BRC] = {"brc", FMT_BRANCH2R, 0},
    [OP_ELSE] = {"else", FMT_BRANCH2, 0},   [OP_ENDIF] = {"endif", FMT_BRANCH1, 0},
    [OP_WHILE] = {"while", FMT_BRANCH1, 0}, [OP_BREAK] = {"break", FMT_BRANCH2, 0},
    [OP_CONT] = {"cont", FMT_BRANCH2, 0},   [OP_HALT] = {"halt", FMT_BRANCH2, 0},
    [OP_CALLA] = {"calla", FMT_CALL, 0},    [OP_CALL] = {"call", FMT_CALL, 0},
    [OP_RET] = {"ret", FMT_RET, 1},         [OP_GOTO] = {"goto", FMT_BRANCH2, 0},
    [OP_JOIN] = {"join", FMT_BRANCH1, 0},   [OP_SEND] = {"send", FMT_SEND, 2},
    [OP_SENDC] = {"sendc", FMT_SEND, 2},    [OP_MATH] = {"math", FMT_MATH, 2},
    [OP_ADD] = {"add", FMT_BASIC2, 2},      [OP_MUL] = {"mul", FMT_BASIC2, 2},
    [OP_AVG] = {"avg", FMT_BASIC2, 2},      [OP_FRC] = {"frc", FMT_BASIC1, 1},
    [OP_RNDU] = {"rndu", FMT_BASIC1, 1},    [OP_RNDD] = {"rndd", FMT_BASIC1, 1},
    [OP_RNDE] = {"rnde", FMT_BASIC1, 1},    [OP_RNDZ] = {"rndz", FMT_BASIC1, 1},
    [OP_MAC] = {"mac", FMT_BASIC2, 2},      [OP_MACH] = {"mach", FMT_BASIC2, 2},
    [OP_LZD] = {"lzd", FMT_BASIC1, 1},      [OP_FBH] = {"fbh", FMT_BASIC1, 1},
    [OP_FBL] = {"fbl", FMT_BASIC1, 1},      [OP_CBIT] = {"cbit", FMT_BASIC1, 1},
    [OP_ADDC] = {"addc", FMT_BASIC2, 2},    [OP_SUBB] = {"subb", FMT_BASIC2, 2},
    [OP_DP4A] = {"dp4a", FMT_BASIC3, 3},    [OP_MAD] = {"mad", FMT_BASIC3, 3},
    [OP_NOP] = {"nop", FMT_NOP, 0},         [OP_MOV] = {"mov", FMT_BASIC1, 1},
    [OP_SEL] = {"sel", FMT_BASIC2, 2},      [OP_MOVI] = {"movi", FMT_BASIC2, 2},
    [OP_NOT] = {"not", FMT_BASIC1, 1},      [OP_AND] = {"and", FMT_BASIC2, 2},
    [OP_OR] = {"or", FMT_BASIC2, 2},        [OP_XOR] = {"xor", FMT_BASIC2, 2},
    [OP_SHR] = {"shr", FMT_BASIC2, 2},      [OP_SHL] = {"shl", FMT_BASIC2, 2},
    [OP_ASR] = {"asr", FMT_BASIC2, 2},      [OP_ROR] = {"ror", FMT_BASIC2, 2},
    [OP_ROL] = {"rol", FMT_BASIC2, 2},      [OP_CMP] = {"cmp", FMT_BASIC2, 2},
    [OP_CMPN] = {"cmpn", FMT_BASIC2, 2},    [OP_CSEL] = {"csel", FMT_BASIC3, 3},
    [OP_BFREV] = {"bfrev", FMT_BASIC1, 1},  [OP_BFE] = {"bfe", FMT_BASIC3, 3},
    [OP_BFI1] = {"bfi1", FMT_BASIC2, 2},    [OP_BFI2] = {"bfi2", FMT_BASIC3, 3},
};

/* Fields that an instruction does not have: set bits there make it reserved. */
enum { NO_SAT = 1, NO_CMOD = 2, NO_MODS = 4, NO_PRED = 8 };
static const uint8_t lacks[OP_COUNT] = {
    [OP_FRC] = NO_SAT,
    [OP_MACH] = NO_SAT | NO_CMOD,
    [OP_FBH] = NO_SAT | NO_CMOD | NO_MODS,
    [OP_FBL] = NO_SAT | NO_CMOD | NO_MODS,
    [OP_CBIT] = NO_SAT | NO_CMOD | NO_MODS,
    [OP_ADDC] = NO_SAT | NO_MODS,
    [OP_SUBB] = NO_MODS,
    [OP_DP4A] = NO_MODS,
    [OP_MOVI] = NO_CMOD,
    [OP_NOT] = NO_SAT,
    [OP_AND] = NO_SAT,
    [OP_OR] = NO_SAT,
    [OP_XOR] = NO_SAT,
    [OP_ROR] = NO_SAT | NO_MODS,
    [OP_ROL] = NO_SAT | NO_MODS,
    [OP_CMP] = NO_SAT,
    [OP_CMPN] = NO_SAT,
    [OP_CSEL] = NO_PRED,
    [OP_BFREV] = NO_SAT | NO_CMOD | NO_MODS,
    [OP_BFE] = NO_SAT | NO_CMOD | NO_MODS,
    [OP_BFI1] = NO_SAT | NO_CMOD | NO_MODS,
    [OP_BFI2] = NO_SAT | NO_CMOD | NO_MODS,
};

const char *eu_opcode_name(unsigned opcode)
{
    return opcode < OP_COUNT ? opcodes[opcode].name : NULL;
}

enum eu_format eu_opcode_format(unsigned opcode)
{
    return opcode < OP_COUNT ? opcodes[opcode].format : FMT_ILLEGAL;
}

static const struct {
    const char *name;
    uint8_t size;
    bool flt, sign;
} types[] = {
    [T_UB] = {"ub", 1, 0, 0}, [T_UW] = {"uw", 2, 0, 0}, [T_UD] = {"ud", 4, 0, 0},
    [T_UQ] = {"uq", 8, 0, 0}, [T_B] = {"b", 1, 0, 1},   [T_W] = {"w", 2, 0, 1},
    [T_D] = {"d", 4, 0, 1},   [T_Q] = {"q", 8, 0, 1},   [T_HF] = {"hf", 2, 1, 1},
    [T_F] = {"f", 4, 1, 1},   [T_DF] = {"df", 8, 1, 1}, [T_UV] = {"uv", 2, 0, 0},
    [T_V] = {"v", 2, 0, 1},   [T_VF] = {"vf", 4, 1, 1},
};

static bool type_valid(unsigned t)
{
    return t < sizeof(types) / sizeof(types[0]) && types[t].name;
}

unsigned eu_type_size(unsigned t)
{
    return type_valid(t) ? types[t].size : 1;
}

bool eu_type_is_float(unsigned t)
{
    return type_valid(t) && types[t].flt;
}

bool eu_type_is_signed(unsigned t)
{
    return type_valid(t) && types[t].sign;
}

const char *eu_type_name(unsigned t)
{
    return type_valid(t) ? types[t].name : "?";
}

static void bad(struct eu_inst *i, const char *why)
{
    if (!i->why)
        i->why = why;
}

static unsigned type_field(struct eu_inst *i, unsigned field)
{
    if (!type_valid(field)) {
        bad(i, "reserved operand type");
        return T_UD;
    }
    return field;
}

static unsigned imm_type_field(struct eu_inst *i, unsigned field)
{
    switch (field) {
    case T_UB:
        return T_UV;
    case T_B:
        return T_V;
    case 8:
        return T_VF;
    default:
        return type_field(i, field);
    }
}

static uint8_t hstride_field(unsigned field)
{
    return field ? 1u << (field - 1) : 0;
}

static uint8_t vstride_field(struct eu_inst *i, unsigned field)
{
    if (field == 15)
        return VSTRIDE_VXH;
    if (field > 6) {
        bad(i, "reserved vertical stride");
        return 0;
    }
    return field ? 1u << (field - 1) : 0;
}

static uint8_t width_field(struct eu_inst *i, unsigned field)
{
    if (field > 4) {
        bad(i, "reserved width");
        return 1;
    }
    return 1u << field;
}

static int16_t addr_imm_field(unsigned field) /* ten bits, signed */
{
    return (int16_t)(field << 6) >> 6;
}

static void immediate(struct eu_operand *o, const uint64_t w[2])
{
    o->file = FILE_IMM;
    o->imm = eu_bits(w, 127, 96);
    if (eu_type_size(o->type) == 8)
        o->imm |= eu_bits(w, 95, 64) << 32;
}

static void dst12(struct eu_inst *i, const uint64_t w[2])
{
    struct eu_operand *o = &i->dst;

    o->type = type_field(i, eu_bits(w, 39, 36));
    o->indirect = eu_bits(w, 35, 35);
    o->hstride = hstride_field(eu_bits(w, 49, 48));
    o->file = eu_bits(w, 50, 50);
    if (o->indirect) {
        o->file = FILE_GRF;
        o->addr = eu_bits(w, 63, 60);
        o->addr_off = addr_imm_field(eu_bits(w, 59, 50));
    } else {
        o->reg = eu_bits(w, 63, 56);
        o->sub = eu_bits(w, 55, 51);
    }
}

static void src0_12(struct eu_inst *i, const uint64_t w[2])
{
    struct eu_operand *o = &i->src[0];

    o->neg = eu_bits(w, 45, 45);
    o->abs = eu_bits(w, 44, 44);
    if (eu_bits(w, 46, 46)) {
        o->type = imm_type_field(i, eu_bits(w, 43, 40));
        immediate(o, w);
        return;
    }
    o->type = type_field(i, eu_bits(w, 43, 40));
    o->indirect = eu_bits(w, 80, 80);
    o->vstride = vstride_field(i, eu_bits(w, 87, 84));
    o->width = width_field(i, eu_bits(w, 83, 81));
    o->hstride = hstride_field(eu_bits(w, 65, 64));
    o->file = eu_bits(w, 66, 66);
    if (o->indirect) {
        o->file = FILE_GRF;
        o->addr = eu_bits(w, 79, 76);
        o->addr_off = addr_imm_field(eu_bits(w, 75, 66));
    } else {
        o->reg = eu_bits(w, 79, 72);
        o->sub = eu_bits(w, 71, 67);
    }
}

static void src1_2(struct eu_inst *i, const uint64_t w[2])
{
    struct eu_operand *o = &i->src[1];

    if (eu_bits(w, 47, 47)) {
        o->type = imm_type_field(i, eu_bits(w, 91, 88));
        immediate(o, w);
        if (eu_type_size(o->type) == 8)
            bad(i, "64-bit immediate as the second source");
        return;
    }
    o->type = type_field(i, eu_bits(w, 91, 88));
    o->neg = eu_bits(w, 121, 121);
    o->abs = eu_bits(w, 120, 120);
    o->indirect = eu_bits(w, 112, 112);
    o->vstride = vstride_field(i, eu_bits(w, 119, 116));
    o->width = width_field(i, eu_bits(w, 115, 113));
    o->hstride = hstride_field(eu_bits(w, 97, 96));
    o->file = eu_bits(w, 98, 98);
    if (o->indirect) {
        o->file = FILE_GRF;
        o->addr = eu_bits(w, 111, 108);
        o->addr_off = addr_imm_field(eu_bits(w, 107, 98));
    } else {
        o->reg = eu_bits(w, 111, 104);
        o->sub = eu_bits(w, 103, 99);
    }
}

/* Three-source types have three bits of their own and share the one that says "float". */
static unsigned type3_field(struct eu_inst *i, bool flt, unsigned field)
{
    return type_field(i, flt << 3 | field);
}

static const uint8_t vstride3[4] = {0, 1, 4, 8};

struct src3_fields {
    uint8_t imm_bit, imm_lo; /* 0: cannot be an immediate */
    uint8_t mod_lo, type_lo, vs_hi, vs_lo, hs_lo, reg_lo, sub_lo, file_bit;
};

static void src3(struct eu_inst *i, const uint64_t w[2], unsigned n, bool flt)
{
    static const struct src3_fields fields[3] = {
        {46, 64, 44, 40, 43, 35, 64, 72, 67, 66},
        {0, 0, 86, 88, 91, 83, 96, 104, 99, 98},
        {47, 112, 84, 80, 0, 0, 112, 120, 115, 114}, /* no vertical stride */
    };
    const struct src3_fields *f = &fields[n];
    struct eu_operand *o = &i->src[n];

    o->type = type3_field(i, flt, eu_bits(w, f->type_lo + 2, f->type_lo));
    o->abs = eu_bits(w, f->mod_lo, f->mod_lo);
    o->neg = eu_bits(w, f->mod_lo + 1, f->mod_lo + 1);
    if (f->imm_bit && eu_bits(w, f->imm_bit, f->imm_bit)) {
        o->file = FILE_IMM;
        o->imm = eu_bits(w, f->imm_lo + 15, f->imm_lo);
        if (eu_type_size(o->type) != 2)
            bad(i, "three-source immediate that is not 16 bits wide");
        return;
    }
    o->file = eu_bits(w, f->file_bit, f->file_bit);
    o->reg = eu_bits(w, f->reg_lo + 7, f->reg_lo);
    o->sub = eu_bits(w, f->sub_lo + 4, f->sub_lo);
    o->hstride = hstride_field(eu_bits(w, f->hs_lo + 1, f->hs_lo));
    if (!f->vs_hi) { /* a row as long as the instruction */
        o->width = 32;
        return;
    }
    o->vstride = vstride3[eu_bits(w, f->vs_hi, f->vs_hi) << 1 | eu_bits(w, f->vs_lo, f->vs_lo)];
    o->width = o->hstride && o->vstride > o->hstride ? o->vstride / o->hstride : 1;
}

static void basic3(struct eu_inst *i, const uint64_t w[2])
{
    bool flt = eu_bits(w, 39, 39);
    struct eu_operand *d = &i->dst;

    d->type = type3_field(i, flt, eu_bits(w, 38, 36));
    d->file = eu_bits(w, 50, 50);
    d->reg = eu_bits(w, 63, 56);
    d->sub = eu_bits(w, 55, 51);
    if (d->sub % 8) /* only the sub-register's upper two bits are there */
        bad(i, "three-source destination off an 8-byte boundary");
    d->hstride = eu_bits(w, 48, 48) ? 2 : 1;
    for (unsigned n = 0; n < 3; n++)
        src3(i, w, n, flt);
}

static void register_target(struct eu_inst *i, const uint64_t w[2])
{
    i->jip_reg = !eu_bits(w, 46, 46);
    if (i->jip_reg) {
        struct eu_operand *o = &i->src[0];

        o->file = eu_bits(w, 66, 66);
        o->reg = eu_bits(w, 79, 72);
        o->sub = eu_bits(w, 71, 67);
        o->type = T_D;
        o->width = 1;
    }
}

static void check_link(struct eu_inst *i, const struct eu_operand *o)
{
    if (o->file != FILE_GRF || o->reg >= 128 || o->sub % 4)
        bad(i, "branch operand that is no general register");
}

static void branch(struct eu_inst *i, const uint64_t w[2])
{
    i->jip = (int32_t)eu_bits(w, 127, 96);
    if (i->format == FMT_BRANCH2 || i->format == FMT_BRANCH2R)
        i->uip = (int32_t)eu_bits(w, 95, 64);
    if (i->format == FMT_BRANCHR || i->format == FMT_BRANCH2R || i->format == FMT_CALL)
        register_target(i, w);
    if (i->format == FMT_CALL) {
        i->dst.file = eu_bits(w, 50, 50);
        i->dst.reg = eu_bits(w, 63, 56);
        i->dst.sub = eu_bits(w, 55, 51);
        i->dst.type = T_UD;
        i->dst.hstride = 1;
    }
    if (i->format == FMT_RET) {
        struct eu_operand *o = &i->src[0];

        o->file = eu_bits(w, 66, 66);
        o->reg = eu_bits(w, 79, 72);
        o->sub = eu_bits(w, 71, 67);
        o->type = T_UD;
        o->width = 1;
    }
    if (i->format != FMT_RET && !i->jip_reg && !eu_bits(w, 46, 46))
        bad(i, "branch without immediate target");
    if ((i->format == FMT_BRANCH2 || (i->format == FMT_BRANCH2R && !i->jip_reg)) &&
        !eu_bits(w, 47, 47))
        bad(i, "branch without second target");
    if (i->format == FMT_CALL)
        check_link(i, &i->dst);
    if (i->format == FMT_RET || i->jip_reg)
        check_link(i, &i->src[0]);
    if (i->format == FMT_RET && eu_bits(w, 46, 46))
        bad(i, "return to an immediate");
    if (i->opcode == OP_JMPI && i->exec_size != 1)
        bad(i, "jmpi of several channels");
    if (i->opcode == OP_ELSE || i->opcode == OP_ENDIF || i->opcode == OP_JOIN)
        if (i->pred)
            bad(i, "predicate on an instruction that has none");
    if (!i->jip_reg && i->opcode != OP_CALLA && (i->jip % 8 || i->uip % 8))
        bad(i, "jump offset that is not a multiple of 8");
}

static void check_message_register(struct eu_inst *i, const struct eu_operand *o)
{
    if (o->file == FILE_ARF ? o->reg != ARF_NULL : o->reg >= 128)
        bad(i, "message register that is no general register");
}

static void send(struct eu_inst *i, const uint64_t w[2])
{
    i->fc = eu_bits(w, 95, 92);
    i->eot = eu_bits(w, 34, 34);
    i->sat = false;
    i->cmod = CMOD_NONE;
    i->dst.file = eu_bits(w, 50, 50);
    i->dst.reg = eu_bits(w, 63, 56);
    i->src[0].file = eu_bits(w, 66, 66);
    i->src[0].reg = eu_bits(w, 79, 72);
    i->src[1].file = eu_bits(w, 98, 98);
    i->src[1].reg = eu_bits(w, 111, 104);
    if (i->fc == 1 || i->fc > 13)
        bad(i, "reserved shared function");
    check_message_register(i, &i->dst);
    check_message_register(i, &i->src[0]);
    check_message_register(i, &i->src[1]);
    i->desc_reg = eu_bits(w, 48, 48);
    i->exdesc_reg = eu_bits(w, 49, 49);
    i->exdesc_sub = eu_bits(w, 42, 40);
    if (!i->desc_reg)
        i->desc =
            (uint32_t)(eu_bits(w, 123, 122) << 30 | eu_bits(w, 71, 67) << 25 |
                       eu_bits(w, 55, 51) << 20 | eu_bits(w, 121, 113) << 11 | eu_bits(w, 91, 81));
    if (!i->exdesc_reg)
        i->exdesc = (uint32_t)(eu_bits(w, 127, 124) << 28 | eu_bits(w, 97, 96) << 26 |
                               eu_bits(w, 65, 64) << 24 | eu_bits(w, 47, 35) << 11 |
                               eu_bits(w, 103, 99) << 6);
}

static unsigned math_sources(struct eu_inst *i)
{
    switch (i->fc) {
    case MATH_INV:
    case MATH_LOG:
    case MATH_EXP:
    case MATH_SQT:
    case MATH_RSQT:
    case MATH_SIN:
    case MATH_COS:
    case MATH_RSQTM:
        return 1;
    case MATH_IDIV:
    case MATH_IQOT:
    case MATH_IREM:
    case MATH_INVM:
        return 2;
    default:
        bad(i, "reserved math function");
        return 0;
    }
}

/* invm and rsqtm: the sub-register field holds the number of a math macro accumulator. */
static void math_macro(struct eu_inst *i)
{
    i->cmod = CMOD_NONE;
    i->dst.mme = i->dst.sub & 0xf;
    i->dst.sub = 0;
    for (unsigned n = 0; n < i->sources; n++) {
        i->src[n].mme = i->src[n].sub & 0xf;
        i->src[n].sub = 0;
    }
}

static void math(struct eu_inst *i, const uint64_t w[2])
{
    i->fc = i->cmod;
    i->cmod = CMOD_NONE;
    i->sources = math_sources(i);
    dst12(i, w);
    src0_12(i, w);
    if (i->sources == 2)
        src1_2(i, w);
    if (i->dst.indirect || i->src[0].indirect || i->src[1].indirect)
        bad(i, "math with register-indirect operand");
    for (unsigned n = 0; n < i->sources; n++)
        if (i->src[n].type == T_UV || i->src[n].type == T_V || i->src[n].type == T_VF ||
            (i->src[n].file == FILE_IMM && eu_type_size(i->src[n].type) == 8))
            bad(i, "math with a packed or 64-bit immediate");
    if (i->fc == MATH_INVM || i->fc == MATH_RSQTM)
        math_macro(i);
}

static void sync(struct eu_inst *i, const uint64_t w[2])
{
    i->fc = i->cmod;
    i->cmod = CMOD_NONE;
    if (i->pred || i->sat || i->atomic)
        bad(i, "sync with a predicate or other modifier");
    if (eu_bits(w, 79, 66) || eu_bits(w, 63, 50) || eu_bits(w, 35, 35) || eu_bits(w, 80, 80))
        bad(i, "sync with registers");
    if (i->fc != SYNC_NOP && i->fc != SYNC_ALLRD && i->fc != SYNC_ALLWR && i->fc != SYNC_BAR &&
        i->fc != SYNC_HOST)
        bad(i, "reserved sync function");
    if (!eu_bits(w, 46, 46))
        return;
    if (i->fc != SYNC_ALLRD && i->fc != SYNC_ALLWR)
        bad(i, "sync function with operand");
    if (eu_bits(w, 43, 40) != T_UD)
        bad(i, "sync operand that is no unsigned doubleword");
    immediate(&i->src[0], w);
}

static void header(struct eu_inst *i, const uint64_t w[2])
{
    i->swsb = eu_bits(w, 15, 8);
    i->exec_size = 1u << (eu_bits(w, 18, 16) > 5 ? 0 : eu_bits(w, 18, 16));
    if (eu_bits(w, 18, 16) > 5)
        bad(i, "reserved execution size");
    i->chan_off = eu_bits(w, 21, 19) * 4;
    i->flag_sub = eu_bits(w, 22, 22);
    i->flag_reg = eu_bits(w, 23, 23);
    i->pred = eu_bits(w, 27, 24);
    i->pred_inv = eu_bits(w, 28, 28);
    i->breakpoint = eu_bits(w, 30, 30);
    i->wr_en = eu_bits(w, 31, 31);
    i->atomic = eu_bits(w, 32, 32);
    i->acc_wr = eu_bits(w, 33, 33);
    i->sat = eu_bits(w, 34, 34);
    i->cmod = eu_bits(w, 95, 92);
    if (i->pred > PRED_ALL32H)
        bad(i, "reserved predicate control");
}

/* How many registers of each kind there are; 0: none of that kind. */
static const uint8_t arf_count[16] = {
    [ARF_NULL] = 1, [ARF_A] = 1,  [ARF_ACC] = 8, [ARF_F] = 2,   [ARF_CE] = 1,
    [ARF_SP] = 1,   [ARF_SR] = 1, [ARF_CR] = 1,  [ARF_N] = 1,   [ARF_IP] = 1,
    [ARF_TDR] = 1,  [ARF_TM] = 1, [ARF_FC] = 4,  [ARF_DBG] = 1,
};

static void check_register(struct eu_inst *i, const struct eu_operand *o)
{
    unsigned kind = o->reg >> 4;

    if (o->file == FILE_IMM || o->indirect)
        return;
    if (o->file == FILE_GRF) {
        if (o->reg >= 128)
            bad(i, "register beyond r127");
        return;
    }
    if ((o->reg & 15u) >= arf_count[kind])
        bad(i, "no such architecture register");
    if (o->sub && (kind == ARF_NULL || kind == ARF_FC || kind == ARF_CE || kind == ARF_IP))
        bad(i, "sub-register of a register that has none");
}

static bool logic(unsigned opcode)
{
    return opcode == OP_AND || opcode == OP_OR || opcode == OP_XOR || opcode == OP_NOT;
}

static bool modified(const struct eu_operand *o)
{
    return o->neg || o->abs;
}

static void check_fields(struct eu_inst *i)
{
    unsigned no = lacks[i->opcode];

    if (i->sat && no & NO_SAT)
        bad(i, "saturation of an instruction that has none");
    if (i->cmod && no & NO_CMOD)
        bad(i, "conditional modifier on an instruction that has none");
    if ((i->pred || i->pred_inv) && no & NO_PRED)
        bad(i, "predicate on an instruction that has none");
    check_register(i, &i->dst);
    for (unsigned n = 0; n < i->sources; n++) {
        check_register(i, &i->src[n]);
        if (i->src[n].file == FILE_IMM && n != i->sources - 1u && i->format != FMT_BASIC3)
            bad(i, "immediate that is not the last source");
        if (i->src[n].abs && logic(i->opcode))
            bad(i, "absolute value in a logic operation");
        if (modified(&i->src[n]) && (no & NO_MODS || i->src[n].file == FILE_IMM))
            bad(i, "source modifier where there is none");
    }
}

/* Values of the scoreboard field that mean nothing. */
static void check_swsb(struct eu_inst *i)
{
    unsigned high = i->swsb >> 4;

    if (i->swsb & 0x80 ? high == 8 : high == 1 || high > 4 || (!high && i->swsb > 7))
        bad(i, "reserved scoreboard field");
}

static void check_compact(struct eu_inst *i)
{
    bool has = i->format == FMT_BASIC1 || i->format == FMT_BASIC2 || i->format == FMT_BASIC3 ||
               i->format == FMT_SYNC;

    if (i->size == 8 && !has)
        bad(i, "instruction without compacted form");
}

static void body(struct eu_inst *i, const uint64_t w[2])
{
    switch (i->format) {
    case FMT_BASIC2:
        src1_2(i, w);
        /* fall through */
    case FMT_BASIC1:
        dst12(i, w);
        src0_12(i, w);
        if (i->src[0].file == FILE_IMM && eu_type_size(i->src[0].type) == 8)
            i->cmod = CMOD_NONE; /* its bits belong to the immediate */
        break;
    case FMT_BASIC3:
        basic3(i, w);
        break;
    case FMT_MATH:
        math(i, w);
        break;
    case FMT_SYNC:
        sync(i, w);
        break;
    case FMT_SEND:
        send(i, w);
        break;
    case FMT_NOP:
        if (w[1] || w[0] & ~(uint64_t)0x2000ff7f) /* opcode, scoreboard, compaction */
            bad(i, "nop with other fields set");
        break;
    case FMT_ILLEGAL:
        break;
    default:
        i->sat = false;
        i->cmod = CMOD_NONE;
        branch(i, w);
        break;
    }
    if (i->cmod == 7 || i->cmod > CMOD_UN)
        bad(i, "reserved conditional modifier");
    check_swsb(i);
    check_compact(i);
    if (i->format == FMT_BASIC1 || i->format == FMT_BASIC2 || i->format == FMT_BASIC3 ||
        i->format == FMT_MATH)
        check_fields(i);
}

unsigned eu_decode(const uint8_t *code, size_t bytes, struct eu_inst *i)
{
    uint64_t w[2] = {0, 0};

    memset(i, 0, sizeof(*i));
    if (bytes < 8)
        return 0;
    memcpy(&w[0], code, 8);
    i->size = w[0] >> 29 & 1 ? 8 : 16; /* compaction control */
    if (bytes < i->size)
        return 0;
    i->opcode = w[0] & 0x7f;
    i->format = eu_opcode_format(i->opcode);
    if (i->format == FMT_ILLEGAL || !eu_opcode_name(i->opcode)) {
        bad(i, "no such opcode");
        return i->size;
    }
    if (i->size == 8) {
        if (!eu_uncompact(w[0], w, &i->why))
            return i->size;
    } else {
        memcpy(&w[1], code + 8, 8);
    }
    i->sources = opcodes[i->opcode].sources;
    header(i, w);
    body(i, w);
    return i->size;
}
