// SPDX-License-Identifier: MIT
// The copy engine without its command streamer: what a command sees is played by the test.
#ifndef TESTS_COPY_ENGINE_HPP
#define TESTS_COPY_ENGINE_HPP

#include "gpu_memory.hpp"
#include <cstdarg>
#include <cstdio>
#include <string>
#include <vector>

extern "C" {
#include "blt/blt.h"
#include "tiling/tiling.h"
}

struct CopyEngine : GpuMemory {
    explicit CopyEngine(uint64_t ram_size = 32ull << 20) : GpuMemory(ram_size)
    {
        env.engine = ENGINE_BCS0;
        env.mmu = mmu;
        env.mem = mem;
        env.tlb = tlb;
        env.lease = lease;
        env.stop = &stop;
        errors.clear();
        faults.clear();
        swctrl = 0;
    }
    cs_result run(const std::vector<uint32_t> &dw)
    {
        return blt_execute(&env, dw.data(), static_cast<unsigned>(dw.size()));
    }

    std::atomic_uint stop{0};
    cs_env env{};
    static inline std::vector<std::string> errors;
    static inline std::vector<mmu_fault> faults;
    static inline uint32_t swctrl; // register 0x22200
};

#endif
