/* SPDX-License-Identifier: MIT */
/* Memory nobody allocates: static, and on the stack of main(), which outlives all tests. */
#pragma once

#include <cstddef>

constexpr size_t kFixed = 64 * 1024;
alignas(64) inline unsigned char static_memory[kFixed];
inline unsigned char *stack_memory; /* to be set by main() */
