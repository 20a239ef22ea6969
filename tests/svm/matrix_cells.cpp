/* SPDX-License-Identifier: MIT */
/* Which cells there are. */
#include "matrix.h"

namespace svm
{
namespace
{

constexpr const char *kKinds[] = {"Pages", "HugePages",  "Malloc", "Data",
                                  "Stack", "SharedAnon", "Memfd",  "PrivateFile",
                                  "File",  "Hugetlb",    "Object"};
constexpr const char *kOps[] = {
    "Once",
    "Many",
    "Stride",
    "Alternate",
    "Blit",
    "ForkRead",
    "ForkWrite",
    "Remap",
    "DontUnmap",
    "UnmapFront",
    "UnmapMiddle",
    "UnmapEnd",
    "UnmapFrontTouched",
    "UnmapMiddleTouched",
    "UnmapEndTouched",
    "Protect",
    "DontNeed",
    "Free",
    "PageOut",
    "Collapse",
    "Split",
    "Threads",
    "TwoVms",
    "Touch",
    "Processes",
    "Exit",
};
constexpr const char *kWheres[] = {"System", "Device", "Mixed", "Advised"};

bool cutsMapping(Op op)
{
    return op >= Op::kRemap && op <= Op::kUnmapEndTouched;
}

/* An object's mapping belongs to the device: most of mm has no say in it, nor has a child. */
bool suitsObject(const Cell &c)
{
    switch (c.op) {
    case Op::kOnce:
    case Op::kMany:
    case Op::kStride:
    case Op::kAlternate:
    case Op::kBlit:
    case Op::kThreads:
        return c.where == Where::kSystem || c.where == Where::kDevice;
    default:
        return false;
    }
}

/* Nothing of a huge page can be cut off, and it never leaves RAM. */
bool suitsHugetlb(const Cell &c)
{
    switch (c.op) {
    case Op::kProtect:
    case Op::kDontNeed:
    case Op::kPageOut:
        return false;
    default:
        return !cutsMapping(c.op) || c.op == Op::kRemap;
    }
}

bool suitsKind(const Cell &c)
{
    if (c.kind == Kind::kObject)
        return suitsObject(c);
    if (c.kind == Kind::kHugetlb && !suitsHugetlb(c))
        return false;
    switch (c.op) {
    case Op::kProtect:
    case Op::kDontNeed:
    case Op::kPageOut:
        return ownMapping(c.kind);
    case Op::kFree:
        return ownMapping(c.kind) && anonymous(c.kind);
    case Op::kDontUnmap:
    case Op::kCollapse:
    case Op::kSplit:
    case Op::kTouch:
        return alone(c.kind);
    default:
        return !cutsMapping(c.op) || ownMapping(c.kind);
    }
}

bool makesSense(const Cell &c)
{
    if (!suitsKind(c))
        return false;
    if (c.where == Where::kAdvised && !alone(c.kind))
        return false;
    /* What cannot move has one place only, and device memory is asked for once. */
    if (c.where == Where::kMixed && (shared(c.kind) || c.kind == Kind::kHugetlb))
        return false;
    return c.granule == kHuge || (alone(c.kind) && c.where != Where::kSystem &&
                                  c.where != Where::kAdvised && c.op != Op::kExit);
}

} // namespace

bool anonymous(Kind k)
{
    return k == Kind::kPages || k == Kind::kHugePages || k == Kind::kMalloc || k == Kind::kStack;
}

bool shared(Kind k)
{
    return k == Kind::kSharedAnon || k == Kind::kMemfd || k == Kind::kFile;
}

bool ownMapping(Kind k)
{
    return k != Kind::kMalloc && k != Kind::kData && k != Kind::kStack && k != Kind::kObject;
}

bool alone(Kind k)
{
    return k == Kind::kPages || k == Kind::kHugePages;
}

std::vector<Cell> cells()
{
    std::vector<Cell> all;
    for (int k = 0; k <= int(Kind::kObject); k++)
        for (int o = 0; o <= int(Op::kExit); o++)
            for (int w = 0; w <= int(Where::kAdvised); w++)
                for (How h : {How::kMirror, How::kBind})
                    for (uint64_t g : {uint64_t(kHuge), uint64_t(16 * kPage), uint64_t(kPage)}) {
                        const Cell c = {Kind(k), Op(o), Where(w), h, g};
                        if (makesSense(c))
                            all.push_back(c);
                    }
    return all;
}

std::string cellName(const testing::TestParamInfo<Cell> &info)
{
    const Cell &c = info.param;
    return std::string(kKinds[int(c.kind)]) + "_" + kOps[int(c.op)] + "_" + kWheres[int(c.where)] +
           (c.how == How::kMirror ? "_Mirror_" : "_Bind_") +
           (c.granule == kHuge   ? "2M"
            : c.granule == kPage ? "4K"
                                 : "64K");
}

} // namespace svm
