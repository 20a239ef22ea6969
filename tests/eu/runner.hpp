// SPDX-License-Identifier: MIT
// Runs an OpenCL kernel on the EU alone: a dispatcher and the data port messages IGC emits, over
// plain host memory. GPU addresses are host addresses.
#ifndef TESTS_EU_RUNNER_H
#define TESTS_EU_RUNNER_H

#include "eu/eu.h"
#include "zebin.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

struct Range {
    unsigned global[3] = {1, 1, 1};
    unsigned local[3] = {1, 1, 1};
};

class KernelArg
{
  public:
    template <class T> KernelArg(std::vector<T> &buffer) : pointer(buffer.data()) {}
    template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0> KernelArg(T value)
    {
        bytes.resize(sizeof(T));
        memcpy(bytes.data(), &value, sizeof(T));
    }

    void *pointer = nullptr;
    std::vector<uint8_t> bytes;
};

class Runner
{
  public:
    explicit Runner(const ZebinKernel &kernel);
    ~Runner();
    // Throws std::runtime_error with the thread's error text when a thread does not end well.
    void run(const Range &range, const std::vector<KernelArg> &args);
    uint64_t instructions = 0;

    struct Thread; // of a group, see runner.cpp
    static eu_send_status send(eu_thread *t, const eu_send *m);
    static bool barrierDone(eu_thread *t);

  private:
    friend struct RunnerMessages;
    void group(const Range &range, const unsigned id[3]);
    std::unique_ptr<Thread> dispatch(const Range &range, const unsigned id[3], unsigned first);

    const ZebinKernel &kernel;
    eu_program *program;
    eu_env env{};
    std::vector<uint8_t> cross;     // cross-thread data
    std::vector<uint8_t *> surface; // by binding table index
    std::vector<uint8_t> slm;
    unsigned waiting = 0, arrived = 0, generation = 0;
};
#endif
