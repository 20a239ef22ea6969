/* SPDX-License-Identifier: MIT */
/* see.h - what the kernel lets one see of SVM: debugfs, fdinfo, trace events, the kernel log. */
#ifndef SVM_TEST_SEE_H
#define SVM_TEST_SEE_H

#include <cstdint>
#include <string>
#include <vector>

namespace svm
{

std::string readFile(const std::string &path);
std::vector<std::string> linesOf(const std::string &text);

/* A file of the GPU's debugfs folder. */
std::string debugfs(const std::string &name);

/* The part of a debugfs text that belongs to the VM of a process of this name. */
std::vector<std::string> partOf(const std::string &text, const std::string &comm);

/* Pages of one size, as i915_svm counts them. */
struct Flow {
    uint64_t pages = 0, bytes = 0, ns = 0;
};
Flow flowOf(const std::vector<std::string> &part, const std::string &what);
/* The same of the device as a whole, now. */
Flow deviceFlow(const std::string &what);

/* Bytes behind a key of /proc/self/fdinfo; throws when it is not there. */
uint64_t fdinfoBytes(int fd, const std::string &key);

/* One trace event of i915_svm, enabled as long as this lives. */
class Trace
{
  public:
    explicit Trace(const std::string &event);
    ~Trace();
    Trace(const Trace &) = delete;
    Trace &operator=(const Trace &) = delete;
    /* What came since, one line each. */
    std::vector<std::string> lines() const;

  private:
    std::string event_;
};

/* What is written to the kernel log from now on. */
class KernelLog
{
  public:
    KernelLog();
    ~KernelLog();
    KernelLog(const KernelLog &) = delete;
    KernelLog &operator=(const KernelLog &) = delete;
    /* The first new message that holds the text; waits for it for some seconds. "": none. */
    std::string waitFor(const std::string &text);

  private:
    int fd_;
};

} // namespace svm

#endif
