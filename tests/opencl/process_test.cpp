/* SPDX-License-Identifier: MIT */
/* Several processes: a child of fork() gets defined errors, never a deadlock. */
#include "cl.hpp"

namespace
{
constexpr cl_int kSuccess = CL_SUCCESS;

/* 0 if all that a child may not do is refused. */
int try_everything(void *shared)
{
    const unsigned char pattern = 1;
    const void *pointers[] = {shared};
    void *mine = clSVMAlloc(cl().context, CL_MEM_READ_WRITE, 4096, 0);
    const bool filled = clEnqueueSVMMemFill(cl().in_order, shared, &pattern, 1, 64, 0, nullptr,
                                            nullptr) == CL_SUCCESS;
    const bool migrated = clEnqueueSVMMigrateMem(cl().in_order, 1, pointers, nullptr, 0, 0, nullptr,
                                                 nullptr) == CL_SUCCESS;
    clSVMFree(cl().context, shared); /* the parent's: without effect */
    return (mine ? 1 : 0) + (filled ? 2 : 0) + (migrated ? 4 : 0);
}
} // namespace

#include "../common/fork_cases.hpp"
