// SPDX-License-Identifier: MIT
#include "runner.hpp"

#include <atomic>
#include <cstring>
#include <stdexcept>

// Message types of the data ports (TGL PRM vol 9): descriptor bits 18:14.
namespace dc0
{
enum {
    OWordRead = 0,
    OWordReadUnaligned = 1,
    ByteRead = 4,
    Fence = 7,
    OWordWrite = 8,
    ByteWrite = 12,
};
}
namespace dc1
{
enum {
    UntypedRead = 1,
    UntypedAtomic = 2,
    UntypedWrite = 9,
    A64Gather = 0x10,
    A64UntypedRead = 0x11,
    A64Atomic = 0x12,
    A64UntypedWrite = 0x19,
    A64Scatter = 0x1a,
};
}
static const unsigned SlmSurface = 0xfe, StatelessSurface = 0xff;

struct Runner::Thread {
    Runner *runner = nullptr;
    eu_thread *eu = eu_thread_create();
    bool done = false, signalled = false;
    unsigned barrier = 0;
    ~Thread()
    {
        eu_thread_destroy(eu);
    }
};

struct RunnerMessages {
    Runner &runner;
    eu_thread *t;
    const eu_send &m;

    uint8_t *reg(unsigned r, unsigned offset = 0)
    {
        return t->grf[r] + offset;
    }

    uint32_t dword(unsigned r, unsigned lane)
    {
        uint32_t v;
        memcpy(&v, reg(r, lane * 4), 4);
        return v;
    }

    bool enabled(unsigned lane) const
    {
        return m.exec_mask >> lane & 1;
    }

    uint8_t *base()
    {
        unsigned bti = m.desc & 0xff;
        if (bti == SlmSurface)
            return runner.slm.data();
        if (bti == StatelessSurface)
            return nullptr;
        return bti < runner.surface.size() ? runner.surface[bti] : nullptr;
    }

    // Where lane's address operand points, in src0.
    uint8_t *at(unsigned lane, bool a64)
    {
        if (a64) {
            uint64_t v;
            memcpy(&v, reg(m.src0, lane * 8), 8);
            return reinterpret_cast<uint8_t *>(v);
        }
        uint32_t offset = dword(m.src0, lane);
        if ((m.desc & 0xff) == SlmSurface)
            offset &= 0xffff; // software tags local addresses above that
        return base() + offset;
    }

    void untyped(bool write, bool a64)
    {
        unsigned simd = (m.desc >> 12 & 3) == 1 ? 16 : 8, plane = 0;
        for (unsigned channel = 0; channel < 4; channel++) {
            if (m.desc >> (8 + channel) & 1)
                continue;
            for (unsigned lane = 0; lane < simd; lane++) {
                if (!enabled(lane))
                    continue;
                uint8_t *p = at(lane, a64) + channel * 4;
                uint8_t *r = reg(write ? m.src1 : m.dst, (plane * simd + lane) * 4);
                memcpy(write ? p : r, write ? r : p, 4);
            }
            plane++;
        }
    }

    void scattered(bool write)
    {
        static const unsigned sizes[4] = {1, 4, 8, 1};
        unsigned size = sizes[m.desc >> 8 & 3], count = 1u << (m.desc >> 10 & 3);
        unsigned simd = m.desc >> 12 & 1 ? 16 : 8, slot = size == 1 ? 4 : size;
        if (size == 1) { // bytes of one lane share its dword
            size = count;
            count = 1;
        }
        for (unsigned k = 0; k < count; k++)
            for (unsigned lane = 0; lane < simd; lane++) {
                if (!enabled(lane))
                    continue;
                uint8_t *p = at(lane, true) + k * size;
                uint8_t *r = reg(write ? m.src1 : m.dst, (k * simd + lane) * slot);
                if (!write)
                    memset(r, 0, slot);
                memcpy(write ? p : r, write ? r : p, size);
            }
    }

    void bytes(bool write)
    {
        unsigned simd = m.desc >> 8 & 1 ? 16 : 8, size = 1u << (m.desc >> 10 & 3);
        for (unsigned lane = 0; lane < simd; lane++) {
            if (!enabled(lane))
                continue;
            uint8_t *p = at(lane, false), *r = reg(write ? m.src1 : m.dst, lane * 4);
            if (!write)
                memset(r, 0, 4);
            memcpy(write ? p : r, write ? r : p, size);
        }
    }

    void oword(bool write, bool unaligned)
    {
        static const unsigned counts[8] = {1, 1, 2, 4, 8, 16, 0, 0};
        unsigned count = counts[m.desc >> 8 & 7];
        uint32_t offset = dword(m.src0, 2); // header: global offset
        uint8_t *p = base() + (write || unaligned ? offset : offset * 16);
        if (write)
            p = base() + offset * 16u;
        memcpy(write ? p : reg(m.dst), write ? reg(m.src1) : p, count * 16);
    }

    template <class T> void atomic(bool a64)
    {
        unsigned op = m.desc >> 8 & 0xf, simd = m.desc >> 12 & 1 ? 8 : 16;
        bool returns = m.desc >> 13 & 1;
        if (a64)
            simd = 8;
        for (unsigned lane = 0; lane < simd; lane++) {
            if (!enabled(lane))
                continue;
            T *p = reinterpret_cast<T *>(at(lane, a64)), old = *p, x = 0, y = 0;
            if (m.src1 != EU_NULL) {
                memcpy(&x, reg(m.src1, lane * sizeof(T)), sizeof(T));
                memcpy(&y, reg(m.src1, (simd + lane) * sizeof(T)), sizeof(T));
            }
            *p = apply(op, old, x, y);
            if (returns)
                memcpy(reg(m.dst, lane * sizeof(T)), &old, sizeof(T));
        }
    }

    template <class T> static T apply(unsigned op, T old, T x, T y)
    {
        using S = std::make_signed_t<T>;
        switch (op) {
        case 1:
            return old & x;
        case 2:
            return old | x;
        case 3:
            return old ^ x;
        case 4:
            return x;
        case 5:
            return old + 1;
        case 6:
            return old - 1;
        case 7:
            return old + x;
        case 8:
            return old - x;
        case 10:
            return S(old) > S(x) ? old : x;
        case 11:
            return S(old) < S(x) ? old : x;
        case 12:
            return old > x ? old : x;
        case 13:
            return old < x ? old : x;
        case 14: // new value first, then the one to compare with
            return old == y ? x : old;
        default:
            return old;
        }
    }

    bool dataPort1()
    {
        switch (m.desc >> 14 & 0x1f) {
        case dc1::UntypedRead:
            untyped(false, false);
            return true;
        case dc1::UntypedWrite:
            untyped(true, false);
            return true;
        case dc1::UntypedAtomic:
            atomic<uint32_t>(false);
            return true;
        case dc1::A64UntypedRead:
            untyped(false, true);
            return true;
        case dc1::A64UntypedWrite:
            untyped(true, true);
            return true;
        case dc1::A64Gather:
            scattered(false);
            return true;
        case dc1::A64Scatter:
            scattered(true);
            return true;
        case dc1::A64Atomic:
            m.desc >> 12 & 1 ? atomic<uint64_t>(true) : atomic<uint32_t>(true);
            return true;
        default:
            return false;
        }
    }

    bool dataPort0()
    {
        switch (m.desc >> 14 & 0x1f) {
        case dc0::OWordRead:
            oword(false, false);
            return true;
        case dc0::OWordReadUnaligned:
            oword(false, true);
            return true;
        case dc0::OWordWrite:
            oword(true, false);
            return true;
        case dc0::ByteRead:
            bytes(false);
            return true;
        case dc0::ByteWrite:
            bytes(true);
            return true;
        case dc0::Fence:
            return true;
        default:
            return false;
        }
    }
};

eu_send_status Runner::send(eu_thread *t, const eu_send *m)
{
    auto *thread = static_cast<Runner::Thread *>(t->opaque);
    RunnerMessages messages{*thread->runner, t, *m};
    bool known = true;
    switch (m->sfid) {
    case EU_SFID_TS:
        return EU_SEND_EOT;
    case EU_SFID_GTWY:
        thread->runner->arrived++;
        thread->barrier = thread->runner->generation;
        return EU_SEND_BARRIER;
    case EU_SFID_DC1:
        known = messages.dataPort1();
        break;
    case EU_SFID_DC0:
        known = messages.dataPort0();
        break;
    default:
        known = false;
    }
    if (!known)
        snprintf(t->error, sizeof(t->error), "message %u/0x%08x unknown to the tests", m->sfid,
                 m->desc);
    return known ? EU_SEND_OK : EU_SEND_ERROR;
}

bool Runner::barrierDone(eu_thread *t)
{
    auto *thread = static_cast<Runner::Thread *>(t->opaque);
    Runner &r = *thread->runner;
    if (thread->barrier != r.generation)
        return true;
    if (r.arrived < r.waiting)
        return false;
    r.arrived = 0;
    r.generation++;
    return true;
}

Runner::Runner(const ZebinKernel &k) : kernel(k)
{
    program = eu_program_create(k.code.data(), k.code.size(), 0x2000);
    env.send = send;
    env.barrier_done = barrierDone;
    slm.resize(65536);
}

Runner::~Runner()
{
    eu_program_destroy(program);
}

void Runner::run(const Range &range, const std::vector<KernelArg> &args)
{
    cross.assign(4096, 0);
    surface.assign(256, nullptr);
    for (const ZebinArg &a : kernel.args) {
        uint32_t value[3] = {};
        const void *from = value;
        for (unsigned d = 0; d < 3; d++) {
            if (a.type == "local_size" || a.type == "enqueued_local_size")
                value[d] = range.local[d];
            else if (a.type == "global_size")
                value[d] = range.global[d];
            else if (a.type == "group_count")
                value[d] = range.global[d] / range.local[d];
        }
        if (a.type == "work_dimensions")
            value[0] = 1;
        if (a.type == "buffer_offset")
            value[0] = 0; // buffers start where their surfaces do
        else if (a.index >= 0 && args[a.index].pointer)
            from = &args[a.index].pointer;
        else if (a.index >= 0)
            from = args[a.index].bytes.data();
        memcpy(&cross[a.offset], from, a.size);
    }
    for (auto [arg, bti] : kernel.bti)
        surface[bti] = static_cast<uint8_t *>(args[arg].pointer);
    for (unsigned z = 0; z < range.global[2] / range.local[2]; z++)
        for (unsigned y = 0; y < range.global[1] / range.local[1]; y++)
            for (unsigned x = 0; x < range.global[0] / range.local[0]; x++) {
                const unsigned id[3] = {x, y, z};
                group(range, id);
            }
}

std::unique_ptr<Runner::Thread> Runner::dispatch(const Range &range, const unsigned id[3],
                                                 unsigned first)
{
    auto thread = std::make_unique<Thread>();
    unsigned items = range.local[0] * range.local[1] * range.local[2];
    unsigned lanes = std::min(kernel.simd, items - first);
    eu_start start{};
    start.program = program;
    start.env = &env;
    start.opaque = thread.get();
    start.dispatch_mask = lanes == 32 ? ~0u : (1u << lanes) - 1;
    start.simd = kernel.simd;
    thread->runner = this;
    eu_thread_start(thread->eu, &start);
    uint8_t *grf = thread->eu->grf[0];
    memset(grf, 0, sizeof(thread->eu->grf));
    uint32_t header[8] = {0, id[0], 0, 0, 0, first / kernel.simd, id[1], id[2]};
    memcpy(grf, header, sizeof(header));
    unsigned per = kernel.local_id_bytes ? kernel.simd * 2 < 32 ? 32 : kernel.simd * 2 : 0;
    for (unsigned lane = 0; lane < lanes && per; lane++) {
        unsigned item = first + lane;
        const uint16_t ids[3] = {
            uint16_t(item % range.local[0]),
            uint16_t(item / range.local[0] % range.local[1]),
            uint16_t(item / range.local[0] / range.local[1]),
        };
        for (unsigned d = 0; d < 3 && per * (d + 1) <= kernel.local_id_bytes; d++)
            memcpy(grf + 32 + d * per + lane * 2, &ids[d], 2);
    }
    size_t at = 32 + kernel.local_id_bytes;
    memcpy(grf + at, cross.data(), std::min(cross.size(), sizeof(thread->eu->grf) - at));
    return thread;
}

void Runner::group(const Range &range, const unsigned id[3])
{
    std::vector<std::unique_ptr<Thread>> threads;
    unsigned items = range.local[0] * range.local[1] * range.local[2], left;
    for (unsigned first = 0; first < items; first += kernel.simd)
        threads.push_back(dispatch(range, id, first));
    waiting = threads.size();
    arrived = 0;
    for (left = waiting; left;)
        for (auto &thread : threads) {
            if (thread->done)
                continue;
            eu_stop stop = eu_run(thread->eu, 50'000'000);
            if (stop == EU_ERROR || stop == EU_BUDGET)
                throw std::runtime_error(stop == EU_BUDGET ? "endless kernel" : thread->eu->error);
            if (stop == EU_EOT) {
                thread->done = true;
                instructions += thread->eu->instructions;
                left--;
            }
        }
}
