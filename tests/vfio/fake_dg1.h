/* SPDX-License-Identifier: MIT */
/* A device that only records what the bus does to it: the server's tests run against this. */
#ifndef TESTS_VFIO_FAKE_DG1_H
#define TESTS_VFIO_FAKE_DG1_H

#include "dg1.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

struct FakeAccess {
    bool write;
    uint64_t offset;
    uint64_t value;
    unsigned size;
};

struct FakeMapping {
    uint64_t size;
    uint64_t offset;
    bool has_fd;
    bool writable;
};

struct dg1 {
    dg1_config config;
    int ggtt_fd;
    int lmem_fd;
    uint64_t lmem_size;

    std::mutex lock; // the server's thread records, the test's thread looks
    std::vector<FakeAccess> accesses;
    std::map<uint64_t, FakeMapping> mappings;
    unsigned resets = 0;
    bool reset_before_unmap_all = false;
    uint64_t next_read = 0;
};

#endif
