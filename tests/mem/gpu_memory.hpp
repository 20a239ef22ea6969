// SPDX-License-Identifier: MIT
// A small GPU address space for tests: LMEM, guest RAM, page tables built by hand.
#ifndef TESTS_GPU_MEMORY_HPP
#define TESTS_GPU_MEMORY_HPP

#include "mem/mmu.h"
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

// i915's entry bits (gt/intel_gtt.h), spelled again here so that a slip in mmu.c is seen.
constexpr uint64_t kPresent = 1, kWritable = 2, kPageSize = 0x80, kLocal = 0x800, kIps64K = 0x800;

// A memfd of the given size, closed at the end of its life.
class MemFile
{
  public:
    explicit MemFile(uint64_t size) : fd_(memfd_create("test-ram", MFD_CLOEXEC)), size_(size)
    {
        if (ftruncate(fd_, static_cast<off_t>(size)))
            abort();
        data_ = static_cast<uint8_t *>(
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    }
    ~MemFile()
    {
        munmap(data_, size_);
        close(fd_);
    }
    MemFile(const MemFile &) = delete;
    MemFile &operator=(const MemFile &) = delete;
    int fd() const { return fd_; }
    uint8_t *data() { return data_; }

  private:
    int fd_;
    uint64_t size_;
    uint8_t *data_;
};

// Page tables are taken one page after another from the first 16 MiB of LMEM, the root first.
class GpuMemory
{
  public:
    static constexpr uint64_t kLmemSize = 256ull << 20;
    static constexpr uint64_t kRoot = 1ull << 20;
    static constexpr uint64_t kRamBase = 4ull << 30; // bus address of guest RAM

    explicit GpuMemory(uint64_t ram_size = 32ull << 20) : ram(ram_size)
    {
        mem = mem_create(kLmemSize);
        mmu = mmu_create(mem);
        lease = mem_lease_create(mem);
        tlb = tlb_create(mmu, ENGINE_BCS0);
        if (mem_dma_map(mem, kRamBase, ram_size, ram.fd(), 0, true))
            abort();
        next_table_ = kRoot + 4096;
        tlb_set_root(tlb, kRoot);
        mem_lease_open(lease);
    }
    ~GpuMemory()
    {
        mem_lease_close(lease);
        tlb_destroy(tlb);
        mem_lease_destroy(lease);
        mmu_destroy(mmu);
        mem_destroy(mem);
    }
    GpuMemory(const GpuMemory &) = delete;
    GpuMemory &operator=(const GpuMemory &) = delete;

    uint64_t *table(uint64_t addr) { return reinterpret_cast<uint64_t *>(mem_lmem(mem) + addr); }

    // The entry of the given level (0 = PT) for va, making the tables above it.
    uint64_t *entry(uint64_t va, int level, uint64_t root = kRoot)
    {
        uint64_t at = root;
        for (int l = 3; l > level; l--) {
            uint64_t *e = table(at) + (va >> (12 + 9 * l)) % 512;
            if (!(*e & kPresent)) {
                *e = next_table_ | kPresent | kWritable;
                next_table_ += 4096;
            }
            at = *e & 0x3ffffffff000ull;
        }
        return table(at) + (va >> (12 + 9 * level)) % 512;
    }

    void map4K(uint64_t va, uint64_t phys, bool local)
    {
        *entry(va, 0) = phys | kPresent | kWritable | (local ? kLocal : 0);
    }
    void map2M(uint64_t va, uint64_t phys, bool local)
    {
        *entry(va, 1) = phys | kPresent | kWritable | kPageSize | (local ? kLocal : 0);
    }
    void mapRange(uint64_t va, uint64_t phys, uint64_t size, bool local)
    {
        for (uint64_t at = 0; at < size; at += 4096)
            map4K(va + at, phys + at, local);
    }
    // Host pointer or nullptr; the fault is kept.
    uint8_t *at(uint64_t va, mmu_access access = MMU_READ)
    {
        fault = {};
        return tlb_ptr(tlb, va, access, &fault);
    }

    MemFile ram;
    struct mem *mem;
    struct mmu *mmu;
    struct tlb *tlb;
    struct mem_lease *lease;
    mmu_fault fault{};

  private:
    uint64_t next_table_;
};

#endif
