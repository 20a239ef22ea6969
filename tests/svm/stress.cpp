/* SPDX-License-Identifier: MIT */
/*
 * svm-stress [seconds [threads [seed]]]: migrate, munmap, fork, evict, protect and submit, all at
 * once. Every thread has regions with a shadow copy; whatever happens to the pages, the bytes must
 * be those of the shadow. Exits 1 on the first difference. Says every ten seconds how far it is:
 *
 *	./svm run --kernel debug --lmem 256M --timeout 3600 -- build/tests/svm/svm-stress 1800
 */
#include "gpu.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace
{

using svm::kHuge;
using svm::kPage;

constexpr size_t kRegion = 2 * kHuge;
constexpr unsigned kRegions = 4;
constexpr int kReportSeconds = 10;

std::atomic<bool> g_stop{false};
std::atomic<uint64_t> g_ops{0}, g_forks{0}, g_moved{0}, g_wrong{0};

struct Region {
    char *p = nullptr;
    std::vector<char> shadow;

    void map(std::mt19937_64 &rng)
    {
        void *m = mmap(p, kRegion, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | (p ? MAP_FIXED : 0), -1, 0);
        if (m == MAP_FAILED)
            throw std::runtime_error("mmap");
        p = static_cast<char *>(m);
        madvise(p, kRegion, rng() % 2 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
        shadow.resize(kRegion);
        for (size_t i = 0; i < kRegion; i += 8) {
            const uint64_t v = rng();
            memcpy(&shadow[i], &v, 8);
        }
        memcpy(p, shadow.data(), kRegion);
    }

    /* The place is anybody's then: another thread may map something there at once. */
    void unmap()
    {
        munmap(p, kRegion);
        p = nullptr;
    }
};

class Worker
{
  public:
    explicit Worker(uint64_t seed) : rng_(seed)
    {
        if (gpu_.enable(I915_SVM_VM_MIRROR))
            throw std::runtime_error("SVM");
        for (Region &r : regions_)
            r.map(rng_);
    }

    void run()
    {
        while (!g_stop) {
            Region &r = regions_[rng_() % kRegions];
            switch (rng_() % 16) {
            case 0:
                r.unmap();
                r.map(rng_);
                break;
            case 11: /* over what is there, in one step */
                r.map(rng_);
                break;
            case 1:
                forkAndLook(r);
                break;
            case 2:
                object();
                break;
            case 3:
                madvise(r.p, kRegion, MADV_PAGEOUT);
                break;
            case 4:
                mprotect(r.p, kRegion / 2, PROT_READ);
                submitTo(r, kRegion / 2, kRegion);
                mprotect(r.p, kRegion / 2, PROT_READ | PROT_WRITE);
                break;
            case 5 ... 7:
                move(r);
                break;
            case 8 ... 9:
                cpuWrites(r);
                break;
            case 10:
                look(r);
                break;
            default:
                submitTo(r, 0, kRegion);
                break;
            }
            g_ops++;
        }
        for (Region &r : regions_)
            look(r);
    }

  private:
    void submitTo(Region &r, size_t from, size_t to)
    {
        svm::Batch b;
        for (unsigned n = 0; n < 32; n++) {
            const size_t o = from + rng_() % ((to - from) / 4) * 4;
            const uint32_t v = uint32_t(rng_());
            b.storeDword(r.p + o, v);
            memcpy(&r.shadow[o], &v, 4);
        }
        const int err = gpu_.run(b);
        if (err)
            throw std::runtime_error("submit: " + std::string(strerror(err)));
    }

    void cpuWrites(Region &r)
    {
        for (unsigned n = 0; n < 32; n++) {
            const size_t o = rng_() % kRegion;
            r.p[o] = r.shadow[o] = char(rng_());
        }
    }

    void look(Region &r)
    {
        if (!memcmp(r.p, r.shadow.data(), kRegion))
            return;
        size_t i = 0;
        while (r.p[i] == r.shadow[i])
            i++;
        fprintf(stderr, "wrong byte at offset %zu of a region\n", i);
        g_wrong++;
        g_stop = true;
    }

    void move(Region &r)
    {
        drm_i915_gem_vm_prefetch p;
        const size_t from = rng_() % (kRegion / kPage) * kPage;
        const uint32_t to = rng_() % 3 ? I915_SVM_REGION_LOCAL : I915_SVM_REGION_SYSTEM;
        if (!gpu_.prefetch(r.p + from, kRegion - from, to, &p))
            g_moved += p.moved;
    }

    void forkAndLook(Region &r)
    {
        const pid_t child = fork();
        if (!child) {
            const bool same = !memcmp(r.p, r.shadow.data(), kRegion);
            r.p[rng_() % kRegion] ^= 1;
            _exit(same ? 0 : 1);
        }
        submitTo(r, 0, kRegion);
        int status = 1;
        waitpid(child, &status, 0);
        g_forks++;
        if (status) {
            fprintf(stderr, "a child saw wrong bytes\n");
            g_wrong++;
            g_stop = true;
        }
    }

    /* Takes local memory away for a moment. */
    void object()
    {
        const size_t size = 16 * kHuge;
        const uint32_t bo = gpu_.createLocal(size, true);
        char *p = static_cast<char *>(gpu_.map(bo, size));
        for (size_t i = 0; i < size; i += 16 * kPage)
            p[i] = 1;
        munmap(p, size);
        gpu_.close(bo);
    }

    std::mt19937_64 rng_;
    svm::Gpu gpu_;
    Region regions_[kRegions];
};

} // namespace

int main(int argc, char **argv)
{
    const int seconds = argc > 1 ? atoi(argv[1]) : 120;
    const unsigned threads = argc > 2 ? unsigned(atoi(argv[2])) : 4;
    const uint64_t seed = argc > 3 ? strtoull(argv[3], nullptr, 0) : 1;
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; t++)
        all.emplace_back([=] {
            try {
                std::make_unique<Worker>(seed * 100 + t)->run();
            } catch (const std::exception &e) {
                fprintf(stderr, "%s\n", e.what());
                g_wrong++;
                g_stop = true;
            }
        });
    const auto start = std::chrono::steady_clock::now();
    for (int done = 0, told = 0; !g_stop && done < seconds;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        done = int(std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::steady_clock::now() - start)
                       .count());
        if (done - told < kReportSeconds)
            continue;
        told = done;
        printf("# %d of %d s: %llu operations, %llu forks, %llu MiB moved\n", done, seconds,
               (unsigned long long)g_ops, (unsigned long long)g_forks,
               (unsigned long long)(g_moved >> 20));
        fflush(stdout);
    }
    g_stop = true;
    for (std::thread &t : all)
        t.join();
    printf(
        "1..1\n%sok 1 - %d s, %u threads, seed %llu: %llu operations, %llu forks, %llu MiB moved, "
        "%llu wrong\n",
        g_wrong ? "not " : "", seconds, threads, (unsigned long long)seed,
        (unsigned long long)g_ops, (unsigned long long)g_forks, (unsigned long long)(g_moved >> 20),
        (unsigned long long)g_wrong);
    return g_wrong != 0;
}
