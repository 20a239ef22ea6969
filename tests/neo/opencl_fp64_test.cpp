// SPDX-License-Identifier: MIT
// DG1 has no double precision: NEO offers it by emulation in integers when the environment has
// OverrideDefaultFP64Settings=1 and IGC_EnableDPEmulation=1.
#include "cl.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace cl;

TEST(OpenClFp64, EmulatedArithmeticIsExactlyRounded)
{
    if (!Device::get().has("cl_khr_fp64"))
        GTEST_SKIP() << "no fp64 without the emulation's environment";
    const size_t n = 300;
    std::vector<double> x(n), y(n);
    for (size_t i = 0; i < n; i++) {
        x[i] =
            std::ldexp(1.0 + double(i * 7919 % 1009) / 1013.0, int(i % 60) - 30) * (i & 1 ? -1 : 1);
        y[i] = std::ldexp(1.0 + double(i * 104729 % 997) / 1009.0, int(i % 37) - 18);
    }
    Buffer a(x), b(y), out(n * 8 * 8);

    Kernel("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n"
           "#pragma OPENCL FP_CONTRACT OFF\n"
           "kernel void k(global const double *a, global const double *b, global double *o) {"
           "  size_t i = get_global_id(0); double x = a[i], y = b[i]; o += i * 8;"
           "  o[0] = x + y; o[1] = x - y; o[2] = x * y; o[3] = x / y; o[4] = (double)(float)x;"
           "  o[5] = (double)(int)y; o[6] = x < y ? 1.0 : 2.0; o[7] = sqrt(y); }",
           "-cl-std=CL1.2")(a, b, out)
        .run({n});
    auto v = out.read<double>(n * 8);
    for (size_t i = 0; i < n; i++) {
        const double want[8] = {x[i] + y[i],
                                x[i] - y[i],
                                x[i] * y[i],
                                x[i] / y[i],
                                double(float(x[i])),
                                double(int(y[i])),
                                x[i] < y[i] ? 1.0 : 2.0,
                                std::sqrt(y[i])};
        for (int e = 0; e < 8; e++)
            ASSERT_EQ(v[8 * i + e], want[e]) << "operation " << e << " of " << x[i] << ", " << y[i];
    }
}
