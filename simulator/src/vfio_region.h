/* SPDX-License-Identifier: MIT */
/*
 * vfio_region.h - the device's regions as a vfio client sees them: BAR0, BAR2 and
 * configuration space, and where each access to them goes.
 */
#ifndef SIM_VFIO_REGION_H
#define SIM_VFIO_REGION_H

#include "dg1.h"
#include "pci.h"
#include "vfio_irq.h"
#include "vfio_user_proto.h"

/* What accesses act upon. */
struct vfio_device {
    struct dg1 *dg1;
    struct pci_config pci;
    struct vfio_irq irq;
};

/*
 * Describe region info->info.index. *fd: the file to map, owned by the device, or -1.
 * Returns the bytes of *info that count, or -EINVAL for an unknown region.
 */
int vfio_region_describe(const struct vfio_device *dev, uint32_t index,
                         struct vfu_sparse_region_info *info, int *fd);

/* Return 0 or -EINVAL when the access does not lie in a region, -EIO when the file fails. */
int vfio_region_read(struct vfio_device *dev, const struct vfu_region_access *at, void *data);
int vfio_region_write(struct vfio_device *dev, const struct vfu_region_access *at,
                      const void *data);

/* Function level reset. */
void vfio_device_reset(struct vfio_device *dev);
#endif
