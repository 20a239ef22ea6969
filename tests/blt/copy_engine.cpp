// SPDX-License-Identifier: MIT
#include "copy_engine.hpp"

// The streamer's side of the contract (engine/cs.h).
extern "C" uint32_t cs_reg_read(struct cs_env *, uint32_t offset)
{
    return offset == 0x22200 ? CopyEngine::swctrl : 0;
}
extern "C" void cs_error(struct cs_env *, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    CopyEngine::errors.push_back(text);
}
extern "C" void cs_fault(struct cs_env *, const struct mmu_fault *fault, const char *)
{
    CopyEngine::faults.push_back(*fault);
}
