// SPDX-License-Identifier: MIT
// A kernel out of ocloc's zebin (ELF with a .ze_info section): its code and where arguments go.
#ifndef TESTS_EU_ZEBIN_H
#define TESTS_EU_ZEBIN_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct ZebinArg {
    std::string type; // .ze_info arg_type
    unsigned offset = 0, size = 0;
    int index = -1;
    std::string addrmode;
};

struct ZebinKernel {
    std::vector<uint8_t> code;
    unsigned simd = 0, slm = 0;
    unsigned local_id_bytes = 0; // per thread, 0 when the kernel needs no local ids
    std::vector<ZebinArg> args;
    std::map<int, int> bti;                         // argument index to binding table index
    std::vector<std::shared_ptr<std::string>> data; // constant tables the code points into
};

// Compile OpenCL C with ocloc for DG1. Throws std::runtime_error with the build log.
std::map<std::string, ZebinKernel> compileKernels(const std::string &source,
                                                  const std::string &options = "");
#endif
