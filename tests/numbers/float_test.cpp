// SPDX-License-Identifier: MIT
// Float built-ins of both implementations against a double reference, within the limits of the
// OpenCL C specification (table "ULP values for single precision built-in math functions").
#include "side.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace
{
struct Function {
    const char *name;
    const char *expression; // of x and y
    double limit;           // ULP; 0: correctly rounded
    double low, high;       // of the arguments
    double (*reference)(double, double);
};

double ulps(float got, double want)
{
    float near = float(want);
    double step;

    if (std::isnan(want))
        return std::isnan(got) ? 0 : INFINITY;
    if (std::isinf(near))
        return got == near ? 0 : std::isinf(got) ? INFINITY : 0.5;
    step = std::fabs(double(std::nextafterf(near, INFINITY)) - double(near));
    if (std::isinf(step))
        step = std::fabs(double(near) - double(std::nextafterf(near, 0)));
    return std::fabs(double(got) - want) / step;
}

double worst(const std::vector<float> &got, const std::vector<float> &x,
             const std::vector<float> &y, const Function &f, size_t &where)
{
    double most = 0;

    for (size_t i = 0; i < got.size(); i++) {
        double u = ulps(got[i], f.reference(x[i], y[i]));
        if (!(u <= most))
            most = u, where = i;
    }
    return most;
}
} // namespace

class Floats : public testing::TestWithParam<Function>
{
};

TEST_P(Floats, WithinTheSpecifiedUlps)
{
    const Function &f = GetParam();
    const size_t n = 4000;
    std::mt19937 random(7);
    std::uniform_real_distribution<double> even(f.low, f.high);
    std::vector<float> x(n), y(n);
    size_t where = 0;

    for (size_t i = 0; i < n; i++) {
        x[i] = float(even(random));
        y[i] = float(even(random));
        if (i % 3 == 0) // small ones too
            x[i] = float(x[i] * std::ldexp(1.0, -int(i % 40)));
        if (x[i] < f.low)
            x[i] = float(f.high);
    }
    std::string source = "#pragma OPENCL FP_CONTRACT OFF\n"
                         "kernel void k(global const float *a, global const float *b, global float "
                         "*o) { size_t i = get_global_id(0); float x = a[i], y = b[i]; o[i] = " +
                         std::string(f.expression) + "; }";
    auto gpu =
        fromBytes<float>(Side::gpu().run(source, "k", {toBytes(x), toBytes(y)}, {n * 4}, n)[0]);
    auto cpu =
        fromBytes<float>(Side::cpu().run(source, "k", {toBytes(x), toBytes(y)}, {n * 4}, n)[0]);
    double limit = f.limit ? f.limit : 0.5;
    double pocl = worst(cpu, x, y, f, where), mine = worst(gpu, x, y, f, where);
    RecordProperty("ulp_gpu", std::to_string(mine));
    RecordProperty("ulp_pocl", std::to_string(pocl));
    printf("    %-10s simulated GPU %.3f ULP, PoCL %.3f ULP, limit %.1f\n", f.name, mine, pocl,
           limit);
    EXPECT_LE(mine, limit) << "at x = " << x[where] << ", y = " << y[where] << ": " << gpu[where]
                           << ", reference " << f.reference(x[where], y[where]);
}

#define UNARY(name, limit, low, high)                                                       \
    Function                                                                                \
    {                                                                                       \
#name, #name "(x)", limit, low, high, [](double x, double) { return std::name(x); } \
    }
#define BINARY(name, limit, low, high)                         \
    Function                                                   \
    {                                                          \
#name, #name "(x, y)", limit, low, high,               \
            [](double x, double y) { return std::name(x, y); } \
    }
INSTANTIATE_TEST_SUITE_P(
    Numbers, Floats,
    testing::Values(
        Function{"add", "x + y", 0, -1e6, 1e6, [](double x, double y) { return x + y; }},
        Function{"mul", "x * y", 0, -1e6, 1e6, [](double x, double y) { return x * y; }},
        Function{"fma", "fma(x, y, y)", 0, -1e3, 1e3,
                 [](double x, double y) { return std::fma(x, y, y); }},
        Function{"div", "x / y", 2.5, -1e6, 1e6, [](double x, double y) { return x / y; }},
        Function{"rsqrt", "rsqrt(x)", 2, 1e-6, 1e6,
                 [](double x, double) { return 1 / std::sqrt(x); }},
        UNARY(sqrt, 3, 0, 1e8), UNARY(cbrt, 2, -1e6, 1e6), UNARY(sin, 4, -1e4, 1e4),
        UNARY(cos, 4, -1e4, 1e4), UNARY(tan, 5, -100, 100), UNARY(asin, 4, -1, 1),
        UNARY(acos, 4, -1, 1), UNARY(atan, 5, -1e4, 1e4), UNARY(sinh, 4, -80, 80),
        UNARY(cosh, 4, -80, 80), UNARY(tanh, 5, -20, 20), UNARY(exp, 3, -80, 80),
        UNARY(exp2, 3, -120, 120), UNARY(expm1, 3, -20, 80), UNARY(log, 3, 1e-6, 1e8),
        UNARY(log2, 3, 1e-6, 1e8), UNARY(log10, 3, 1e-6, 1e8), UNARY(log1p, 2, -0.9, 1e6),
        UNARY(floor, 0, -1e6, 1e6), UNARY(ceil, 0, -1e6, 1e6), UNARY(rint, 0, -1e6, 1e6),
        UNARY(trunc, 0, -1e6, 1e6), UNARY(round, 0, -1e6, 1e6), UNARY(erf, 16, -4, 4),
        UNARY(tgamma, 16, 0.1, 30), BINARY(pow, 16, 0.01, 40), BINARY(atan2, 6, -1e4, 1e4),
        BINARY(hypot, 4, -1e6, 1e6), BINARY(fmin, 0, -1e6, 1e6), BINARY(fmax, 0, -1e6, 1e6),
        BINARY(fdim, 0, -1e4, 1e4), BINARY(copysign, 0, -1e6, 1e6), BINARY(fmod, 0, -1e5, 1e5)),
    [](const testing::TestParamInfo<Function> &info) { return info.param.name; });

TEST(NumbersFloat, DenormalsAreKeptAsTheDeviceReports)
{
    cl_device_fp_config config = 0;
    clGetDeviceInfo(Side::gpu().device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof(config), &config,
                    nullptr);
    std::vector<float> in;
    for (int e = -149; e < -120; e++)
        in.push_back(std::ldexp(1.75f, e));
    const size_t n = in.size();
    auto out = fromBytes<float>(Side::gpu().run(
        "kernel void k(global const float *a, global float *o) { size_t i = get_global_id(0);"
        " o[2 * i] = a[i] * 0.5f; o[2 * i + 1] = a[i] + a[i]; }",
        "k", {toBytes(in)}, {n * 8}, n)[0]);
    for (size_t i = 0; i < n; i++) {
        bool keeps = config & CL_FP_DENORM;
        ASSERT_EQ(out[2 * i], keeps || in[i] * 0.5f >= 0x1p-126f ? in[i] * 0.5f : 0) << in[i];
        ASSERT_EQ(out[2 * i + 1], keeps || in[i] >= 0x1p-126f ? in[i] + in[i] : 0) << in[i];
    }
}
