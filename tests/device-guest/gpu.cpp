// SPDX-License-Identifier: MIT
#include "gpu.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace
{
std::atomic<uint64_t> next_va{1ull << 32};

uint64_t take_va(uint64_t size)
{
    // 64 KiB granules: objects may not share a page table's 64 KiB pages with others.
    return next_va.fetch_add((size + 0x1ffff) & ~0xffffull);
}

void check(int error, const char *what)
{
    if (error)
        throw std::runtime_error(std::string(what) + ": " + strerror(-error));
}
} // namespace

std::string name(Place place)
{
    return place == Place::local ? "lmem" : place == Place::system ? "smem" : "userptr";
}

std::string name(Engine engine)
{
    return engine == render ? "rcs0" : "bcs0";
}

Gpu::Gpu() : fd(open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC))
{
    if (fd < 0)
        throw std::runtime_error("no /dev/dri/renderD128");
    drm_i915_gem_vm_control control{};
    check(ioctl(DRM_IOCTL_I915_GEM_VM_CREATE, &control), "GEM_VM_CREATE");
    vm = control.vm_id;
}

Gpu::~Gpu()
{
    close(fd);
}

int Gpu::ioctl(unsigned long request, void *argument) const
{
    return drmIoctl(fd, request, argument) ? -errno : 0;
}

// --- Objects ---

void Object::create(uint16_t memory_class)
{
    drm_i915_gem_memory_class_instance region{memory_class, 0};
    drm_i915_gem_create_ext_memory_regions regions{};
    regions.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS;
    regions.num_regions = 1;
    regions.regions = reinterpret_cast<uintptr_t>(&region);
    drm_i915_gem_create_ext create{};
    create.size = size;
    create.extensions = reinterpret_cast<uintptr_t>(&regions);
    check(gpu.ioctl(DRM_IOCTL_I915_GEM_CREATE_EXT, &create), "GEM_CREATE_EXT");
    handle = create.handle;
    size = create.size;

    drm_i915_gem_mmap_offset offset{};
    offset.handle = handle;
    offset.flags = I915_MMAP_OFFSET_FIXED;
    check(gpu.ioctl(DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset), "GEM_MMAP_OFFSET");
    void *map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, gpu.fd,
                     static_cast<off_t>(offset.offset));
    check(map == MAP_FAILED ? -errno : 0, "mmap");
    dw = static_cast<uint32_t *>(map);
}

void Object::create_user()
{
    void *map = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(map == MAP_FAILED ? -errno : 0, "mmap");
    dw = static_cast<uint32_t *>(map);
    drm_i915_gem_userptr user{};
    user.user_ptr = reinterpret_cast<uintptr_t>(map);
    user.user_size = size;
    check(gpu.ioctl(DRM_IOCTL_I915_GEM_USERPTR, &user), "GEM_USERPTR");
    handle = user.handle;
}

Object::Object(const Gpu &g, Place where, size_t bytes, uint64_t gpu_va)
    : gpu(g), place(where), size(bytes)
{
    if (place == Place::user)
        create_user();
    else
        create(place == Place::local ? I915_MEMORY_CLASS_DEVICE : I915_MEMORY_CLASS_SYSTEM);
    va = gpu_va ? gpu_va : place == Place::user ? reinterpret_cast<uintptr_t>(dw) : take_va(size);
}

Object::~Object()
{
    drm_gem_close close_it{};
    close_it.handle = handle;
    gpu.ioctl(DRM_IOCTL_GEM_CLOSE, &close_it);
    munmap(dw, size);
}

int Object::wait(int64_t timeout_ns) const
{
    drm_i915_gem_wait wait_for{};
    wait_for.bo_handle = handle;
    wait_for.timeout_ns = timeout_ns;
    return gpu.ioctl(DRM_IOCTL_I915_GEM_WAIT, &wait_for);
}

void Object::wait() const
{
    check(wait(-1), "GEM_WAIT");
}

// --- Contexts ---

Context::Context(const Gpu &g, Vm vm) : gpu(g)
{
    I915_DEFINE_CONTEXT_PARAM_ENGINES(engines, 2) = {};
    engines.engines[render] = {I915_ENGINE_CLASS_RENDER, 0};
    engines.engines[copy] = {I915_ENGINE_CLASS_COPY, 0};
    drm_i915_gem_context_create_ext_setparam set_engines{};
    set_engines.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM;
    set_engines.param.param = I915_CONTEXT_PARAM_ENGINES;
    set_engines.param.size = sizeof(engines);
    set_engines.param.value = reinterpret_cast<uintptr_t>(&engines);

    drm_i915_gem_context_create_ext_setparam set_vm{};
    set_vm.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM;
    set_vm.param.param = I915_CONTEXT_PARAM_VM;
    if (vm == shared_vm) {
        set_vm.param.value = gpu.vm;
        set_engines.base.next_extension = reinterpret_cast<uintptr_t>(&set_vm);
    }
    drm_i915_gem_context_create_ext create{};
    create.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS;
    create.extensions = reinterpret_cast<uintptr_t>(&set_engines);
    check(gpu.ioctl(DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &create), "GEM_CONTEXT_CREATE_EXT");
    id = create.ctx_id;
}

Context::~Context()
{
    drm_i915_gem_context_destroy destroy{};
    destroy.ctx_id = id;
    gpu.ioctl(DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &destroy);
}

std::pair<uint32_t, uint32_t> Context::resets() const
{
    drm_i915_reset_stats stats{};
    stats.ctx_id = id;
    check(gpu.ioctl(DRM_IOCTL_I915_GET_RESET_STATS, &stats), "GET_RESET_STATS");
    return {stats.batch_active, stats.batch_pending};
}

// --- Batches ---

Batch::Batch(const Gpu &gpu, Place place, size_t size) : object(gpu, place, size) {}

Batch &Batch::emit(const std::vector<uint32_t> &commands)
{
    if (4 * (used + commands.size() + 2) > object.size)
        throw std::runtime_error("batch too long");
    for (uint32_t command : commands)
        object.dw[used++] = command;
    return *this;
}

Batch &Batch::store(const Object &to, uint64_t offset, uint32_t value)
{
    uint64_t at = to.va + offset;
    return emit(
        {MI_STORE_DWORD, static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32), value});
}

Batch &Batch::store_register(uint32_t reg, const Object &to, uint64_t offset)
{
    uint64_t at = to.va + offset;
    return emit({MI_SRM, reg, static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32)});
}

int Batch::try_submit(const Context &context, Engine engine,
                      const std::vector<const Object *> &uses)
{
    object.dw[used] = MI_BATCH_END;
    object.dw[used + 1] = MI_NOOP;
    std::vector<drm_i915_gem_exec_object2> list;
    auto add = [&](const Object &o, uint64_t flags) {
        drm_i915_gem_exec_object2 entry{};
        entry.handle = o.handle;
        // Addresses above 47 bits would have to be canonical; these are below.
        entry.offset = o.va;
        entry.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS | flags;
        list.push_back(entry);
    };
    for (const Object *o : uses)
        add(*o, EXEC_OBJECT_WRITE);
    add(object, 0);
    drm_i915_gem_execbuffer2 exec{};
    exec.buffers_ptr = reinterpret_cast<uintptr_t>(list.data());
    exec.buffer_count = static_cast<uint32_t>(list.size());
    exec.batch_len = static_cast<uint32_t>((4 * (used + 2) + 7) & ~7ull);
    exec.flags = static_cast<unsigned>(engine) | I915_EXEC_NO_RELOC;
    exec.rsvd1 = context.id;
    return context.gpu.ioctl(DRM_IOCTL_I915_GEM_EXECBUFFER2, &exec);
}

void Batch::submit(const Context &context, Engine engine, const std::vector<const Object *> &uses)
{
    check(try_submit(context, engine, uses), "GEM_EXECBUFFER2");
}

void Batch::run(const Context &context, Engine engine, const std::vector<const Object *> &uses)
{
    submit(context, engine, uses);
    object.wait();
}

// --- Spinners ---

Spinner::Spinner(const Gpu &gpu, bool preemptible) : batch(gpu), flag(gpu, Place::system, 4096)
{
    batch.store(flag, 0, 1);
    size_t loop = batch.used;
    uint64_t at = batch.object.va + 4 * loop;
    batch.emit({preemptible ? MI_ARB_CHECK : MI_NOOP, MI_NOOP, MI_BATCH_START,
                static_cast<uint32_t>(at), static_cast<uint32_t>(at >> 32)});
}

void Spinner::start(const Context &context, Engine engine)
{
    batch.submit(context, engine, {&flag});
}

bool Spinner::started() const
{
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!*static_cast<volatile uint32_t *>(flag.dw)) {
        if (std::chrono::steady_clock::now() > until)
            return false;
        std::this_thread::yield();
    }
    return true;
}

void Spinner::end()
{
    static_cast<volatile uint32_t *>(batch.object.dw)[4] = MI_BATCH_END;
}

// --- Engine settings ---

EngineSetting::EngineSetting(Engine engine, const std::string &setting, const std::string &value)
    : path_("/sys/class/drm/card0/engine/" + name(engine) + "/" + setting)
{
    std::ifstream(path_) >> old_;
    std::ofstream file(path_);
    file << value << std::flush;
    if (!file || old_.empty())
        throw std::runtime_error("cannot set " + path_);
}

EngineSetting::~EngineSetting()
{
    std::ofstream(path_) << old_;
}
