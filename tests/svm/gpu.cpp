/* SPDX-License-Identifier: MIT */
#include "gpu.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

namespace svm
{
namespace
{

/* Gen12 commands (PRM vol. 2a): opcode, and dwords to follow minus 2. */
constexpr uint32_t kBatchEnd = 0x0au << 23;
constexpr uint32_t kStoreDataImm = (0x20u << 23) | 2;
constexpr uint32_t kStoreQwordImm = (0x20u << 23) | (1u << 21) | 3;
constexpr uint32_t kSemaphoreWait = (0x1cu << 23) | (1u << 15) | 2; /* polling mode */
constexpr uint32_t kSemaphoreEqual = 4u << 12;
constexpr uint32_t kFastCopy = (2u << 29) | (0x42u << 22) | 8;
constexpr uint32_t kFastCopy32Bpp = 3u << 24;

constexpr size_t kWindowSize = 64u << 20;
constexpr size_t kBatchSize = 64u << 10;

std::runtime_error failure(const char *what)
{
    return std::runtime_error(std::string(what) + ": " + strerror(errno));
}

int call(int fd, unsigned long request, void *arg)
{
    return drmIoctl(fd, request, arg) ? errno : 0;
}

uint64_t address(const void *p)
{
    return reinterpret_cast<uintptr_t>(p);
}

int openNode()
{
    for (int i = 128; i < 192; i++) {
        const std::string path = "/dev/dri/renderD" + std::to_string(i);
        const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        drmVersionPtr version = drmGetVersion(fd);
        const bool ours = version && !strcmp(version->name, "i915");
        drmFreeVersion(version);
        if (ours)
            return fd;
        close(fd);
    }
    return -1;
}

} // namespace

Batch &Batch::storeDword(const void *to, uint32_t value)
{
    const uint64_t a = address(to);
    dw_.insert(dw_.end(), {kStoreDataImm, uint32_t(a), uint32_t(a >> 32), value});
    return *this;
}

Batch &Batch::storeQword(const void *to, uint64_t value)
{
    const uint64_t a = address(to);
    dw_.insert(dw_.end(), {kStoreQwordImm, uint32_t(a), uint32_t(a >> 32), uint32_t(value),
                           uint32_t(value >> 32)});
    return *this;
}

Batch &Batch::copyPages(const void *to, const void *from, unsigned pages)
{
    const uint64_t t = address(to), f = address(from);
    /* A linear rectangle, 1024 pixels of 4 bytes wide, one line per page. */
    dw_.insert(dw_.end(),
               {kFastCopy, kFastCopy32Bpp | uint32_t(kPage), 0, pages << 16 | 1024, uint32_t(t),
                uint32_t(t >> 32), 0, uint32_t(kPage), uint32_t(f), uint32_t(f >> 32)});
    return *this;
}

Batch &Batch::waitEqual(const void *at, uint32_t value)
{
    const uint64_t a = address(at);
    dw_.insert(dw_.end(),
               {kSemaphoreWait | kSemaphoreEqual, value, uint32_t(a), uint32_t(a >> 32)});
    return *this;
}

std::vector<uint32_t> Batch::finish() const
{
    std::vector<uint32_t> dw = dw_;
    dw.push_back(kBatchEnd);
    if (dw.size() & 1)
        dw.push_back(0);
    return dw;
}

Gpu::Gpu() : fd_(openNode())
{
    if (fd_ < 0)
        throw failure("no i915 render node");

    drm_i915_gem_vm_control vm = {};
    if (call(fd_, DRM_IOCTL_I915_GEM_VM_CREATE, &vm))
        throw failure("VM_CREATE");
    vm_ = vm.vm_id;

    drm_i915_gem_context_create_ext_setparam set = {};
    set.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM;
    set.param.param = I915_CONTEXT_PARAM_VM;
    set.param.value = vm_;
    drm_i915_gem_context_create_ext ctx = {};
    ctx.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS;
    ctx.extensions = address(&set);
    if (call(fd_, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &ctx))
        throw failure("CONTEXT_CREATE_EXT");
    ctx_ = ctx.ctx_id;

    void *p =
        mmap(nullptr, kWindowSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        throw failure("mmap");
    window_ = static_cast<char *>(p);
}

Gpu::~Gpu()
{
    if (window_)
        munmap(window_, kWindowSize);
    ::close(fd_);
}

int Gpu::setParam(uint64_t param, uint64_t value)
{
    drm_i915_gem_vm_param p = {vm_, 0, I915_VM_PARAM | param, value};
    return call(fd_, DRM_IOCTL_I915_GEM_VM_SETPARAM, &p);
}

int Gpu::getParam(uint64_t param, uint64_t *value)
{
    drm_i915_gem_vm_param p = {vm_, 0, I915_VM_PARAM | param, 0};
    const int err = call(fd_, DRM_IOCTL_I915_GEM_VM_GETPARAM, &p);
    *value = p.value;
    return err;
}

int Gpu::enable(uint64_t value)
{
    return setParam(I915_GEM_VM_PARAM_SVM, value);
}

int Gpu::bindArray(std::vector<drm_i915_gem_vm_bind_va> &vas, uint32_t *done,
                   const std::vector<drm_i915_gem_vm_bind_fence> &fences)
{
    drm_i915_gem_vm_bind b = {};
    b.num_fences = uint32_t(fences.size());
    b.fences_ptr = address(fences.data());
    b.vm_id = vm_;
    b.num_vas = uint32_t(vas.size());
    b.vas_ptr = address(vas.data());
    const int err = call(fd_, DRM_IOCTL_I915_GEM_VM_BIND, &b);
    if (done)
        *done = b.num_done;
    return err;
}

int Gpu::bind(const void *start, size_t length, uint32_t flags)
{
    std::vector<drm_i915_gem_vm_bind_va> va(1);
    va[0].start = address(start);
    va[0].length = length;
    va[0].type = I915_GEM_VM_BIND_SVM_BUFFER;
    va[0].flags = flags;
    return bindArray(va);
}

int Gpu::unbind(const void *start, size_t length)
{
    return bind(start, length, I915_GEM_VM_BIND_UNBIND);
}

int Gpu::query(const void *at, size_t length, drm_i915_gem_vm_query *out)
{
    *out = {};
    out->vm_id = vm_;
    out->start = address(at);
    out->length = length;
    return call(fd_, DRM_IOCTL_I915_GEM_VM_QUERY, out);
}

int Gpu::prefetch(const void *start, size_t length, uint32_t region, drm_i915_gem_vm_prefetch *out)
{
    *out = {};
    out->vm_id = vm_;
    out->region = region;
    out->start = address(start);
    out->length = length;
    return call(fd_, DRM_IOCTL_I915_GEM_VM_PREFETCH, out);
}

drm_i915_memory_region_info Gpu::localMemory() const
{
    drm_i915_query_item item = {};
    item.query_id = DRM_I915_QUERY_MEMORY_REGIONS;
    drm_i915_query q = {};
    q.num_items = 1;
    q.items_ptr = address(&item);
    if (call(fd_, DRM_IOCTL_I915_QUERY, &q) || item.length <= 0)
        throw failure("QUERY_MEMORY_REGIONS");
    std::vector<uint64_t> space(size_t(item.length) / 8 + 1);
    item.data_ptr = address(space.data());
    if (call(fd_, DRM_IOCTL_I915_QUERY, &q))
        throw failure("QUERY_MEMORY_REGIONS");
    const auto *info = reinterpret_cast<drm_i915_query_memory_regions *>(space.data());
    for (uint32_t i = 0; i < info->num_regions; i++)
        if (info->regions[i].region.memory_class == I915_MEMORY_CLASS_DEVICE)
            return info->regions[i];
    return {};
}

uint32_t Gpu::createLocal(size_t size, bool both)
{
    drm_i915_gem_memory_class_instance places[2] = {{I915_MEMORY_CLASS_DEVICE, 0},
                                                    {I915_MEMORY_CLASS_SYSTEM, 0}};
    drm_i915_gem_create_ext_memory_regions regions = {};
    regions.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS;
    regions.num_regions = both ? 2 : 1;
    regions.regions = address(places);
    drm_i915_gem_create_ext c = {};
    c.size = size;
    c.extensions = address(&regions);
    /* With two places the kernel wants to know that the CPU will look. */
    c.flags = both ? I915_GEM_CREATE_EXT_FLAG_NEEDS_CPU_ACCESS : 0;
    if (call(fd_, DRM_IOCTL_I915_GEM_CREATE_EXT, &c))
        throw failure("GEM_CREATE_EXT");
    return c.handle;
}

void Gpu::close(uint32_t handle)
{
    drm_gem_close c = {handle, 0};
    call(fd_, DRM_IOCTL_GEM_CLOSE, &c);
}

int Gpu::bindObject(const void *at, size_t length, uint32_t handle, uint64_t offset)
{
    std::vector<drm_i915_gem_vm_bind_va> va(1);
    va[0].start = address(at);
    va[0].offset = offset;
    va[0].length = length;
    va[0].handle = handle;
    va[0].type = I915_GEM_VM_BIND_SVM_OBJ;
    return bindArray(va);
}

int Gpu::advise(const void *start, size_t length, uint32_t attribute, uint64_t value)
{
    drm_i915_gem_vm_advise a = {};
    a.vm_id = vm_;
    a.attribute = attribute;
    a.start = address(start);
    a.length = length;
    a.value = value;
    return call(fd_, DRM_IOCTL_I915_GEM_VM_ADVISE, &a);
}

uint32_t Gpu::userptr(void *at, size_t length)
{
    drm_i915_gem_userptr u = {};
    u.user_ptr = address(at);
    u.user_size = length;
    if (call(fd_, DRM_IOCTL_I915_GEM_USERPTR, &u))
        throw failure("GEM_USERPTR");
    return u.handle;
}

uint32_t Gpu::createBo(size_t size)
{
    drm_i915_gem_create c = {};
    c.size = size;
    if (call(fd_, DRM_IOCTL_I915_GEM_CREATE, &c))
        throw failure("GEM_CREATE");
    return c.handle;
}

void *Gpu::map(uint32_t handle, size_t size)
{
    drm_i915_gem_mmap_offset m = {};
    m.handle = handle;
    m.flags = I915_MMAP_OFFSET_FIXED;
    if (call(fd_, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &m))
        throw failure("MMAP_OFFSET");
    void *p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, off_t(m.offset));
    if (p == MAP_FAILED)
        throw failure("mmap of an object");
    return p;
}

drm_i915_gem_exec_object2 Gpu::load(const Batch &batch)
{
    const std::vector<uint32_t> dw = batch.finish();
    if (dw.size() * 4 > kBatchSize)
        throw std::length_error("batch too long");

    drm_i915_gem_exec_object2 object = {};
    object.handle = createBo(kBatchSize);
    void *mapping = map(object.handle, kBatchSize);
    memcpy(mapping, dw.data(), dw.size() * 4);
    munmap(mapping, kBatchSize);

    object.offset = address(window_ + next_);
    object.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
    next_ = (next_ + kBatchSize) % kWindowSize;
    return object;
}

int Gpu::execute(std::vector<drm_i915_gem_exec_object2> list, Ring ring)
{
    drm_i915_gem_execbuffer2 eb = {};
    eb.buffers_ptr = address(list.data());
    eb.buffer_count = uint32_t(list.size());
    eb.flags = (ring == Ring::kCopy ? I915_EXEC_BLT : I915_EXEC_RENDER) | I915_EXEC_NO_RELOC;
    eb.rsvd1 = ctx_;
    return call(fd_, DRM_IOCTL_I915_GEM_EXECBUFFER2, &eb);
}

int Gpu::trySubmit(const Batch &batch, uint32_t *handle, Ring ring,
                   const std::vector<drm_i915_gem_exec_object2> &more)
{
    std::vector<drm_i915_gem_exec_object2> list = more;
    list.push_back(load(batch));
    const int err = execute(list, ring);
    if (err) {
        close(list.back().handle);
    } else {
        *handle = list.back().handle;
    }
    return err;
}

uint32_t Gpu::submit(const Batch &batch, Ring ring)
{
    uint32_t handle = 0;
    const int err = trySubmit(batch, &handle, ring);
    if (err) {
        errno = err;
        throw failure("EXECBUFFER2");
    }
    return handle;
}

bool Gpu::busy(uint32_t handle)
{
    drm_i915_gem_busy b = {handle, 0};
    if (call(fd_, DRM_IOCTL_I915_GEM_BUSY, &b))
        throw failure("GEM_BUSY");
    return b.busy != 0;
}

bool Gpu::idle(uint32_t handle, int64_t ns)
{
    drm_i915_gem_wait w = {};
    w.bo_handle = handle;
    w.timeout_ns = ns;
    const int err = call(fd_, DRM_IOCTL_I915_GEM_WAIT, &w);
    if (err == ETIME)
        return false;
    if (err)
        throw failure("GEM_WAIT");
    return true;
}

bool Gpu::wait(uint32_t handle, int64_t ns)
{
    if (!idle(handle, ns))
        return false;
    close(handle);
    return true;
}

int Gpu::run(const Batch &batch, Ring ring)
{
    uint32_t handle = 0;
    const int err = trySubmit(batch, &handle, ring);
    if (err)
        return err;
    return wait(handle) ? 0 : ETIME;
}

uint32_t capabilities()
{
    const int fd = openNode();
    int value = 0;
    drm_i915_getparam g = {I915_PARAM_HAS_SVM, &value};
    if (fd < 0 || call(fd, DRM_IOCTL_I915_GETPARAM, &g))
        value = 0;
    if (fd >= 0)
        close(fd);
    return uint32_t(value);
}

bool haveGpu()
{
    const int fd = openNode();
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

Memory::Memory(size_t size, size_t align, int flags) : size_(size)
{
    void *p = mmap(nullptr, size + align, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (p == MAP_FAILED)
        throw failure("mmap");
    char *raw = static_cast<char *>(p);
    data_ = raw + (align - address(raw) % align) % align;
    if (data_ > raw)
        munmap(raw, size_t(data_ - raw));
    munmap(data_ + size, size_t(raw + size + align - (data_ + size)));
}

Memory::~Memory()
{
    munmap(data_, size_);
}

} // namespace svm
