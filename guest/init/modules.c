// SPDX-License-Identifier: MIT
/* Loading modules and making the settings that a simulated GPU needs. */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * force_probe=4905: 6.12 hides DG1 behind it.
 * enable_guc=0: the simulator models execlists, not the GuC's firmware, and none is shipped.
 */
static const char i915_params[] = "force_probe=4905 enable_guc=0";

/*
 * A kernel of a few seconds on silicon takes minutes in a simulator under TCG. With the driver's
 * own values the work would be declared hung and reset.
 */
static const struct {
    const char *file, *value, *why;
} engine_settings[] = {
    {"heartbeat_interval_ms", "60000", "2.5 s pulses would reset an engine busy for 10 s"},
    {"preempt_timeout_ms", "120000", "640 ms to reach an arbitration point is too short"},
};

static int insmod(const char *path, const char *params)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int ret;

    if (fd < 0)
        return -1;
    ret = syscall(SYS_finit_module, fd, params, 0);
    if (ret && errno == EEXIST)
        ret = 0;
    close(fd);
    return ret;
}

/* A list holds one module path a line, dependencies first, the module asked for last. */
void modules_load_list(const char *list, const char *last_params)
{
    FILE *f = fopen(list, "re");
    char line[512], next[512];
    bool more;

    if (!f)
        return;
    more = fgets(line, sizeof(line), f);
    while (more) {
        line[strcspn(line, "\n")] = '\0';
        more = fgets(next, sizeof(next), f);
        if (insmod(line, more ? "" : last_params))
            say("cannot load %s: %s", line, strerror(errno));
        memcpy(line, next, sizeof(line));
    }
    fclose(f);
}

static void set(const char *path, const char *value, const char *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return; /* no GPU, or this kernel lacks the file */
    if (write(fd, value, strlen(value)) < 0)
        say("cannot set %s (%s): %s", path, why, strerror(errno));
    close(fd);
}

static void set_engines(void)
{
    static const char *const engines[] = {"rcs0", "bcs0"};

    for (size_t e = 0; e < 2; e++) {
        for (size_t i = 0; i < sizeof(engine_settings) / sizeof(engine_settings[0]); i++) {
            char path[200];

            snprintf(path, sizeof(path), "/sys/class/drm/card0/engine/%s/%s", engines[e],
                     engine_settings[i].file);
            set(path, engine_settings[i].value, engine_settings[i].why);
        }
    }
}

void gpu_load(const struct config *cfg)
{
    char params[1024];

    snprintf(params, sizeof(params), "%s %s", i915_params, cfg->modopts ? cfg->modopts : "");
    modules_load_list("/lib/modules/svm-gpu.list", params);
    set_engines();
    if (!cfg->modopts || !strstr(cfg->modopts, "svm_wait_ms"))
        set("/sys/module/i915/parameters/svm_wait_ms", "60000",
            "whoever frees memory would have work of more than 10 s banned");
}
