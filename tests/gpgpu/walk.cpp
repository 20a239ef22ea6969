// SPDX-License-Identifier: MIT
#include "walk.h"
#include "../eu/iga.hpp"

#include <stdexcept>

namespace
{
// Command headers and field positions: DG1 PRM vol 2a.
constexpr uint32_t StateBaseAddress = 0x61010014, MediaVfeState = 0x70000007,
                   DescriptorLoad = 0x70020002, GpgpuWalker = 0x7105000d, IndirectFlag = 1 << 10;
constexpr uint32_t SurfaceStates = 0x1000, BindingTable = 0x800; // in the surface heap
constexpr uint32_t Descriptors = 0x400;                          // in the dynamic heap
constexpr uint32_t RawBuffer = 4u << 29 | 0x1ffu << 18;          // SURFTYPE_BUFFER, RAW
constexpr uint32_t MaxThreads = 672;
constexpr uint32_t GrfBytes = 32;

const char EndOfThread[] = "(W) mov (8|M0) r127.0<1>:ud r0.0<8;8,1>:ud\n"
                           "(W) send.ts (8|M0) null r127 null 0x0 0x02000010 {EOT}\n";
} // namespace

Walk::Walk(unsigned workers) : gpu(workers)
{
    for (uint64_t heap : {SurfaceHeap, DynamicHeap, IndirectHeap, CodeHeap})
        gpu.map(heap, 0x10000);
    gpu.map(GeneralHeap, 0x40000);
    gpu.map(BufferVa, 0x100000);
    setBases();
}

void Walk::must(const std::vector<uint32_t> &command)
{
    if (gpu.execute(command) != Machine::Done)
        throw std::runtime_error("a state command failed: " + gpu.lastError());
}

void Walk::setBases()
{
    std::vector<uint32_t> dw(22);
    auto base = [&](unsigned at, uint64_t va) {
        dw[at] = uint32_t(va) | 1;
        dw[at + 1] = uint32_t(va >> 32);
    };
    dw[0] = StateBaseAddress;
    base(1, GeneralHeap);
    base(4, SurfaceHeap);
    base(6, DynamicHeap);
    base(8, IndirectHeap);
    base(10, CodeHeap);
    dw[12] = dw[13] = dw[14] = dw[15] = 0xfffff001;
    must(dw);
}

void Walk::program(const std::string &text, uint32_t offset)
{
    auto code = Iga().assemble(text + EndOfThread);
    code.resize(code.size() + 256); // like NEO: zeroes after the end
    gpu.write(CodeHeap + offset, code.data(), code.size());
}

void Walk::surface(unsigned bti, uint64_t va, uint64_t bytes)
{
    uint64_t last = bytes - 1;
    uint32_t state[16] = {RawBuffer,
                          0,
                          uint32_t(last & 0x7f) | uint32_t(last >> 7 & 0x3fff) << 16,
                          uint32_t(last >> 21) << 21,
                          0,
                          0,
                          0,
                          0,
                          uint32_t(va),
                          uint32_t(va >> 32)};
    uint32_t at = SurfaceStates + 64 * bti;

    gpu.write(SurfaceHeap + at, state, sizeof(state));
    gpu.put(SurfaceHeap + BindingTable + 4 * bti, at);
}

void Walk::cross(const std::vector<uint32_t> &dwords)
{
    crossDwords = dwords;
    crossDwords.resize((dwords.size() + 7) / 8 * 8);
}

void Walk::scratch(uint32_t sizeCode)
{
    scratchCode = sizeCode;
    hasScratch = true;
}

std::vector<uint32_t> Walk::prepare(const Shape &shape, uint32_t kernel)
{
    uint32_t laneRegs = shape.simd == 32 ? 2 : 1, crossRegs = uint32_t(crossDwords.size() / 8);
    uint32_t indirect = 0x200;

    must({MediaVfeState, hasScratch ? 0x1000 | scratchCode : 0, 0, (MaxThreads - 1) << 16 | 0x100,
          0, 0x04000000, 0, 0, 0});
    const uint32_t descriptor[8] = {kernel,
                                    0,
                                    0,
                                    0,
                                    BindingTable,
                                    laneRegs << 16,
                                    shape.threads | shape.slmCode << 16 |
                                        uint32_t(shape.barrier) << 21,
                                    crossRegs};
    gpu.write(DynamicHeap + Descriptors, descriptor, sizeof(descriptor));
    must({DescriptorLoad, 0, sizeof(descriptor), Descriptors});
    gpu.write(IndirectHeap + indirect, crossDwords.data(), crossDwords.size() * 4);
    for (uint32_t t = 0; t < shape.threads; t++)
        for (uint32_t l = 0; l < shape.simd; l++)
            gpu.put(IndirectHeap + indirect + (crossRegs + t * laneRegs) * GrfBytes + 2 * l,
                    uint16_t(t * shape.simd + l));
    return {GpgpuWalker | (shape.indirect ? IndirectFlag : 0),
            0,
            (crossRegs + shape.threads * laneRegs) * GrfBytes,
            indirect,
            (shape.simd / 16) << 30 | (shape.threads - 1),
            shape.start[0],
            0,
            shape.groups[0],
            shape.start[1],
            0,
            shape.groups[1],
            shape.start[2],
            shape.groups[2],
            shape.rightMask,
            ~0u};
}

Machine::Result Walk::run(const Shape &shape, uint32_t kernel)
{
    return gpu.execute(prepare(shape, kernel));
}
