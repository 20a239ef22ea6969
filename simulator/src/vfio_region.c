/* SPDX-License-Identifier: MIT */
#include "vfio_region.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static uint64_t region_size(const struct vfio_device *dev, uint32_t index)
{
    switch (index) {
    case VFIO_PCI_BAR0_REGION_INDEX:
        return DG1_BAR0_SIZE;
    case VFIO_PCI_BAR2_REGION_INDEX:
        return dev->pci.bar2_size;
    case VFIO_PCI_CONFIG_REGION_INDEX:
        return PCI_CONFIG_SIZE;
    default:
        return 0;
    }
}

/*
 * Only the GGTT half of BAR0 can be mapped. Its file starts with the GGTT, and a client maps
 * an area at the region's file offset plus the area's offset: the former is negative (modulo
 * 2^64), for the sum to be 0.
 */
static int describe_bar0(const struct vfio_device *dev, struct vfu_sparse_region_info *info,
                         int *fd)
{
    info->info.flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
    info->info.offset = -(uint64_t)DG1_GGTT_OFFSET;
    info->info.cap_offset = offsetof(struct vfu_sparse_region_info, header);
    info->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
    info->header.version = 1;
    info->nr_areas = 1;
    info->area.offset = DG1_GGTT_OFFSET;
    info->area.size = DG1_GGTT_SIZE;
    *fd = dg1_ggtt_fd(dev->dg1);
    return sizeof(*info);
}

int vfio_region_describe(const struct vfio_device *dev, uint32_t index,
                         struct vfu_sparse_region_info *info, int *fd)
{
    if (index >= VFIO_PCI_NUM_REGIONS)
        return -EINVAL;
    memset(info, 0, sizeof(*info));
    *fd = -1;
    info->info.index = index;
    info->info.size = region_size(dev, index);
    if (info->info.size)
        info->info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
    if (index == VFIO_PCI_BAR0_REGION_INDEX)
        return describe_bar0(dev, info, fd);
    if (index == VFIO_PCI_BAR2_REGION_INDEX) {
        info->info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
        *fd = dg1_lmem_fd(dev->dg1);
    }
    return sizeof(info->info);
}

/* The largest naturally aligned access at offset that is not longer than left. */
static unsigned access_size(uint64_t offset, uint32_t left)
{
    unsigned size = 8;

    while (offset % size || size > left)
        size /= 2;
    return size;
}

static void read_registers(struct dg1 *dg1, uint64_t offset, uint8_t *data, uint32_t count)
{
    while (count) {
        unsigned size = access_size(offset, count);
        uint64_t value = dg1_mmio_read(dg1, offset, size);

        memcpy(data, &value, size); /* the protocol knows little-endian hosts only, so do we */
        data += size;
        offset += size;
        count -= size;
    }
}

static void write_registers(struct dg1 *dg1, uint64_t offset, const uint8_t *data, uint32_t count)
{
    while (count) {
        unsigned size = access_size(offset, count);
        uint64_t value = 0;

        memcpy(&value, data, size);
        dg1_mmio_write(dg1, offset, value, size);
        data += size;
        offset += size;
        count -= size;
    }
}

static int read_lmem(struct dg1 *dg1, uint64_t offset, uint8_t *data, uint32_t count)
{
    while (count) {
        ssize_t done = pread(dg1_lmem_fd(dg1), data, count, offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -EIO;
        data += done;
        offset += done;
        count -= done;
    }
    return 0;
}

static int write_lmem(struct dg1 *dg1, uint64_t offset, const uint8_t *data, uint32_t count)
{
    while (count) {
        ssize_t done = pwrite(dg1_lmem_fd(dg1), data, count, offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -EIO;
        data += done;
        offset += done;
        count -= done;
    }
    return 0;
}

static int check_bounds(const struct vfio_device *dev, const struct vfu_region_access *at)
{
    uint64_t size = region_size(dev, at->region);

    return at->offset > size || at->count > size - at->offset ? -EINVAL : 0;
}

static void update_irq(struct vfio_device *dev)
{
    vfio_irq_set_conditions(&dev->irq, pci_msi_enabled(&dev->pci), pci_msi_masked(&dev->pci));
}

static void write_config(struct vfio_device *dev, uint32_t offset, const void *data, uint32_t count)
{
    unsigned events = pci_write(&dev->pci, offset, data, count);

    if (events & PCI_EVENT_RESET)
        vfio_device_reset(dev);
    else if (events & PCI_EVENT_MSI)
        update_irq(dev);
}

int vfio_region_read(struct vfio_device *dev, const struct vfu_region_access *at, void *data)
{
    if (check_bounds(dev, at) < 0)
        return -EINVAL;
    if (at->region == VFIO_PCI_CONFIG_REGION_INDEX) {
        pci_msi_set_pending(&dev->pci, vfio_irq_pending(&dev->irq));
        pci_read(&dev->pci, at->offset, data, at->count);
        return 0;
    }
    if (!pci_memory_enabled(&dev->pci)) { /* nobody answers: the bus reads ones */
        memset(data, 0xff, at->count);
        return 0;
    }
    if (at->region == VFIO_PCI_BAR2_REGION_INDEX)
        return read_lmem(dev->dg1, at->offset, data, at->count);
    read_registers(dev->dg1, at->offset, data, at->count);
    return 0;
}

int vfio_region_write(struct vfio_device *dev, const struct vfu_region_access *at, const void *data)
{
    if (check_bounds(dev, at) < 0)
        return -EINVAL;
    if (at->region == VFIO_PCI_CONFIG_REGION_INDEX) {
        write_config(dev, at->offset, data, at->count);
        return 0;
    }
    if (!pci_memory_enabled(&dev->pci))
        return 0;
    if (at->region == VFIO_PCI_BAR2_REGION_INDEX)
        return write_lmem(dev->dg1, at->offset, data, at->count);
    write_registers(dev->dg1, at->offset, data, at->count);
    return 0;
}

void vfio_device_reset(struct vfio_device *dev)
{
    dg1_reset(dev->dg1);
    pci_reset(&dev->pci);
    update_irq(dev);
}
