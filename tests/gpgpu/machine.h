// SPDX-License-Identifier: MIT
// A GPU without its command streamer: memory, page tables and the GPGPU front end. Commands are
// given to gpgpu_execute() one by one; errors and faults are collected as text.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

struct cs_env; // tests include gpgpu.h through machine.cpp only: C11 atomics do not compile as C++
struct gpgpu;

class Machine
{
  public:
    explicit Machine(unsigned workers = 1);
    ~Machine();
    Machine(const Machine &) = delete;
    Machine &operator=(const Machine &) = delete;

    enum Result { Done, Preempted, Stopped, Error };

    void map(uint64_t va, uint64_t size);
    void unmap(uint64_t va, uint64_t size);
    bool mapped(uint64_t va) const;
    void write(uint64_t va, const void *from, size_t n);
    void read(uint64_t va, void *to, size_t n) const;
    template <class T> T get(uint64_t va) const
    {
        T v;
        read(va, &v, sizeof(v));
        return v;
    }
    template <class T> void put(uint64_t va, T v)
    {
        write(va, &v, sizeof(v));
    }
    // Physical pages and their place in an address space, for those who build their own.
    uint64_t allocatePage();
    uint8_t *pageHost(uint64_t page) const;
    void mapPage(uint64_t va, uint64_t page);
    void invalidate();
    // Host address of a mapped byte; good to the end of its page.
    uint8_t *host(uint64_t va) const;

    Result execute(const std::vector<uint32_t> &command);
    void save(std::vector<uint8_t> &image) const;
    void restore(const std::vector<uint8_t> &image);
    void reset();
    void report() const;
    uint64_t instructions() const; // that EUs have executed so far
    double walkerSeconds = 0;      // spent in GPGPU_WALKER so far
    double walkerCpuSeconds = 0;   // the same in CPU time of the process

    void stopPreempt();
    void stopReset();
    void stopNone();

    std::map<uint32_t, uint32_t> registers;
    std::vector<std::string> errors;
    std::string lastError() const
    {
        return errors.empty() ? "" : errors.back();
    }
    void addError(const std::string &text); // any thread

  private:
    struct Parts;
    Parts *parts;
    std::mutex lock;
    uint64_t *leafOf(uint64_t va);
};
