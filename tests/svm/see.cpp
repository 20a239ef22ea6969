/* SPDX-License-Identifier: MIT */
#include "see.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/mount.h>
#include <unistd.h>

namespace svm
{
namespace
{

const std::string kDebugfs = "/sys/kernel/debug";
const std::string kTracefs = "/sys/kernel/tracing";
constexpr int kLogTimeoutMs = 20'000;

/* Once per process; being mounted already is fine. */
void mountAll()
{
    static bool done;
    if (!done) {
        mount("debugfs", kDebugfs.c_str(), "debugfs", 0, nullptr);
        mount("tracefs", kTracefs.c_str(), "tracefs", 0, nullptr);
    }
    done = true;
}

void writeFile(const std::string &path, const std::string &text)
{
    std::ofstream f(path);
    f << text << std::flush;
    if (!f)
        throw std::runtime_error("cannot write " + path);
}

} // namespace

std::string readFile(const std::string &path)
{
    std::ifstream f(path);
    if (!f)
        throw std::runtime_error("cannot read " + path);
    std::stringstream s;
    s << f.rdbuf();
    return s.str();
}

std::vector<std::string> linesOf(const std::string &text)
{
    std::vector<std::string> lines;
    std::istringstream s(text);
    for (std::string line; std::getline(s, line);)
        lines.push_back(line);
    return lines;
}

std::string debugfs(const std::string &name)
{
    mountAll();
    for (const auto &dir : std::filesystem::directory_iterator(kDebugfs + "/dri"))
        if (std::filesystem::exists(dir.path() / name))
            return readFile(dir.path() / name);
    throw std::runtime_error("no " + name + " in debugfs");
}

std::vector<std::string> partOf(const std::string &text, const std::string &comm)
{
    std::vector<std::string> part;
    bool ours = false;
    for (const std::string &line : linesOf(text)) {
        if (!line.empty() && line[0] != ' ' && line[0] != '\t') {
            const std::string mark = " of " + comm;
            const size_t at = line.find(mark);
            const char after = at == std::string::npos ? 'x' : line.c_str()[at + mark.size()];
            ours = line.compare(0, 3, "vm ") == 0 && (after == ':' || after == '\0');
        } else if (ours) {
            part.push_back(line);
        }
    }
    return part;
}

Flow flowOf(const std::vector<std::string> &part, const std::string &what)
{
    for (const std::string &line : part) {
        const size_t at = line.find(what + ": ");
        Flow f;
        if (at != std::string::npos &&
            sscanf(line.c_str() + at + what.size(),
                   ": %" SCNu64 " pages, %" SCNu64 " bytes, %" SCNu64 " ns", &f.pages, &f.bytes,
                   &f.ns) == 3)
            return f;
    }
    throw std::runtime_error("no counter " + what);
}

Flow deviceFlow(const std::string &what)
{
    const std::vector<std::string> all = linesOf(debugfs("i915_svm"));
    const auto from = std::find(all.begin(), all.end(), "device:");
    return flowOf({from, all.end()}, what);
}

uint64_t fdinfoBytes(int fd, const std::string &key)
{
    for (const std::string &line : linesOf(readFile("/proc/self/fdinfo/" + std::to_string(fd)))) {
        if (line.compare(0, key.size() + 1, key + ":"))
            continue;
        char *unit;
        const uint64_t n = strtoull(line.c_str() + key.size() + 1, &unit, 10);
        const std::string u = unit;
        return u == " MiB" ? n << 20 : u == " KiB" ? n << 10 : n;
    }
    throw std::runtime_error("no " + key + " in fdinfo");
}

Trace::Trace(const std::string &event) : event_(kTracefs + "/events/i915_svm/" + event + "/enable")
{
    mountAll();
    writeFile(kTracefs + "/trace", "");
    writeFile(kTracefs + "/tracing_on", "1");
    writeFile(event_, "1");
}

Trace::~Trace()
{
    try {
        writeFile(event_, "0");
    } catch (const std::exception &e) {
        fprintf(stderr, "%s\n", e.what());
    }
}

std::vector<std::string> Trace::lines() const
{
    std::vector<std::string> lines;
    for (const std::string &line : linesOf(readFile(kTracefs + "/trace")))
        if (!line.empty() && line[0] != '#')
            lines.push_back(line);
    return lines;
}

KernelLog::KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC))
{
    if (fd_ < 0 || lseek(fd_, 0, SEEK_END) < 0)
        throw std::runtime_error("cannot read /dev/kmsg");
}

KernelLog::~KernelLog()
{
    close(fd_);
}

std::string KernelLog::waitFor(const std::string &text)
{
    struct pollfd p = {fd_, POLLIN, 0};
    while (poll(&p, 1, kLogTimeoutMs) > 0) {
        char record[8192];
        const ssize_t n = read(fd_, record, sizeof(record) - 1);
        if (n <= 0)
            continue; /* EPIPE: overwritten; the next read goes on behind it */
        record[n] = '\0';
        std::string line = record;
        line = line.substr(line.find(';') + 1);
        if (line.find(text) != std::string::npos)
            return line.substr(0, line.find('\n'));
    }
    return "";
}

} // namespace svm
