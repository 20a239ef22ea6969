/* SPDX-License-Identifier: MIT */
#include "gpu.hpp"

#include <cerrno>
#include <cstring>
#include <i915_drm.h>
#include <sys/mman.h>
#include <xf86drm.h>

namespace
{
/* Gen12 command streamer: PRM volume 2a. */
constexpr uint32_t MI_STORE_DATA_IMM = 0x20u << 23 | 2;
constexpr uint32_t MI_BATCH_BUFFER_END = 0x0au << 23;
constexpr size_t BATCH_BYTES = 64 * KiB;
} // namespace

Gpu::Gpu(int fd, uint32_t vm_id) : fd_(fd)
{
    drm_i915_gem_context_create_ext_setparam set{};
    set.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM;
    set.param.param = I915_CONTEXT_PARAM_VM;
    set.param.value = vm_id;
    drm_i915_gem_context_create_ext create{};
    create.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS;
    create.extensions = reinterpret_cast<uintptr_t>(&set);
    EXPECT_EQ(drmIoctl(fd_, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &create), 0);
    context_ = create.ctx_id;

    drm_i915_gem_create object{};
    object.size = BATCH_BYTES;
    EXPECT_EQ(drmIoctl(fd_, DRM_IOCTL_I915_GEM_CREATE, &object), 0);
    batch_ = object.handle;
    void *place = mmap(nullptr, 2 * BATCH_BYTES, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(place, MAP_FAILED);
    batch_at_ = (reinterpret_cast<uintptr_t>(place) + BATCH_BYTES - 1) & ~(BATCH_BYTES - 1);
}

Gpu::~Gpu()
{
    drm_gem_close close{};
    close.handle = batch_;
    drmIoctl(fd_, DRM_IOCTL_GEM_CLOSE, &close);
    drm_i915_gem_context_destroy destroy{};
    destroy.ctx_id = context_;
    drmIoctl(fd_, DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &destroy);
}

int Gpu::write_batch(uint64_t address, uint32_t value)
{
    const uint32_t commands[] = {MI_STORE_DATA_IMM,
                                 static_cast<uint32_t>(address),
                                 static_cast<uint32_t>(address >> 32),
                                 value,
                                 MI_BATCH_BUFFER_END,
                                 0};
    drm_i915_gem_pwrite write{};
    write.handle = batch_;
    write.size = sizeof(commands);
    write.data_ptr = reinterpret_cast<uintptr_t>(commands);
    if (drmIoctl(fd_, DRM_IOCTL_I915_GEM_PWRITE, &write) == 0)
        return 0;
    /* Objects of a discrete GPU have no pwrite. */
    drm_i915_gem_mmap_offset offset{};
    offset.handle = batch_;
    offset.flags = I915_MMAP_OFFSET_FIXED;
    if (drmIoctl(fd_, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset))
        return errno;
    void *map = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd_,
                     static_cast<off_t>(offset.offset));
    if (map == MAP_FAILED)
        return errno;
    memcpy(map, commands, sizeof(commands));
    munmap(map, kPage);
    return 0;
}

int Gpu::store(void *address, uint32_t value, uint32_t handle, uint64_t listed_at)
{
    if (int err = write_batch(reinterpret_cast<uintptr_t>(address), value))
        return err;
    drm_i915_gem_exec_object2 objects[2]{};
    uint32_t count = 0;
    if (handle) {
        objects[count].handle = handle;
        objects[count].offset = listed_at;
        objects[count++].flags =
            EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS | EXEC_OBJECT_WRITE;
    }
    objects[count].handle = batch_;
    objects[count].offset = batch_at_;
    objects[count++].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    drm_i915_gem_execbuffer2 exec{};
    exec.buffers_ptr = reinterpret_cast<uintptr_t>(objects);
    exec.buffer_count = count;
    exec.flags = I915_EXEC_NO_RELOC;
    exec.rsvd1 = context_;
    if (drmIoctl(fd_, DRM_IOCTL_I915_GEM_EXECBUFFER2, &exec))
        return errno;
    drm_i915_gem_wait wait{};
    wait.bo_handle = batch_;
    wait.timeout_ns = 10'000'000'000;
    return drmIoctl(fd_, DRM_IOCTL_I915_GEM_WAIT, &wait) ? errno : 0;
}
