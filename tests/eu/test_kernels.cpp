// SPDX-License-Identifier: MIT
// OpenCL kernels through IGC and the EU, against the same computation in C++.
#include "runner.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

static const unsigned Items = 256;

static Range linear(unsigned n, unsigned local = 32)
{
    Range r;
    r.global[0] = n;
    r.local[0] = local;
    return r;
}

template <class T> static std::vector<T> randoms(unsigned n, unsigned seed)
{
    std::mt19937_64 rng(seed);
    std::vector<T> v(n);
    for (T &x : v) {
        uint64_t bits = rng() >> (rng() % 60); // all magnitudes
        memcpy(&x, &bits, sizeof(T));
    }
    return v;
}

static std::vector<float> floats(unsigned n, unsigned seed, float lo, float hi)
{
    std::mt19937 rng(seed);
    std::uniform_real_distribution<float> d(lo, hi);
    std::vector<float> v(n);
    for (float &x : v)
        x = d(rng);
    return v;
}

static void run(const std::string &source, const std::vector<KernelArg> &args, unsigned n = Items,
                unsigned local = 32, const std::string &options = "")
{
    auto kernels = compileKernels(source, options);
    Runner runner(kernels.at("k"));
    runner.run(linear(n, local), args);
}

TEST(Kernel, VectorAdd)
{
    std::vector<int> a = randoms<int>(Items, 1), b = randoms<int>(Items, 2), c(Items);
    run("__kernel void k(__global const int *a, __global const int *b, __global int *c)"
        "{ size_t i = get_global_id(0); c[i] = a[i] + b[i]; }",
        {a, b, c});
    for (unsigned i = 0; i < Items; i++)
        EXPECT_EQ(c[i], int(unsigned(a[i]) + unsigned(b[i]))) << i;
}

template <class T> static void binaryInt(const char *type, const char *expr, T (*f)(T, T))
{
    std::vector<T> a = randoms<T>(Items, 3), b = randoms<T>(Items, 4), c(Items);
    for (T &x : b)
        if (!x)
            x = 1;
    std::string t = type;
    run("__kernel void k(__global const " + t + " *a, __global const " + t + " *b, __global " + t +
            " *c) { size_t i = get_global_id(0); " + t + " x = a[i], y = b[i]; c[i] = " + expr +
            "; }",
        {a, b, c});
    for (unsigned i = 0; i < Items; i++)
        EXPECT_EQ(c[i], f(a[i], b[i]))
            << type << ' ' << expr << " item " << i << " of " << +a[i] << ", " << +b[i];
}

#define INT_CASE(name, type, cl, expr, ...)                                     \
    TEST(Integer, name)                                                         \
    {                                                                           \
        binaryInt<type>(cl, expr, [](type x, type y) -> type { __VA_ARGS__; }); \
    }

INT_CASE(MulInt, int, "int", "x * y", return int(unsigned(x) * unsigned(y)))
INT_CASE(MulHiInt, int, "int", "mul_hi(x, y)", return int((int64_t(x) * y) >> 32))
INT_CASE(MulHiUint, uint32_t, "uint", "mul_hi(x, y)", return uint32_t((uint64_t(x) * y) >> 32))
INT_CASE(DivInt, int, "int", "x / y", return y == -1 ? int(0u - unsigned(x)) : x / y)
INT_CASE(RemInt, int, "int", "x % y", return y == -1 ? 0 : x % y)
INT_CASE(DivUint, uint32_t, "uint", "x / y", return x / y)
INT_CASE(RemUint, uint32_t, "uint", "x % y", return x % y)
INT_CASE(DivConst, int, "int", "x / 7 + y / 1000", return x / 7 + y / 1000)
INT_CASE(Shifts, int, "int", "(x << (y & 31)) ^ (x >> (y & 31))",
         return int(unsigned(x) << (y & 31)) ^ (x >> (y & 31)))
INT_CASE(ShiftUint, uint32_t, "uint", "(x << (y & 31)) ^ (x >> (y & 31))",
         return (x << (y & 31)) ^ (x >> (y & 31)))
INT_CASE(Clz, uint32_t, "uint", "clz(x) + popcount(y)",
         return (x ? __builtin_clz(x) : 32) + __builtin_popcount(y))
INT_CASE(Rotate, uint32_t, "uint", "rotate(x, y)",
         return x << (y & 31) | (y & 31 ? x >> (32 - (y & 31)) : 0))
INT_CASE(AddSat, int, "int", "add_sat(x, y)", int64_t s = int64_t(x) + y;
         return s > INT32_MAX   ? INT32_MAX
                : s < INT32_MIN ? INT32_MIN
                                : int(s))
INT_CASE(SubSatUint, uint32_t, "uint", "sub_sat(x, y)", return x < y ? 0 : x - y)
INT_CASE(HaddInt, int, "int", "hadd(x, y) ^ rhadd(x, y)",
         return int((int64_t(x) + y) >> 1) ^ int((int64_t(x) + y + 1) >> 1))
INT_CASE(MinMax, int, "int", "min(x, y) ^ (max(x, 5) + 3)",
         return (x < y ? x : y) ^ int(unsigned(x > 5 ? x : 5) + 3))
INT_CASE(AbsDiff, uint32_t, "uint", "abs_diff(x, y)", return x > y ? x - y : y - x)
INT_CASE(Select, int, "int", "x > y ? x : (x < 10 ? y : 7)", return x > y ? x : (x < 10 ? y : 7))
INT_CASE(MulLong, int64_t, "long", "x * y", return int64_t(uint64_t(x) * uint64_t(y)))
INT_CASE(AddLong, int64_t, "long", "x + y - (x ^ y)",
         return int64_t(uint64_t(x) + uint64_t(y) - uint64_t(x ^ y)))
INT_CASE(DivLong, int64_t, "long", "x / y", return y == -1 ? int64_t(0 - uint64_t(x)) : x / y)
INT_CASE(RemUlong, uint64_t, "ulong", "x % y", return x % y)
INT_CASE(DivUlong, uint64_t, "ulong", "x / y", return x / y)
INT_CASE(ShiftLong, int64_t, "long", "(x << (y & 63)) ^ (x >> (y & 63))",
         return int64_t(uint64_t(x) << (y & 63)) ^ (x >> (y & 63)))
INT_CASE(CompareLong, int64_t, "long", "x < y ? x : y", return x < y ? x : y)
INT_CASE(MulHiLong, int64_t, "long", "mul_hi(x, y)", return int64_t((__int128(x) * y) >> 64))
INT_CASE(Char, int8_t, "char", "x * y + (x >> 1)", return int8_t(x * y + (x >> 1)))
INT_CASE(CharDiv, int8_t, "char", "x / y", return int8_t(x / y))
INT_CASE(CharAddSat, int8_t, "char", "add_sat(x, y)", int s = x + y; return s > 127    ? 127
                                                                            : s < -128 ? -128
                                                                                       : s)
INT_CASE(Uchar, uint8_t, "uchar", "(x << 3) ^ (y >> 2)", return uint8_t((x << 3) ^ (y >> 2)))
INT_CASE(Short, int16_t, "short", "x * y - y", return int16_t(x * y - y))
INT_CASE(ShortMad, int16_t, "short", "mad_sat(x, y, (short)5)", int s = x * y + 5;
         return s > 32767    ? 32767
                : s < -32768 ? -32768
                             : s)
INT_CASE(Ushort, uint16_t, "ushort", "(x / y) + (x % y)", return uint16_t(x / y + x % y))

template <class To, class From> static To convertSat(From v)
{
    if (v != v)
        return 0;
    if (double(v) <= double(std::numeric_limits<To>::min()))
        return std::numeric_limits<To>::min();
    if (double(v) >= double(std::numeric_limits<To>::max()))
        return std::numeric_limits<To>::max();
    return To(v);
}

template <class To, class From>
static void conversion(const char *from, const char *to, std::vector<From> in)
{
    std::vector<To> out(in.size());
    std::string f = from, t = to;
    run("__kernel void k(__global const " + f + " *a, __global " + t +
            " *o) { size_t i = get_global_id(0); o[i] = convert_" + t + "_sat(a[i]); }",
        {in, out}, in.size());
    for (size_t i = 0; i < in.size(); i++)
        EXPECT_EQ(out[i], (convertSat<To, From>(in[i]))) << i << " of " << +in[i];
}

TEST(Convert, IntToCharSaturates)
{
    conversion<int8_t, int>("int", "char", randoms<int>(Items, 9));
}
TEST(Convert, IntToUshortSaturates)
{
    conversion<uint16_t, int>("int", "ushort", randoms<int>(Items, 10));
}
TEST(Convert, FloatToIntSaturates)
{
    auto in = floats(Items, 11, -5e9f, 5e9f);
    in[0] = NAN, in[1] = INFINITY, in[2] = -INFINITY, in[3] = 0.99f, in[4] = -0.99f;
    conversion<int, float>("float", "int", in);
}
TEST(Convert, FloatToUcharSaturates)
{
    conversion<uint8_t, float>("float", "uchar", floats(Items, 12, -100, 400));
}
TEST(Convert, LongToIntSaturates)
{
    conversion<int, int64_t>("long", "int", randoms<int64_t>(Items, 13));
}

static void unaryFloat(const char *expr, double (*f)(double), float lo, float hi, double ulps,
                       const std::string &options = "")
{
    std::vector<float> a = floats(Items, 21, lo, hi), c(Items);
    run(std::string("__kernel void k(__global const float *a, __global float *c)"
                    "{ size_t i = get_global_id(0); float x = a[i]; c[i] = ") +
            expr + "; }",
        {a, c}, Items, 32, options);
    for (unsigned i = 0; i < Items; i++) {
        double want = f(a[i]);
        double ulp = std::nextafter(std::fabs(float(want)), INFINITY) - std::fabs(float(want));
        EXPECT_LE(std::fabs(c[i] - want), ulps * ulp) << expr << " of " << a[i];
    }
}

// ULP limits: OpenCL 3.0 C specification, "Relative error as ULPs".
#define FLOAT_CASE(name, expr, lo, hi, ulps, ...)                                \
    TEST(Float, name)                                                            \
    {                                                                            \
        unaryFloat(                                                              \
            expr, [](double x) -> double { return __VA_ARGS__; }, lo, hi, ulps); \
    }

FLOAT_CASE(Sqrt, "sqrt(x)", 0, 1e6f, 3, std::sqrt(x))
FLOAT_CASE(Rsqrt, "rsqrt(x)", 1e-3f, 1e6f, 2, 1 / std::sqrt(x))
FLOAT_CASE(Divide, "3.0f / x", 1, 1e6f, 2.5, 3 / x)
FLOAT_CASE(Exp, "exp(x)", -20, 20, 3, std::exp(x))
FLOAT_CASE(Exp2, "exp2(x)", -20, 20, 3, std::exp2(x))
FLOAT_CASE(Log, "log(x)", 1e-3f, 1e6f, 3, std::log(x))
FLOAT_CASE(Sin, "sin(x)", -100, 100, 4, std::sin(x))
FLOAT_CASE(Cos, "cos(x)", -100, 100, 4, std::cos(x))
FLOAT_CASE(Tan, "tan(x)", -1.5f, 1.5f, 5, std::tan(x))
FLOAT_CASE(Atan, "atan(x)", -1e3f, 1e3f, 5, std::atan(x))
FLOAT_CASE(Asin, "asin(x)", -1, 1, 4, std::asin(x))
FLOAT_CASE(Sinh, "sinh(x)", -10, 10, 4, std::sinh(x))
FLOAT_CASE(Tanh, "tanh(x)", -5, 5, 5, std::tanh(x))
FLOAT_CASE(Cbrt, "cbrt(x)", -1e6f, 1e6f, 2, std::cbrt(x))
FLOAT_CASE(Pow, "pow(x, 2.7f)", 0.1f, 100, 16, std::pow(x, double(2.7f)))
FLOAT_CASE(Erf, "erf(x)", -3, 3, 16, std::erf(x))
FLOAT_CASE(Gamma, "tgamma(x)", 0.5f, 10, 16, std::tgamma(x))
FLOAT_CASE(Floor, "floor(x)", -100, 100, 0, std::floor(x))
FLOAT_CASE(Ceil, "ceil(x)", -100, 100, 0, std::ceil(x))
FLOAT_CASE(Trunc, "trunc(x)", -100, 100, 0, std::trunc(x))
FLOAT_CASE(Rint, "rint(x)", -100, 100, 0, std::nearbyint(x))
FLOAT_CASE(Round, "round(x)", -100, 100, 0, std::round(x))
FLOAT_CASE(FmodSmall, "fmod(x, 3.5f)", -100, 100, 0, std::fmod(x, 3.5))
FLOAT_CASE(Fma, "fma(x, x, -x)", -100, 100, 0.5, std::fma(x, x, -x))
FLOAT_CASE(Ldexp, "ldexp(x, 5)", -100, 100, 0, std::ldexp(x, 5))
FLOAT_CASE(Half, "convert_float(convert_half(x))", 0, 0, 0, x)

// The nearest half, for values whose half is normal.
static double nearestHalf(double v)
{
    int e;
    std::frexp(v, &e);
    return std::ldexp(std::nearbyint(std::ldexp(v, 11 - e)), e - 11);
}

TEST(Half, ArithmeticRoundsOnce)
{
    std::vector<float> a = floats(Items, 31, -50, 50), b = floats(Items, 32, -50, 50), c(Items);
    run("#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n"
        "__kernel void k(__global const float *a, __global const float *b, __global float *c)"
        "{ size_t i = get_global_id(0); half x = convert_half(a[i]), y = convert_half(b[i]);"
        "  half r = x * y; r = r + x; r = x > y ? r : -r; c[i] = r; }",
        {a, b, c});
    for (unsigned i = 0; i < Items; i++) {
        double x = nearestHalf(a[i]), y = nearestHalf(b[i]);
        double r = nearestHalf(nearestHalf(x * y) + x);
        double fused = nearestHalf(x * y + x); // the compiler may contract the two operations
        double sign = x > y ? 1 : -1;
        EXPECT_TRUE(c[i] == sign * r || c[i] == sign * fused) << i;
    }
}

TEST(Flow, NestedLoopsWithBreakAndContinue)
{
    std::vector<int> a = randoms<int>(Items, 41), o(Items);
    for (int &x : a)
        x &= 0xff;
    run("__kernel void k(__global const int *a, __global int *o) { size_t i = get_global_id(0);"
        " int s = 0; for (int j = 0; j < a[i]; j++) { if (j % 7 == 3) continue;"
        "  int m = 0; while (1) { m += j + 1; if (m > 50) break; if (m == 20) { s += 3; break; } }"
        "  s += m; if (s > 3000) break; } o[i] = s; }",
        {a, o});
    for (unsigned i = 0; i < Items; i++) {
        int s = 0;
        for (int j = 0; j < a[i]; j++) {
            if (j % 7 == 3)
                continue;
            int m = 0;
            while (true) {
                m += j + 1;
                if (m > 50)
                    break;
                if (m == 20) {
                    s += 3;
                    break;
                }
            }
            s += m;
            if (s > 3000)
                break;
        }
        EXPECT_EQ(o[i], s) << i;
    }
}

TEST(Flow, SwitchWithFallThrough)
{
    std::vector<int> a = randoms<int>(Items, 42), o(Items);
    run("__kernel void k(__global const int *a, __global int *o) { size_t i = get_global_id(0);"
        " int r = 1; switch (a[i] & 7) { case 0: r = 5; case 1: r *= 3; break; case 2: r = a[i];"
        " case 5: case 6: r ^= 77; break; default: r = -1; } o[i] = r; }",
        {a, o});
    for (unsigned i = 0; i < Items; i++) {
        int r = 1;
        switch (a[i] & 7) {
        case 0:
            r = 5;
            [[fallthrough]];
        case 1:
            r *= 3;
            break;
        case 2:
            r = a[i];
            [[fallthrough]];
        case 5:
        case 6:
            r ^= 77;
            break;
        default:
            r = -1;
        }
        EXPECT_EQ(o[i], r) << i;
    }
}

TEST(Flow, CallOfFunctionThatIsNotInlined)
{
    std::vector<int> a = randoms<int>(Items, 43), o(Items);
    for (int &x : a)
        x &= 15;
    run("__attribute__((noinline)) int fib(int n) { int x = 0, y = 1;"
        " while (n-- > 0) { int z = x + y; x = y; y = z; } return x; }"
        "__kernel void k(__global const int *a, __global int *o) { size_t i = get_global_id(0);"
        " int r = fib(a[i]); if (a[i] & 1) r += fib(r & 7); o[i] = r; }",
        {a, o});
    auto fib = [](int n) {
        int x = 0, y = 1;
        while (n-- > 0) {
            int z = x + y;
            x = y;
            y = z;
        }
        return x;
    };
    for (unsigned i = 0; i < Items; i++) {
        int r = fib(a[i]);
        if (a[i] & 1)
            r += fib(r & 7);
        EXPECT_EQ(o[i], r) << i;
    }
}

TEST(Group, BarrierReduction)
{
    std::vector<int> a = randoms<int>(512, 51), o(2);
    run("__kernel __attribute__((reqd_work_group_size(256,1,1)))"
        "void k(__global const int *a, __global int *o) { __local int t[256];"
        " int l = get_local_id(0); t[l] = a[get_global_id(0)]; barrier(CLK_LOCAL_MEM_FENCE);"
        " for (int s = 128; s > 0; s >>= 1) { if (l < s) t[l] += t[l + s];"
        "  barrier(CLK_LOCAL_MEM_FENCE); } if (l == 0) o[get_group_id(0)] = t[0]; }",
        {a, o}, 512, 256);
    for (unsigned g = 0; g < 2; g++) {
        unsigned sum = 0;
        for (unsigned i = 0; i < 256; i++)
            sum += unsigned(a[g * 256 + i]);
        EXPECT_EQ(unsigned(o[g]), sum);
    }
}

TEST(Group, SubGroupReduceAndShuffle)
{
    std::vector<int> a = randoms<int>(Items, 52), o(Items);
    run("#pragma OPENCL EXTENSION cl_intel_subgroups : enable\n"
        "__kernel __attribute__((intel_reqd_sub_group_size(16)))"
        "void k(__global const int *a, __global int *o) { size_t i = get_global_id(0);"
        " int v = a[i]; int r = sub_group_reduce_add(v) ^ sub_group_scan_inclusive_max(v);"
        " o[i] = r + intel_sub_group_shuffle(v, (get_sub_group_local_id() * 5 + 3) & 15); }",
        {a, o});
    for (unsigned i = 0; i < Items; i++) {
        unsigned first = i & ~15u, sum = 0;
        int max = INT32_MIN;
        for (unsigned k = 0; k < 16; k++)
            sum += unsigned(a[first + k]);
        for (unsigned k = first; k <= i; k++)
            max = std::max(max, a[k]);
        unsigned want = (sum ^ unsigned(max)) + unsigned(a[first + ((i % 16) * 5 + 3) % 16]);
        EXPECT_EQ(unsigned(o[i]), want) << i;
    }
}

TEST(Group, AtomicsAddUp)
{
    std::vector<int> o(4);
    run("__kernel void k(__global int *o) { int i = get_global_id(0); atomic_add(&o[0], i);"
        " atomic_max(&o[1], i); atomic_or(&o[2], 1 << (i & 31)); atomic_inc(&o[3]); }",
        {o});
    EXPECT_EQ(o[0], int(Items * (Items - 1) / 2));
    EXPECT_EQ(o[1], int(Items - 1));
    EXPECT_EQ(o[2], -1);
    EXPECT_EQ(o[3], int(Items));
}
