/* SPDX-License-Identifier: MIT */
/*
 * Register accesses. An input is a list of records of 8 bytes: kind and size, a register, a value.
 * Some kinds go to the registers that start things, so that mutation finds them often.
 */
#include "fuzz_device.h"

#include <string.h>

#define RECORD 8u

enum kind {
    ANYWHERE_READ,
    ANYWHERE_WRITE,
    ENGINE_READ,
    ENGINE_WRITE,
    INTERRUPTS,
    SUBMIT,
    RESET,
    GGTT,
    KINDS
};

static uint32_t take32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static void submit(uint32_t value)
{
    /* Commands the engine may be given; among them waits, loops and nonsense. */
    static const uint32_t command[] = {0x01000000, 0x02800000, 0x0e40c002, 0x10400002,
                                       0x18800001, 0x05000000, 0x11000001, 0xdeadbeef};
    uint32_t ring[8] = {command[value & 7],
                        FUZZ_HWSP(value >> 3 & 1) + 0x800,
                        0,
                        value,
                        command[value >> 4 & 7],
                        0,
                        0,
                        0};
    fuzz_submit(value >> 7 & 1, ring, 8);
}

static void one(const uint8_t *record)
{
    struct dg1 *dev = fuzz_device();
    unsigned size = 1u << (record[1] & 3);
    uint32_t reg = (record[2] | (uint32_t)record[3] << 8), value = take32(record + 4);
    uint32_t in_engine = (reg & 0x7fc) + FUZZ_BASE(reg & 1);
    switch (record[0] % KINDS) {
    case ANYWHERE_READ:
        dg1_mmio_read(dev, value, size);
        break;
    case ANYWHERE_WRITE:
        dg1_mmio_write(dev, (uint64_t)reg << (record[1] >> 4), value, size);
        break;
    case ENGINE_READ:
        dg1_mmio_read(dev, in_engine, 4);
        break;
    case ENGINE_WRITE:
        dg1_mmio_write(dev, in_engine, value, 4);
        break;
    case INTERRUPTS:
        dg1_mmio_write(dev, 0x190000 + (reg & 0xfc), value, 4);
        dg1_mmio_read(dev, 0x190000 + (reg & 0xfc), 4);
        break;
    case SUBMIT:
        submit(value);
        break;
    case RESET:
        dg1_mmio_write(dev, 0x941c, value & 7, 4);
        break;
    case GGTT:
        dg1_mmio_write(dev, DG1_GGTT_OFFSET + 8 * (reg & 0xfff), value, 8);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_prepare();
    for (size_t at = 0; at + RECORD <= size; at += RECORD)
        one(data + at);
    dg1_reset(fuzz_device());
    return 0;
}
