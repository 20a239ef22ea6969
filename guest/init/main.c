// SPDX-License-Identifier: MIT
#include "init.h"

#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
    static struct config cfg;
    uint8_t status[4] = {0};
    int ret;

    mount_early();
    modules_load_list("/lib/modules/svm-early.list", "");
    klog_start();
    agent_open();
    mount_root();
    agent_config(&cfg);
    mount_shares(&cfg);
    enter_root();
    sethostname("dg1", 3);
    if (cfg.gpu)
        gpu_load(&cfg);
    ret = agent_run(&cfg);
    sync();
    klog_finish();
    status[0] = ret;
    agent_send(FRAME_EXIT, status, sizeof(status));
    /* ./svm ends QEMU on that frame; this is for the case that it has died. */
    reboot(RB_POWER_OFF);
    return 0;
}
