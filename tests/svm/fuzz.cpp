/* SPDX-License-Identifier: MIT */
/*
 * svm-fuzz [calls [threads [processes [seed]]]]: random and mutated SVM ioctls from several threads
 * and processes on shared VMs, between mmap, munmap, mprotect and submissions. It can only fail by
 * hanging or by what the kernel log says afterwards; run it on the debug kernel. Says every ten
 * seconds how far it is:
 *
 *	./svm run --kernel debug --timeout 14400 -- build/tests/svm/svm-fuzz 1000000
 */
#include "gpu.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <sys/ioctl.h>
#include <xf86drm.h>

namespace
{

using svm::kHuge;
using svm::kPage;

constexpr size_t kArena = 32 * kHuge;
constexpr int kReportSeconds = 10;

std::atomic<uint64_t> *g_calls; /* of all processes */

class Fuzzer
{
  public:
    Fuzzer(svm::Gpu &gpu, char *arena, uint64_t seed) : gpu_(gpu), arena_(arena), rng_(seed) {}

    /* Submissions make valid what many calls have bound: few, or the time would be theirs. */
    void step()
    {
        switch (below(32)) {
        case 0:
            mapping();
            break;
        case 1:
            if (below(8))
                bind();
            else
                submit();
            break;
        case 2:
        case 3:
            param();
            break;
        case 4 ... 7:
            prefetch();
            break;
        case 8 ... 11:
            advise();
            break;
        case 12 ... 15:
            query();
            break;
        default:
            bind();
            break;
        }
    }

  private:
    uint64_t below(uint64_t n)
    {
        return rng_() % n;
    }

    /* A number that is often nearly right. */
    uint64_t number()
    {
        static const uint64_t edge[] = {0,          1,     kPage - 1,   kPage,
                                        kPage + 1,  kHuge, 1ull << 32,  1ull << 46,
                                        1ull << 47, ~0ull, ~0ull << 12, 1ull << 63};
        switch (below(4)) {
        case 0:
            return edge[below(sizeof(edge) / sizeof(edge[0]))];
        case 1:
            return rng_();
        default:
            return below(kArena);
        }
    }

    uint64_t where()
    {
        const uint64_t a = reinterpret_cast<uintptr_t>(arena_) + below(kArena);
        return below(16) ? (below(4) ? a & ~(kPage - 1) : a) : number();
    }

    uint64_t length()
    {
        return below(16) ? (below(8) ? below(64) * kPage : below(2 * kHuge)) : number();
    }

    /* Flip a few bits of a call that was fine. */
    template <class T> void mutate(T &t)
    {
        if (below(4))
            return;
        uint8_t *p = reinterpret_cast<uint8_t *>(&t);
        for (uint64_t n = below(4); n; n--)
            p[below(sizeof(T))] ^= uint8_t(1u << below(8));
    }

    template <class T> void call(unsigned long request, T &t)
    {
        mutate(t);
        ioctl(gpu_.fd(), request, &t); /* not drmIoctl: -EAGAIN and -EINTR are fine here */
    }

    void bind()
    {
        drm_i915_gem_vm_bind_va vas[8] = {};
        drm_i915_gem_vm_bind_fence fences[2] = {};
        drm_i915_gem_vm_bind b = {};
        b.vm_id = gpu_.vm();
        b.num_vas = uint32_t(1 + below(8));
        b.vas_ptr = reinterpret_cast<uintptr_t>(vas);
        b.num_fences = below(8) ? 0 : uint32_t(below(3));
        b.fences_ptr = reinterpret_cast<uintptr_t>(fences);
        for (drm_i915_gem_vm_bind_va &va : vas) {
            va.start = where();
            va.length = length();
            va.type = uint32_t(below(8) ? I915_GEM_VM_BIND_SVM_BUFFER : I915_GEM_VM_BIND_SVM_OBJ);
            va.flags = uint32_t(below(3) ? I915_GEM_VM_BIND_UNBIND : 0);
            if (!below(32))
                va.flags |= I915_GEM_VM_BIND_POPULATE;
            if (!below(8) && !va.flags)
                va.flags |= I915_GEM_VM_BIND_UNSHARE;
            if (va.type == I915_GEM_VM_BIND_SVM_OBJ && !va.flags) {
                va.handle = uint32_t(below(8));
                va.offset = below(16) * kPage;
            }
            mutate(va);
        }
        for (drm_i915_gem_vm_bind_fence &f : fences) {
            f.handle = uint32_t(below(4));
            f.flags = uint32_t(below(4));
            f.value = below(4);
        }
        call(DRM_IOCTL_I915_GEM_VM_BIND, b);
    }

    void prefetch()
    {
        drm_i915_gem_vm_prefetch p = {};
        p.vm_id = gpu_.vm();
        p.region = uint32_t(below(2) << 16);
        p.start = where();
        p.length = length();
        call(DRM_IOCTL_I915_GEM_VM_PREFETCH, p);
    }

    void advise()
    {
        drm_i915_gem_vm_advise a = {};
        a.vm_id = gpu_.vm();
        a.attribute = uint32_t(below(4));
        a.start = where();
        a.length = length();
        a.value = below(4) ? below(2) << (below(2) ? 16 : 12) : number();
        call(DRM_IOCTL_I915_GEM_VM_ADVISE, a);
    }

    void query()
    {
        drm_i915_gem_vm_query q = {};
        q.vm_id = gpu_.vm();
        q.start = where();
        q.length = length();
        call(DRM_IOCTL_I915_GEM_VM_QUERY, q);
    }

    void param()
    {
        drm_i915_gem_vm_param p = {};
        p.vm_id = gpu_.vm();
        p.param = I915_VM_PARAM | below(7);
        p.value = below(4);
        if (below(8))
            call(DRM_IOCTL_I915_GEM_VM_GETPARAM, p);
        else
            call(DRM_IOCTL_I915_GEM_VM_SETPARAM, p);
    }

    void mapping()
    {
        char *at = arena_ + below(kArena / kPage) * kPage;
        const size_t size = std::min<size_t>((1 + below(64)) * kPage, size_t(arena_ + kArena - at));
        switch (below(5)) {
        case 0:
            mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            break;
        case 1:
            mprotect(at, size, below(2) ? PROT_READ : PROT_READ | PROT_WRITE);
            break;
        case 2:
            madvise(at, size, MADV_DONTNEED);
            break;
        case 3:
            madvise(at, size, below(2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
            break;
        default:
            mprotect(at, size, PROT_READ | PROT_WRITE);
            break;
        }
    }

    void submit()
    {
        uint32_t handle;
        svm::Batch b;
        for (uint64_t n = below(8); n; n--)
            b.storeDword(arena_ + below(kArena / 4) * 4, uint32_t(rng_()));
        if (!gpu_.trySubmit(b, &handle) && below(2))
            gpu_.wait(handle);
    }

    svm::Gpu &gpu_;
    char *arena_;
    std::mt19937_64 rng_;
};

int process(uint64_t calls, unsigned threads, uint64_t seed)
{
    void *arena = mmap(nullptr, kArena, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED)
        return 1;
    svm::Gpu gpu;
    gpu.enable(I915_SVM_VM_ENABLE);
    for (unsigned i = 0; i < 4; i++)
        gpu.createLocal(kHuge, i & 1);
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; t++)
        all.emplace_back([&, t] {
            Fuzzer f(gpu, static_cast<char *>(arena), seed * 1000 + t);
            for (uint64_t i = 0; i < calls / threads; i++) {
                f.step();
                ++*g_calls;
            }
        });
    for (std::thread &t : all)
        t.join();
    return 0;
}

/* How many children ended badly; tells how far they are meanwhile. */
int waitForAll(uint64_t calls)
{
    int bad = 0, status = 0;
    for (int seconds = 1;; seconds++) {
        pid_t child;
        while ((child = waitpid(-1, &status, WNOHANG)) > 0)
            bad += status != 0;
        if (child < 0)
            return bad;
        sleep(1);
        if (seconds % kReportSeconds == 0) {
            printf("# %d s: %llu of %llu calls\n", seconds, (unsigned long long)*g_calls,
                   (unsigned long long)calls);
            fflush(stdout);
        }
    }
}

} // namespace

int main(int argc, char **argv)
{
    const uint64_t calls = argc > 1 ? strtoull(argv[1], nullptr, 0) : 100000;
    const unsigned threads = argc > 2 ? unsigned(atoi(argv[2])) : 3;
    const unsigned processes = argc > 3 ? unsigned(atoi(argv[3])) : 2;
    const uint64_t seed = argc > 4 ? strtoull(argv[4], nullptr, 0) : 1;
    void *common = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED)
        return 1;
    g_calls = new (common) std::atomic<uint64_t>(0);
    for (unsigned p = 0; p < processes; p++)
        if (!fork())
            _exit(process(calls / processes, threads, seed + p));
    const int bad = waitForAll(calls);
    printf("1..1\n%sok 1 - %llu calls, %u threads, %u processes, seed %llu\n", bad ? "not " : "",
           (unsigned long long)calls, threads, processes, (unsigned long long)seed);
    return bad != 0;
}
