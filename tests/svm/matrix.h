/* SPDX-License-Identifier: MIT */
/*
 * matrix.h - what a process may do to its memory, times the kind of memory, times where it is and
 * how it came there, times how it was bound, times the granule.
 */
#ifndef SVM_TEST_MATRIX_H
#define SVM_TEST_MATRIX_H

#include "gpu.h"
#include "surroundings.h"

#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace svm
{

enum class Kind {
    kPages,
    kHugePages,
    kMalloc,
    kData,
    kStack,
    kSharedAnon,
    kMemfd,
    kPrivateFile,
    kFile,
    kHugetlb,
    kObject,
};
enum class Op {
    kOnce,
    kMany,
    kStride,
    kAlternate,
    kBlit,
    kForkRead,
    kForkWrite,
    kRemap,
    kDontUnmap,
    kUnmapFront,
    kUnmapMiddle,
    kUnmapEnd,
    kUnmapFrontTouched,
    kUnmapMiddleTouched,
    kUnmapEndTouched,
    kProtect,
    kDontNeed,
    kFree,
    kPageOut,
    kCollapse,
    kSplit,
    kThreads,
    kTwoVms,
    kTouch,
    kProcesses,
    kExit,
};
/* In device memory by prefetch (all or half of it), or by advice alone. */
enum class Where { kSystem, kDevice, kMixed, kAdvised };
enum class How { kMirror, kBind };

struct Cell {
    Kind kind;
    Op op;
    Where where;
    How how;
    uint64_t granule;
};

constexpr size_t kSize = kHuge;
constexpr size_t kQuarter = kSize / 4;

bool anonymous(Kind k);
bool shared(Kind k);
/* Its own mapping, to be cut and moved at will. */
bool ownMapping(Kind k);
/* Nobody else's memory within the largest granule: where it is can be told exactly. */
bool alone(Kind k);

/* Those that make sense. */
std::vector<Cell> cells();
std::string cellName(const testing::TestParamInfo<Cell> &info);

/*
 * A cell at work: its memory with a shadow of the bytes that must be there, and a model of which
 * pages are in device memory.
 */
class Matrix : public testing::TestWithParam<Cell>
{
  protected:
    void SetUp() override;
    void TearDown() override;

    void allocate(char *stack);
    /* Move to where the cell wants it, and check the account. */
    void place();
    void body();

    void put(size_t offset, uint32_t value);
    int run(const Batch &batch, Ring ring = Ring::kRender);
    void store(const std::vector<size_t> &offsets);
    void expectSame(size_t from = 0, size_t to = kSize);

    /* The model: touching a device page takes its granule back; what is gone is nowhere. */
    void touched(size_t from, size_t to);
    void gone(size_t from, size_t to);
    /* The GPU's page table agrees with it; submits, lest something be invalid yet. */
    void expectPlaced();
    void expectLocal(uint64_t bytes);
    bool modelled() const;
    /* Of all ranges and holes in the memory: one query tells of one. */
    drm_i915_gem_vm_query queryAll();

    void forked(bool write);
    void remapped();
    void dontUnmapped();
    void unmapped(size_t at, bool touch);
    void protectedFor();
    void dontNeeded();
    void freed();
    void pagedOut();
    void blitted();
    void threads();
    void twoVms();
    void processes();
    void exiting();

    Gpu gpu;
    char *p = nullptr;
    int file = -1;
    std::vector<char> shadow;
    std::vector<bool> local; /* page by page */
    std::function<void()> undo;
    std::mt19937 rng{12345};
    uint64_t runs = 0; /* submissions of this VM so far */
    uint64_t devicePages = 0;
    std::string vm; /* of the counters */

  private:
    void mapFile(int fd, int flags);
    void mapObject();
    void expectAccount(const drm_i915_gem_vm_prefetch &a, size_t length);
};

} // namespace svm

#endif
