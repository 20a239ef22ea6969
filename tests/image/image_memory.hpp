// SPDX-License-Identifier: MIT
// Surfaces in a small GPU address space, and messages to them.
#ifndef TESTS_IMAGE_MEMORY_HPP
#define TESTS_IMAGE_MEMORY_HPP

#include "gpu_memory.hpp"
#include "image/format.h"
#include "image/image.h"
#include <array>
#include <string>
#include <vector>

using Dwords16 = std::array<uint32_t, 16>;

// A RENDER_SURFACE_STATE in the making (DG1 PRM vol. 2d).
struct SurfaceState {
    Dwords16 dw{};
    SurfaceState(unsigned type, unsigned format, uint64_t base, unsigned w, unsigned h = 1,
                 unsigned depth = 1)
    {
        dw[0] = type << 29 | format << 18 | 1 << 16 | 1 << 14;
        dw[2] = (w - 1) | (h - 1) << 16;
        dw[3] = (depth - 1) << 21;
        dw[7] = 4u << 25 | 5u << 22 | 6u << 19 | 7u << 16;
        dw[8] = static_cast<uint32_t>(base);
        dw[9] = static_cast<uint32_t>(base >> 32);
    }
    SurfaceState &pitch(unsigned bytes)
    {
        dw[3] = (dw[3] & ~0x3ffffu) | (bytes - 1);
        return *this;
    }
    SurfaceState &qpitch(unsigned rows)
    {
        dw[1] = rows / 4;
        return *this;
    }
    SurfaceState &mips(unsigned count, unsigned first = 0)
    {
        dw[5] = (count - 1) | first << 4;
        return *this;
    }
    SurfaceState &array()
    {
        dw[0] |= 1u << 28;
        return *this;
    }
    SurfaceState &tiled(unsigned mode) // 2: X, 3: Y
    {
        dw[0] |= mode << 12;
        return *this;
    }
    SurfaceState &select(unsigned r, unsigned g, unsigned b, unsigned a)
    {
        dw[7] = r << 25 | g << 22 | b << 19 | a << 16;
        return *this;
    }
};

// A SAMPLER_STATE: address mode of all axes, filter, coordinates.
struct SamplerState {
    std::array<uint32_t, 4> dw{};
    SamplerState(unsigned address, bool linear, bool normalized, uint32_t border = 0)
    {
        dw[0] = linear ? 1u << 17 | 1u << 14 : 0;
        dw[1] = 0xe00u << 8;
        dw[2] = border;
        dw[3] = address << 6 | address << 3 | address | (normalized ? 0 : 1u << 10);
    }
};

inline uint32_t bitsOf(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
inline float floatOf(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

constexpr uint64_t kImageVa = 0x100000000; // 8 MiB mapped to LMEM
constexpr uint64_t kImageBytes = 8ull << 20;
constexpr uint64_t kDynamicBase = kImageVa + kImageBytes - 4096; // border colours

struct ImageMemory : GpuMemory {
    ImageMemory()
    {
        mapRange(kImageVa, 64ull << 20, kImageBytes, true);
        env.tlb = tlb;
        env.dynamic_base = kDynamicBase;
    }
    uint8_t *bytes(uint64_t va) { return mem_lmem(mem) + (64ull << 20) + (va - kImageVa); }

    image_surface parse(const SurfaceState &state)
    {
        image_surface s;
        why = nullptr;
        parsed = image_surface_parse(state.dw.data(), &s, &why);
        return s;
    }
    image_sampler parse(const SamplerState &state)
    {
        image_sampler s;
        why = nullptr;
        parsed = image_sampler_parse(state.dw.data(), &s, &why);
        return s;
    }

    // Sends a message whose parameters are given per parameter and lane. Results: regs.
    enum class Kind { Sampler, Typed };
    image_status send(Kind kind, uint32_t desc, const image_surface &s, const image_sampler *sampler,
                      const std::vector<std::vector<uint32_t>> &params, unsigned lanes,
                      unsigned out_regs, uint32_t exec_mask, const uint32_t *header = nullptr)
    {
        in.assign(params.size() * lanes / 8, {});
        for (size_t p = 0; p < params.size(); p++)
            for (size_t l = 0; l < lanes && l < params[p].size(); l++)
                in[p * lanes / 8 + l / 8][l % 8] = params[p][l];
        std::vector<const uint8_t *> regs;
        for (auto &r : in)
            regs.push_back(reinterpret_cast<const uint8_t *>(r.data()));
        out.assign(out_regs * 8, kUntouched);
        image_message m{};
        m.desc = desc;
        m.header = header;
        m.exec_mask = exec_mask;
        m.in_count = static_cast<unsigned>(regs.size());
        m.in = regs.data();
        m.out = reinterpret_cast<uint8_t *>(out.data());
        m.out_count = out_regs;
        return kind == Kind::Sampler ? image_sampler_message(&env, &s, sampler, &m)
                                     : image_typed_message(&env, &s, &m);
    }

    static constexpr uint32_t kUntouched = 0xabababab;
    image_env env{};
    const char *why = nullptr;
    bool parsed = false;
    std::vector<std::array<uint32_t, 8>> in;
    std::vector<uint32_t> out;
};

// Descriptors: message type 16:12 and SIMD mode 18:17 of the sampler.
constexpr uint32_t kSample = 0, kSampleL = 2, kSampleD = 4, kLd = 7, kResinfo = 10, kSampleLz = 24,
                   kLdLz = 26;
constexpr uint32_t samplerDesc(uint32_t type, unsigned lanes = 8)
{
    return type << 12 | (lanes == 8 ? 1u : 2u) << 17;
}

#endif
