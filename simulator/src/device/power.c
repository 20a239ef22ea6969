/* SPDX-License-Identifier: MIT */
/*
 * power.c - forcewake and RC6. The GT sleeps (RC6 residency counts) while the driver asks for
 * RC6, nobody holds forcewake and both engines are idle.
 */
#include "device/device.h"
#include "device/handlers.h"

#define RC_CTL_RC6_ENABLE (1u << 18) /* GEN6_RC_CTL_RC6_ENABLE */
#define RC_CTL_HW_ENABLE  (1u << 31) /* GEN6_RC_CTL_HW_ENABLE */
#define RC_SW_TARGET_RC6  (1u << 18) /* RC_SW_TARGET_STATE 4: software entry into RC6 */
/* intel_rc6.c: residency counts in units of 1.28 us on everything but Valleyview and Broxton. */
#define RC6_UNIT_NS 1280

int power_init(struct dg1 *dev)
{
    return pthread_mutex_init(&dev->power.lock, NULL);
}

void power_destroy(struct dg1 *dev)
{
    pthread_mutex_destroy(&dev->power.lock);
}

static bool may_sleep(struct dg1 *dev)
{
    uint32_t control = reg_get(dev, REG_RC_CONTROL), target = reg_get(dev, REG_RC_STATE);
    bool by_hardware = control & RC_CTL_HW_ENABLE;
    bool by_software = (control & RC_CTL_RC6_ENABLE) && (target & RC_SW_TARGET_RC6);
    if (!by_hardware && !by_software)
        return false;
    if (reg_get(dev, REG_FORCEWAKE_GT) || reg_get(dev, REG_FORCEWAKE_RENDER))
        return false;
    for (unsigned e = 0; e < ENGINE_COUNT; e++)
        if (engine_is_busy(dev->engines[e]))
            return false;
    return true;
}

void power_update(struct dg1 *dev)
{
    struct power *power = &dev->power;
    uint64_t now = clock_ns();
    pthread_mutex_lock(&power->lock);
    bool sleep = may_sleep(dev);
    if (power->in_rc6 && !sleep)
        power->residency_ns += now - power->since_ns;
    else if (!power->in_rc6 && sleep)
        power->since_ns = now;
    power->in_rc6 = sleep;
    pthread_mutex_unlock(&power->lock);
}

uint32_t power_read_residency(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    struct power *power = &dev->power;
    pthread_mutex_lock(&power->lock);
    uint64_t ns = power->residency_ns;
    if (power->in_rc6)
        ns += clock_ns() - power->since_ns;
    pthread_mutex_unlock(&power->lock);
    return (uint32_t)(ns / RC6_UNIT_NS);
}

void power_write_control(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    reg_set(dev, offset, value);
    power_update(dev);
}

/* Forcewake requests are masked writes; the acknowledge register mirrors them at once. */
void forcewake_write(struct dg1 *dev, uint32_t offset, uint32_t value)
{
    uint32_t mask = value >> 16, now = (reg_get(dev, offset) & ~mask) | (value & mask);
    reg_set(dev, offset, now);
    if (offset == REG_FORCEWAKE_GT || offset == REG_FORCEWAKE_RENDER)
        power_update(dev);
}

uint32_t forcewake_read_ack_gt(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    return reg_get(dev, REG_FORCEWAKE_GT);
}

uint32_t forcewake_read_ack_render(struct dg1 *dev, uint32_t offset)
{
    (void)offset;
    return reg_get(dev, REG_FORCEWAKE_RENDER);
}
