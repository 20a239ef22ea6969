// SPDX-License-Identifier: MIT
// Buffers, ids, local memory, barriers, control flow: what every OpenCL program needs.
#include "cl.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace cl;

static std::vector<int> iota(size_t n, int from = 0)
{
    std::vector<int> v(n);
    std::iota(v.begin(), v.end(), from);
    return v;
}

TEST(OpenClBuffers, VectorAdd)
{
    const size_t n = 100000;
    auto a = iota(n), b = iota(n, 1000);
    Buffer da(a), db(b), dc(n * 4);

    Kernel("kernel void k(global const int *a, global const int *b, global int *c)"
           "{ size_t i = get_global_id(0); c[i] = a[i] + b[i]; }")(da, db, dc)
        .run({n});
    auto c = dc.read<int>(n);
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(c[i], a[i] + b[i]) << i;
}

TEST(OpenClBuffers, FillCopyAndRectangles)
{
    Buffer a(4096 * 4), b(4096 * 4);
    cl_command_queue queue = Device::get().queue;
    const int pattern = 0x01020304;
    size_t from[3] = {16, 2, 0}, to[3] = {32, 5, 0}, region[3] = {64, 7, 1};

    CL_CHECK(clEnqueueFillBuffer(queue, a.mem, &pattern, 4, 0, 4096 * 4, 0, nullptr, nullptr));
    CL_CHECK(clEnqueueFillBuffer(queue, b.mem, "\0", 1, 0, 4096 * 4, 0, nullptr, nullptr));
    CL_CHECK(clEnqueueCopyBufferRect(queue, a.mem, b.mem, from, to, region, 256, 0, 256, 0, 0,
                                     nullptr, nullptr));
    CL_CHECK(clEnqueueCopyBuffer(queue, a.mem, b.mem, 0, 12000, 1001, 0, nullptr, nullptr));
    auto bytes = b.read<uint8_t>(4096 * 4);
    auto source = a.read<uint8_t>(4096 * 4);
    for (size_t i = 0; i < bytes.size(); i++) {
        size_t x = i % 256, y = i / 256;
        uint8_t want = 0;
        if (x >= 32 && x < 96 && y >= 5 && y < 12)
            want = source[i];
        if (i >= 12000 && i < 13001)
            want = source[i - 12000];
        ASSERT_EQ(bytes[i], want) << i;
    }
}

TEST(OpenClBuffers, MapWritesAndUnmap)
{
    const size_t n = 5000;
    Buffer b(n * 4, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR);
    cl_command_queue queue = Device::get().queue;
    cl_int err;
    auto *p = static_cast<int *>(clEnqueueMapBuffer(queue, b.mem, CL_TRUE, CL_MAP_WRITE, 0, n * 4,
                                                    0, nullptr, nullptr, &err));
    check(err, "clEnqueueMapBuffer");
    for (size_t i = 0; i < n; i++)
        p[i] = int(3 * i);
    CL_CHECK(clEnqueueUnmapMemObject(queue, b.mem, p, 0, nullptr, nullptr));
    Kernel("kernel void k(global int *a) { a[get_global_id(0)] += 1; }")(b).run({n});
    p = static_cast<int *>(clEnqueueMapBuffer(queue, b.mem, CL_TRUE, CL_MAP_READ, 0, n * 4, 0,
                                              nullptr, nullptr, &err));
    check(err, "clEnqueueMapBuffer");
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(p[i], int(3 * i + 1)) << i;
    CL_CHECK(clEnqueueUnmapMemObject(queue, b.mem, p, 0, nullptr, nullptr));
    finish();
}

TEST(OpenClBuffers, SubBufferSeesItsPart)
{
    Buffer b(iota(4096));
    cl_buffer_region region = {4096, 4096};
    cl_int err;
    cl_mem sub = clCreateSubBuffer(b.mem, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &err);

    check(err, "clCreateSubBuffer");
    Kernel k("kernel void k(global int *a) { a[get_global_id(0)] *= -1; }");
    k(sub).run({1024});
    auto v = b.read<int>(4096);
    for (int i = 0; i < 4096; i++)
        ASSERT_EQ(v[i], i >= 1024 && i < 2048 ? -i : i) << i;
    clReleaseMemObject(sub);
}

TEST(OpenClBuffers, ElementsOfEverySize)
{
    const size_t n = 1000;
    Kernel k("kernel void k(global uchar *a, global ushort *b, global uint *c, global ulong *d,"
             "              global uchar4 *e, global short8 *f, global float16 *g)"
             "{ size_t i = get_global_id(0); a[i] += 1; b[i] += 2; c[i] += 3; d[i] += 4;"
             "  e[i] += (uchar4)(1, 2, 3, 4); f[i] += (short8)5; g[i] += 0.5f; }");
    Buffer a(std::vector<uint8_t>(n, 255)), b(std::vector<uint16_t>(n, 0xffff)),
        c(std::vector<uint32_t>(n, 7)), d(std::vector<uint64_t>(n, 0xffffffffull)),
        e(std::vector<uint8_t>(4 * n, 10)), f(std::vector<int16_t>(8 * n, -6)),
        g(std::vector<float>(16 * n, 1.25f));

    k(a, b, c, d, e, f, g).run({n});
    EXPECT_EQ(a.read<uint8_t>(n), std::vector<uint8_t>(n, 0));
    EXPECT_EQ(b.read<uint16_t>(n), std::vector<uint16_t>(n, 1));
    EXPECT_EQ(c.read<uint32_t>(n), std::vector<uint32_t>(n, 10));
    EXPECT_EQ(d.read<uint64_t>(n), std::vector<uint64_t>(n, 0x100000003ull));
    auto ev = e.read<uint8_t>(4 * n);
    for (size_t i = 0; i < 4 * n; i++)
        ASSERT_EQ(ev[i], 11 + i % 4);
    EXPECT_EQ(f.read<int16_t>(8 * n), std::vector<int16_t>(8 * n, -1));
    EXPECT_EQ(g.read<float>(16 * n), std::vector<float>(16 * n, 1.75f));
}

TEST(OpenClIds, ThreeDimensionsWithOffsetAndUnevenGroups)
{
    const size_t gx = 37, gy = 11, gz = 5;
    Buffer out(gx * gy * gz * 8 * 4);

    Kernel("kernel void k(global int8 *o) {"
           "  size_t x = get_global_id(0) - get_global_offset(0), y = get_global_id(1) - "
           "get_global_offset(1), z = get_global_id(2) - get_global_offset(2);"
           "  o[(z * get_global_size(1) + y) * get_global_size(0) + x] = (int8)("
           "    get_global_id(0), get_global_id(1), get_global_id(2), get_local_id(0),"
           "    get_group_id(0), get_local_size(0), get_enqueued_local_size(0),"
           "    get_num_groups(0)); }")(out)
        .run({gx, gy, gz}, {8, 4, 2}, {100, 200, 300});
    auto v = out.read<int>(gx * gy * gz * 8);
    for (size_t z = 0, i = 0; z < gz; z++)
        for (size_t y = 0; y < gy; y++)
            for (size_t x = 0; x < gx; x++, i += 8) {
                ASSERT_EQ(v[i], int(x + 100));
                ASSERT_EQ(v[i + 1], int(y + 200));
                ASSERT_EQ(v[i + 2], int(z + 300));
                ASSERT_EQ(v[i + 3], int(x % 8));
                ASSERT_EQ(v[i + 4], int(x / 8));
                ASSERT_EQ(v[i + 5], x / 8 == gx / 8 ? int(gx % 8) : 8);
                ASSERT_EQ(v[i + 6], 8);
                ASSERT_EQ(v[i + 7], 5);
            }
}

class GroupSizes : public testing::TestWithParam<size_t>
{
};

TEST_P(GroupSizes, ReduceThroughLocalMemory)
{
    const size_t group = GetParam(), groups = 13;
    Buffer in(iota(group * groups)), out(groups * 4);

    Kernel("kernel void k(global const int *in, global int *out, local int *t) {"
           "  int l = get_local_id(0), n = get_local_size(0);"
           "  t[l] = in[get_global_id(0)];"
           "  for (int s = 1; s < n; s *= 2) {"
           "    barrier(CLK_LOCAL_MEM_FENCE);"
           "    int v = l % (2 * s) == 0 && l + s < n ? t[l + s] : 0;"
           "    barrier(CLK_LOCAL_MEM_FENCE);"
           "    t[l] += v; }"
           "  if (l == 0) out[get_group_id(0)] = t[0]; }")(in, out, Local{group * 4})
        .run({group * groups}, {group});
    auto v = out.read<int>(groups);
    for (size_t g = 0; g < groups; g++)
        EXPECT_EQ(v[g], int(group * (2 * g * group + group - 1) / 2)) << g;
}
INSTANTIATE_TEST_SUITE_P(OpenClLocal, GroupSizes,
                         testing::Values(1, 7, 32, 64, 100, 256, 511, 512));

TEST(OpenClLocal, SixtyFourKilobytes)
{
    const size_t group = 256, groups = 4;
    Buffer out(group * groups * 4);

    Kernel("kernel void k(global int *out, local int *t) {"
           "  int l = get_local_id(0);"
           "  for (int i = l; i < 16384; i += 256) t[i] = i * 3 + get_group_id(0);"
           "  barrier(CLK_LOCAL_MEM_FENCE);"
           "  int sum = 0;"
           "  for (int i = 0; i < 64; i++) sum ^= t[(l * 64 + i) ^ 0x15];"
           "  out[get_global_id(0)] = sum; }")(out, Local{65536})
        .run({group * groups}, {group});
    auto v = out.read<int>(group * groups);
    for (size_t i = 0; i < v.size(); i++) {
        int sum = 0;
        for (size_t j = 0; j < 64; j++)
            sum ^= int((((i % group) * 64 + j) ^ 0x15) * 3 + i / group);
        ASSERT_EQ(v[i], sum) << i;
    }
}

TEST(OpenClLocal, EveryGroupHasItsOwn)
{
    const size_t n = 64 * 50;
    Buffer out(n * 4);

    Kernel("kernel void k(global int *out) { local int x;"
           "  if (get_local_id(0) == 63) x = get_group_id(0) * 10;"
           "  barrier(CLK_LOCAL_MEM_FENCE);"
           "  out[get_global_id(0)] = x + get_local_id(0); }")(out)
        .run({n}, {64});
    auto v = out.read<int>(n);
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(v[i], int(i / 64 * 10 + i % 64));
}

TEST(OpenClControl, SwitchLoopsAndEarlyReturn)
{
    const size_t n = 3000;
    const char *source =
        "int f(int x) {"
        "  int r = 0;"
        "  switch (x & 7) { case 0: r = 5; break; case 1: r = x * 3; case 2: r += 7; break;"
        "    case 3: return -1; case 6: for (int i = 0; i < x % 13; i++) { if (i == 9) break;"
        "      if (i & 1) continue; r += i; } break; default: r = x / 3; }"
        "  while (r > 100) { r = (r & 1) ? r / 2 : r - 77; if (r == 42) break; }"
        "  return r; }";
    Buffer out(n * 4);

    Kernel((std::string(source) +
            "kernel void k(global int *o) { int i = get_global_id(0); o[i] = f(i); }"))(out)
        .run({n});
    auto v = out.read<int>(n);
    auto f = [](int x) {
        int r = 0;
        switch (x & 7) {
        case 0:
            r = 5;
            break;
        case 1:
            r = x * 3; // fallthrough
            r += 7;
            break;
        case 2:
            r += 7;
            break;
        case 3:
            return -1;
        case 6:
            for (int i = 0; i < x % 13; i++) {
                if (i == 9)
                    break;
                if (i & 1)
                    continue;
                r += i;
            }
            break;
        default:
            r = x / 3;
        }
        while (r > 100) {
            r = (r & 1) ? r / 2 : r - 77;
            if (r == 42)
                break;
        }
        return r;
    };
    for (size_t i = 0; i < n; i++)
        ASSERT_EQ(v[i], f(int(i))) << i;
}

TEST(OpenClControl, FunctionsThatAreNotInlined)
{
    const size_t n = 512;
    Buffer out(n * 4);

    Kernel("__attribute__((noinline)) int g(int x, global int *s) { s[x] += 1; return x * 3 + 1; }"
           "__attribute__((noinline)) int f(int x, global int *s)"
           "{ if (x & 1) return g(x, s) - 5; return g(x, s); }"
           "kernel void k(global int *o) { int i = get_global_id(0); o[i] = i;"
           "  int r = f(i, o); o[i] += r; }")(out)
        .run({n});
    auto v = out.read<int>(n);
    for (int i = 0; i < int(n); i++)
        ASSERT_EQ(v[i], i + 1 + i * 3 + 1 - (i & 1 ? 5 : 0)) << i;
}

TEST(OpenClControl, DivergentLoopCounts)
{
    const size_t n = 2048;
    Buffer out(n * 4);

    Kernel("kernel void k(global uint *o) { uint i = get_global_id(0), x = i + 1, c = 0;"
           "  while (x != 1) { x = (x & 1) ? 3 * x + 1 : x / 2; c++; } o[i] = c; }")(out)
        .run({n});
    auto v = out.read<uint32_t>(n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t x = i + 1, c = 0;
        for (; x != 1; c++)
            x = x & 1 ? 3 * x + 1 : x / 2;
        ASSERT_EQ(v[i], c) << i;
    }
}

TEST(OpenClMemory, PrivateArraysUseScratch)
{
    const size_t n = 1024;
    auto in = iota(n, 17);
    Buffer a(in), out(n * 4);

    Kernel("kernel void k(global const int *a, global int *o, int n) { int t[256];"
           "  int g = get_global_id(0);"
           "  for (int i = 0; i < 256; i++) t[i] = a[(g * 7 + i) & 1023];"
           "  int x = g & 255;"
           "  for (int i = 0; i < n; i++) { x = t[x & 255] ^ i; t[(x + i) & 255] = x; }"
           "  o[g] = x; }")(a, out, int(100))
        .run({n});
    auto v = out.read<int>(n);
    for (int g = 0; g < int(n); g++) {
        int t[256], x = g & 255;
        for (int i = 0; i < 256; i++)
            t[i] = in[(g * 7 + i) & 1023];
        for (int i = 0; i < 100; i++) {
            x = t[x & 255] ^ i;
            t[(x + i) & 255] = x;
        }
        ASSERT_EQ(v[g], x) << g;
    }
}

TEST(OpenClMemory, RegisterSpills)
{
    const size_t n = 256;
    std::vector<float> in(n * 96);
    for (size_t i = 0; i < in.size(); i++)
        in[i] = float(i % 13) * 0.25f;
    Buffer a(in), out(in.size() * 4);

    Kernel("__attribute__((intel_reqd_sub_group_size(32)))"
           "kernel void k(global const float *a, global float *o) { size_t g = get_global_id(0);"
           "  float v[96];\n#pragma unroll\n for (int i = 0; i < 96; i++) v[i] = a[g * 96 + i];\n"
           "  barrier(CLK_GLOBAL_MEM_FENCE);\n"
           "#pragma unroll\n for (int i = 0; i < 96; i++)"
           "   v[i] = fma(v[i], v[(i * 7 + 3) % 96], v[(i * 5 + 1) % 96]);\n"
           "#pragma unroll\n for (int i = 0; i < 96; i++) o[g * 96 + i] = v[i]; }")(a, out)
        .run({n}, {64});
    auto v = out.read<float>(n * 96);
    for (size_t g = 0; g < n; g++) {
        float t[96];
        std::copy_n(&in[g * 96], 96, t);
        for (int i = 0; i < 96; i++)
            t[i] = __builtin_fmaf(t[i], t[(i * 7 + 3) % 96], t[(i * 5 + 1) % 96]);
        for (int i = 0; i < 96; i++)
            ASSERT_EQ(v[g * 96 + i], t[i]) << g << " " << i;
    }
}

TEST(OpenClMemory, GenericPointersAndConstants)
{
    const size_t n = 256;
    Buffer g(iota(n, 500)), out(n * 4);

    Kernel("constant int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};"
           "int get(const int *p, int i) { return p[i]; }"
           "kernel void k(global int *g, local int *l, int which, global int *o) {"
           "  int i = get_local_id(0); l[i] = -i; barrier(CLK_LOCAL_MEM_FENCE);"
           "  int own[4] = {i, i + 1, i + 2, i + 3};"
           "  const int *p = which == 0 ? (const int *)g : which == 1 ? (const int *)l : own;"
           "  o[get_global_id(0)] = get(p, which == 2 ? i & 3 : i) + table[i & 7]; }")(
        g, Local{n * 4}, int(1), out)
        .run({n}, {n});
    static const int table[8] = {3, 1, 4, 1, 5, 9, 2, 6};
    auto v = out.read<int>(n);
    for (int i = 0; i < int(n); i++)
        ASSERT_EQ(v[i], -i + table[i & 7]);
}

TEST(OpenClPrintf, ArrivesAtStandardOutput)
{
    testing::internal::CaptureStdout();
    Kernel("kernel void k(int x) { if (get_global_id(0) == 3)"
           "  printf(\"id %d value %d text %s float %.2f vec %v4d\\n\", (int)get_global_id(0), x,"
           "         \"abc\", 1.5f, (int4)(1, 2, 3, 4)); }")(int(77))
        .run({8});
    finish();
    fflush(stdout);
    EXPECT_EQ(testing::internal::GetCapturedStdout(),
              "id 3 value 77 text abc float 1.50 vec 1,2,3,4\n");
}
