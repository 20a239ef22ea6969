// SPDX-License-Identifier: MIT
// i915 ioctls as tests want them: objects, contexts, batches, all softpinned.
#ifndef TESTS_DEVICE_GUEST_GPU_HPP
#define TESTS_DEVICE_GUEST_GPU_HPP

#include <gtest/gtest.h>
#include <i915_drm.h>
#include <xf86drm.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

enum class Place { local, system, user };
std::string name(Place place);

enum Engine : unsigned { render = 0, copy = 1 };
std::string name(Engine engine);

class Gpu
{ // one open file: its own VM
  public:
    Gpu();
    ~Gpu();
    Gpu(const Gpu &) = delete;
    Gpu &operator=(const Gpu &) = delete;
    // 0 or a negative errno.
    int ioctl(unsigned long request, void *argument) const;
    const int fd;
    uint32_t vm = 0; // that its contexts share
};

class Object
{
  public:
    // Mapped for the CPU and zeroed; gpu_va 0 takes the next free address (or, in user memory, the
    // CPU's own).
    Object(const Gpu &gpu, Place place, size_t size, uint64_t gpu_va = 0);
    ~Object();
    Object(const Object &) = delete;
    Object &operator=(const Object &) = delete;
    uint32_t low() const
    {
        return static_cast<uint32_t>(va);
    }
    uint32_t high() const
    {
        return static_cast<uint32_t>(va >> 32);
    }
    void wait() const; // for the GPU, without a time limit
    int wait(int64_t timeout_ns) const;

    const Gpu &gpu;
    Place place;
    size_t size;
    uint32_t handle = 0;
    uint64_t va = 0;
    uint32_t *dw = nullptr;

  private:
    void create(uint16_t memory_class);
    void create_user();
};

class Context
{ // both engines; a VM of the file's, or its own
  public:
    enum Vm { shared_vm, own_vm };
    explicit Context(const Gpu &gpu, Vm vm = shared_vm);
    ~Context();
    Context(const Context &) = delete;
    Context &operator=(const Context &) = delete;
    // How many of its batches were lost: running, waiting.
    std::pair<uint32_t, uint32_t> resets() const;

    const Gpu &gpu;
    uint32_t id = 0;
};

class Batch
{
  public:
    Batch(const Gpu &gpu, Place place = Place::local, size_t size = 4096);
    Batch &emit(const std::vector<uint32_t> &commands);
    Batch &store(const Object &to, uint64_t offset, uint32_t value);
    Batch &store_register(uint32_t reg, const Object &to, uint64_t offset);
    // Ends the batch, submits it with the objects it uses; 0 or a negative errno.
    int try_submit(const Context &context, Engine engine, const std::vector<const Object *> &uses);
    void submit(const Context &context, Engine engine, const std::vector<const Object *> &uses);
    void run(const Context &context, Engine engine, const std::vector<const Object *> &uses);

    Object object;
    size_t used = 0;
};

constexpr uint32_t mi(uint32_t opcode, uint32_t flags = 0)
{
    return opcode << 23 | flags;
}
constexpr uint32_t MI_NOOP = 0, MI_ARB_CHECK = mi(0x05), MI_BATCH_END = mi(0x0a);
constexpr uint32_t MI_STORE_DWORD = mi(0x20, 2), MI_LRI1 = mi(0x22, 1), MI_SRM = mi(0x24, 2);
constexpr uint32_t MI_BATCH_START = mi(0x31, 1) | 1u << 8;
constexpr uint32_t ring_base(Engine engine)
{
    return engine == render ? 0x2000 : 0x22000;
}

// A batch that runs until end() is called, or the kernel resets the engine.
class Spinner
{
  public:
    Spinner(const Gpu &gpu, bool preemptible);
    void start(const Context &context, Engine engine);
    bool started() const;
    void end();
    Batch batch;
    Object flag;
};

// Restores an engine's setting in sysfs when it goes out of scope.
class EngineSetting
{
  public:
    EngineSetting(Engine engine, const std::string &setting, const std::string &value);
    ~EngineSetting();

  private:
    std::string path_, old_;
};

#endif
