// SPDX-License-Identifier: MIT
// Random kernels: integers of all sizes, exactly rounded floats, branches, loops, arrays. Both
// implementations must agree on every bit.
#include "side.h"

#include <gtest/gtest.h>
#include <random>

namespace
{
class Generator
{
  public:
    explicit Generator(unsigned seed) : random(seed) {}
    std::string kernel(const std::string &name)
    {
        std::string s =
            "kernel void " + name +
            "(global const uint *in, global uint *out) {\n"
            " uint g = get_global_id(0);\n uint a = in[g], b = in[g + 1], c = g, d = 1;\n"
            " ulong l = ((ulong)b << 32) | a; short h = (short)(a >> 3);"
            " uchar u = (uchar)b; float f = (float)(int)a, e = 0.75f;\n"
            " uint t[8]; for (int i = 0; i < 8; i++) t[i] = a * i + b;\n";
        statements(s, 4 + pick(6), 0);
        s += " uint r = a ^ b * 3u ^ c * 5u ^ d * 7u ^ (uint)l ^ (uint)(l >> 32) ^ (uint)(int)h"
             " ^ u * 11u;\n for (int i = 0; i < 8; i++) r = r * 31u + t[i];\n"
             " out[3 * g] = r; out[3 * g + 1] = f == f ? as_uint(f) : 1;"
             " out[3 * g + 2] = e == e ? as_uint(e) : 1;\n}\n";
        return s;
    }

  private:
    std::mt19937 random;

    unsigned pick(unsigned n)
    {
        return random() % n;
    }
    std::string one(std::initializer_list<const char *> of)
    {
        return *(of.begin() + pick(unsigned(of.size())));
    }
    std::string variable()
    {
        return one({"a", "b", "c", "d"});
    }
    std::string number()
    {
        return std::to_string(random() >> pick(32)) + "u";
    }
    std::string integer(unsigned depth)
    {
        if (depth == 0)
            return pick(3) ? variable() : number();
        std::string x = integer(depth - 1), y = integer(depth - 1);
        switch (pick(16)) {
        case 0:
            return "(" + x + " + " + y + ")";
        case 1:
            return "(" + x + " - " + y + ")";
        case 2:
            return "(" + x + " * " + y + ")";
        case 3:
            return "(" + x + " / (" + y + " | 1u))";
        case 4:
            return "(" + x + " % (" + y + " | 1u))";
        case 5:
            return "(" + x + " " + one({"&", "|", "^"}) + " " + y + ")";
        case 6:
            return "(" + x + " << (" + y + " & 31u))";
        case 7:
            return "((uint)((int)" + x + " >> (" + y + " & 31u)))";
        case 8:
            // "| 2u": IGC 1.0.12504 takes conditions for -1, not 1, as either operand.
            return "rotate(" + x + " | 2u, " + y + " | 2u)";
        case 9:
            return one({"mul_hi", "min", "max", "add_sat", "sub_sat", "abs_diff", "hadd"}) + "(" +
                   x + ", " + y + ")";
        case 10:
            return "(" + x + " < " + y + " ? " + variable() + " : " + y + ")";
        case 11:
            return one({"popcount", "clz"}) + "(" + x + ")";
        case 12:
            return "((uint)(l " + one({"+", "*", "^", ">>"}) + " (" + y + " & 63u)))";
        case 13:
            return "t[" + x + " & 7u]";
        case 14:
            return "((uint)(int)(short)" + x + " + u)";
        default:
            return "(uint)as_int((float)(" + x + " & 0xffffffu))";
        }
    }
    std::string real()
    {
        switch (pick(6)) {
        case 0:
            return "f + e";
        case 1:
            return "f * e";
        case 2:
            return "fma(f, e, (float)(int)" + variable() + ")";
        case 3:
            return "fmax(e, (float)" + variable() + ")";
        case 4:
            return "(float)(int)" + variable();
        default:
            return "f - (float)(a & 0xffffu) * 0.125f";
        }
    }
    void statements(std::string &s, unsigned n, unsigned depth)
    {
        for (unsigned i = 0; i < n; i++)
            statement(s, depth);
    }
    void statement(std::string &s, unsigned depth)
    {
        switch (pick(depth < 3 ? 12 : 8)) {
        case 0:
            s += " l = l * 6364136223846793005ul + " + integer(1) + ";\n";
            break;
        case 1:
            s += " h = (short)(h * 3 + (int)" + integer(1) + "); u += (uchar)" + integer(0) + ";\n";
            break;
        case 2:
            s += " " + one({"f", "e"}) + " = " + real() + ";\n";
            break;
        case 3:
            s += " t[" + integer(0) + " & 7u] = " + integer(2) + ";\n";
            break;
        case 8:
            s += " if (" + integer(1) + one({" < ", " == ", " > "}) + integer(1) + ") {\n";
            statements(s, 1 + pick(3), depth + 1);
            if (pick(2)) {
                s += " } else {\n";
                statements(s, 1 + pick(3), depth + 1);
            }
            s += " }\n";
            break;
        case 9: {
            std::string v = "i" + std::to_string(depth);
            s += " for (uint " + v + " = 0; " + v + " < (" + variable() + " & 7u) + 1u; " + v +
                 "++) {\n";
            statements(s, 1 + pick(2), depth + 1);
            if (pick(2))
                s += " if (" + integer(1) + " > 0x80000000u) " + one({"break", "continue"}) + ";\n";
            s += " " + variable() + " += " + v + ";\n }\n";
            break;
        }
        case 10:
            s += " switch (" + integer(1) + " & 3u) {\n case 0: " + variable() +
                 " ^= " + integer(1) + ";\n case 1: " + variable() +
                 " += 5u; break;\n case 2: " + variable() + " = " + integer(1) +
                 "; break;\n default: break;\n }\n";
            break;
        default:
            s += " " + variable() + " = " + integer(1 + pick(3)) + ";\n";
            break;
        }
    }
};
} // namespace

class RandomKernels : public testing::TestWithParam<unsigned>
{
};

TEST_P(RandomKernels, AgreeOnEveryBit)
{
    const size_t n = 128;
    const unsigned kernels = 25;
    Generator generator(GetParam());
    std::mt19937 random(GetParam() * 7919 + 1);
    std::vector<uint32_t> in(n + 1);
    std::vector<std::string> sources;
    std::string source = "#pragma OPENCL FP_CONTRACT OFF\n";

    for (auto &v : in)
        v = random() >> random() % 32;
    for (unsigned i = 0; i < kernels; i++) {
        sources.push_back(generator.kernel("k" + std::to_string(i)));
        source += sources.back();
    }
    for (unsigned i = 0; i < kernels; i++) {
        std::string name = "k" + std::to_string(i);
        auto gpu = Side::gpu().run(source, name, {toBytes(in)}, {n * 12}, n);
        auto cpu = Side::cpu().run(source, name, {toBytes(in)}, {n * 12}, n);
        auto g = fromBytes<uint32_t>(gpu[0]), c = fromBytes<uint32_t>(cpu[0]);
        for (size_t w = 0; w < 3 * n; w++)
            ASSERT_EQ(g[w], c[w]) << "seed " << GetParam() << ", work-item " << w / 3 << ", word "
                                  << w % 3 << "\n"
                                  << sources[i];
    }
}
INSTANTIATE_TEST_SUITE_P(Numbers, RandomKernels, testing::Range(1u, 41u));
