/* SPDX-License-Identifier: MIT */
/* What tests need of the machine: swap, a disk, huge pages, and the kernel's counters. */
#ifndef SVM_TEST_SURROUNDINGS_H
#define SVM_TEST_SURROUNDINGS_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace svm
{

/* A folder of a file system that writes back to a disk. */
constexpr const char *kDisk = "/run/svm-disk";

/* Make swap and the disk, once per program; throws with the reason if there can be none. */
void needSwap();
void needDisk();
/* Have so many huge pages of 2 MiB in the pool. */
void needHugePages(unsigned count);

/* Pages of the range that are in RAM and mapped: neither in swap nor in device memory. */
size_t pagesPresent(const void *at, size_t length);
/* Those of them that share their frame with another page of the range, as KSM has it. */
size_t pagesMerged(const void *at, size_t length);
/* Those of them that reclaim takes for used of late: referenced, or on the active list. */
size_t pagesYoung(const void *at, size_t length);

void writeFile(const std::string &path, const std::string &text);
uint64_t readNumber(const std::string &path);
/* Until no page is being written to a disk or to swap; throws after 20 s. */
void waitForWriteback();

/* debugfs i915_svm: the counters of each VM that has SVM, in the order they got it, and the
 * device's. */
class Counters
{
  public:
    Counters();
    /* The name of the VM that got SVM last. */
    const std::string &last() const
    {
        return last_;
    }
    uint64_t device(const std::string &name) const;
    uint64_t vm(const std::string &vm, const std::string &name) const;

  private:
    using Values = std::map<std::string, uint64_t>;
    std::map<std::string, Values> vms_;
    Values device_;
    std::string last_;
};

} // namespace svm

#endif
