// SPDX-License-Identifier: MIT
#include "zebin.hpp"

#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace fs = std::filesystem;

static std::string slurp(const fs::path &path)
{
    std::ifstream in(path, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

struct Section {
    std::string name;
    Elf64_Shdr header;
    std::shared_ptr<std::string> bytes;
};

static std::vector<Section> elfSections(const std::string &elf)
{
    std::vector<Section> sections;
    Elf64_Ehdr header;
    if (elf.size() < sizeof(header))
        throw std::runtime_error("ocloc wrote no ELF");
    memcpy(&header, elf.data(), sizeof(header));
    std::vector<Elf64_Shdr> table(header.e_shnum);
    memcpy(table.data(), elf.data() + header.e_shoff, table.size() * sizeof(Elf64_Shdr));
    const char *names = elf.data() + table[header.e_shstrndx].sh_offset;
    for (const auto &s : table)
        sections.push_back({names + s.sh_name, s,
                            std::make_shared<std::string>(
                                s.sh_type == SHT_NOBITS ? std::string(s.sh_size, 0)
                                                        : elf.substr(s.sh_offset, s.sh_size))});
    return sections;
}

static const Section *find(const std::vector<Section> &sections, const std::string &name)
{
    for (const auto &s : sections)
        if (s.name == name)
            return &s;
    return nullptr;
}

// Relocation types of zebins: the address of a symbol, whole or one half of it.
enum { AddressWhole = 1, AddressLow = 2, AddressHigh = 3 };

static void relocate(const std::vector<Section> &sections, const std::string &name,
                     ZebinKernel &kernel)
{
    const Section *rel = find(sections, ".rel.text." + name), *symbols = find(sections, ".symtab");
    if (!rel || !symbols)
        return;
    for (size_t at = 0; at + sizeof(Elf64_Rel) <= rel->bytes->size(); at += sizeof(Elf64_Rel)) {
        Elf64_Rel r;
        Elf64_Sym sym;
        memcpy(&r, rel->bytes->data() + at, sizeof(r));
        memcpy(&sym, symbols->bytes->data() + ELF64_R_SYM(r.r_info) * sizeof(sym), sizeof(sym));
        const Section &target = sections.at(sym.st_shndx);
        kernel.data.push_back(target.bytes);
        uint64_t value = reinterpret_cast<uint64_t>(target.bytes->data()) + sym.st_value;
        unsigned type = ELF64_R_TYPE(r.r_info);
        if (type == AddressHigh)
            value >>= 32;
        memcpy(&kernel.code[r.r_offset], &value, type == AddressWhole ? 8 : 4);
    }
}

// .ze_info is YAML of a fixed shape: kernels, in them lists of maps. Indentation tells which.
struct InfoLine {
    size_t indent;
    bool item;
    std::string key, value;
};

static InfoLine parseLine(const std::string &line)
{
    InfoLine out{line.find_first_not_of(' '), false, "", ""};
    if (out.indent == std::string::npos)
        return out;
    size_t at = out.indent;
    if (line.compare(at, 2, "- ") == 0) {
        out.item = true;
        at += 2;
    }
    size_t colon = line.find(':', at);
    out.key = line.substr(at, colon - at);
    size_t value = colon == std::string::npos ? colon : line.find_first_not_of(' ', colon + 1);
    if (value != std::string::npos)
        out.value = line.substr(value);
    return out;
}

static std::string unquoted(const std::string &s)
{
    return s.size() >= 2 && s.front() == '\'' ? s.substr(1, s.size() - 2) : s;
}

class InfoReader
{
  public:
    std::map<std::string, ZebinKernel> kernels;

    void line(const InfoLine &l)
    {
        if (l.indent == 0) {
            inKernels = l.key == "kernels";
        } else if (inKernels && l.indent == 2 && l.item) {
            current = &kernels[unquoted(l.value)];
        } else if (inKernels && current && l.indent == 4) {
            list = l.key;
        } else if (inKernels && current) {
            entry(l);
        }
    }

  private:
    bool inKernels = false;
    ZebinKernel *current = nullptr;
    std::string list;
    int btiValue = 0;

    void entry(const InfoLine &l)
    {
        if (list == "execution_env") {
            if (l.key == "simd_size")
                current->simd = std::stoul(l.value);
            if (l.key == "slm_size")
                current->slm = std::stoul(l.value);
        } else if (list == "payload_arguments") {
            payload(l);
        } else if (list == "per_thread_payload_arguments") {
            if (l.key == "size")
                current->local_id_bytes = std::stoul(l.value);
        } else if (list == "binding_table_indices") {
            if (l.key == "bti_value")
                btiValue = std::stoi(l.value);
            if (l.key == "arg_index")
                current->bti[std::stoi(l.value)] = btiValue;
        }
    }

    void payload(const InfoLine &l)
    {
        if (l.item)
            current->args.emplace_back();
        ZebinArg &arg = current->args.back();
        if (l.key == "arg_type")
            arg.type = l.value;
        else if (l.key == "offset")
            arg.offset = std::stoul(l.value);
        else if (l.key == "size")
            arg.size = std::stoul(l.value);
        else if (l.key == "arg_index")
            arg.index = std::stoi(l.value);
        else if (l.key == "addrmode")
            arg.addrmode = l.value;
    }
};

static std::map<std::string, ZebinKernel> parse(const std::string &elf)
{
    auto sections = elfSections(elf);
    InfoReader reader;
    const Section *ze = find(sections, ".ze_info");
    if (!ze)
        throw std::runtime_error("no .ze_info");
    std::istringstream info(*ze->bytes);
    for (std::string line; std::getline(info, line);)
        reader.line(parseLine(line));
    for (auto &[name, kernel] : reader.kernels) {
        const Section *text = find(sections, ".text." + name);
        if (!text)
            throw std::runtime_error("no code of " + name);
        kernel.code.assign(text->bytes->begin(), text->bytes->end());
        relocate(sections, name, kernel);
    }
    return reader.kernels;
}

std::map<std::string, ZebinKernel> compileKernels(const std::string &source,
                                                  const std::string &options)
{
    std::string pattern = (fs::temp_directory_path() / "eu-kernel-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
        throw std::runtime_error("no temporary folder");
    fs::path dir = pattern;
    std::ofstream(dir / "k.cl") << source;
    std::string command = "cd '" + dir.string() +
                          "' && ocloc compile -file k.cl -device dg1 --format zebin -output k "
                          "-options '-cl-std=CL3.0 " +
                          options + "' >log 2>&1";
    int status = std::system(command.c_str());
    std::string log = slurp(dir / "log"), elf;
    for (const auto &file : fs::directory_iterator(dir))
        if (file.path().extension() == ".bin")
            elf = slurp(file.path());
    fs::remove_all(dir);
    if (status || elf.empty())
        throw std::runtime_error("ocloc failed: " + log);
    return parse(elf);
}
