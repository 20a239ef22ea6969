// SPDX-License-Identifier: MIT
#include "fake_dg1.h"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace
{
int new_file(const char *name, uint64_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, size) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

using Lock = std::lock_guard<std::mutex>;
} // namespace

struct dg1 *dg1_create(const dg1_config *config)
{
    auto *dev = new dg1;

    dev->config = *config;
    dev->lmem_size = config->lmem_size;
    dev->ggtt_fd = new_file("ggtt", DG1_GGTT_SIZE);
    dev->lmem_fd = new_file("lmem", dev->lmem_size);
    return dev;
}

void dg1_destroy(struct dg1 *dev)
{
    if (!dev)
        return;
    close(dev->ggtt_fd);
    close(dev->lmem_fd);
    delete dev;
}

uint64_t dg1_mmio_read(struct dg1 *dev, uint64_t offset, unsigned size)
{
    Lock guard(dev->lock);

    dev->accesses.push_back({false, offset, 0, size});
    return dev->next_read;
}

void dg1_mmio_write(struct dg1 *dev, uint64_t offset, uint64_t value, unsigned size)
{
    Lock guard(dev->lock);

    dev->accesses.push_back({true, offset, value, size});
}

int dg1_ggtt_fd(const struct dg1 *dev)
{
    return dev->ggtt_fd;
}

int dg1_lmem_fd(const struct dg1 *dev)
{
    return dev->lmem_fd;
}

uint64_t dg1_lmem_size(const struct dg1 *dev)
{
    return dev->lmem_size;
}

int dg1_dma_map(struct dg1 *dev, uint64_t iova, uint64_t size, int fd, uint64_t offset,
                bool writable)
{
    Lock guard(dev->lock);

    if (!size || iova + size < iova)
        return -EINVAL;
    for (const auto &[start, m] : dev->mappings)
        if (start < iova + size && iova < start + m.size)
            return -EEXIST;
    dev->mappings[iova] = {size, offset, fd >= 0, writable};
    return 0;
}

int dg1_dma_unmap(struct dg1 *dev, uint64_t iova, uint64_t size)
{
    Lock guard(dev->lock);
    auto it = dev->mappings.find(iova);

    if (it == dev->mappings.end() || it->second.size != size)
        return -ENOENT;
    dev->mappings.erase(it);
    return 0;
}

void dg1_dma_unmap_all(struct dg1 *dev)
{
    Lock guard(dev->lock);

    dev->reset_before_unmap_all = dev->resets > 0;
    dev->mappings.clear();
}

void dg1_reset(struct dg1 *dev)
{
    Lock guard(dev->lock);

    dev->resets++;
}

void dg1_report(struct dg1 *dev, FILE *out)
{
    fprintf(out, "fake report: %u resets\n", dev->resets);
}
