// SPDX-License-Identifier: MIT
#include "iga.hpp"

#include <cctype>
#include <cstring>
#include <dlfcn.h>
#include <stdexcept>

namespace
{
const int PlatformXe = 1 << 24; // IGA_XE, Gen12p1

struct ContextOptions {
    size_t bytes = sizeof(ContextOptions);
    int platform = PlatformXe;
};

struct DisassembleOptions {
    uint32_t bytes = sizeof(DisassembleOptions), formatting = 0, reserved[2] = {}, decoder = 0,
             base = 0;
};

struct AssembleOptions {
    uint32_t bytes = sizeof(AssembleOptions), warnings = 0, encoder = 0, syntax = 0,
             reserved[2] = {}, sbids = 16, swsb = 0;
};

struct Diagnostic {
    uint32_t line, column, offset, extent;
    const char *message;
};

template <class F> F symbol(void *library, const char *name)
{
    auto f = reinterpret_cast<F>(dlsym(library, name));
    if (!f)
        throw std::runtime_error(std::string("libiga64 has no ") + name);
    return f;
}

// Labels by distance, as eu_disasm prints them for offset 0.
const char *label(int32_t distance, void *)
{
    static thread_local std::string names[4];
    static thread_local unsigned next;
    std::string &name = names[next++ % 4];
    name = "L" + std::to_string(distance);
    return name.c_str();
}

std::string collapsed(const char *text)
{
    std::string out;
    bool blank = true;
    for (const char *p = text; *p && !(p[0] == '/' && p[1] == '/'); p++) {
        if (!std::isspace(static_cast<unsigned char>(*p)))
            out += *p;
        else if (!blank)
            out += ' ';
        blank = std::isspace(static_cast<unsigned char>(*p));
    }
    while (!out.empty() && out.back() == ' ')
        out.pop_back();
    return out;
}
} // namespace

Iga::Iga() : library(dlopen("libiga64.so.1", RTLD_NOW))
{
    if (!library)
        throw std::runtime_error("libiga64.so.1 (Debian: libigc1) is missing");
    ContextOptions options;
    if (symbol<int (*)(const ContextOptions *, void **)>(library, "iga_context_create")(&options,
                                                                                        &context))
        throw std::runtime_error("IGA refuses the platform");
    disassembler = symbol<void *>(library, "iga_context_disassemble_instruction");
}

Iga::~Iga()
{
    symbol<int (*)(void *)>(library, "iga_context_release")(context);
    dlclose(library);
}

std::string Iga::errors()
{
    const Diagnostic *list = nullptr;
    uint32_t count = 0;
    symbol<int (*)(void *, const Diagnostic **, uint32_t *)>(library, "iga_context_get_errors")(
        context, &list, &count);
    return count ? list[0].message : "";
}

bool Iga::disassemble(const uint8_t *code, std::string &text)
{
    using Function = int (*)(void *, const DisassembleOptions *, const void *,
                             const char *(*)(int32_t, void *), void *, char **);
    DisassembleOptions options;
    char *out = nullptr;
    auto function = reinterpret_cast<Function>(disassembler);
    int status = function(context, &options, code, label, nullptr, &out);
    text = collapsed(out ? out : "");
    return status == 0 && errors().empty();
}

std::vector<uint8_t> Iga::assemble(const std::string &text)
{
    using Function = int (*)(void *, const AssembleOptions *, const char *, void **, uint32_t *);
    AssembleOptions options;
    void *out = nullptr;
    uint32_t bytes = 0;
    if (symbol<Function>(library, "iga_context_assemble")(context, &options, text.c_str(), &out,
                                                          &bytes))
        throw std::runtime_error("IGA: " + errors() + " in " + text);
    auto *first = static_cast<const uint8_t *>(out);
    return {first, first + bytes};
}
