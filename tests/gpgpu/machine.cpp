// SPDX-License-Identifier: MIT
#include "machine.h"
#include "machine_env.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace
{
constexpr uint64_t LmemBytes = 1ull << 30;
constexpr uint64_t PageBytes = 4096;
// Gen12 page-table entries: present, writable, local memory (leaves only).
constexpr uint64_t EntryPresent = 3, EntryLocal = 1ull << 11;
constexpr uint64_t EntryAddress = 0x00003ffffffff000ull;
constexpr uint32_t GpgpuWalker = 0x7105; // header bits 31:16
} // namespace

struct Machine::Parts {
    machine_env *env = nullptr;
    uint8_t *lmem = nullptr;
    uint64_t pml4 = 0;
    uint64_t next = PageBytes; // physical page 0 stays unused
};

static uint32_t readRegister(void *opaque, uint32_t offset)
{
    auto *m = static_cast<Machine *>(opaque);
    auto it = m->registers.find(offset);
    return it == m->registers.end() ? 0 : it->second;
}

static void storeError(void *opaque, const char *text)
{
    static_cast<Machine *>(opaque)->addError(text);
}

Machine::Machine(unsigned workers) : parts(new Parts)
{
    machine_hooks hooks = {this, readRegister, storeError};

    parts->env = machine_env_create(LmemBytes, workers, &hooks);
    parts->lmem = machine_env_lmem(parts->env);
    parts->pml4 = allocatePage();
    machine_env_root(parts->env, parts->pml4);
}

Machine::~Machine()
{
    machine_env_destroy(parts->env);
    delete parts;
}

uint64_t Machine::allocatePage()
{
    uint64_t page = parts->next;

    if (page + PageBytes > LmemBytes)
        throw std::runtime_error("the machine's memory is used up");
    parts->next += PageBytes;
    return page;
}

static uint64_t *entryAt(uint8_t *lmem, uint64_t table, uint64_t va, int level)
{
    return reinterpret_cast<uint64_t *>(lmem + table) + (va >> (12 + 9 * level) & 511);
}

uint64_t *Machine::leafOf(uint64_t va)
{
    uint64_t table = parts->pml4;

    for (int level = 3; level > 0; level--) {
        uint64_t *entry = entryAt(parts->lmem, table, va, level);
        if (!*entry)
            *entry = allocatePage() | EntryPresent;
        table = *entry & EntryAddress;
    }
    return entryAt(parts->lmem, table, va, 0);
}

uint8_t *Machine::pageHost(uint64_t page) const
{
    return parts->lmem + page;
}

void Machine::mapPage(uint64_t va, uint64_t page)
{
    *leafOf(va) = page | EntryPresent | EntryLocal;
}

void Machine::invalidate()
{
    machine_env_invalidate(parts->env);
}

void Machine::map(uint64_t va, uint64_t size)
{
    uint64_t end = va + size;

    for (va &= ~(PageBytes - 1); va < end; va += PageBytes)
        if (!*leafOf(va))
            mapPage(va, allocatePage());
}

void Machine::unmap(uint64_t va, uint64_t size)
{
    for (uint64_t end = va + size; va < end; va += PageBytes) {
        uint64_t table = parts->pml4;
        for (int level = 3; level > 0; level--)
            table = *entryAt(parts->lmem, table, va, level) & EntryAddress;
        *entryAt(parts->lmem, table, va, 0) = 0;
    }
    machine_env_invalidate(parts->env);
}

bool Machine::mapped(uint64_t va) const
{
    uint64_t table = parts->pml4;

    for (int level = 3; level >= 0; level--) {
        uint64_t entry = *entryAt(parts->lmem, table, va, level);
        if (!entry)
            return false;
        table = entry & EntryAddress;
    }
    return true;
}

uint8_t *Machine::host(uint64_t va) const
{
    uint64_t table = parts->pml4;

    for (int level = 3; level >= 0; level--) {
        table = *entryAt(parts->lmem, table, va, level) & EntryAddress;
        if (!table)
            throw std::runtime_error("not mapped");
    }
    return parts->lmem + table + va % PageBytes;
}

void Machine::write(uint64_t va, const void *from, size_t n)
{
    auto *p = static_cast<const uint8_t *>(from);

    while (n) {
        size_t part = std::min<size_t>(n, PageBytes - va % PageBytes);
        memcpy(host(va), p, part);
        va += part, p += part, n -= part;
    }
}

void Machine::read(uint64_t va, void *to, size_t n) const
{
    auto *p = static_cast<uint8_t *>(to);

    while (n) {
        size_t part = std::min<size_t>(n, PageBytes - va % PageBytes);
        memcpy(p, host(va), part);
        va += part, p += part, n -= part;
    }
}

Machine::Result Machine::execute(const std::vector<uint32_t> &command)
{
    // An exact heap copy, so that AddressSanitizer sees reads beyond the command.
    std::vector<uint32_t> dw(command);
    dw.shrink_to_fit();
    auto start = std::chrono::steady_clock::now();
    clock_t cpu = clock();
    auto result =
        static_cast<Result>(machine_env_execute(parts->env, dw.data(), unsigned(dw.size())));
    if (dw[0] >> 16 == GpgpuWalker) {
        walkerCpuSeconds += double(clock() - cpu) / CLOCKS_PER_SEC;
        walkerSeconds +=
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return result;
}

void Machine::save(std::vector<uint8_t> &image) const
{
    image.assign(machine_env_state_bytes(), 0);
    machine_env_save(parts->env, image.data());
}

void Machine::restore(const std::vector<uint8_t> &image)
{
    machine_env_restore(parts->env, image.data());
}

void Machine::reset()
{
    machine_env_reset(parts->env);
}

void Machine::report() const
{
    machine_env_report(parts->env);
}

uint64_t Machine::instructions() const
{
    return machine_env_instructions(parts->env);
}

void Machine::stopPreempt()
{
    machine_env_stop(parts->env, 1, 0);
}

void Machine::stopReset()
{
    machine_env_stop(parts->env, 0, 1);
}

void Machine::stopNone()
{
    machine_env_stop(parts->env, 0, 0);
}

void Machine::addError(const std::string &text)
{
    std::lock_guard<std::mutex> hold(lock);
    errors.push_back(text);
}
