// SPDX-License-Identifier: MIT
#include "streamer.h"

#include <chrono>
#include <cstdio>

namespace
{
// MI opcodes (bits 28:23) and PIPE_CONTROL, DG1 PRM vol 2a.
enum : uint32_t {
    MiBatchBufferEnd = 0x0a,
    MiStoreDataImm = 0x20,
    MiLoadRegisterImm = 0x22,
    MiStoreRegisterMem = 0x24,
    MiLoadRegisterMem = 0x29,
    MiLoadRegisterReg = 0x2a,
    MiBatchBufferStart = 0x31,
    PipeControl = 0x7a00,
    PipelineSelect = 0x6904,
};
constexpr uint64_t AddressMask = 0xffffffffffffull;

uint64_t nanoseconds()
{
    using namespace std::chrono;
    return uint64_t(
        duration_cast<std::chrono::nanoseconds>(steady_clock::now().time_since_epoch()).count());
}
} // namespace

unsigned Streamer::length(uint32_t header)
{
    if (header >> 29 == 0)
        return (header >> 23 & 0x3f) < 0x10 ? 1 : (header & 0xff) + 2;
    return header >> 16 == PipelineSelect ? 1 : (header & 0xff) + 2;
}

bool Streamer::isBatchStart(uint32_t header)
{
    return header >> 23 == MiBatchBufferStart;
}

void Streamer::mi(uint64_t at, uint32_t header)
{
    auto dword = [&](unsigned i) { return machine.get<uint32_t>(at + 4 * i); };
    auto &regs = machine.registers;

    switch (header >> 23) {
    case MiLoadRegisterImm:
        for (unsigned i = 1; i + 1 < length(header); i += 2)
            regs[dword(i)] = dword(i + 1);
        break;
    case MiLoadRegisterReg:
        regs[dword(2)] = regs[dword(1)];
        break;
    case MiLoadRegisterMem:
        regs[dword(1)] = machine.get<uint32_t>(machine.get<uint64_t>(at + 8) & AddressMask);
        break;
    case MiStoreRegisterMem:
        machine.put(machine.get<uint64_t>(at + 8) & AddressMask, regs[dword(1)]);
        break;
    case MiStoreDataImm:
        machine.put(machine.get<uint64_t>(at + 4) & AddressMask, dword(3));
        break;
    default:
        if (header >> 23 != 0)
            machine.addError("the TBX model's command streamer does not know a command");
        break;
    }
}

// Post-sync writes: immediate data (1) or a time stamp (3).
void Streamer::pipeControl(uint64_t at)
{
    uint32_t kind = machine.get<uint32_t>(at + 4) >> 14 & 3;
    uint64_t address = machine.get<uint64_t>(at + 8) & AddressMask & ~7ull;

    if (kind == 1)
        machine.put(address, machine.get<uint64_t>(at + 16));
    else if (kind == 3)
        machine.put(address, nanoseconds());
}

void Streamer::run(uint64_t at)
{
    for (;;) {
        uint32_t header = machine.get<uint32_t>(at);
        unsigned n = length(header);

        if (isBatchStart(header)) {
            at = machine.get<uint64_t>(at + 4) & AddressMask;
            continue;
        }
        if (header >> 23 == MiBatchBufferEnd)
            return;
        if (header >> 29 == 0) {
            mi(at, header);
        } else if (header >> 16 == PipeControl) {
            pipeControl(at);
        } else {
            std::vector<uint32_t> command(n);
            machine.read(at, command.data(), 4 * n);
            if (machine.execute(command) != Machine::Done)
                fprintf(stderr, "tbx: %s\n", machine.lastError().c_str());
        }
        at += 4 * n;
    }
}
