// SPDX-License-Identifier: MIT
// How fast the memory paths are: tlb_ptr(), and 64 MiB copies as a ratio to the host's memcpy.
#include "copy_engine.hpp"
#include <chrono>
#include <random>

namespace
{

constexpr uint64_t kBytes = 64ull << 20;
constexpr uint64_t kLocalVa = 0x100000000, kSystemVa = 0x200000000, kScatteredVa = 0x300000000;

double seconds()
{
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Best of several runs: the machine is shared.
template <class F> double best(F f)
{
    double least = 1e9;
    for (int i = 0; i < 7; i++) {
        double start = seconds();
        f();
        least = std::min(least, seconds() - start);
    }
    return least;
}

void benchTlb(CopyEngine &gpu, const char *name, unsigned pages, bool random)
{
    std::mt19937 rng(1);
    std::vector<uint64_t> va(1 << 16);
    for (size_t i = 0; i < va.size(); i++)
        va[i] = kLocalVa + (random ? rng() % pages : i % pages) * 4096ull + rng() % 1024 * 4;
    mmu_fault fault;
    uint64_t sum = 0;
    double t = best([&] {
        for (int round = 0; round < 16; round++)
            for (uint64_t v : va)
                sum += *tlb_ptr(gpu.tlb, v, MMU_READ, &fault);
    });
    printf("tlb_ptr, %-32s %7.2f ns%s\n", name, t * 1e9 / (16.0 * static_cast<double>(va.size())),
           sum == 1 ? " " : "");
}

void report(const char *name, double t, double reference)
{
    printf("%-42s %7.2f GB/s  %5.2f of memcpy\n", name, static_cast<double>(kBytes) / t / 1e9,
           reference / t);
}

void benchCopy(CopyEngine &gpu, const char *name, uint64_t dst, uint64_t src, double reference,
               tiling dst_tile = TILING_LINEAR)
{
    double t = best([&] {
        for (uint64_t at = 0; at < kBytes; at += 8ull << 20) { // as i915 chops it: 8 MiB
            std::vector<uint32_t> dw = {0x50800008u | static_cast<uint32_t>(dst_tile) << 13,
                                        3u << 24 | (dst_tile ? 1024u : 4096u),
                                        0,
                                        2048u << 16 | 1024,
                                        static_cast<uint32_t>(dst + at),
                                        static_cast<uint32_t>((dst + at) >> 32),
                                        0,
                                        4096,
                                        static_cast<uint32_t>(src + at),
                                        static_cast<uint32_t>((src + at) >> 32)};
            if (gpu.run(dw) != CS_DONE)
                abort();
        }
    });
    report(name, t, reference);
}

void benchFill(CopyEngine &gpu, const char *name, uint64_t dst, double reference)
{
    double t = best([&] {
        for (uint64_t at = 0; at < kBytes; at += 8ull << 20)
            if (gpu.run({0x54300005, 0x03f01000, 0, 2048u << 16 | 1024,
                         static_cast<uint32_t>(dst + at), static_cast<uint32_t>((dst + at) >> 32),
                         0}) != CS_DONE)
                abort();
    });
    report(name, t, reference);
}

} // namespace

int main()
{
    CopyEngine gpu(kBytes);
    gpu.mapRange(kLocalVa, 64ull << 20, kBytes, true);
    gpu.mapRange(kSystemVa, GpuMemory::kRamBase, kBytes, false);
    // The same guest RAM in 4 KiB pages that do not follow each other, the worst a guest can do.
    for (uint64_t page = 0; page < kBytes / 4096; page++)
        gpu.map4K(kScatteredVa + page * 4096,
                  GpuMemory::kRamBase + (page * 4241 % (kBytes / 4096)) * 4096, false);
    uint8_t *local = mem_lmem(gpu.mem) + (64ull << 20);
    memset(local, 1, kBytes);
    memset(gpu.ram.data(), 2, kBytes);

    benchTlb(gpu, "16 pages in turn", 16, false);
    benchTlb(gpu, "512 pages at random", 512, true);
    benchTlb(gpu, "16384 pages at random (mostly misses)", 16384, true);
    // Each direction has its own reference: the two memories have different host pages.
    double out = best([&] { memcpy(gpu.ram.data(), local, kBytes); });
    report("memcpy LMEM -> SMEM by the host", out, out);
    benchCopy(gpu, "XY_FAST_COPY_BLT LMEM -> SMEM", kSystemVa, kLocalVa, out);
    benchCopy(gpu, "XY_FAST_COPY_BLT LMEM -> SMEM, scattered", kScatteredVa, kLocalVa, out);
    double in = best([&] { memcpy(local, gpu.ram.data(), kBytes); });
    report("memcpy SMEM -> LMEM by the host", in, in);
    benchCopy(gpu, "XY_FAST_COPY_BLT SMEM -> LMEM", kLocalVa, kSystemVa, in);
    benchCopy(gpu, "XY_FAST_COPY_BLT SMEM -> LMEM, scattered", kLocalVa, kScatteredVa, in);
    benchCopy(gpu, "XY_FAST_COPY_BLT SMEM -> LMEM, Y tiles", kLocalVa, kSystemVa, in, TILING_Y);
    benchFill(gpu, "XY_COLOR_BLT LMEM", kLocalVa, in);
    return 0;
}
