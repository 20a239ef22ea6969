/* SPDX-License-Identifier: MIT */
/*
 * Text of an instruction in the syntax of IGA, the assembler of Intel's compiler: the same tokens
 * in the same order, one blank where IGA aligns columns.
 */
#include "eu/eu.h"
#include "eu/eu_isa.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *at;
    size_t left;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *t, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(t->at, t->left, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= t->left)
        n = t->left ? (int)t->left - 1 : 0;
    t->at += n;
    t->left -= (size_t)n;
}

static const char *const pred_names[] = {
    "",       "",       ".anyv",  ".allv",   ".any2h",  ".all2h",  ".any4h",
    ".all4h", ".any8h", ".all8h", ".any16h", ".all16h", ".any32h", ".all32h",
};

static void put_predicate(struct text *t, const struct eu_inst *i)
{
    if (!i->wr_en && !i->pred)
        return;
    put(t, "(");
    if (i->wr_en)
        put(t, i->pred ? "W&" : "W");
    if (i->pred)
        put(t, "%sf%u.%u%s", i->pred_inv ? "~" : "", i->flag_reg, i->flag_sub, pred_names[i->pred]);
    put(t, ") ");
}

static const char *math_name(unsigned fc)
{
    static const char *const names[16] = {
        [MATH_INV] = "inv",   [MATH_LOG] = "log",   [MATH_EXP] = "exp",   [MATH_SQT] = "sqt",
        [MATH_RSQT] = "rsqt", [MATH_SIN] = "sin",   [MATH_COS] = "cos",   [MATH_IDIV] = "idiv",
        [MATH_IQOT] = "iqot", [MATH_IREM] = "irem", [MATH_INVM] = "invm", [MATH_RSQTM] = "rsqtm",
    };

    return names[fc & 15] ? names[fc & 15] : "?";
}

static const char *sync_name(unsigned fc)
{
    switch (fc) {
    case SYNC_NOP:
        return "nop";
    case SYNC_ALLRD:
        return "allrd";
    case SYNC_ALLWR:
        return "allwr";
    case SYNC_BAR:
        return "bar";
    default:
        return "host";
    }
}

static const char *sfid_name(unsigned sfid)
{
    static const char *const names[16] = {
        "null", "?1",   "smpl", "gtwy", "dc2", "rc",  "urb", "ts",
        "vme",  "dcro", "dc0",  "pixi", "dc1", "cre", "?14", "?15",
    };

    return names[sfid & 15];
}

static void put_mnemonic(struct text *t, const struct eu_inst *i)
{
    put(t, "%s", eu_opcode_name(i->opcode));
    if (i->format == FMT_MATH)
        put(t, ".%s", math_name(i->fc));
    else if (i->format == FMT_SYNC)
        put(t, ".%s", sync_name(i->fc));
    else if (i->format == FMT_SEND)
        put(t, ".%s", sfid_name(i->fc));
    else if (i->acc_wr && (i->opcode == OP_GOTO || i->opcode == OP_IF || i->opcode == OP_ELSE))
        put(t, ".b");
    if (i->format != FMT_NOP && i->format != FMT_SYNC && i->opcode != OP_JMPI)
        put(t, " (%u|M%u)", i->exec_size, i->chan_off);
}

static void put_cmod(struct text *t, const struct eu_inst *i)
{
    static const char *const names[] = {"", "eq", "ne", "gt", "ge", "lt", "le", "?", "ov", "un"};
    bool macro = i->format == FMT_MATH && (i->fc == MATH_INVM || i->fc == MATH_RSQTM);

    if (macro)
        put(t, " (eo)f%u.%u", i->flag_reg, i->flag_sub);
    else if (i->cmod)
        put(t, " (%s)f%u.%u", names[i->cmod], i->flag_reg, i->flag_sub);
}

static const char *arf_name(unsigned arf)
{
    static const char *const names[16] = {"null", "a", "acc", "f",   "ce", "msg", "sp", "sr",
                                          "cr",   "n", "ip",  "tdr", "tm", "fc",  "?",  "dbg"};

    return names[arf & 15];
}

static void put_register(struct text *t, const struct eu_operand *o, unsigned size)
{
    unsigned arf = o->reg >> 4;

    if (o->file == FILE_GRF)
        put(t, "r%u.%u", o->reg, o->sub / size);
    else if (arf == ARF_NULL)
        put(t, "null");
    else if (arf == ARF_CE || arf == ARF_IP)
        put(t, "%s", arf_name(arf));
    else if (arf == ARF_SP)
        put(t, "sp.%u", o->sub / size);
    else
        put(t, "%s%u.%u", arf_name(arf), o->reg & 15, o->sub / size);
}

static void put_address(struct text *t, const struct eu_operand *o)
{
    put(t, "r[a0.%u", o->addr);
    if (o->addr_off)
        put(t, ",%d", o->addr_off);
    put(t, "]");
}

static void put_mme(struct text *t, const struct eu_operand *o)
{
    if (o->mme == 8) /* none */
        put(t, "r%u.nomme:%s", o->reg, eu_type_name(o->type));
    else
        put(t, "r%u.mme%u:%s", o->reg, o->mme & 7, eu_type_name(o->type));
}

static bool is_macro(const struct eu_inst *i)
{
    return i->format == FMT_MATH && (i->fc == MATH_INVM || i->fc == MATH_RSQTM);
}

static void put_dst(struct text *t, const struct eu_inst *i)
{
    const struct eu_operand *o = &i->dst;

    put(t, " %s", i->sat ? "(sat)" : "");
    if (is_macro(i)) {
        put_mme(t, o);
        return;
    }
    if (o->indirect)
        put_address(t, o);
    else
        put_register(t, o, eu_type_size(o->type));
    put(t, "<%u>:%s", o->hstride, eu_type_name(o->type));
}

/* Six digits when they say it all, or seven, else the bits. */
static void put_float(struct text *t, float f, uint32_t bits, unsigned mantissa, bool negative)
{
    char digits[32];
    float back;

    if (isnan(f)) {
        uint32_t payload = bits & ((1u << (mantissa - 1)) - 1);

        put(t, "%s%s(0x%X)", negative ? "-" : "", bits >> (mantissa - 1) & 1 ? "qnan" : "snan",
            payload);
        return;
    }
    if (isinf(f)) {
        put(t, "%sinf", negative ? "-" : "");
        return;
    }
    for (unsigned n = 0; n < 2; n++) {
        snprintf(digits, sizeof(digits), n ? "%e" : "%g", (double)f);
        back = strtof(digits, NULL);
        if (!memcmp(&back, &f, 4)) {
            put(t, "%s%s", digits, strpbrk(digits, ".e") ? "" : ".0");
            return;
        }
    }
    put(t, "0x%X", bits);
}

static float half_value(uint16_t h)
{
    int exp = h >> 10 & 0x1f, man = h & 0x3ff;
    float f = exp == 31 ? (man ? NAN : INFINITY)
              : exp     ? ldexpf((float)(man | 0x400), exp - 25)
                        : ldexpf((float)man, -24);

    return h & 0x8000 ? -f : f;
}

static void put_imm(struct text *t, const struct eu_operand *o)
{
    uint32_t low = (uint32_t)o->imm;
    float f;

    switch (o->type) {
    case T_W:
        put(t, "%d", (int16_t)low);
        break;
    case T_D:
        put(t, "%d", (int32_t)low);
        break;
    case T_B:
        put(t, "%d", (int8_t)low);
        break;
    case T_Q:
        put(t, "%lld", (long long)o->imm);
        break;
    case T_UW:
        put(t, "0x%X", low & 0xffff);
        break;
    case T_HF:
        put_float(t, half_value((uint16_t)low), low & 0xffff, 10, low >> 15 & 1);
        break;
    case T_F:
        memcpy(&f, &low, 4);
        put_float(t, f, low, 23, low >> 31);
        break;
    default:
        put(t, "0x%llX", (unsigned long long)o->imm);
        break;
    }
    put(t, ":%s", eu_type_name(o->type));
}

static void put_region(struct text *t, const struct eu_inst *i, const struct eu_operand *o,
                       bool last)
{
    if (i->format == FMT_BASIC3 && last)
        put(t, "<%u>", o->hstride);
    else if (i->format == FMT_BASIC3)
        put(t, "<%u;%u>", o->vstride, o->hstride);
    else if (o->vstride == VSTRIDE_VXH)
        put(t, "<%u,%u>", o->width, o->hstride);
    else
        put(t, "<%u;%u,%u>", o->vstride, o->width, o->hstride);
}

static bool logic(unsigned opcode)
{
    return opcode == OP_AND || opcode == OP_OR || opcode == OP_XOR || opcode == OP_NOT;
}

static void put_src(struct text *t, const struct eu_inst *i, unsigned n)
{
    const struct eu_operand *o = &i->src[n];

    put(t, " ");
    if (o->file == FILE_IMM) {
        put_imm(t, o);
        return;
    }
    if (o->neg)
        put(t, logic(i->opcode) ? "~" : "-");
    if (o->abs)
        put(t, "(abs)");
    if (is_macro(i)) {
        put_mme(t, o);
        return;
    }
    if (o->indirect)
        put_address(t, o);
    else
        put_register(t, o, eu_type_size(o->type));
    put_region(t, i, o, n == 2);
    put(t, ":%s", eu_type_name(o->type));
}

static void put_label(struct text *t, uint64_t offset, int32_t jump)
{
    put(t, " L%lld", (long long)offset + jump);
}

static void put_branch(struct text *t, const struct eu_inst *i, uint64_t offset)
{
    if (i->format == FMT_CALL) {
        put(t, " ");
        put_register(t, &i->dst, 4);
    }
    if (i->jip_reg || i->format == FMT_RET) {
        put(t, " ");
        put_register(t, &i->src[0], 4);
        return;
    }
    put_label(t, i->opcode == OP_CALLA ? 0 : offset, i->jip);
    if (i->format == FMT_BRANCH2 || i->format == FMT_BRANCH2R)
        put_label(t, offset, i->uip);
}

/* The source of allrd and allwr: which of the 32 scoreboard tokens to wait for. */
static void put_sync(struct text *t, const struct eu_inst *i)
{
    const char *sep = "";

    if (i->src[0].file != FILE_IMM) {
        put(t, " null");
        return;
    }
    put(t, " (");
    for (unsigned n = 0; n < 32; n++)
        if (i->src[0].imm >> n & 1) {
            put(t, "%s$%u", sep, n);
            sep = ",";
        }
    put(t, ")");
}

static void put_message_register(struct text *t, const struct eu_operand *o)
{
    if (o->file == FILE_ARF)
        put(t, " null");
    else
        put(t, " r%u", o->reg);
}

static void put_send(struct text *t, const struct eu_inst *i)
{
    put_message_register(t, &i->dst);
    put_message_register(t, &i->src[0]);
    put_message_register(t, &i->src[1]);
    if (i->exdesc_reg)
        put(t, " a0.%u", i->exdesc_sub);
    else
        put(t, " 0x%X", i->exdesc);
    if (i->desc_reg)
        put(t, " a0.0");
    else
        put(t, " 0x%08X", i->desc);
}

/*
 * Software scoreboard (TGL PRM vol 2a, SWSB field): a distance to wait for, a token to wait for,
 * or a distance and a token that this instruction sets or waits for.
 */
static void put_swsb(struct text *t, const struct eu_inst *i, const char *sep)
{
    unsigned sb = i->swsb, token = sb & 15;

    if (sb & 0x80) {
        bool sets = i->format == FMT_SEND || i->format == FMT_MATH;

        put(t, "%s@%u,$%u%s", sep, sb >> 4 & 7, token, sets ? "" : ".dst");
        return;
    }
    switch (sb >> 4) {
    case 0:
        if (sb & 7)
            put(t, "%s@%u", sep, sb & 7);
        break;
    case 2:
        put(t, "%s$%u.dst", sep, token);
        break;
    case 3:
        put(t, "%s$%u.src", sep, token);
        break;
    case 4:
        put(t, "%s$%u", sep, token);
        break;
    default:
        break;
    }
}

static void put_options(struct text *t, const struct eu_inst *i)
{
    bool arithmetic = i->format == FMT_BASIC1 || i->format == FMT_BASIC2 ||
                      i->format == FMT_BASIC3 || i->format == FMT_MATH;
    const struct {
        bool on;
        const char *name;
    } options[] = {
        {i->acc_wr && arithmetic, "AccWrEn"},
        {i->atomic, "Atomic"},
        {i->breakpoint, "Breakpoint"},
        {i->size == 8, "Compacted"},
        {i->eot, "EOT"},
        {i->acc_wr && i->format == FMT_SEND, "Serialize"},
    };
    char inner[128];
    struct text o = {inner, sizeof(inner)};
    const char *sep = "";

    inner[0] = '\0';
    for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++)
        if (options[n].on) {
            put(&o, "%s%s", sep, options[n].name);
            sep = ",";
        }
    put_swsb(&o, i, sep);
    if (inner[0])
        put(t, " {%s}", inner);
}

static void put_instruction(struct text *t, const struct eu_inst *i, uint64_t offset)
{
    put_predicate(t, i);
    put_mnemonic(t, i);
    switch (i->format) {
    case FMT_NOP:
    case FMT_ILLEGAL:
        break;
    case FMT_SYNC:
        put_sync(t, i);
        break;
    case FMT_SEND:
        put_send(t, i);
        break;
    case FMT_BASIC1:
    case FMT_BASIC2:
    case FMT_BASIC3:
    case FMT_MATH:
        put_cmod(t, i);
        put_dst(t, i);
        for (unsigned n = 0; n < i->sources; n++)
            put_src(t, i, n);
        break;
    default:
        put_branch(t, i, offset);
        break;
    }
    put_options(t, i);
}

unsigned eu_disasm(const uint8_t *code, size_t bytes, uint64_t offset, char *text, size_t n)
{
    struct text t = {text, n};
    struct eu_inst i;
    unsigned size = eu_decode(code, bytes, &i);

    if (n)
        text[0] = '\0';
    if (!size) {
        put(&t, "(code ends)");
        return 0;
    }
    if (i.why) {
        put(&t, "(opcode 0x%02x: %s)", i.opcode, i.why);
        return 0;
    }
    put_instruction(&t, &i, offset);
    return size;
}
