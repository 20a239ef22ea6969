/* SPDX-License-Identifier: MIT */
/*
 * libigt.so.0 of the package intel-gpu-tools, called as IGT's tests call it. The prototypes are
 * those of its 1.27; all its structs stay opaque.
 */
#include <cstdint>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <functional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>
#include <i915_drm.h>

namespace
{

constexpr int kDg1 = 0x4905;
constexpr int kGood = 0, kBad = 1; /* exit statuses; libigt exits with 77 to skip, 98 to fail */

struct Bops;
struct Buf;
struct Bb;
using Fill = void(int fd, Buf *, unsigned x, unsigned y, unsigned w, unsigned h, uint8_t colour);

class Igt
{
  public:
    /* Lazily: its indirect functions need its other symbols resolved when they are chosen. */
    Igt() : lib_(dlopen("libigt.so.0", RTLD_LAZY | RTLD_GLOBAL))
    {
        if (!lib_)
            throw std::runtime_error(dlerror());
    }

    template <class F> F *get(const char *name) const
    {
        void *p = dlsym(lib_, name);
        if (!p)
            throw std::runtime_error(std::string("libigt has no ") + name);
        return reinterpret_cast<F *>(p);
    }

  private:
    void *lib_;
};

/* libigt ends the process when something is amiss: each use has one of its own. */
int inChild(const std::function<bool(const Igt &, int fd)> &body)
{
    const pid_t child = fork();
    if (!child) {
        bool good = false;
        try {
            good = body(Igt(), open("/dev/dri/card0", O_RDWR));
        } catch (const std::exception &e) {
            fprintf(stderr, "%s\n", e.what());
        }
        _exit(good ? kGood : kBad);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Rect {
    unsigned x, y, w, h;
};

constexpr unsigned kSide = 64; /* of IGT's gem_gpgpu_fill and gem_media_fill */
constexpr uint8_t kBefore = 0x4c, kAfter = 0xc4;

bool fills(const Igt &igt, int fd, const char *which, const Rect &r)
{
    Fill *fill = igt.get<Fill *(int)>(which)(kDg1);
    Bops *bops = igt.get<Bops *(int)>("buf_ops_create")(fd);
    Buf *buf = igt.get<Buf *(Bops *, int, int, int, int, uint32_t, uint32_t)>("intel_buf_create")(
        bops, kSide, kSide, 8, 0, I915_TILING_NONE, 0);
    const auto map = igt.get<uint8_t *(Buf *, bool)>("intel_buf_cpu_map");
    const auto unmap = igt.get<void(Buf *)>("intel_buf_unmap");
    memset(map(buf, true), kBefore, kSide * kSide);
    unmap(buf);
    fill(fd, buf, r.x, r.y, r.w, r.h, kAfter);
    const uint8_t *p = map(buf, false);
    for (unsigned y = 0; y < kSide; y++)
        for (unsigned x = 0; x < kSide; x++) {
            const bool in = x >= r.x && x < r.x + r.w && y >= r.y && y < r.y + r.h;
            if (p[y * kSide + x] != (in ? kAfter : kBefore)) {
                fprintf(stderr, "%s: %#x at %u,%u\n", which, p[y * kSide + x], x, y);
                return false;
            }
        }
    return true;
}

constexpr int kWidth = 512, kHeight = 256, kBits = 32;

bool copies(const Igt &igt, int fd, uint32_t from, uint32_t to)
{
    Bops *bops = igt.get<Bops *(int)>("buf_ops_create")(fd);
    const auto create =
        igt.get<Buf *(Bops *, int, int, int, int, uint32_t, uint32_t)>("intel_buf_create");
    Buf *a = create(bops, kWidth, kHeight, kBits, 0, from, 0);
    Buf *b = create(bops, kWidth, kHeight, kBits, 0, to, 0);
    std::vector<uint32_t> in(kWidth * kHeight), out(in.size());
    for (size_t i = 0; i < in.size(); i++)
        in[i] = uint32_t(i * 2654435761u);
    const auto put = igt.get<void(Bops *, Buf *, uint32_t *)>("linear_to_intel_buf");
    put(bops, a, in.data());
    put(bops, b, out.data());
    Bb *bb = igt.get<Bb *(int, uint32_t)>("intel_bb_create")(fd, 4096);
    igt.get<void(Bb *, Buf *, int, int, int, Buf *, int, int, int, int, int, int)>(
        "intel_bb_blt_copy")(bb, a, 0, 0, kWidth * 4, b, 0, 0, kWidth * 4, kWidth, kHeight, kBits);
    igt.get<void(Bb *)>("intel_bb_sync")(bb);
    igt.get<void(Bops *, Buf *, uint32_t *)>("intel_buf_to_linear")(bops, b, out.data());
    return in == out;
}

} // namespace

TEST(Igt, GpgpuFillsItsRectangle)
{
    for (const Rect &r : {Rect{0, 0, kSide / 2, kSide / 2}, Rect{0, 0, 16, 1}, Rect{0, 0, 64, 64}})
        EXPECT_EQ(inChild([&](const Igt &igt, int fd) {
                      return fills(igt, fd, "igt_get_gpgpu_fillfunc", r);
                  }),
                  kGood);
}

TEST(Igt, MediaPipeFillsItsRectangle)
{
    for (const Rect &r :
         {Rect{0, 0, kSide / 2, kSide / 2}, Rect{16, 32, 48, 16}, Rect{0, 0, 64, 64}})
        EXPECT_EQ(inChild([&](const Igt &igt, int fd) {
                      return fills(igt, fd, "igt_get_media_fillfunc", r);
                  }),
                  kGood);
}

/* The older copy command knows X tiles only, unless a register says otherwise. */
TEST(Igt, BlitterCopiesLinearAndTiled)
{
    for (uint32_t from : {I915_TILING_NONE, I915_TILING_X})
        for (uint32_t to : {I915_TILING_NONE, I915_TILING_X})
            EXPECT_EQ(inChild([&](const Igt &igt, int fd) { return copies(igt, fd, from, to); }),
                      kGood)
                << from << " to " << to;
}

TEST(Igt, AllEnginesRunAndSurviveAReset)
{
    const auto all = [](const Igt &igt, int fd) {
        igt.get<void(int)>("gem_test_all_engines")(fd);
        return true;
    };
    EXPECT_EQ(inChild(all), kGood);
    EXPECT_EQ(inChild([](const Igt &igt, int fd) {
                  igt.get<void(int)>("igt_force_gpu_reset")(fd);
                  return true;
              }),
              kGood);
    EXPECT_EQ(inChild(all), kGood);
}
