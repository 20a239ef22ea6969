// SPDX-License-Identifier: MIT
// Images: every dimension, the formats that OpenCL requires, samplers, copies.
#include "cl.h"

#include <CL/cl_ext.h>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

using namespace cl;

namespace
{
class Image
{
  public:
    Image(cl_channel_order order, cl_channel_type type, cl_mem_object_type kind, size_t w,
          size_t h = 0, size_t d = 0, size_t array = 0, cl_uint levels = 0)
    {
        cl_image_format format = {order, type};
        cl_image_desc desc = {};
        cl_int err;

        desc.image_type = kind;
        desc.image_width = w;
        desc.image_height = h;
        desc.image_depth = d;
        desc.image_array_size = array;
        desc.num_mip_levels = levels;
        region[0] = w;
        region[1] = kind == CL_MEM_OBJECT_IMAGE1D_ARRAY ? array : h ? h : 1;
        region[2] = kind == CL_MEM_OBJECT_IMAGE2D_ARRAY ? array : d ? d : 1;
        mem =
            clCreateImage(Device::get().context, CL_MEM_READ_WRITE, &format, &desc, nullptr, &err);
        check(err, "clCreateImage");
    }
    ~Image()
    {
        clReleaseMemObject(mem);
    }
    Image(const Image &) = delete;
    Image &operator=(const Image &) = delete;
    template <class T> void write(const std::vector<T> &from)
    {
        size_t origin[3] = {0, 0, 0};
        CL_CHECK(clEnqueueWriteImage(Device::get().queue, mem, CL_TRUE, origin, region, 0, 0,
                                     from.data(), 0, nullptr, nullptr));
    }
    template <class T> std::vector<T> read(size_t count)
    {
        size_t origin[3] = {0, 0, 0};
        std::vector<T> to(count);
        CL_CHECK(clEnqueueReadImage(Device::get().queue, mem, CL_TRUE, origin, region, 0, 0,
                                    to.data(), 0, nullptr, nullptr));
        return to;
    }
    cl_mem mem;
    size_t region[3];
};

class Sampler
{
  public:
    // levels: of mip maps, between which it takes the nearest; 0: without.
    Sampler(bool normalized, cl_addressing_mode mode, cl_filter_mode filter, cl_uint levels = 0)
    {
        const float lods[2] = {0, float(levels)};
        cl_sampler_properties p[] = {CL_SAMPLER_NORMALIZED_COORDS,
                                     normalized,
                                     CL_SAMPLER_ADDRESSING_MODE,
                                     mode,
                                     CL_SAMPLER_FILTER_MODE,
                                     filter,
                                     cl_sampler_properties(levels ? CL_SAMPLER_MIP_FILTER_MODE_KHR : 0),
                                     CL_FILTER_NEAREST,
                                     CL_SAMPLER_LOD_MIN_KHR,
                                     0,
                                     CL_SAMPLER_LOD_MAX_KHR,
                                     0,
                                     0};
        memcpy(&p[9], &lods[0], sizeof(lods[0])); // floats, as bits
        memcpy(&p[11], &lods[1], sizeof(lods[1]));
        cl_int err;
        sampler = clCreateSamplerWithProperties(Device::get().context, p, &err);
        check(err, "clCreateSamplerWithProperties");
    }
    ~Sampler()
    {
        clReleaseSampler(sampler);
    }
    Sampler(const Sampler &) = delete;
    Sampler &operator=(const Sampler &) = delete;
    cl_sampler sampler;
};

template <class T> std::vector<T> counting(size_t n, T step = 1)
{
    std::vector<T> v(n);
    for (size_t i = 0; i < n; i++)
        v[i] = T(T(i) * step);
    return v;
}
} // namespace

TEST(OpenClImages, WriteReadBackAndCopyTwoDimensions)
{
    const size_t w = 133, h = 57;
    Image a(CL_RGBA, CL_UNSIGNED_INT8, CL_MEM_OBJECT_IMAGE2D, w, h),
        b(CL_RGBA, CL_UNSIGNED_INT8, CL_MEM_OBJECT_IMAGE2D, w, h);
    auto data = counting<uint8_t>(w * h * 4, 7);
    size_t origin[3] = {0, 0, 0};

    a.write(data);
    EXPECT_EQ(a.read<uint8_t>(w * h * 4), data);
    CL_CHECK(clEnqueueCopyImage(Device::get().queue, a.mem, b.mem, origin, origin, a.region, 0,
                                nullptr, nullptr));
    EXPECT_EQ(b.read<uint8_t>(w * h * 4), data);
}

// Written and read by an image's own level, then sampled by level of detail.
TEST(OpenClImages, MipLevels)
{
    const cl_uint levels = 4;
    const size_t w = 32, h = 16;
    Image image(CL_RGBA, CL_FLOAT, CL_MEM_OBJECT_IMAGE2D, w, h, 0, 0, levels);
    Sampler sampler(true, CL_ADDRESS_CLAMP_TO_EDGE, CL_FILTER_NEAREST, levels);
    Kernel k("#pragma OPENCL EXTENSION cl_khr_mipmap_image : enable\n"
             "kernel void k(read_only image2d_t i, sampler_t s, float lod, global float4 *o) {"
             "  float2 at = (float2)((get_global_id(0) + 0.5f) / get_global_size(0),"
             "                       (get_global_id(1) + 0.5f) / get_global_size(1));"
             "  o[get_global_id(1) * get_global_size(0) + get_global_id(0)] ="
             "    read_imagef(i, s, at, lod); }");

    for (size_t pass = 0; pass < 2; pass++)
        for (size_t level = 0; level < levels; level++) {
            size_t origin[3] = {0, 0, level}, region[3] = {w >> level, h >> level, 1};
            size_t count = region[0] * region[1] * 4;
            std::vector<float> data(count), back(count);
            std::iota(data.begin(), data.end(), float(1000 * level));
            if (pass == 0) {
                CL_CHECK(clEnqueueWriteImage(Device::get().queue, image.mem, CL_TRUE, origin,
                                             region, 0, 0, data.data(), 0, nullptr, nullptr));
                continue;
            }
            CL_CHECK(clEnqueueReadImage(Device::get().queue, image.mem, CL_TRUE, origin, region, 0,
                                        0, back.data(), 0, nullptr, nullptr));
            EXPECT_EQ(back, data) << level;
            Buffer out(count * sizeof(float));
            k(image.mem, sampler.sampler, float(level), out).run({region[0], region[1]});
            EXPECT_EQ(out.read<float>(count), data) << level;
        }
}

TEST(OpenClImages, BlocksReadAndWrittenBySubGroups)
{
    const size_t w = 64, h = 32;
    Image from(CL_R, CL_UNSIGNED_INT8, CL_MEM_OBJECT_IMAGE2D, w, h),
        to(CL_R, CL_UNSIGNED_INT8, CL_MEM_OBJECT_IMAGE2D, w, h);
    auto data = counting<uint8_t>(w * h, 7);

    from.write(data);
    Kernel("__attribute__((intel_reqd_sub_group_size(16)))"
           "kernel void k(read_only image2d_t a, write_only image2d_t b) {"
           "  int2 at = (int2)(get_sub_group_id() * 16, get_group_id(0) * 8);"
           "  uchar8 v = intel_sub_group_media_block_read_uc8(at, 16, 8, a);"
           "  intel_sub_group_media_block_write_uc8(at, 16, 8, v + (uchar8)1, b); }")(from.mem,
                                                                                      to.mem)
        .run({h / 8 * 64}, {64});
    for (auto &x : data)
        x++;
    EXPECT_EQ(to.read<uint8_t>(w * h), data);
}

TEST(OpenClImages, ReadWriteImageBetweenFences)
{
    const size_t w = 32, h = 32;
    Image image(CL_R, CL_UNSIGNED_INT32, CL_MEM_OBJECT_IMAGE2D, w, h);
    auto data = counting<uint32_t>(w * h);

    image.write(data);
    Kernel("kernel void k(read_write image2d_t i) {"
           "  int2 at = (int2)(get_global_id(0), get_global_id(1));"
           "  write_imageui(i, at, read_imageui(i, at) * 3u);"
           "  atomic_work_item_fence(CLK_IMAGE_MEM_FENCE, memory_order_acq_rel,"
           "                         memory_scope_work_item);"
           "  write_imageui(i, at, read_imageui(i, at) + 1u); }")(image.mem)
        .run({w, h});
    for (auto &x : data)
        x = 3 * x + 1;
    EXPECT_EQ(image.read<uint32_t>(w * h), data);
}

TEST(OpenClImages, FillAndBufferCopies)
{
    const size_t w = 64, h = 32;
    Image a(CL_R, CL_UNSIGNED_INT32, CL_MEM_OBJECT_IMAGE2D, w, h);
    Buffer b(w * h * 4);
    cl_uint color[4] = {0xdeadbeef, 0, 0, 0};
    size_t origin[3] = {0, 0, 0}, part[3] = {8, 4, 0}, region[3] = {16, 8, 1};

    CL_CHECK(clEnqueueFillImage(Device::get().queue, a.mem, color, origin, a.region, 0, nullptr,
                                nullptr));
    color[0] = 5;
    CL_CHECK(
        clEnqueueFillImage(Device::get().queue, a.mem, color, part, region, 0, nullptr, nullptr));
    CL_CHECK(clEnqueueCopyImageToBuffer(Device::get().queue, a.mem, b.mem, origin, a.region, 0, 0,
                                        nullptr, nullptr));
    auto v = b.read<uint32_t>(w * h);
    for (size_t i = 0; i < v.size(); i++) {
        size_t x = i % w, y = i / w;
        bool inside = x >= 8 && x < 24 && y >= 4 && y < 12;
        ASSERT_EQ(v[i], inside ? 5u : 0xdeadbeefu) << x << "," << y;
    }
}

TEST(OpenClImages, KernelWritesWhatKernelReads)
{
    const size_t w = 40, h = 24;
    Image a(CL_RGBA, CL_FLOAT, CL_MEM_OBJECT_IMAGE2D, w, h);
    Buffer out(w * h * 16);

    Kernel("kernel void k(write_only image2d_t i) { int2 p = (int2)(get_global_id(0), "
           "get_global_id(1)); write_imagef(i, p, (float4)(p.x, p.y, p.x * p.y, -1.5f)); }")(a.mem)
        .run({w, h});
    Kernel("kernel void k(read_only image2d_t i, global float4 *o) { int2 p = (int2)("
           "get_global_id(0), get_global_id(1)); o[p.y * get_global_size(0) + p.x] = "
           "read_imagef(i, p); }")(a.mem, out)
        .run({w, h});
    auto v = out.read<float>(w * h * 4);
    for (size_t y = 0, i = 0; y < h; y++)
        for (size_t x = 0; x < w; x++, i += 4) {
            ASSERT_EQ(v[i], float(x));
            ASSERT_EQ(v[i + 1], float(y));
            ASSERT_EQ(v[i + 2], float(x * y));
            ASSERT_EQ(v[i + 3], -1.5f);
        }
}

TEST(OpenClImages, ThreeDimensionsArraysAndOneDimension)
{
    const size_t w = 20, h = 9, d = 6;
    auto data = counting<uint32_t>(w * h * d, 3);
    Image three(CL_R, CL_UNSIGNED_INT32, CL_MEM_OBJECT_IMAGE3D, w, h, d),
        array(CL_R, CL_UNSIGNED_INT32, CL_MEM_OBJECT_IMAGE2D_ARRAY, w, h, 0, d),
        one(CL_R, CL_UNSIGNED_INT32, CL_MEM_OBJECT_IMAGE1D, w),
        oneArray(CL_R, CL_UNSIGNED_INT32, CL_MEM_OBJECT_IMAGE1D_ARRAY, w, 0, 0, h);
    Buffer out(w * h * d * 16);

    three.write(data);
    array.write(data);
    one.write(data);
    oneArray.write(data);
    EXPECT_EQ(three.read<uint32_t>(data.size()), data);
    EXPECT_EQ(array.read<uint32_t>(data.size()), data);
    Kernel("kernel void k(read_only image3d_t a, read_only image2d_array_t b, read_only image1d_t "
           "c, read_only image1d_array_t d, global uint4 *o) {"
           "  int x = get_global_id(0), y = get_global_id(1), z = get_global_id(2);"
           "  o[(z * get_global_size(1) + y) * get_global_size(0) + x] = (uint4)("
           "    read_imageui(a, (int4)(x, y, z, 0)).x, read_imageui(b, (int4)(x, y, z, 0)).x,"
           "    read_imageui(c, x).x, read_imageui(d, (int2)(x, y)).x); }")(
        three.mem, array.mem, one.mem, oneArray.mem, out)
        .run({w, h, d});
    auto v = out.read<uint32_t>(w * h * d * 4);
    for (size_t i = 0; i < data.size(); i++) {
        ASSERT_EQ(v[4 * i], data[i]) << i;
        ASSERT_EQ(v[4 * i + 1], data[i]) << i;
        ASSERT_EQ(v[4 * i + 2], data[i % w]) << i;
        ASSERT_EQ(v[4 * i + 3], data[i % (w * h)]) << i;
    }
}

TEST(OpenClImages, BufferImage)
{
    const size_t n = 1000;
    Buffer b(counting<float>(n * 4, 0.5f)), out(n * 16);
    cl_image_format format = {CL_RGBA, CL_FLOAT};
    cl_image_desc desc = {};
    cl_int err;
    desc.image_type = CL_MEM_OBJECT_IMAGE1D_BUFFER;
    desc.image_width = n;
    desc.buffer = b.mem;
    cl_mem image =
        clCreateImage(Device::get().context, CL_MEM_READ_ONLY, &format, &desc, nullptr, &err);
    check(err, "clCreateImage");
    Kernel k("kernel void k(read_only image1d_buffer_t i, global float4 *o)"
             "{ int x = get_global_id(0); o[x] = read_imagef(i, x); }");
    k(image, out).run({n});
    EXPECT_EQ(out.read<float>(n * 4), counting<float>(n * 4, 0.5f));
    clReleaseMemObject(image);
}

struct Addressing {
    cl_addressing_mode mode;
    int (*map)(int, int); // texel index, or -1 for the border
};
static int clampToEdge(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}
static int clampToBorder(int i, int n)
{
    return i < 0 || i >= n ? -1 : i;
}
static int repeat(int i, int n)
{
    return ((i % n) + n) % n;
}
static int mirror(int i, int n)
{
    i = repeat(i, 2 * n);
    return i < n ? i : 2 * n - 1 - i;
}

class Addresses : public testing::TestWithParam<Addressing>
{
};

// Texel numbers of nearest sampling by normalized coordinates, inside and outside.
TEST_P(Addresses, Nearest)
{
    const int w = 8, h = 4, n = 400;
    Image a(CL_RGBA, CL_FLOAT, CL_MEM_OBJECT_IMAGE2D, w, h);
    Sampler s(true, GetParam().mode, CL_FILTER_NEAREST);
    std::vector<float> texels(w * h * 4), at(n * 2);
    for (int i = 0; i < w * h; i++)
        texels[4 * i] = float(i + 1), texels[4 * i + 3] = 1;
    for (int i = 0; i < n; i++) {
        at[2 * i] = -2.03f + float(i) * 0.0117f;
        at[2 * i + 1] = 2.51f - float(i) * 0.0093f;
    }
    Buffer where(at), out(n * 4);
    a.write(texels);
    Kernel k("kernel void k(read_only image2d_t i, sampler_t s, global float2 *p, global float *o)"
             "{ int x = get_global_id(0); o[x] = read_imagef(i, s, p[x]).x; }");
    k(a.mem, s.sampler, where, out).run({size_t(n)});
    auto v = out.read<float>(n);
    for (int i = 0; i < n; i++) {
        float u = at[2 * i] * w, t = at[2 * i + 1] * h;
        if (std::fabs(u - std::round(u)) < 1e-3f || std::fabs(t - std::round(t)) < 1e-3f)
            continue; // on a texel's edge either side is right
        int x = GetParam().map(int(std::floor(u)), w), y = GetParam().map(int(std::floor(t)), h);
        ASSERT_EQ(v[i], x < 0 || y < 0 ? 0.0f : float(y * w + x + 1)) << u << "," << t;
    }
}

TEST_P(Addresses, Linear)
{
    const int w = 8, h = 4, n = 300;
    Image a(CL_RGBA, CL_FLOAT, CL_MEM_OBJECT_IMAGE2D, w, h);
    Sampler s(true, GetParam().mode, CL_FILTER_LINEAR);
    std::vector<float> texels(w * h * 4), at(n * 2);
    for (int i = 0; i < w * h; i++)
        texels[4 * i] = float((i * 7) % 32), texels[4 * i + 3] = 1;
    for (int i = 0; i < n; i++) {
        at[2 * i] = -1.03f + float(i) * 0.0117f;
        at[2 * i + 1] = 1.51f - float(i) * 0.0093f;
    }
    Buffer where(at), out(n * 4);
    a.write(texels);
    Kernel k("kernel void k(read_only image2d_t i, sampler_t s, global float2 *p, global float *o)"
             "{ int x = get_global_id(0); o[x] = read_imagef(i, s, p[x]).x; }");
    k(a.mem, s.sampler, where, out).run({size_t(n)});
    auto v = out.read<float>(n);
    auto texel = [&](int x, int y) {
        x = GetParam().map(x, w), y = GetParam().map(y, h);
        return x < 0 || y < 0 ? 0.0f : texels[4 * (y * w + x)];
    };
    for (int i = 0; i < n; i++) {
        float u = at[2 * i] * w - 0.5f, t = at[2 * i + 1] * h - 0.5f;
        int x = int(std::floor(u)), y = int(std::floor(t));
        float a1 = u - float(x), b1 = t - float(y);
        float want = (1 - a1) * (1 - b1) * texel(x, y) + a1 * (1 - b1) * texel(x + 1, y) +
                     (1 - a1) * b1 * texel(x, y + 1) + a1 * b1 * texel(x + 1, y + 1);
        // Filter weights have 8 bits: each of two may be off by 1/256 of the range of 31.
        ASSERT_NEAR(v[i], want, 31.0f * 2 / 256) << u << "," << t;
    }
}
INSTANTIATE_TEST_SUITE_P(OpenClImages, Addresses,
                         testing::Values(Addressing{CL_ADDRESS_CLAMP_TO_EDGE, clampToEdge},
                                         Addressing{CL_ADDRESS_CLAMP, clampToBorder},
                                         Addressing{CL_ADDRESS_REPEAT, repeat},
                                         Addressing{CL_ADDRESS_MIRRORED_REPEAT, mirror}));

struct Format {
    cl_channel_order order;
    cl_channel_type type;
    size_t bytes;
    const char *suffix; // of read_image and write_image
    const char *vector;
};

class Formats : public testing::TestWithParam<Format>
{
};

// Bytes survive: host to image, read by one kernel, written by another to a second image.
TEST_P(Formats, RoundTrip)
{
    const Format &f = GetParam();
    const size_t w = 37, h = 19, bytes = w * h * f.bytes;
    Image a(f.order, f.type, CL_MEM_OBJECT_IMAGE2D, w, h),
        b(f.order, f.type, CL_MEM_OBJECT_IMAGE2D, w, h);
    std::vector<uint8_t> data(bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = uint8_t((i * 37 + i / 256) % 0x79); // no NaN and no denormal as half or float
    if (f.type == CL_FLOAT || f.type == CL_HALF_FLOAT)
        for (size_t i = f.type == CL_FLOAT ? 3 : 1; i < bytes; i += f.type == CL_FLOAT ? 4 : 2)
            data[i] = uint8_t(0x30 + i % 8);
    a.write(data);
    std::string source = std::string("kernel void k(read_only image2d_t a, write_only image2d_t b)"
                                     "{ int2 p = (int2)(get_global_id(0), get_global_id(1));"
                                     "  write_image") +
                         f.suffix + "(b, p, read_image" + f.suffix + "(a, p)); }";
    Kernel k(source);
    k(a.mem, b.mem).run({w, h});
    EXPECT_EQ(b.read<uint8_t>(bytes), data);
}
INSTANTIATE_TEST_SUITE_P(OpenClImages, Formats,
                         testing::Values(Format{CL_RGBA, CL_UNORM_INT8, 4, "f", "float4"},
                                         Format{CL_RGBA, CL_UNORM_INT16, 8, "f", "float4"},
                                         Format{CL_RGBA, CL_SNORM_INT8, 4, "f", "float4"},
                                         Format{CL_RGBA, CL_SNORM_INT16, 8, "f", "float4"},
                                         Format{CL_RGBA, CL_SIGNED_INT8, 4, "i", "int4"},
                                         Format{CL_RGBA, CL_SIGNED_INT16, 8, "i", "int4"},
                                         Format{CL_RGBA, CL_SIGNED_INT32, 16, "i", "int4"},
                                         Format{CL_RGBA, CL_UNSIGNED_INT8, 4, "ui", "uint4"},
                                         Format{CL_RGBA, CL_UNSIGNED_INT16, 8, "ui", "uint4"},
                                         Format{CL_RGBA, CL_UNSIGNED_INT32, 16, "ui", "uint4"},
                                         Format{CL_RGBA, CL_HALF_FLOAT, 8, "f", "float4"},
                                         Format{CL_RGBA, CL_FLOAT, 16, "f", "float4"},
                                         Format{CL_BGRA, CL_UNORM_INT8, 4, "f", "float4"},
                                         Format{CL_R, CL_UNORM_INT8, 1, "f", "float4"},
                                         Format{CL_R, CL_UNSIGNED_INT16, 2, "ui", "uint4"},
                                         Format{CL_R, CL_FLOAT, 4, "f", "float4"},
                                         Format{CL_RG, CL_UNORM_INT8, 2, "f", "float4"},
                                         Format{CL_RG, CL_HALF_FLOAT, 4, "f", "float4"},
                                         Format{CL_RG, CL_SIGNED_INT32, 8, "i", "int4"}));
