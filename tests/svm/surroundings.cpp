/* SPDX-License-Identifier: MIT */
#include "surroundings.h"
#include "gpu.h"

#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <unistd.h>
#include <vector>

namespace svm
{
namespace
{

/* Documentation/admin-guide/mm/pagemap.rst */
constexpr uint64_t kPresent = 1ull << 63, kFrame = (1ull << 55) - 1;

/* Root's, in a guest of our own: nothing is undone. The file is where swap cannot go. */
constexpr const char *kMakeSwap =
    "modprobe -q loop; mkdir -p /run/svm-swap && mount -t tmpfs -o noswap,size=300M x "
    "/run/svm-swap "
    "&& truncate -s 256M /run/svm-swap/f && dev=$(losetup -f --show /run/svm-swap/f) && "
    "mkswap $dev >/dev/null && swapon $dev";
constexpr const char *kMakeDisk =
    "modprobe -q loop; modprobe -q ext4; mkdir -p /run/svm-disk /run/svm-image && "
    "mount -t tmpfs -o size=80M x /run/svm-image && truncate -s 64M /run/svm-image/f && "
    "mkfs.ext4 -q /run/svm-image/f && dev=$(losetup -f --show /run/svm-image/f) && "
    "mount -t ext4 $dev /run/svm-disk";

void shell(const char *what, const char *script)
{
    if (system(script))
        throw std::runtime_error(std::string("cannot make ") + what);
}

std::vector<uint64_t> pagemap(const void *at, size_t length)
{
    std::vector<uint64_t> entries(length / kPage);
    const int fd = open("/proc/self/pagemap", O_RDONLY);
    const off_t where = off_t(reinterpret_cast<uintptr_t>(at) / kPage * sizeof(uint64_t));
    const ssize_t size = ssize_t(entries.size() * sizeof(uint64_t));
    const ssize_t got = pread(fd, entries.data(), size_t(size), where);
    close(fd);
    if (got != size)
        throw std::runtime_error("/proc/self/pagemap");
    return entries;
}

} // namespace

void needSwap()
{
    static const bool made = (shell("swap", kMakeSwap), true);
    (void)made;
}

void needDisk()
{
    static const bool made = (shell("a disk", kMakeDisk), true);
    (void)made;
}

void needHugePages(unsigned count)
{
    const std::string path = "/proc/sys/vm/nr_hugepages";
    if (readNumber(path) >= count)
        return;
    writeFile(path, std::to_string(count));
    if (readNumber(path) < count)
        throw std::runtime_error("no huge pages");
}

size_t pagesPresent(const void *at, size_t length)
{
    size_t n = 0;
    for (uint64_t e : pagemap(at, length))
        n += (e & kPresent) != 0;
    return n;
}

size_t pagesMerged(const void *at, size_t length)
{
    std::map<uint64_t, size_t> users;
    size_t n = 0;
    for (uint64_t e : pagemap(at, length))
        if (e & kPresent)
            users[e & kFrame]++;
    for (const auto &u : users)
        n += u.second > 1 ? u.second : 0;
    return n;
}

size_t pagesYoung(const void *at, size_t length)
{
    /* Linux, Documentation/admin-guide/mm/pagemap.rst: bits of /proc/kpageflags. */
    constexpr uint64_t kReferenced = 1 << 2, kActive = 1 << 6;
    const int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    for (const uint64_t e : pagemap(at, length)) {
        uint64_t flags = 0;
        if (!(e & kPresent))
            continue;
        if (pread(fd, &flags, sizeof(flags), off_t((e & kFrame) * sizeof(flags))) !=
            ssize_t(sizeof(flags)))
            throw std::runtime_error("cannot read /proc/kpageflags");
        n += (flags & (kReferenced | kActive)) != 0;
    }
    close(fd);
    return n;
}

void writeFile(const std::string &path, const std::string &text)
{
    std::ofstream f(path);
    f << text << std::flush;
    if (!f)
        throw std::runtime_error("cannot write " + path);
}

uint64_t readNumber(const std::string &path)
{
    uint64_t n = 0;
    if (!(std::ifstream(path) >> n))
        throw std::runtime_error("cannot read " + path);
    return n;
}

void waitForWriteback()
{
    for (unsigned i = 0; i < 2000; i++) {
        std::ifstream stat("/proc/vmstat");
        std::string name;
        uint64_t value = 0;
        while (stat >> name >> value && name != "nr_writeback")
            ;
        if (name == "nr_writeback" && !value)
            return;
        usleep(10'000);
    }
    throw std::runtime_error("pages are written without end");
}

/* "vm NAME...: what", then its counters indented; everything else is the device's. */
Counters::Counters()
{
    std::ifstream f("/sys/kernel/debug/dri/0/i915_svm");
    std::string line;
    Values *values = &device_;
    while (std::getline(f, line)) {
        if (line.compare(0, 3, "vm ") == 0) {
            last_ = line.substr(3, line.find_first_of(" :", 3) - 3);
            values = &vms_[last_];
            continue;
        }
        if (line[0] != ' ')
            values = &device_;
        const size_t first = line.find_first_not_of(' '), colon = line.find(": ");
        if (colon != std::string::npos)
            (*values)[line.substr(first, colon - first)] = strtoull(&line[colon + 2], nullptr, 10);
    }
}

uint64_t Counters::device(const std::string &name) const
{
    const auto found = device_.find(name);
    return found == device_.end() ? 0 : found->second;
}

uint64_t Counters::vm(const std::string &vm, const std::string &name) const
{
    return vms_.at(vm).at(name);
}

} // namespace svm
