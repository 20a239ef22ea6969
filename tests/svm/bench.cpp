/* SPDX-License-Identifier: MIT */
/*
 * svm-bench: what SVM costs, each as a ratio of two times of one run in one guest. Times of a
 * simulated GPU mean nothing by themselves.
 */
#include "gpu.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <sys/mman.h>

namespace
{

using svm::Batch;
using svm::Gpu;
using svm::kHuge;
using svm::kPage;
using svm::Memory;
using svm::Ring;

constexpr size_t kSize = 64u << 20;

double seconds(const std::function<void()> &f)
{
    const auto start = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/* The middle of five. */
double median(const std::function<double()> &f)
{
    std::vector<double> all;
    for (int i = 0; i < 5; i++)
        all.push_back(f());
    std::sort(all.begin(), all.end());
    return all[2];
}

void report(const char *what, double ratio, const char *relation, double goal)
{
    const bool met = relation[0] == '<' ? ratio <= goal : ratio >= goal;
    printf("%-58s %6.2f  (goal %s %.2f: %s)\n", what, ratio, relation, goal,
           met ? "met" : "missed");
}

drm_i915_gem_exec_object2 pinned(uint32_t handle, const void *at)
{
    drm_i915_gem_exec_object2 o = {};
    o.handle = handle;
    o.offset = reinterpret_cast<uintptr_t>(at);
    o.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    return o;
}

double bindToFirstUse()
{
    Gpu gpu;
    gpu.enable(I915_SVM_VM_ENABLE);
    Memory m(kSize, kHuge);
    memset(m.data(), 1, kSize);
    return seconds([&] {
        gpu.bind(m.data(), kSize);
        gpu.run(Batch().storeDword(m.data(), 1));
    });
}

double userptrToFirstUse()
{
    Gpu gpu;
    Memory m(kSize, kHuge);
    memset(m.data(), 1, kSize);
    return seconds([&] {
        uint32_t work;
        const uint32_t u = gpu.userptr(m.data(), kSize);
        gpu.trySubmit(Batch().storeDword(m.data(), 1), &work, Ring::kRender, {pinned(u, m.data())});
        gpu.wait(work);
    });
}

/* A VM with so many ranges bound, two pages apart. */
struct Bound {
    explicit Bound(size_t ranges) : memory(2 * ranges * kPage)
    {
        gpu.enable(I915_SVM_VM_ENABLE);
        memset(memory.data(), 1, memory.size());
        std::vector<drm_i915_gem_vm_bind_va> vas(ranges);
        for (size_t i = 0; i < ranges; i++) {
            vas[i].start = reinterpret_cast<uintptr_t>(memory.data() + 2 * i * kPage);
            vas[i].length = kPage;
            vas[i].type = I915_GEM_VM_BIND_SVM_BUFFER;
        }
        gpu.bindArray(vas);
        gpu.run(Batch());
    }

    double submissions()
    {
        return seconds([&] {
            for (int i = 0; i < 20; i++)
                gpu.run(Batch());
        });
    }

    Gpu gpu;
    Memory memory;
};

/* The best of many rounds taken in turns: the machine may be busy with other things. */
double submitRatio()
{
    Bound one(1), many(10000);
    double best1 = 1e9, best2 = 1e9;
    for (int i = 0; i < 15; i++) {
        best1 = std::min(best1, one.submissions());
        best2 = std::min(best2, many.submissions());
    }
    return best2 / best1;
}

/* The copy engine by itself, from memory that is mapped already. */
double rawBlit(bool toDevice)
{
    Gpu gpu;
    gpu.enable(I915_SVM_VM_MIRROR);
    Memory a(kSize, kHuge), b(kSize, kHuge);
    memset(a.data(), 1, kSize);
    memset(b.data(), 2, kSize);
    drm_i915_gem_vm_prefetch p;
    gpu.prefetch(toDevice ? b.data() : a.data(), kSize, I915_SVM_REGION_LOCAL, &p);
    gpu.run(Batch());
    Batch copy;
    for (size_t o = 0; o < kSize; o += 4 * kHuge)
        copy.copyPages(b.data() + o, a.data() + o, 4 * kHuge / kPage);
    return median([&] { return seconds([&] { gpu.run(copy, Ring::kCopy); }); });
}

void migration(double *there, double *back)
{
    Gpu gpu;
    gpu.enable(I915_SVM_VM_MIRROR);
    Memory m(kSize, kHuge);
    memset(m.data(), 1, kSize);
    std::vector<double> t, b;
    for (int i = 0; i < 5; i++) {
        drm_i915_gem_vm_prefetch p;
        t.push_back(seconds([&] { gpu.prefetch(m.data(), kSize, I915_SVM_REGION_LOCAL, &p); }));
        if (p.moved != kSize)
            fprintf(stderr, "only %llu bytes moved\n", (unsigned long long)p.moved);
        b.push_back(seconds([&] {
            for (size_t o = 0; o < kSize; o += kPage)
                *static_cast<volatile char *>(m.data() + o);
        }));
    }
    std::sort(t.begin(), t.end());
    std::sort(b.begin(), b.end());
    *there = t[2];
    *back = b[2];
}

} // namespace

int main()
{
    if (!(svm::capabilities() & I915_SVM_CAP_SYSTEM)) {
        fprintf(stderr, "no SVM here\n");
        return 77;
    }
    report("bind of 64 MiB to first use, of userptr's time",
           median(bindToFirstUse) / median(userptrToFirstUse), "<=", 0.5);
    report("submission with 10,000 bound ranges, of that with 1", submitRatio(), "<=", 1.05);
    if (svm::capabilities() & I915_SVM_CAP_DEVMEM) {
        double there, back;
        const double blitThere = rawBlit(true), blitBack = rawBlit(false);
        migration(&there, &back);
        report("prefetch of 64 MiB, of the blitter's speed", blitThere / there, ">=", 0.9);
        report("fault-back of 64 MiB, of the blitter's speed", blitBack / back, ">=", 0.9);
    }
    return 0;
}
