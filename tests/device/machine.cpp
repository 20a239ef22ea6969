// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <cstring>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace
{
constexpr uint64_t entry_present = 1, entry_write = 2, ppgtt_local = 1u << 11;
constexpr uint64_t ggtt_local = 2;
constexpr uint32_t csb_offset = 0x40, csb_pointer = 0xbc;

void raise_msi(void *opaque)
{
    static_cast<Machine *>(opaque)->msis++;
}
} // namespace

Machine::Machine(unsigned trace)
{
    log = open_memstream(&log_buffer_, &log_size_);
    dg1_config config{};
    config.lmem_size = lmem_size;
    config.eu_workers = 1;
    config.trace = trace;
    config.log = log;
    config.raise_msi = raise_msi;
    config.opaque = this;
    dev = dg1_create(&config);
    if (!dev)
        throw std::runtime_error("dg1_create failed");
    lmem = static_cast<uint8_t *>(
        mmap(nullptr, lmem_size, PROT_READ | PROT_WRITE, MAP_SHARED, dg1_lmem_fd(dev), 0));
    ggtt = static_cast<uint64_t *>(
        mmap(nullptr, DG1_GGTT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dg1_ggtt_fd(dev), 0));
    system_fd_ = memfd_create("system", 0);
    if (ftruncate(system_fd_, system_size))
        throw std::runtime_error("ftruncate failed");
    system = static_cast<uint8_t *>(
        mmap(nullptr, system_size, PROT_READ | PROT_WRITE, MAP_SHARED, system_fd_, 0));
    dg1_dma_map(dev, 0x100000, system_size, system_fd_, 0, true);
}

Machine::~Machine()
{
    dg1_destroy(dev);
    munmap(lmem, lmem_size);
    munmap(ggtt, DG1_GGTT_SIZE);
    munmap(system, system_size);
    close(system_fd_);
    fclose(log);
    if (::testing::Test::HasFailure())
        fprintf(stderr, "--- device log ---\n%.20000s\n", log_buffer_);
    free(log_buffer_);
}

std::string Machine::log_text()
{
    fflush(log);
    return std::string(log_buffer_, log_size_);
}

uint64_t Machine::allocate_lmem(uint64_t pages)
{
    uint64_t at = next_lmem_;
    next_lmem_ += pages * PAGE;
    return at;
}

Memory Machine::allocate(uint64_t pages)
{
    Memory m;
    m.lmem = allocate_lmem(pages);
    m.ggtt = next_ggtt_;
    m.dw = reinterpret_cast<uint32_t *>(lmem + m.lmem);
    for (uint64_t i = 0; i < pages; i++)
        ggtt[m.ggtt / PAGE + i] = (m.lmem + i * PAGE) | entry_present | ggtt_local;
    next_ggtt_ += static_cast<uint32_t>(pages * PAGE);
    return m;
}

void Machine::start_engine(uint32_t base)
{
    Hwsp &status = hwsp(base);
    if (!status.page.dw)
        status.page = allocate(1);
    status.at = 11;
    memset(reinterpret_cast<uint8_t *>(status.page.dw) + csb_offset, 0xff, 12 * 8);
    status.page.dw[csb_pointer / 4] = status.at;
    write(base + 0x3a0, 0xffff0b0b);
    write(base + 0x98, ~0u);
    write(base + 0x29c, 0x00080008);
    write(base + 0x9c, 0x01000000);
    write(base + 0x80, status.page.ggtt);
    write(base + 0xb4, ~0u);
    write(base + 0xb0, ~0u);
    write(base + 0xb4, ~1u);
}

void Machine::enable_interrupts()
{
    write(0x190030, 0x09090909);
    write(0x190090, 0xf6f6ffff);
    write(0x1900a0, 0xf6f6ffff);
    write(0x190008, 0x80000000);
}

void Machine::submit(uint32_t base, const std::vector<uint64_t> &descriptors)
{
    for (int n = 1; n >= 0; n--) {
        uint64_t desc =
            static_cast<size_t>(n) < descriptors.size() ? descriptors[static_cast<size_t>(n)] : 0;
        write(base + 0x510 + 8 * static_cast<uint32_t>(n), static_cast<uint32_t>(desc));
        write(base + 0x514 + 8 * static_cast<uint32_t>(n), static_cast<uint32_t>(desc >> 32));
    }
    write(base + 0x550, 1);
}

bool Machine::wait(const std::function<bool()> &condition, int timeout_ms)
{
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until)
            return false;
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
}

std::string Machine::event(uint32_t base, int timeout_ms)
{
    Hwsp &status = hwsp(base);
    auto *bytes = reinterpret_cast<uint8_t *>(status.page.dw);
    auto *pointer = reinterpret_cast<uint32_t *>(bytes + csb_pointer);
    bool came =
        wait([&] { return __atomic_load_n(pointer, __ATOMIC_ACQUIRE) != status.at; }, timeout_ms);
    if (!came)
        return "none";
    status.at = (status.at + 1) % 12;
    auto *slot = reinterpret_cast<uint64_t *>(bytes + csb_offset) + status.at;
    uint64_t entry = __atomic_exchange_n(slot, ~0ull, __ATOMIC_ACQUIRE);
    auto name = [](uint64_t id) { return id == 0x7ff ? std::string("idle") : std::to_string(id); };
    return name(entry >> 15 & 0x7ff) + "<-" + name(entry >> 47 & 0x7ff) + (entry & 1 ? "*" : "");
}

std::vector<uint32_t> Machine::serve_interrupts()
{
    std::vector<uint32_t> served;
    write(0x190008, 0);
    uint32_t tile = read(0x190008);
    if (tile) {
        write(0x190008, tile);
        uint32_t master = read(0x190010);
        write(0x190010, master);
        uint32_t dw0 = master & 1 ? read(0x190018) : 0;
        for (uint32_t bit = 0; bit < 32; bit++) {
            if (!(dw0 >> bit & 1))
                continue;
            write(0x190070, 1u << bit);
            served.push_back(read(0x190060));
            write(0x190060, 1u << 31);
        }
        write(0x190018, dw0);
    }
    write(0x190008, 0x80000000);
    return served;
}

void Machine::reset_engine(uint32_t base)
{
    write(base + 0x9c, 0x01000100);
    wait([&] { return read(base + 0x9c) & 0x200; }, 500);
    write(base + 0xd0, 0x00010001);
    write(0x941c, base == BCS ? 4 : 2);
    wait([&] { return read(0x941c) == 0; }, 500);
    write(base + 0xd0, 0x00010000);
}

// --- Page tables ---

Space::Space(Machine &machine) : machine_(machine)
{
    root = machine.allocate_lmem(1);
}

uint64_t *Space::leaf(uint64_t va)
{
    uint64_t table = root;
    for (int level = 3; level > 0; level--) {
        auto *entry =
            static_cast<uint64_t *>(machine_.lmem_at(table)) + (va >> (12 + 9 * level) & 511);
        if (!(*entry & entry_present))
            *entry = machine_.allocate_lmem(1) | entry_present | entry_write;
        table = *entry & ~0xfffull;
    }
    return static_cast<uint64_t *>(machine_.lmem_at(table)) + (va >> 12 & 511);
}

void Space::map(uint64_t va, uint64_t phys, bool local)
{
    *leaf(va) = phys | entry_present | entry_write | (local ? ppgtt_local : 0);
}

void Space::unmap(uint64_t va)
{
    *leaf(va) = 0;
}

// --- Contexts ---

Context::Context(Machine &machine, uint32_t engine_base, unsigned context_id, const Space *space)
    : state(machine.allocate(16)), ring(machine.allocate(4)), engine(engine_base), id(context_id)
{
    uint32_t *regs = image();
    regs[0x03] = 0x00090009; // restore inhibit: there is nothing to restore yet
    regs[0x09] = ring.ggtt;
    regs[0x0b] = static_cast<uint32_t>(4 * PAGE - PAGE) | 1;
    if (space) {
        regs[0x31] = static_cast<uint32_t>(space->root >> 32);
        regs[0x33] = static_cast<uint32_t>(space->root);
    }
}

void Context::emit(const std::vector<uint32_t> &commands)
{
    for (uint32_t command : commands) {
        ring.dw[tail / 4] = command;
        tail = static_cast<uint32_t>((tail + 4) % (4 * PAGE));
    }
    if (tail % 8)
        emit({MI_NOOP});
    __atomic_store_n(&image()[0x07], tail, __ATOMIC_RELEASE);
}

uint64_t Context::descriptor() const
{
    uint64_t engine_class = engine == BCS ? 3 : 0;
    return state.ggtt | 0x119 | static_cast<uint64_t>(id) << 37 | engine_class << 61;
}
