// SPDX-License-Identifier: MIT
// NEO can drive a GPU model over a socket instead of a kernel driver ("TBX",
// SetCommandStreamReceiver=2). This is such a model: the simulator's GPGPU front end behind NEO's
// protocol, so that unmodified NEO computes on the host, without guest and kernel.
#pragma once

#include "machine.h"

#include <cstdint>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

class TbxServer
{
  public:
    explicit TbxServer(unsigned workers);
    ~TbxServer();
    uint16_t port() const
    {
        return portNumber;
    }
    // Sets what NEO reads from the environment; before the OpenCL library is first used.
    void setEnvironment() const;
    Machine &gpu()
    {
        return machine;
    }

  private:
    void acceptLoop();
    void serve(int fd);
    void handle(int fd, const uint32_t header[3], std::vector<uint8_t> &body);
    void mmioWrite(uint32_t offset, uint32_t value);
    uint32_t mmioRead(uint32_t offset);
    uint64_t pageOf(uint64_t physical);
    void copyPhysical(uint64_t physical, uint8_t *buffer, size_t n, bool write);
    uint64_t physicalOfGgtt(uint64_t address);
    uint32_t ggttDword(uint64_t address);
    void submit(uint32_t descriptor);
    void mirror(uint64_t table, int level, uint64_t va);
    void runRing(uint64_t context);

    Machine machine;
    std::mutex lock;
    std::unordered_map<uint64_t, uint64_t> pages; // NEO's physical pages to the machine's
    std::unordered_map<uint32_t, uint64_t> ggtt;
    std::unordered_map<uint64_t, uint32_t> heads; // of each context's ring
    int listener = -1;
    uint16_t portNumber = 0;
    std::vector<int> clients;
    std::vector<std::thread> threads;
    std::thread acceptor;
};
