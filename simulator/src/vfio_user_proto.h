/* SPDX-License-Identifier: MIT */
/*
 * vfio_user_proto.h - the vfio-user wire format.
 *
 * Source: "vfio-user Protocol Specification" (QEMU docs/interop/vfio-user.rst), version 0.1.
 * All fields are in host byte order. Structures and flags that the protocol takes over from
 * VFIO come from <linux/vfio.h>.
 */
#ifndef SIM_VFIO_USER_PROTO_H
#define SIM_VFIO_USER_PROTO_H

#include <linux/vfio.h>
#include <stdint.h>

#define VFU_MAJOR 0
#define VFU_MINOR 1

enum vfu_command {
    VFU_VERSION = 1,
    VFU_DMA_MAP = 2,
    VFU_DMA_UNMAP = 3,
    VFU_DEVICE_GET_INFO = 4,
    VFU_DEVICE_GET_REGION_INFO = 5,
    VFU_DEVICE_GET_REGION_IO_FDS = 6,
    VFU_DEVICE_GET_IRQ_INFO = 7,
    VFU_DEVICE_SET_IRQS = 8,
    VFU_REGION_READ = 9,
    VFU_REGION_WRITE = 10,
    VFU_DEVICE_RESET = 13,
    VFU_REGION_WRITE_MULTI = 15,
    VFU_DEVICE_FEATURE = 16,
    VFU_MIG_DATA_READ = 17,
    VFU_MIG_DATA_WRITE = 18,
    VFU_COMMANDS, /* one past the last */
};

#define VFU_FLAGS_TYPE     0xfu /* bits 3:0 */
#define VFU_TYPE_COMMAND   0x0u
#define VFU_TYPE_REPLY     0x1u
#define VFU_FLAGS_NO_REPLY (1u << 4)
#define VFU_FLAGS_ERROR    (1u << 5)

struct vfu_header {
    uint16_t id;
    uint16_t command;
    uint32_t size; /* of the whole message, this header included */
    uint32_t flags;
    uint32_t error;
};

/* Followed by optional JSON text with its terminating NUL. */
struct vfu_version {
    uint16_t major;
    uint16_t minor;
};

struct vfu_dma_map {
    uint32_t argsz;
    uint32_t flags; /* VFIO_DMA_MAP_FLAG_READ, _WRITE */
    uint64_t offset;
    uint64_t address;
    uint64_t size;
};

struct vfu_dma_unmap {
    uint32_t argsz;
    uint32_t flags; /* VFIO_DMA_UNMAP_FLAG_ALL */
    uint64_t address;
    uint64_t size;
};

struct vfu_device_info {
    uint32_t argsz;
    uint32_t flags; /* VFIO_DEVICE_FLAGS_* */
    uint32_t num_regions;
    uint32_t num_irqs;
};

/* A region info reply with the one capability this server has: a single sparse area. */
struct vfu_sparse_region_info {
    struct vfio_region_info info;
    struct vfio_info_cap_header header; /* VFIO_REGION_INFO_CAP_SPARSE_MMAP */
    uint32_t nr_areas;
    uint32_t reserved;
    struct vfio_region_sparse_mmap_area area;
};

/* Followed by the data in a write request and in a read reply. */
struct vfu_region_access {
    uint64_t offset;
    uint32_t region;
    uint32_t count;
};

#endif
