/* SPDX-License-Identifier: MIT */
/* Contents that tell from where and when they are: each dword its number, from a seed on. */
#ifndef SVM_TEST_PATTERN_H
#define SVM_TEST_PATTERN_H

#include "gpu.h"

namespace svm
{

inline uint32_t patternAt(uint32_t seed, size_t i)
{
    return seed + uint32_t(i);
}

inline void fill(const Memory &m, uint32_t seed)
{
    for (size_t i = 0; i < m.size() / 4; i++)
        m.dwords()[i] = patternAt(seed, i);
}

/* How many dwords are not as fill() has left them. */
inline size_t wrong(const Memory &m, uint32_t seed)
{
    size_t n = 0;
    for (size_t i = 0; i < m.size() / 4; i++)
        n += m.dwords()[i] != patternAt(seed, i);
    return n;
}

} // namespace svm

#endif
