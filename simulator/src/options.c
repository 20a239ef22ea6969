/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "dg1.h"
#include "listener.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LMEM_BAR_MIN (32ull << 20)
#define LMEM_MIN     (256ull << 20)
#define LMEM_DEFAULT (2ull << 30)
#define LMEM_MAX     (16ull << 30)
#define MAX_WORKERS  256u

#define EXIT_USAGE 2

static const char help[] =
    "Usage: dg1-sim --socket PATH [OPTION]...\n"
    "Simulate a DG1 GPU and serve it as a vfio-user device, to one client at a time.\n"
    "\n"
    "  --socket PATH     listen on this UNIX socket\n"
    "  --lmem SIZE[M|G]  local memory: a power of two from 256M to 16G (default 2G;\n"
    "                    a plain number counts MiB)\n"
    "  --lmem-bar SIZE[M|G]\n"
    "                    how much of it the CPU reaches through BAR 2: a power of two\n"
    "                    from 32M (default: all)\n"
    "  --trace KINDS     log what happens: a comma-separated list of mmio, cmd, ctx, irq,\n"
    "                    mem, eu, or all\n"
    "  --log FILE        write messages and traces to FILE instead of stderr\n"
    "  --workers N       host threads that run EU code (default: one per CPU)\n"
    "  --once            exit when the first client has disconnected\n"
    "  --help            show this text\n"
    "  --version         show the version\n"
    "\n"
    "SIGTERM and SIGINT end it; the device's counters then go to the log.\n";

static const struct {
    const char *name;
    unsigned bits;
} trace_kinds[] = {
    {"mmio", DG1_TRACE_MMIO},
    {"cmd", DG1_TRACE_CMD},
    {"ctx", DG1_TRACE_CTX},
    {"irq", DG1_TRACE_IRQ},
    {"mem", DG1_TRACE_MEM},
    {"eu", DG1_TRACE_EU},
    {"all", ~0u},
};

__attribute__((noreturn, format(printf, 1, 2))) static void usage(const char *format, ...)
{
    va_list args;

    fputs("dg1-sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\nTry 'dg1-sim --help'.\n", stderr);
    exit(EXIT_USAGE);
}

/* A decimal number without sign or space; *end is what follows it. */
static bool parse_number(const char *text, char **end, unsigned long *value)
{
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoul(text, end, 10);
    return !errno;
}

static uint64_t parse_size(const char *option, const char *text, uint64_t min)
{
    unsigned long number;
    unsigned shift = 20;
    uint64_t size;
    char *end;

    if (!parse_number(text, &end, &number) || number > LMEM_MAX >> 20)
        usage("%s '%s': not a size from %uM to 16G", option, text, (unsigned)(min >> 20));
    if (*end == 'G')
        shift = 30;
    if (*end == 'G' || *end == 'M')
        end++;
    size = (uint64_t)number << shift;
    if (*end || size < min || size > LMEM_MAX)
        usage("%s '%s': not a size from %uM to 16G", option, text, (unsigned)(min >> 20));
    if (size & (size - 1))
        usage("%s '%s': not a power of two", option, text);
    return size;
}

static unsigned parse_workers(const char *text)
{
    unsigned long number;
    char *end;

    if (!parse_number(text, &end, &number) || *end || !number || number > MAX_WORKERS)
        usage("--workers '%s': not a number from 1 to %u", text, MAX_WORKERS);
    return number;
}

static unsigned trace_bits(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(trace_kinds) / sizeof(trace_kinds[0]); i++)
        if (strlen(trace_kinds[i].name) == len && !memcmp(trace_kinds[i].name, name, len))
            return trace_kinds[i].bits;
    usage("--trace: unknown kind '%.*s' (known: mmio, cmd, ctx, irq, mem, eu, all)", (int)len,
          name);
}

static unsigned parse_trace(const char *text)
{
    unsigned bits = 0;

    for (;;) {
        size_t len = strcspn(text, ",");

        bits |= trace_bits(text, len);
        if (!text[len])
            return bits;
        text += len + 1;
    }
}

static const char *parse_socket(const char *text)
{
    if (!*text || strlen(text) > LISTENER_MAX_PATH)
        usage("--socket: the path must have 1 to %zu characters", LISTENER_MAX_PATH);
    return text;
}

void options_parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"socket", required_argument, NULL, 's'},   {"lmem", required_argument, NULL, 'm'},
        {"lmem-bar", required_argument, NULL, 'b'}, {"trace", required_argument, NULL, 't'},
        {"log", required_argument, NULL, 'l'},      {"workers", required_argument, NULL, 'w'},
        {"once", no_argument, NULL, 'o'},           {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {NULL, 0, NULL, 0},
    };
    int c;

    *options = (struct options){.lmem_size = LMEM_DEFAULT};
    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 's':
            options->socket = parse_socket(optarg);
            break;
        case 'm':
            options->lmem_size = parse_size("--lmem", optarg, LMEM_MIN);
            break;
        case 'b':
            options->lmem_bar = parse_size("--lmem-bar", optarg, LMEM_BAR_MIN);
            break;
        case 't':
            options->trace |= parse_trace(optarg);
            break;
        case 'l':
            options->log = optarg;
            break;
        case 'w':
            options->workers = parse_workers(optarg);
            break;
        case 'o':
            options->once = true;
            break;
        case 'h':
            fputs(help, stdout);
            exit(EXIT_SUCCESS);
        case 'v':
            puts("dg1-sim " SVM_VERSION);
            exit(EXIT_SUCCESS);
        default: /* getopt_long has said what is wrong */
            usage("bad option");
        }
    }
    if (optind < argc)
        usage("unexpected argument '%s'", argv[optind]);
    if (!options->socket)
        usage("--socket is missing");
    if (options->lmem_bar > options->lmem_size)
        usage("--lmem-bar: larger than local memory");
}
