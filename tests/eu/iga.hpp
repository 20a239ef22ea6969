// SPDX-License-Identifier: MIT
// Intel's assembler and disassembler, libiga64, as an oracle. Its header is not packaged; the
// structures below state what its C interface expects.
#ifndef TESTS_EU_IGA_H
#define TESTS_EU_IGA_H

#include <cstdint>
#include <string>
#include <vector>

class Iga
{
  public:
    Iga(); // throws std::runtime_error when the library is missing
    ~Iga();
    // One instruction at code, blanks collapsed, comments dropped. False: IGA calls it illegal.
    bool disassemble(const uint8_t *code, std::string &text);
    // Machine code of the text, for Gen12p1. Throws with IGA's message.
    std::vector<uint8_t> assemble(const std::string &text);

  private:
    std::string errors();
    void *library = nullptr, *context = nullptr, *disassembler = nullptr;
};
#endif
