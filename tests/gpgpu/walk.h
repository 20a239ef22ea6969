// SPDX-License-Identifier: MIT
// Builds what a walker needs, as NEO would: heaps, descriptor, surfaces, payload, commands.
#pragma once

#include "machine.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

// Heaps and buffers of every test; each mapped generously.
constexpr uint64_t SurfaceHeap = 0x10000000, DynamicHeap = 0x20000000, IndirectHeap = 0x30000000,
                   CodeHeap = 0x40000000, GeneralHeap = 0x50000000;
constexpr uint64_t BufferVa = 0x7f1200000000;

struct Shape {
    uint32_t simd = 8;
    uint32_t threads = 1; // per group
    uint32_t start[3] = {0, 0, 0};
    uint32_t groups[3] = {1, 1, 1};
    uint32_t rightMask = ~0u;
    uint32_t slmCode = 0;
    bool barrier = false;
    bool indirect = false;
};

class Walk
{
  public:
    explicit Walk(unsigned workers = 1);

    // Gen12p1 assembly (IGA's syntax) at an offset of the instruction heap, an end of thread added.
    void program(const std::string &text, uint32_t offset = 0);
    void surface(unsigned bti, uint64_t va, uint64_t bytes);
    // Cross-thread registers of the payload; threads get lane numbers 0.. as words before them.
    void cross(const std::vector<uint32_t> &dwords);
    void scratch(uint32_t sizeCode);
    Machine::Result run(const Shape &shape, uint32_t kernel = 0);
    // The walker's dwords, after everything that they refer to has been written.
    std::vector<uint32_t> prepare(const Shape &shape, uint32_t kernel = 0);
    uint32_t result(size_t index)
    {
        return gpu.get<uint32_t>(BufferVa + 4 * index);
    }

    Machine gpu;

  private:
    std::vector<uint32_t> crossDwords;
    uint32_t scratchCode = 0;
    bool hasScratch = false;
    void must(const std::vector<uint32_t> &command);
    void setBases();
};

// While it lives, asks for a preemption every millisecond, as timeslices do.
class Stopper
{
  public:
    explicit Stopper(Machine &gpu)
        : thread([this, &gpu] {
              while (!over) {
                  gpu.stopPreempt();
                  std::this_thread::sleep_for(std::chrono::milliseconds(1));
              }
          })
    {
    }
    ~Stopper()
    {
        over = true;
        thread.join();
    }

  private:
    std::atomic<bool> over{false};
    std::thread thread;
};
