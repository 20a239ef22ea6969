/* SPDX-License-Identifier: MIT */
/* Message gateway (barriers) and thread spawner (end of thread). DG1 PRM vol 9. */
#include "gpgpu/message.h"

enum { GATEWAY_BARRIER = 4 };

enum eu_send_status gp_send_gateway(struct gp_msg *m)
{
    struct gp_slot *slot = m->slot;
    struct gp_group *group = slot->group;
    unsigned function = msg_bits(m, 2, 0);

    m->what = "barrier";
    if (function != GATEWAY_BARRIER)
        return gp_msg_error(m, "gateway function %u is not implemented", function);
    if (m->send->exec_mask == 0)
        return EU_SEND_OK;
    if (slot->signalled)
        return gp_msg_error(m, "a second barrier signal before the first was waited for");
    slot->signalled = true;
    slot->barrier_phase = group->barrier_phase;
    if (++group->arrived == m->job->threads_per_group) {
        group->arrived = 0;
        group->barrier_phase++;
    }
    return EU_SEND_BARRIER;
}

enum eu_send_status gp_send_spawner(struct gp_msg *m)
{
    m->what = "end of thread";
    return m->send->eot ? EU_SEND_OK : gp_msg_error(m, "only the end-of-thread form exists here");
}
