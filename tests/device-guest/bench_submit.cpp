// SPDX-License-Identifier: MIT
// In the guest: how fast batches are submitted and finish, and how long i915 took to probe.
#include "gpu.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>

namespace
{
double seconds()
{
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// Best of several rounds: the machine is shared.
double best(const std::function<void()> &round)
{
    double least = 1e9;
    for (int i = 0; i < 5; i++) {
        const double start = seconds();
        round();
        least = std::min(least, seconds() - start);
    }
    return least;
}

constexpr unsigned kBatches = 200;

void bench_submissions(const Gpu &gpu, const Context &context, Engine engine)
{
    Batch batch(gpu);
    batch.run(context, engine, {});
    const double each = best([&] {
        for (unsigned i = 0; i < kBatches; i++)
            batch.try_submit(context, engine, {});
        batch.object.wait();
    });
    const double round_trip = best([&] {
        for (unsigned i = 0; i < kBatches; i++) {
            batch.try_submit(context, engine, {});
            batch.object.wait();
        }
    });
    std::printf(
        "empty submissions on %-6s %8.0f /s, one after the other's end %8.0f /s (%.2f of it)\n",
        name(engine).c_str(), kBatches / each, kBatches / round_trip, each / round_trip);
}

// The kernel log stamps the first and the last line of i915's probe.
double log_time(const std::string &line)
{
    const size_t open = line.find('[');
    return open == std::string::npos ? -1 : std::stod(line.substr(open + 1));
}

bool bench_probe()
{
    FILE *log = popen("dmesg", "r");
    double began = -1, ended = -1;
    char line[1024];

    while (log && std::fgets(line, sizeof(line), log)) {
        const std::string text = line;
        if (text.find("Force probing unsupported Device ID") != std::string::npos)
            began = log_time(text);
        if (text.find("Initialized i915") != std::string::npos)
            ended = log_time(text);
    }
    if (log)
        pclose(log);
    if (began < 0 || ended < began) {
        std::fprintf(stderr, "bench-submit: i915's probe is not in the kernel log\n");
        return false;
    }
    std::printf("probe of i915             %8.0f ms, %.0f %% of the time since power-on\n",
                (ended - began) * 1e3, 100 * (ended - began) / ended);
    return true;
}
} // namespace

int main()
{
    Gpu gpu;
    if (gpu.fd < 0)
        return 1;
    Context context(gpu);
    bench_submissions(gpu, context, render);
    bench_submissions(gpu, context, copy);
    return bench_probe() && !::testing::Test::HasFailure() ? 0 : 1;
}
