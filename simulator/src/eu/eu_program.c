/* SPDX-License-Identifier: MIT */
/*
 * Decoding a kernel into ops, once. Branch offsets become op indices; ops where lanes may wait
 * are marked so that only they look for waiting lanes.
 */
#include "eu/eu_internal.h"

#include <stdlib.h>
#include <string.h>

static bool region_fits(const struct eu_operand *o, unsigned n, uint32_t limit)
{
    unsigned size = eu_type_size(o->type), last;

    last = ((n - 1) / o->width) * o->vstride + ((n - 1) % o->width) * o->hstride;
    if (o->width > n) /* the region is wider than the instruction: only n elements are read */
        last = (n - 1) * o->hstride;
    return o->sub + last * size + size <= limit;
}

static const char *build_src(struct eu_src *s, const struct eu_operand *o, unsigned n)
{
    uint32_t room;

    s->type = o->type;
    s->size = eu_type_size(o->type);
    s->neg = o->neg;
    s->abs = o->abs;
    s->imm = o->imm;
    if (o->file == FILE_IMM) {
        s->kind = SRC_IMM;
        s->scalar = o->type != T_V && o->type != T_UV && o->type != T_VF;
        return NULL;
    }
    s->vs = o->vstride;
    s->w = o->width;
    s->hs = o->hstride;
    if (o->indirect) {
        s->kind = o->vstride == VSTRIDE_VXH ? SRC_INDN : SRC_IND1;
        s->addr = o->addr;
        s->addr_off = o->addr_off;
        if (s->kind == SRC_INDN && o->addr + (n + o->width - 1) / o->width > 16)
            return "more address registers than there are";
        return NULL;
    }
    if (o->vstride == VSTRIDE_VXH)
        return "VxH region without indirection";
    if (o->sub % s->size)
        return "misaligned source";
    s->kind = SRC_MEM;
    if (o->file == FILE_GRF) {
        s->off = o->reg * EU_GRF_BYTES + o->sub;
        room = o->reg < EU_GRF_COUNT ? (EU_GRF_COUNT - o->reg) * EU_GRF_BYTES : 0;
    } else {
        if (!eu_arf_offset(o->reg, o->sub, &s->off, &room))
            return "no such architecture register";
        s->acc = o->reg >> 4 == ARF_ACC;
        room += o->sub;
    }
    if (!region_fits(o, n, room))
        return "source region beyond its register file";
    s->scalar = n == 1 || (s->hs == 0 && s->w >= n) || (s->vs == 0 && (s->hs == 0 || s->w == 1));
    s->packed = n == 1 || (s->w >= n && s->hs == 1) || (s->hs == 1 && s->vs == s->w) ||
                (s->w == 1 && s->vs == 1);
    s->uniform = true;
    if (s->w >= n || s->vs == s->w * s->hs)
        s->stride = (uint16_t)(s->hs * s->size);
    else if (s->w == 1)
        s->stride = (uint16_t)(s->vs * s->size);
    else
        s->uniform = false;
    return NULL;
}

static const char *build_dst(struct eu_dst *d, const struct eu_operand *o, unsigned n)
{
    uint32_t room;

    d->type = o->type;
    d->size = eu_type_size(o->type);
    d->hs = o->hstride ? o->hstride : 1;
    if (o->indirect) {
        d->indirect = true;
        d->addr = o->addr;
        d->addr_off = o->addr_off;
        return NULL;
    }
    if (o->file == FILE_ARF && o->reg >> 4 == ARF_NULL) {
        d->null = true;
        return NULL;
    }
    if (o->sub % d->size)
        return "misaligned destination";
    if (o->file == FILE_GRF) {
        d->off = o->reg * EU_GRF_BYTES + o->sub;
        room = o->reg < EU_GRF_COUNT ? (EU_GRF_COUNT - o->reg) * EU_GRF_BYTES - o->sub : 0;
    } else {
        if (!eu_arf_offset(o->reg, o->sub, &d->off, &room))
            return "no such architecture register";
        d->acc = o->reg >> 4 == ARF_ACC;
    }
    if (((n - 1) * d->hs + 1) * d->size > room)
        return "destination beyond its register file";
    d->packed = n == 1 || d->hs == 1;
    return NULL;
}

static bool is_arf(const struct eu_operand *o, unsigned arf)
{
    return o->file == FILE_ARF && !o->indirect && o->reg >> 4 == arf;
}

static const char *build_operands(struct eu_op *op, const struct eu_inst *i)
{
    const char *why = build_dst(&op->dst, &i->dst, i->exec_size);

    op->writes_cr0 = is_arf(&i->dst, ARF_CR);
    op->special = op->writes_cr0;
    for (unsigned n = 0; n < i->sources && !why; n++) {
        why = build_src(&op->src[n], &i->src[n], i->exec_size);
        op->src[n].imm_step = op->dst.size * op->dst.hs > 2 ? op->dst.size * op->dst.hs / 2 : 1;
        op->reads_tm |= is_arf(&i->src[n], ARF_TM);
        if (is_arf(&i->src[n], ARF_CE) || is_arf(&i->src[n], ARF_IP) || is_arf(&i->src[n], ARF_TM))
            op->special = true;
    }
    return why;
}

static bool has_operands(unsigned format)
{
    return format == FMT_BASIC1 || format == FMT_BASIC2 || format == FMT_BASIC3 ||
           format == FMT_MATH;
}

static const char *build_call(struct eu_op *op, const struct eu_inst *i, uint64_t base)
{
    const char *why = NULL;

    if (i->format == FMT_CALL) {
        op->call_ip = base + op->ip + i->size;
        why = build_dst(&op->dst, &i->dst, 2);
        if (!why && (op->dst.null || i->dst.file != FILE_GRF))
            why = "call without a return register";
    }
    if (i->format == FMT_RET || i->jip_reg) {
        struct eu_operand o = i->src[0];

        o.vstride = o.width = 2;
        o.hstride = 1;
        if (!why)
            why = build_src(&op->src[0], &o, i->format == FMT_RET ? 2 : 1);
        if (!why && op->src[0].kind != SRC_MEM)
            why = "branch target that is no register";
    }
    return why;
}

static const char *message_register(const struct eu_operand *o, uint8_t *number)
{
    *number = o->file == FILE_ARF ? EU_NULL : (uint8_t)o->reg;
    return o->file == FILE_GRF && o->reg >= EU_GRF_COUNT ? "message register beyond r127" : NULL;
}

/* Messages name whole registers. */
static const char *build_send(struct eu_op *op, const struct eu_inst *i, uint64_t base)
{
    const char *why;

    op->send = (struct eu_send){
        .sfid = op->fc,
        .eot = op->eot,
        .desc = op->desc,
        .exdesc = op->exdesc,
        .exec_size = op->n,
        .chan_offset = op->chan_off,
        .ip = base + op->ip,
    };
    why = message_register(&i->dst, &op->send.dst);
    if (!why)
        why = message_register(&i->src[0], &op->send.src0);
    return why ? why : message_register(&i->src[1], &op->send.src1);
}

static const char *build(struct eu_op *op, const struct eu_inst *i, uint64_t base)
{
    const char *why = i->why;

    op->opcode = i->opcode;
    op->format = i->format;
    op->fc = i->fc;
    op->n = i->exec_size;
    op->lanes = (uint32_t)((1ull << i->exec_size) - 1);
    op->chan_off = i->chan_off;
    op->pred = i->pred;
    op->pred_xor = i->pred_inv ? ~0u : 0;
    op->flag = i->flag_reg * 32 + i->flag_sub * 16;
    op->flag_at = (uint8_t)((op->flag + op->chan_off) & 63);
    op->force = i->wr_en ? ~0u : 0;
    op->sat = i->sat;
    op->acc_wr = i->acc_wr;
    op->cmod = i->cmod;
    op->sources = i->sources;
    op->eot = i->eot;
    op->desc_reg = i->desc_reg;
    op->exdesc_reg = i->exdesc_reg;
    op->exdesc_sub = i->exdesc_sub;
    op->desc = i->desc;
    op->exdesc = i->exdesc;
    op->jip_reg = i->jip_reg;
    if (!why && i->chan_off + i->exec_size > EU_LANES)
        why = "channels beyond the 32nd";
    if (!why && i->opcode == OP_ILLEGAL)
        why = "the illegal instruction";
    if (!why && has_operands(i->format))
        why = eu_alu_check(i);
    if (!why && has_operands(i->format))
        why = build_operands(op, i);
    if (!why && (i->format == FMT_CALL || i->format == FMT_RET || i->jip_reg))
        why = build_call(op, i, base);
    if (!why && i->format == FMT_SEND)
        why = build_send(op, i, base);
    op->why = why;
    if (why)
        op->real = eu_op_illegal;
    else if (has_operands(i->format))
        eu_alu_prepare(op, i);
    else
        op->real = eu_control_handler(i);
    op->fn = op->real;
    return why;
}

static int32_t target(const struct eu_program *p, int64_t offset)
{
    int32_t index;

    if (offset < 0 || offset % 8 || offset / 8 >= (int64_t)(p->bytes / 8))
        return (int32_t)p->count;
    index = p->index[offset / 8];
    return index < 0 ? (int32_t)p->count : index;
}

static void mark(struct eu_program *p, int64_t op)
{
    if (op < p->count)
        p->ops[op].fn = eu_op_rejoin;
}

static bool is_branch(unsigned format)
{
    return format == FMT_BRANCH1 || format == FMT_BRANCH2 || format == FMT_BRANCHR ||
           format == FMT_BRANCH2R || format == FMT_CALL || format == FMT_RET;
}

/* Second pass: where branches go, and where lanes may wait. */
static void link_op(struct eu_program *p, uint32_t n, const struct eu_inst *i)
{
    struct eu_op *op = &p->ops[n];
    int64_t ip = i->opcode == OP_CALLA ? -(int64_t)p->base : (int64_t)op->ip;

    if (!is_branch(op->format))
        return;
    if (i->opcode == OP_CALLA)
        ip += (uint32_t)i->jip;
    else
        ip += i->jip;
    op->jip = target(p, ip);
    op->uip = target(p, (int64_t)op->ip + i->uip);
    /* break names its loop's while, like cont, but its lanes wait behind it */
    if (op->opcode == OP_BREAK && p->ops[op->uip].opcode == OP_WHILE)
        op->uip++;
    mark(p, n + 1);
    if (!i->jip_reg) {
        mark(p, op->jip);
        if (op->format == FMT_BRANCH2 || op->format == FMT_BRANCH2R)
            mark(p, op->uip);
    }
}

static bool decode_all(struct eu_program *p)
{
    struct eu_inst i;
    uint32_t n = 0;
    size_t at;

    for (at = 0; at + 8 <= p->bytes; n++) {
        unsigned size = eu_decode(p->code + at, p->bytes - at, &i);

        if (!size)
            break;
        p->index[at / 8] = (int32_t)n;
        p->ops[n].ip = (uint32_t)at;
        build(&p->ops[n], &i, p->base);
        at += size;
    }
    p->count = n;
    p->ops[n].fn = p->ops[n].real = eu_op_end;
    p->ops[n].ip = (uint32_t)at;
    for (n = 0; n < p->count; n++) {
        size_t ip = p->ops[n].ip;

        if (p->ops[n].real == eu_op_illegal)
            continue;
        eu_decode(p->code + ip, p->bytes - ip, &i);
        link_op(p, n, &i);
    }
    return true;
}

struct eu_program *eu_program_create(const uint8_t *code, size_t bytes, uint64_t base)
{
    struct eu_program *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->base = base;
    p->bytes = bytes;
    p->code = malloc(bytes + 16);
    p->index = malloc((bytes / 8 + 1) * sizeof(*p->index));
    p->ops = aligned_alloc(64, ((bytes / 8 + 1) * sizeof(*p->ops) + 63) / 64 * 64);
    if (!p->code || !p->index || !p->ops) {
        eu_program_destroy(p);
        return NULL;
    }
    memcpy(p->code, code, bytes);
    memset(p->code + bytes, 0, 16);
    memset(p->index, 0xff, (bytes / 8 + 1) * sizeof(*p->index));
    memset(p->ops, 0, (bytes / 8 + 1) * sizeof(*p->ops));
    decode_all(p);
    return p;
}

void eu_program_destroy(struct eu_program *p)
{
    if (!p)
        return;
    free(p->code);
    free(p->index);
    free(p->ops);
    free(p);
}

/* Where control can go after an instruction: at most two targets and the next one. */
static unsigned successors(const struct eu_inst *i, size_t at, int64_t out[3])
{
    unsigned n = 0;
    bool ends = i->why || i->opcode == OP_ILLEGAL || (i->format == FMT_SEND && i->eot) ||
                (i->opcode == OP_JMPI && !i->pred);

    if (is_branch(i->format) && !i->jip_reg && i->opcode != OP_CALLA && i->format != FMT_RET) {
        out[n++] = (int64_t)at + i->jip;
        if (i->format == FMT_BRANCH2 || i->format == FMT_BRANCH2R)
            out[n++] = (int64_t)at + i->uip;
    }
    if (!ends)
        out[n++] = (int64_t)(at + i->size);
    return n;
}

size_t eu_code_extent(const uint8_t *code, size_t bytes, bool *more)
{
    size_t slots = bytes / 8, end = 0, top = 0;
    uint8_t *seen = calloc(slots + 1, 1);
    size_t *stack = malloc((slots + 1) * sizeof(*stack));

    *more = false;
    if (slots && seen && stack) {
        stack[top++] = 0;
        seen[0] = 1;
    }
    while (top) {
        size_t at = stack[--top];
        struct eu_inst i;
        int64_t next[3];
        unsigned size = eu_decode(code + at, bytes - at, &i), n;

        if (!size) {
            *more = true;
            continue;
        }
        if (at + size > end)
            end = at + size;
        n = successors(&i, at, next);
        for (unsigned k = 0; k < n; k++) {
            if (next[k] < 0 || next[k] % 8)
                continue;
            if ((size_t)next[k] / 8 >= slots)
                *more = true;
            else if (!seen[next[k] / 8]) {
                seen[next[k] / 8] = 1;
                stack[top++] = (size_t)next[k];
            }
        }
    }
    free(seen);
    free(stack);
    return end;
}
