// SPDX-License-Identifier: MIT
// The decoder against IGA: the same text for the same bits, and nothing accepted that IGA refuses.
#include "eu/eu.h"
#include "iga.hpp"
#include "zebin.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

static std::string ours(const uint8_t *code, size_t bytes, unsigned &size)
{
    char text[400];
    size = eu_disasm(code, bytes, 0, text, sizeof(text));
    return text;
}

// Instructions up to the end of the code that can be reached; returns how many.
static unsigned compare(Iga &iga, const std::string &name, std::vector<uint8_t> code)
{
    bool more = false;
    size_t end = eu_code_extent(code.data(), code.size(), &more);
    EXPECT_GT(end, 0u) << name;
    EXPECT_FALSE(more) << name;
    code.resize(code.size() + 16); // IGA may look at 16 bytes
    unsigned count = 0;
    for (size_t at = 0; at < end; count++) {
        std::string theirs;
        unsigned size;
        std::string text = ours(&code[at], end - at, size);
        EXPECT_TRUE(iga.disassemble(&code[at], theirs)) << name << " +" << at;
        EXPECT_EQ(text, theirs) << name << " +" << at;
        if (!size || ::testing::Test::HasFailure())
            break;
        at += size;
    }
    return count;
}

// NEO's built-in kernels lie in its library in the old "patch token" container.
struct PatchTokenProgram {
    uint32_t magic, version, device, pointerBytes, kernels, stepping, patchBytes;
};
#pragma pack(push, 1)
struct PatchTokenKernel {
    uint32_t checksum;
    uint64_t hash;
    uint32_t nameBytes, patchBytes, codeBytes, generalBytes, dynamicBytes, surfaceBytes, unpadded;
};
#pragma pack(pop)
static const uint32_t PatchTokenVersion = 1081, DeviceGen12lp = 18;

static std::vector<std::pair<std::string, std::vector<uint8_t>>> builtins(const std::string &data)
{
    std::vector<std::pair<std::string, std::vector<uint8_t>>> out;
    for (size_t at = data.find("CTNI"); at != std::string::npos; at = data.find("CTNI", at + 4)) {
        PatchTokenProgram p;
        if (at + sizeof(p) > data.size())
            break;
        memcpy(&p, &data[at], sizeof(p));
        if (p.version != PatchTokenVersion || p.device != DeviceGen12lp || p.kernels > 200)
            continue;
        size_t k = at + sizeof(p) + p.patchBytes;
        for (unsigned n = 0; n < p.kernels; n++) {
            PatchTokenKernel h;
            memcpy(&h, &data[k], sizeof(h));
            k += sizeof(h);
            std::string name = data.substr(k, h.nameBytes).c_str();
            k += h.nameBytes;
            out.emplace_back(name, std::vector<uint8_t>(&data[k], &data[k] + h.codeBytes));
            k += h.codeBytes + h.generalBytes + h.dynamicBytes + h.surfaceBytes + h.patchBytes;
        }
    }
    return out;
}

TEST(Disassembler, NeoBuiltInKernels)
{
    Iga iga;
    std::ifstream in("/usr/lib/x86_64-linux-gnu/intel-opencl/libigdrcl.so", std::ios::binary);
    std::stringstream data;
    data << in.rdbuf();
    auto kernels = builtins(data.str());
    ASSERT_GE(kernels.size(), 50u) << "is Debian's intel-opencl-icd installed?";
    unsigned instructions = 0;
    for (auto &[name, code] : kernels)
        instructions += compare(iga, name, code);
    EXPECT_GT(instructions, 5000u);
}

// ---- kernels written for coverage ----

struct Shape {
    const char *name, *body; // of a function of a, b, n into r; T is the type
};

static const Shape arithmetic[] = {
    {"sum", "r = a + b * (T)(3) - a;"},
    {"bits", "r = (a & b) | (a ^ (T)(5));"},
    {"shift", "r = (a << (b & (T)(7))) + (a >> (T)(2));"},
    {"divide", "r = a / (b | (T)(1)) + a % (b | (T)(1));"},
    {"saturate", "r = add_sat(a, b) ^ sub_sat(a, b);"},
    {"extremes", "r = max(a, b) - min(a, (T)(9)) + clamp(b, (T)(2), (T)(7));"},
    {"high", "r = mul_hi(a, b) + mad_hi(a, b, a) + hadd(a, b) + rhadd(a, b);"},
    {"count", "r = clz(a) + popcount(b) + rotate(a, b);"},
};
static const Shape real[] = {
    {"sum", "r = a + b * (T)(3.5f) - a * a;"},
    {"divide", "r = a / b + native_recip(b);"},
    {"roots", "r = sqrt(a) * rsqrt(b) + native_sqrt(a);"},
    {"exponent", "r = exp2(a) + log2(b) + native_exp(a);"},
    {"rounding", "r = floor(a) + ceil(b) + trunc(a) - rint(b) + round(a);"},
    {"extremes", "r = fmax(a, b) - fmin(a, (T)(9.0f)) + fabs(b);"},
    {"fused", "r = fma(a, b, -a) + mad(a, b, b);"},
    {"angle", "r = native_sin(a) + native_cos(b);"},
    {"step", "r = mix(a, b, (T)(0.25f)) + step(a, b) + copysign(a, b);"},
};
static const char *const flows[] = {
    "for (int i = 0; i < n; i++) { if (i % 5 == 3) continue; BODY a = a + r; if (i > 40) break; }",
    "if (n > 7) { BODY } else if (n < 3) { r = b; } else { r = a; }",
};

static std::string kernelText(const std::string &name, const std::string &type,
                              const std::string &body, const char *flow)
{
    std::string text = flow ? flow : "BODY";
    text.replace(text.find("BODY"), 4, body);
    for (size_t at = 0; (at = text.find("(T)", at)) != std::string::npos;)
        text.replace(at, 3, "(" + type + ")");
    return "__kernel void " + name + "(__global const " + type + " *x, __global const " + type +
           " *y, __global " + type + " *z, int n) { size_t i0 = get_global_id(0); " + type +
           " a = x[i0], b = y[i0], r = a; " + text + " z[i0] = r; }\n";
}

static bool fits(const Shape &s, const std::string &scalar)
{
    return scalar != "half" || !strstr(s.body, "native_"); // these are for float only
}

template <size_t N>
static unsigned compareFamily(Iga &iga, const std::vector<std::string> &scalars,
                              const Shape (&shapes)[N], unsigned &instructions)
{
    unsigned kernels = 0;
    for (const std::string &scalar : scalars) {
        std::string source = "#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n";
        for (const char *width : {"", "2", "4"})
            for (const Shape &s : shapes)
                if (fits(s, scalar))
                    source +=
                        kernelText(std::string(s.name) + width, scalar + width, s.body, nullptr);
        for (unsigned f = 0; f < 2; f++)
            for (const Shape &s : shapes)
                if (fits(s, scalar))
                    source += kernelText(s.name + std::string("f") + std::to_string(f), scalar,
                                         s.body, flows[f]);
        for (auto &[name, kernel] : compileKernels(source)) {
            if (kernel.code.empty())
                continue;
            instructions += compare(iga, scalar + " " + name, kernel.code);
            kernels++;
        }
    }
    return kernels;
}

TEST(Disassembler, GeneratedKernels)
{
    Iga iga;
    unsigned instructions = 0, kernels = 0;
    kernels +=
        compareFamily(iga, {"char", "uchar", "short", "ushort", "int", "uint", "long", "ulong"},
                      arithmetic, instructions);
    kernels += compareFamily(iga, {"float", "half"}, real, instructions);
    EXPECT_GE(kernels, 300u);
    EXPECT_GT(instructions, 20000u);
    printf("%u kernels, %u instructions\n", kernels, instructions);
}

// ---- random bits ----

// Words of several kinds: noise, sparse noise, and noise behind a real opcode.
static void randomWord(std::mt19937_64 &rng, uint64_t w[2], unsigned kind)
{
    w[0] = rng();
    w[1] = rng();
    if (kind & 1) {
        w[0] &= rng() | 0xff;
        w[1] &= rng();
    }
    if (kind & 2)
        w[0] &= ~(1ull << 29); // not compacted
    if (kind & 4)
        w[0] = (w[0] & ~0xff00ull) | (rng() & 7) << 8; // a scoreboard field that means something
}

TEST(Disassembler, MillionRandomEncodings)
{
    Iga iga;
    std::mt19937_64 rng(20240229);
    unsigned both = 0;
    for (unsigned n = 0; n < 1'000'000; n++) {
        uint64_t w[2];
        std::string theirs;
        unsigned size;
        randomWord(rng, w, n);
        std::string text = ours(reinterpret_cast<uint8_t *>(w), sizeof(w), size);
        if (!size)
            continue; // refused: IGA may be more liberal
        ASSERT_TRUE(iga.disassemble(reinterpret_cast<uint8_t *>(w), theirs))
            << std::hex << w[0] << ' ' << w[1] << ' ' << text;
        ASSERT_EQ(text, theirs) << std::hex << w[0] << ' ' << w[1];
        both++;
    }
    EXPECT_GT(both, 10'000u); // else the test shows little
}

// The other direction: what IGA accepts and we refuse is not what compilers emit. Words that
// vary one real instruction must mostly be accepted by both.
TEST(Disassembler, AcceptsOrdinaryInstructions)
{
    Iga iga;
    const char *lines[] = {
        "(W&~f1.1.all16h) add (8|M8) (gt)f1.1 (sat)r1.0<2>:f (abs)r2.0<8;8,1>:f "
        "-(abs)r3.1<0;1,0>:f {AccWrEn,Atomic,$3.src}",
        "(f0.0.anyv) mov (16|M16) r1.0<1>:ud r[a0.3,-32]<8,1>:ud {@1}",
        "mad (8|M0) (lt)f1.0 (sat)r1.0<2>:f -r2.0<8;1>:f (abs)r3.0<4;1>:f -(abs)r4.0<2>:f {$1}",
        "math.invm (8|M0) (eo)f0.0 r1.mme2:f r2.nomme:f r3.nomme:f",
        "sync.allwr ($0,$1,$15)",
        "sendc.dc0 (8|M0) null r2 r3 0x80 0x02000000 {Serialize,@1,$1}",
        "send.smpl (16|M0) r10 r2 null a0.2 a0.0 {$7}",
        "mov (4|M0) r1.0<1>:f 0x12345678:vf",
        "bfi2 (8|M0) r1.0<1>:ud r2.0<8;1>:ud r3.0<8;1>:ud r4.0<1>:ud",
        "dp4a (8|M0) r1.0<1>:d r2.0<8;1>:d r3.0<8;1>:d r4.0<1>:d",
        "mov (1|M0) r1.0<1>:q -5:q",
    };
    for (const char *line : lines) {
        auto code = iga.assemble(line);
        unsigned size;
        EXPECT_EQ(ours(code.data(), code.size(), size), line);
        EXPECT_EQ(size, code.size());
    }
}
