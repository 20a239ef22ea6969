// SPDX-License-Identifier: MIT
// ./svm bench eu: the same kernels on the simulated GPU and on PoCL, on the same cores in the same
// run. The simulator's time is that of its walkers; PoCL's from enqueue to finish. Best of eight.
// CPU times tell more than wall clock when something else runs beside; instructions are per CPU
// second.
#include "side.h"
#include "tbx_server.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <thread>
#include <unistd.h>

namespace
{
struct Bench {
    const char *name;
    const char *source;
    std::vector<Bytes> in;
    size_t outBytes;
    size_t global, local;
    bool exact; // results must be equal bit by bit; otherwise to 1e-3
};

std::vector<float> floats(size_t n)
{
    std::vector<float> v(n);
    for (size_t i = 0; i < n; i++)
        v[i] = float((i * 2654435761u) >> 8 & 0xffff) / 65536.0f;
    return v;
}

// A cycle through all elements in a scattered order.
std::vector<uint32_t> chain(size_t n)
{
    std::vector<uint32_t> v(n);
    for (size_t i = 0; i < n; i++)
        v[i] = uint32_t((i * 7919 + 1) % n);
    return v;
}

std::vector<Bench> benches()
{
    auto a = toBytes(floats(1 << 20));
    auto m = toBytes(floats(192 * 192));
    return {
        {"vector add",
         "kernel void k(global const float *a, global const float *b, global float *o)"
         "{ size_t i = get_global_id(0); o[i] = a[i] + b[i]; }",
         {a, a},
         4 << 20,
         1 << 20,
         256,
         true},
        {"sgemm",
         "kernel void k(global const float *a, global const float *b, global float *o) {"
         " int i = get_global_id(0), r = i / 192, c = i % 192; float s = 0;"
         " for (int j = 0; j < 192; j++) s = fma(a[r * 192 + j], b[j * 192 + c], s); o[i] = s; }",
         {m, m},
         192 * 192 * 4,
         192 * 192,
         64,
         true},
        {"mandelbrot",
         "kernel void k(global const float *a, global int *o) { int i = get_global_id(0);"
         " float x0 = (i % 256) / 100.0f - 2.0f, y0 = (i / 256) / 128.0f - 1.0f, x = 0, y = 0;"
         " int n = 0; while (n < 200 && x * x + y * y < 4.0f) {"
         "  float t = x * x - y * y + x0; y = 2 * x * y + y0; x = t; n++; } o[i] = n; }",
         {m},
         65536 * 4,
         65536,
         64,
         false},
        {"n-body",
         "kernel void k(global const float *p, global float *o) { int i = get_global_id(0);"
         " float x = p[3 * i], y = p[3 * i + 1], z = p[3 * i + 2], fx = 0, fy = 0, fz = 0;"
         " for (int j = 0; j < 1024; j++) { float dx = p[3 * j] - x, dy = p[3 * j + 1] - y,"
         "  dz = p[3 * j + 2] - z, r = rsqrt(dx * dx + dy * dy + dz * dz + 0.01f), q = r * r * r;"
         "  fx += dx * q; fy += dy * q; fz += dz * q; } o[i] = fx + fy + fz; }",
         {toBytes(floats(3 * 1024))},
         4096,
         1024,
         64,
         false},
        {"chase",
         "kernel void k(global const uint *next, global uint *o) { uint at = get_global_id(0) * 61;"
         " for (int i = 0; i < 500; i++) at = next[at]; o[get_global_id(0)] = at; }",
         {toBytes(chain(1 << 18))},
         4096 * 4,
         4096,
         64,
         true},
        {"reduction",
         "kernel void k(global const uint *a, global uint *o) { local uint t[256];"
         " uint l = get_local_id(0); t[l] = a[get_global_id(0)];"
         " for (uint s = 128; s > 0; s /= 2) { barrier(CLK_LOCAL_MEM_FENCE);"
         "  if (l < s) t[l] += t[l + s]; } if (l == 0) o[get_group_id(0)] = t[0]; }",
         {a},
         4096 * 4,
         1 << 20,
         256,
         true},
        {"histogram",
         "kernel void k(global const uint *a, global uint *o) { uint i = get_global_id(0);"
         " for (uint j = 0; j < 4; j++) atomic_inc(o + (a[i * 4 + j] >> 9 & 255)); }",
         {a},
         1024,
         1 << 18,
         256,
         true},
    };
}

bool equal(const Bytes &a, const Bytes &b, bool exact)
{
    if (exact)
        return a == b;
    auto x = fromBytes<float>(a), y = fromBytes<float>(b);
    size_t off = 0;
    for (size_t i = 0; i < x.size(); i++) // mandelbrot's border may differ by rounding
        off += memcmp(&x[i], &y[i], 4) && !(std::fabs(x[i] - y[i]) <= 1e-3f * std::fabs(y[i]));
    return off <= x.size() / 100;
}

constexpr int Runs = 8; // of which the best counts

struct Times {
    double wall = INFINITY, cpu = INFINITY, rate = 0;
    void best(double w, double c, double instructions)
    {
        wall = std::min(wall, w);
        if (c < cpu) {
            cpu = c;
            rate = instructions / c;
        }
    }
};

Times timeGpu(const Bench &b, Machine &gpu, Bytes &result)
{
    Times times;

    for (int i = 0; i <= Runs; i++) { // the first run compiles
        double wall = 0, cpu = 0, executed = 0;
        auto note = [&](int sign) {
            wall += sign * gpu.walkerSeconds;
            cpu += sign * gpu.walkerCpuSeconds;
            executed += sign * double(gpu.instructions());
        };
        result = Side::gpu().run(
            b.source, "k", b.in, {b.outBytes}, b.global, b.local, [&] { note(-1); },
            [&] { note(1); })[0];
        if (i)
            times.best(wall, cpu, executed);
    }
    return times;
}

Times timeCpu(const Bench &b, Bytes &result)
{
    using Clock = std::chrono::steady_clock;
    Times times;

    for (int i = 0; i <= Runs; i++) {
        Clock::time_point start;
        clock_t cpuStart = 0;
        double wall = 0, cpu = 0;
        auto before = [&] {
            start = Clock::now();
            cpuStart = clock();
        };
        auto after = [&] {
            wall = std::chrono::duration<double>(Clock::now() - start).count();
            cpu = double(clock() - cpuStart) / CLOCKS_PER_SEC;
        };
        result =
            Side::cpu().run(b.source, "k", b.in, {b.outBytes}, b.global, b.local, before, after)[0];
        if (i)
            times.best(wall, cpu, 0);
    }
    return times;
}

// Arguments: the kernels to run, all without.
bool chosen(const Bench &b, int argc, char **argv)
{
    return argc == 1 || std::find(argv + 1, argv + argc, std::string(b.name)) != argv + argc;
}
} // namespace

int main(int argc, char **argv)
{
    unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    TbxServer server(cores - 1); // and the engine's own thread
    double product = 1, cpuProduct = 1;
    int count = 0, wrong = 0;

    server.setEnvironment();
    printf("%-12s %11s %11s %7s %15s %14s\n", "kernel", "simulator s", "PoCL s", "ratio",
           "CPU time ratio", "EU instr./s");
    for (const Bench &b : benches()) {
        if (!chosen(b, argc, argv))
            continue;
        Bytes results[2];
        Times gpu = timeGpu(b, server.gpu(), results[0]), cpu = timeCpu(b, results[1]);
        double ratio = gpu.wall / cpu.wall, cpuRatio = gpu.cpu / cpu.cpu;
        bool good = equal(results[0], results[1], b.exact);
        printf("%-12s %11.6f %11.6f %7.2f %15.2f %14.3e%s\n", b.name, gpu.wall, cpu.wall, ratio,
               cpuRatio, gpu.rate, good ? "" : "  WRONG RESULTS");
        wrong += !good;
        product *= ratio;
        cpuProduct *= cpuRatio;
        count++;
    }
    printf("geometric mean of the ratios: %.2f, of CPU times: %.2f, on %u cores\n",
           std::pow(product, 1.0 / count), std::pow(cpuProduct, 1.0 / count), cores);
    fflush(stdout);
    _exit(wrong != 0);
}
