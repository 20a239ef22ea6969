/* SPDX-License-Identifier: MIT */
#include "random_ops.h"

#include "eu/eu_internal.h"

#include <stdlib.h>
#include <string.h>

static uint64_t next(uint64_t *state) /* xorshift* */
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

static unsigned pick(uint64_t *s, unsigned n)
{
    return (unsigned)(next(s) >> 33) % n;
}

static void field(uint64_t w[2], unsigned hi, unsigned lo, uint64_t v)
{
    uint64_t m = (~0ull >> (63 - (hi - lo))) << (lo % 64);

    w[lo / 64] = (w[lo / 64] & ~m) | ((v << (lo % 64)) & m);
}

static const uint8_t opcodes[] = {
    OP_MOV,  OP_SEL,  OP_NOT,   OP_AND,  OP_OR,   OP_XOR,  OP_SHR,  OP_SHL,  OP_ASR,  OP_ROR,
    OP_ROL,  OP_CMP,  OP_CMPN,  OP_CSEL, OP_ADD,  OP_MUL,  OP_AVG,  OP_FRC,  OP_RNDU, OP_RNDD,
    OP_RNDE, OP_RNDZ, OP_MAC,   OP_MACH, OP_LZD,  OP_FBH,  OP_FBL,  OP_CBIT, OP_ADDC, OP_SUBB,
    OP_DP4A, OP_MAD,  OP_BFREV, OP_BFE,  OP_BFI1, OP_BFI2, OP_MATH,
};

/* Types of one family, so that mixes are usually legal. */
static unsigned type(uint64_t *s, bool flt)
{
    static const uint8_t ints[] = {T_D, T_UD, T_D, T_UD, T_W, T_UW, T_B, T_UB};

    return flt ? (pick(s, 4) ? T_F : T_HF) : ints[pick(s, 8)];
}

static unsigned small_register(uint64_t *s)
{
    return pick(s, 8) ? 4 + pick(s, 100) : 20 + pick(s, 4);
}

/* Regions that compilers use, and a few they do not: vertical stride, width, horizontal stride. */
static void region(uint64_t *s, unsigned n, unsigned out[3])
{
    static const uint8_t regions[][3] = {{4, 3, 1}, {4, 3, 1}, {4, 3, 1}, {0, 0, 0},
                                         {0, 0, 0}, {5, 4, 1}, {2, 0, 0}, {1, 0, 0},
                                         {3, 2, 1}, {3, 1, 1}, {5, 3, 2}, {0, 2, 1}};
    unsigned r = pick(s, sizeof(regions) / sizeof(regions[0]));

    if (n == 1)
        r = 3;
    for (unsigned k = 0; k < 3; k++)
        out[k] = regions[r][k];
}

static void source12(uint64_t w[2], uint64_t *s, unsigned which, unsigned t, unsigned n, bool imm)
{
    unsigned r[3], size = eu_type_size(t);

    if (which == 0)
        field(w, 43, 40, t);
    else
        field(w, 91, 88, t);
    if (imm) {
        uint32_t v = pick(s, 2) ? (uint32_t)next(s) : pick(s, 40);

        if (t == T_F)
            v = 0x3f000000 + ((uint32_t)next(s) & 0x1ffffff);
        if (size == 2)
            v = (v & 0xffff) * 0x10001;
        field(w, which ? 47 : 46, which ? 47 : 46, 1);
        field(w, 127, 96, v);
        return;
    }
    region(s, n, r);
    if (which == 0) {
        field(w, 87, 84, r[0]);
        field(w, 83, 81, r[1]);
        field(w, 65, 64, r[2]);
        field(w, 66, 66, 1);
        field(w, 79, 72, small_register(s));
        field(w, 71, 67, pick(s, 3) ? 0 : pick(s, 32 / size) * size);
        field(w, 45, 44, pick(s, 5) ? 0 : pick(s, 4));
    } else {
        field(w, 119, 116, r[0]);
        field(w, 115, 113, r[1]);
        field(w, 97, 96, r[2]);
        field(w, 98, 98, 1);
        field(w, 111, 104, small_register(s));
        field(w, 103, 99, pick(s, 3) ? 0 : pick(s, 32 / size) * size);
        field(w, 121, 120, pick(s, 5) ? 0 : pick(s, 4));
    }
}

static void basic(uint64_t w[2], uint64_t *s, unsigned opcode, unsigned n, bool flt)
{
    bool two = eu_opcode_format(opcode) == FMT_BASIC2 ||
               (opcode == OP_MATH && (w[1] >> 28 & 0xf) >= MATH_IDIV);
    bool same = pick(s, 2);
    unsigned t0 = type(s, flt), t1 = same ? t0 : type(s, flt);
    unsigned td = same && pick(s, 3) ? t0 : type(s, opcode == OP_MOV ? pick(s, 2) : flt);
    bool acc = (opcode == OP_MUL || opcode == OP_MOV || opcode == OP_ADD) && !pick(s, 5);

    source12(w, s, 0, t0, n, !two && opcode == OP_MOV && !pick(s, 6));
    if (two)
        source12(w, s, 1, t1, n, !pick(s, 3));
    field(w, 39, 36, td);
    field(w, 49, 48, pick(s, 6) ? 1 : 2);
    field(w, 50, 50, !acc);
    field(w, 63, 56, acc ? 0x20 : small_register(s));
    field(w, 55, 51, pick(s, 4) || acc ? 0 : pick(s, 32 / eu_type_size(td)) * eu_type_size(td));
    if ((opcode == OP_CMP && pick(s, 2)) || !pick(s, 30)) {
        field(w, 50, 50, 0);
        field(w, 63, 56, 0);
        field(w, 55, 51, 0);
    }
}

static void ternary(uint64_t w[2], uint64_t *s, bool flt)
{
    static const uint8_t regs[3] = {72, 104, 120}, subs[3] = {67, 99, 115};
    static const uint8_t types[3] = {40, 88, 80}, mods[3] = {44, 86, 84}, files[3] = {66, 98, 114};
    unsigned t = type(s, flt);

    field(w, 39, 39, flt);
    field(w, 38, 36, t & 7);
    field(w, 48, 48, !pick(s, 8));
    field(w, 50, 50, 1);
    field(w, 63, 56, small_register(s));
    for (unsigned n = 0; n < 3; n++) {
        unsigned ts = pick(s, 3) ? t : type(s, flt);

        field(w, types[n] + 2, types[n], ts & 7);
        field(w, mods[n] + 1, mods[n], pick(s, 4) ? 0 : pick(s, 4));
        field(w, files[n], files[n], 1);
        field(w, regs[n] + 7, regs[n], small_register(s));
        field(w, subs[n] + 4, subs[n], pick(s, 3) ? 0 : pick(s, 8) * 4);
    }
    if (pick(s, 3)) { /* <8;1> <8;1> <1> */
        field(w, 43, 43, 1), field(w, 35, 35, 1), field(w, 65, 64, 1);
        field(w, 91, 91, 1), field(w, 83, 83, 1), field(w, 97, 96, 1);
        field(w, 113, 112, 1);
    }
}

static void random_word(uint64_t *s, uint64_t w[2])
{
    unsigned opcode = opcodes[pick(s, sizeof(opcodes))], size = pick(s, 6);
    bool flt = pick(s, 2);

    w[0] = w[1] = 0;
    if (opcode == OP_MATH) {
        static const uint8_t functions[] = {1, 2, 3, 4, 5, 6, 7, 12, 13};
        unsigned fc = functions[pick(s, sizeof(functions))];

        field(w, 95, 92, fc);
        flt = fc < MATH_IDIV;
    } else if (!pick(s, 4) || opcode == OP_CMP || opcode == OP_CMPN || opcode == OP_CSEL) {
        field(w, 95, 92, 1 + pick(s, 6));
    }
    field(w, 6, 0, opcode);
    field(w, 18, 16, pick(s, 3) ? 3 + pick(s, 2) : size);
    field(w, 21, 19, pick(s, 3) ? 0 : pick(s, 2) * 4 + pick(s, 2) * 2);
    field(w, 23, 22, pick(s, 4));
    field(w, 27, 24, pick(s, 3) ? 0 : pick(s, 3) ? 1 : pick(s, 14));
    field(w, 28, 28, pick(s, 2));
    field(w, 31, 31, pick(s, 2));
    field(w, 33, 33,
          opcode == OP_ADDC || opcode == OP_SUBB || !pick(s, 12) ||
              (opcode == OP_MACH && pick(s, 2)));
    field(w, 34, 34, !pick(s, 8));
    if (eu_opcode_format(opcode) == FMT_BASIC3)
        ternary(w, s, flt);
    else
        basic(w, s, opcode, 1u << (w[0] >> 16 & 7), flt);
}

/* Register contents that are ordinary as floats, halves and integers alike. */
static void random_state(uint64_t *s, struct eu_thread *t)
{
    struct eu_arch *a = t->arch;

    for (unsigned r = 0; r < EU_GRF_COUNT; r++)
        for (unsigned l = 0; l < 8; l++) {
            uint64_t v = next(s);
            uint32_t x = (uint32_t)v;

            if (v >> 62 == 0)
                x = (x & 0x83ffffff) | 0x3c000000; /* floats around one */
            else if (v >> 62 == 1)
                x &= 0xff;
            else if (v >> 62 == 2)
                x = (x & 0xbfffbfff) | 0x20002000; /* halves around one */
            memcpy(t->grf[r] + l * 4, &x, 4);
        }
    for (unsigned l = 0; l < 16; l++) {
        uint32_t x = 0x3f800000 + (uint32_t)(next(s) & 0xffffff);

        memcpy((uint8_t *)a->acc + l * 4, &x, 4);
        a->acc_hi[l] = (int32_t)(next(s) & 0xff);
    }
    for (unsigned k = 0; k < 8; k++)
        a->f[k] = (uint8_t)next(s);
    a->emask = pick(s, 3) ? ~0u : (uint32_t)next(s);
}

static enum eu_send_status send(struct eu_thread *t, const struct eu_send *msg)
{
    (void)t, (void)msg;
    return EU_SEND_EOT;
}

/* The word, then send.ts with end of thread. */
static enum eu_stop run(struct eu_thread *t, const uint64_t w[2], const char *mode, uint64_t seed)
{
    static const struct eu_env env = {.send = send};
    uint64_t code[4] = {w[0], w[1], 0, 0};
    struct eu_start start = {.env = &env, .dispatch_mask = ~0u, .simd = 32, .denorm_retain = true};
    enum eu_stop stop;

    field(code + 2, 6, 0, OP_SEND);
    field(code + 2, 34, 34, 1);
    field(code + 2, 95, 92, EU_SFID_TS);
    field(code + 2, 66, 66, 1);
    if (mode)
        setenv("DG1_EU", mode, 1);
    else
        unsetenv("DG1_EU");
    struct eu_program *p = eu_program_create((const uint8_t *)code, sizeof(code), 0);
    if (!p)
        abort();
    start.program = p;
    eu_thread_start(t, &start);
    random_state(&seed, t);
    stop = eu_run(t, 10);
    eu_program_destroy(p);
    unsetenv("DG1_EU");
    return stop;
}

static bool float_nan(uint32_t x)
{
    return (x & 0x7fffffff) > 0x7f800000;
}

static bool half_nan(uint16_t x)
{
    return (x & 0x7fff) > 0x7c00;
}

/* The payload of a NaN is nobody's business. */
static bool same_word(uint32_t x, uint32_t y)
{
    if (x == y || (float_nan(x) && float_nan(y)))
        return true;
    for (unsigned k = 0; k < 32; k += 16) {
        uint16_t a = (uint16_t)(x >> k), b = (uint16_t)(y >> k);

        if (a != b && !(half_nan(a) && half_nan(b)))
            return false;
    }
    return true;
}

static bool same_words(const void *x, const void *y, size_t bytes, size_t *where)
{
    for (*where = 0; *where < bytes; *where += 4) {
        uint32_t a, b;

        memcpy(&a, (const char *)x + *where, 4);
        memcpy(&b, (const char *)y + *where, 4);
        if (!same_word(a, b))
            return false;
    }
    return true;
}

void random_op_compare(uint64_t seed, const char *mode, struct random_op *out)
{
    static struct eu_thread *slow, *fast;
    uint64_t s = seed * 0x9e3779b97f4a7c15ull + 1, state;
    size_t at = 0;
    char text[300];
    const char *what = "";

    if (!slow) {
        slow = eu_thread_create();
        fast = eu_thread_create();
    }
    random_word(&s, out->word);
    state = next(&s) | 1;
    out->same = true;
    out->report[0] = '\0';
    out->legal = run(slow, out->word, "general", state) == EU_EOT;
    if (run(fast, out->word, mode, state) != EU_EOT) {
        out->same = !out->legal;
        return;
    }
    if (!same_words(slow->grf, fast->grf, sizeof(slow->grf), &at))
        what = "register byte";
    else if (!same_words(slow->arch->acc, fast->arch->acc, 64, &at))
        what = "accumulator byte";
    else if (memcmp(slow->arch->acc_hi, fast->arch->acc_hi, 64))
        what = "accumulator's upper half";
    else if (memcmp(slow->arch->f, fast->arch->f, 8))
        what = "flags";
    out->same = !*what;
    if (out->same)
        return;
    uint32_t x, y;
    memcpy(&x, (const char *)slow->grf + at % sizeof(slow->grf), 4);
    memcpy(&y, (const char *)fast->grf + at % sizeof(slow->grf), 4);
    eu_disasm((const uint8_t *)out->word, 16, 0, text, sizeof(text));
    snprintf(out->report, sizeof(out->report), "seed %llu: %s: %s %zu (r%zu.%zu): %08x, fast %08x",
             (unsigned long long)seed, text, what, at, at / 32, at % 32, x, y);
}
