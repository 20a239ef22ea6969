// SPDX-License-Identifier: MIT
// Runs batches for the TBX model: the MI commands that NEO's OpenCL batches hold; everything of
// type 3 goes to the GPGPU front end.
#pragma once

#include "machine.h"

class Streamer
{
  public:
    explicit Streamer(Machine &m) : machine(m) {}
    void run(uint64_t address); // until MI_BATCH_BUFFER_END
    static unsigned length(uint32_t header);
    static bool isBatchStart(uint32_t header);

  private:
    Machine &machine;

    void mi(uint64_t at, uint32_t header);
    void pipeControl(uint64_t at);
};
