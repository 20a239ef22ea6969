// SPDX-License-Identifier: MIT
// A device with a driver's worth of memory around it: GGTT, contexts, rings, page tables.
#ifndef TESTS_DEVICE_MACHINE_HPP
#define TESTS_DEVICE_MACHINE_HPP

#include "dg1.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

// Commands, as i915's gt/intel_gpu_commands.h writes them.
constexpr uint32_t mi(uint32_t opcode, uint32_t flags = 0)
{
    return opcode << 23 | flags;
}
constexpr uint32_t MI_NOOP = 0;
constexpr uint32_t MI_USER_INTERRUPT = mi(0x02);
constexpr uint32_t MI_ARB_CHECK = mi(0x05);
constexpr uint32_t MI_ARB_ON = mi(0x08, 1), MI_ARB_OFF = mi(0x08, 0);
constexpr uint32_t MI_BATCH_END = mi(0x0a);
constexpr uint32_t MI_STORE_DWORD = mi(0x20, 2);
constexpr uint32_t MI_LRI1 = mi(0x22, 1);
constexpr uint32_t MI_SRM = mi(0x24, 2);
constexpr uint32_t MI_ATOMIC_INC = mi(0x2f, 1) | 5u << 8;
constexpr uint32_t MI_BATCH_START = mi(0x31, 1);
constexpr uint32_t GGTT = 1u << 22;
constexpr uint32_t PPGTT = 1u << 8;
constexpr uint32_t SEMAPHORE_POLL = mi(0x1c, 2) | 1u << 15;
constexpr uint32_t SAD_EQ = 4u << 12, SAD_NEQ = 5u << 12;

constexpr uint64_t PAGE = 4096;
constexpr uint32_t RCS = 0x2000, BCS = 0x22000;

struct Memory { // a piece of local memory with its GGTT address
    uint64_t lmem = 0;
    uint32_t ggtt = 0;
    uint32_t *dw = nullptr;
};

class Machine;

class Space
{ // a PPGTT in local memory, 4 KiB pages
  public:
    explicit Space(Machine &machine);
    void map(uint64_t va, uint64_t phys, bool local = true);
    void unmap(uint64_t va);
    uint64_t root = 0;

  private:
    uint64_t *leaf(uint64_t va);
    Machine &machine_;
};

class Context
{
  public:
    Context(Machine &machine, uint32_t engine, unsigned id, const Space *space = nullptr);
    // Append commands to the ring and move the tail in the image (as a driver does before ELSQ).
    void emit(const std::vector<uint32_t> &commands);
    uint64_t descriptor() const;
    uint32_t *image() const
    {
        return state.dw + PAGE / 4;
    }

    Memory state, ring;
    uint32_t engine;
    unsigned id;
    uint32_t tail = 0;
};

class Machine
{
  public:
    static constexpr uint64_t lmem_size = 256u << 20;
    static constexpr uint64_t system_size = 1u << 20;

    explicit Machine(unsigned trace = 0);
    ~Machine();
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;

    uint32_t read(uint64_t offset)
    {
        return static_cast<uint32_t>(dg1_mmio_read(dev, offset, 4));
    }
    void write(uint64_t offset, uint32_t value)
    {
        dg1_mmio_write(dev, offset, value, 4);
    }

    Memory allocate(uint64_t pages); // zeroed LMEM with GGTT entries
    uint64_t allocate_lmem(uint64_t pages);
    void *lmem_at(uint64_t addr)
    {
        return lmem + addr;
    }

    void start_engine(uint32_t base); // what i915's enable_execlists writes
    void enable_interrupts();
    void submit(uint32_t base, const std::vector<uint64_t> &descriptors);
    // The next CSB entry, or "none" after the timeout. Returned as "to<-away" with "*" for a new
    // queue.
    std::string event(uint32_t base, int timeout_ms = 2000);
    std::string no_event(uint32_t base)
    {
        return event(base, 30);
    }
    bool wait(const std::function<bool()> &condition, int timeout_ms = 2000);
    // Serve the interrupt as i915 does; returns the identity bits of (class << 16 | bits).
    std::vector<uint32_t> serve_interrupts();
    void reset_engine(uint32_t base);
    uint32_t *status_page(uint32_t base)
    {
        return hwsp(base).page.dw;
    }

    struct dg1 *dev = nullptr;
    uint8_t *lmem = nullptr, *system = nullptr;
    uint64_t *ggtt = nullptr;
    std::atomic<int> msis{0};
    FILE *log = nullptr;
    std::string log_text();

  private:
    uint64_t next_lmem_ = 1u << 20;
    uint32_t next_ggtt_ = 1u << 20;
    struct Hwsp {
        Memory page;
        unsigned at = 11;
    } hwsp_[2];
    Hwsp &hwsp(uint32_t base)
    {
        return hwsp_[base == BCS];
    }
    char *log_buffer_ = nullptr;
    size_t log_size_ = 0;
    int system_fd_ = -1;
};

#endif
