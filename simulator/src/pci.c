/* SPDX-License-Identifier: MIT */
/*
 * The configuration space as bytes with masks of what software may write. Names of registers
 * come from <linux/pci_regs.h>; the place of the capabilities is that of Intel's discrete
 * GPUs (lspci of a DG1: Express at 0x70, MSI at 0xac, PM at 0xd0).
 */
#include "pci.h"

#include "dg1.h"

#include <linux/pci_regs.h>
#include <string.h>

enum {
    CAP_EXP = 0x70,
    CAP_MSI = 0xac,
    CAP_PM = 0xd0,
};

#define VENDOR_INTEL  0x8086
#define DEVICE_DG1    0x4905
#define REVISION      0x01     /* i915 treats 0 as pre-production silicon */
#define CLASS_DISPLAY 0x038000 /* other display controller: no VGA decoding, no arbitration */

/* Graphics control (i915: SNB_GMCH_CTRL): GGMS = 3, a GGTT page table of 8 MiB. */
#define GGC             0x50
#define GGC_GGMS_8MB    (3u << 6)
#define BAR0_OFFSET     PCI_BASE_ADDRESS_0
#define BAR2_OFFSET     PCI_BASE_ADDRESS_2
#define MSI_PENDING_OFF (CAP_MSI + PCI_MSI_PENDING_64)

static void put(uint8_t *space, uint32_t offset, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        space[offset + i] = value >> (8 * i);
}

static uint32_t get(const uint8_t *space, uint32_t offset, unsigned bytes)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)space[offset + i] << (8 * i);
    return value;
}

static void set_header(struct pci_config *pci)
{
    put(pci->bytes, PCI_VENDOR_ID, VENDOR_INTEL, 2);
    put(pci->bytes, PCI_DEVICE_ID, DEVICE_DG1, 2);
    put(pci->bytes, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
    put(pci->bytes, PCI_CLASS_REVISION, (uint64_t)CLASS_DISPLAY << 8 | REVISION, 4);
    put(pci->bytes, PCI_SUBSYSTEM_VENDOR_ID, VENDOR_INTEL, 2);
    put(pci->bytes, PCI_SUBSYSTEM_ID, DEVICE_DG1, 2);
    put(pci->bytes, PCI_CAPABILITY_LIST, CAP_EXP, 1);

    put(pci->writable, PCI_COMMAND,
        PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
            PCI_COMMAND_INTX_DISABLE,
        2);
    put(pci->writable, PCI_CACHE_LINE_SIZE, 0xff, 1);
    put(pci->writable, PCI_INTERRUPT_LINE, 0xff, 1);
    put(pci->bytes, GGC, GGC_GGMS_8MB, 2);
}

/* The address bits that a BAR of this size keeps also tell its size to who writes all ones. */
static void set_bar(struct pci_config *pci, uint32_t offset, uint64_t size, uint32_t type)
{
    put(pci->bytes, offset, type, 8);
    put(pci->writable, offset, ~(size - 1), 8);
}

static void set_express(struct pci_config *pci)
{
    put(pci->bytes, CAP_EXP + PCI_CAP_LIST_ID, PCI_CAP_ID_EXP, 1);
    put(pci->bytes, CAP_EXP + PCI_CAP_LIST_NEXT, CAP_MSI, 1);
    put(pci->bytes, CAP_EXP + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4, 2);
    put(pci->bytes, CAP_EXP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR | 1, 4);
    put(pci->bytes, CAP_EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN,
        2);
    put(pci->bytes, CAP_EXP + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4, 4);
    put(pci->bytes, CAP_EXP + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 2);
    put(pci->bytes, CAP_EXP + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, 4);

    /* The reset bit is not kept: it always reads as 0. */
    put(pci->writable, CAP_EXP + PCI_EXP_DEVCTL, 0xffff & ~PCI_EXP_DEVCTL_BCR_FLR, 2);
    put(pci->clearable, CAP_EXP + PCI_EXP_DEVSTA,
        PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED | PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD, 2);
    put(pci->writable, CAP_EXP + PCI_EXP_LNKCTL,
        PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC, 2);
    put(pci->writable, CAP_EXP + PCI_EXP_DEVCTL2, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS, 2);
}

static void set_msi(struct pci_config *pci)
{
    put(pci->bytes, CAP_MSI + PCI_CAP_LIST_ID, PCI_CAP_ID_MSI, 1);
    put(pci->bytes, CAP_MSI + PCI_CAP_LIST_NEXT, CAP_PM, 1);
    put(pci->bytes, CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 2);

    put(pci->writable, CAP_MSI + PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE, 2);
    put(pci->writable, CAP_MSI + PCI_MSI_ADDRESS_LO, ~3u, 4);
    put(pci->writable, CAP_MSI + PCI_MSI_ADDRESS_HI, ~0u, 4);
    put(pci->writable, CAP_MSI + PCI_MSI_DATA_64, 0xffff, 2);
    put(pci->writable, CAP_MSI + PCI_MSI_MASK_64, 1, 4); /* one vector */
}

static void set_power_management(struct pci_config *pci)
{
    put(pci->bytes, CAP_PM + PCI_CAP_LIST_ID, PCI_CAP_ID_PM, 1);
    put(pci->bytes, CAP_PM + PCI_PM_PMC, 3, 2); /* version of the interface; no D1, D2, PME */
    put(pci->bytes, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, 2);
    put(pci->writable, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 2);
}

void pci_init(struct pci_config *pci, uint64_t bar2_size)
{
    pci->bar2_size = bar2_size;
    pci_reset(pci);
}

void pci_reset(struct pci_config *pci)
{
    memset(pci->bytes, 0, sizeof(pci->bytes));
    memset(pci->writable, 0, sizeof(pci->writable));
    memset(pci->clearable, 0, sizeof(pci->clearable));
    set_header(pci);
    set_bar(pci, BAR0_OFFSET, DG1_BAR0_SIZE, PCI_BASE_ADDRESS_MEM_TYPE_64);
    set_bar(pci, BAR2_OFFSET, pci->bar2_size,
            PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
    set_express(pci);
    set_msi(pci);
    set_power_management(pci);
}

void pci_read(const struct pci_config *pci, uint32_t offset, void *data, uint32_t count)
{
    memcpy(data, pci->bytes + offset, count);
}

static bool touches(uint32_t offset, uint32_t count, uint32_t reg, uint32_t len)
{
    return offset < reg + len && reg < offset + count;
}

/* D1 and D2 are not offered: a write of an unsupported state leaves the state as it was. */
static void keep_power_state(struct pci_config *pci, uint8_t before)
{
    uint8_t *ctrl = &pci->bytes[CAP_PM + PCI_PM_CTRL];
    unsigned state = *ctrl & PCI_PM_CTRL_STATE_MASK;

    if (state == 1 || state == 2)
        *ctrl = (*ctrl & ~PCI_PM_CTRL_STATE_MASK) | (before & PCI_PM_CTRL_STATE_MASK);
}

static bool asks_reset(uint32_t offset, const uint8_t *data, uint32_t count)
{
    uint32_t high = CAP_EXP + PCI_EXP_DEVCTL + 1;

    return touches(offset, count, high, 1) && (data[high - offset] & PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

unsigned pci_write(struct pci_config *pci, uint32_t offset, const void *data, uint32_t count)
{
    const uint8_t *in = data;
    uint8_t power = pci->bytes[CAP_PM + PCI_PM_CTRL];
    unsigned events = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = offset + i;

        pci->bytes[at] = (pci->bytes[at] & ~pci->writable[at]) | (in[i] & pci->writable[at]);
        pci->bytes[at] &= ~(in[i] & pci->clearable[at]);
    }
    keep_power_state(pci, power);
    if (asks_reset(offset, in, count))
        events |= PCI_EVENT_RESET;
    if (touches(offset, count, PCI_COMMAND, 2) || touches(offset, count, CAP_MSI, 24) ||
        touches(offset, count, CAP_PM + PCI_PM_CTRL, 2))
        events |= PCI_EVENT_MSI;
    return events;
}

static bool in_d0(const struct pci_config *pci)
{
    return !(pci->bytes[CAP_PM + PCI_PM_CTRL] & PCI_PM_CTRL_STATE_MASK);
}

bool pci_memory_enabled(const struct pci_config *pci)
{
    return (pci->bytes[PCI_COMMAND] & PCI_COMMAND_MEMORY) && in_d0(pci);
}

bool pci_msi_enabled(const struct pci_config *pci)
{
    return (pci->bytes[CAP_MSI + PCI_MSI_FLAGS] & PCI_MSI_FLAGS_ENABLE) &&
           (pci->bytes[PCI_COMMAND] & PCI_COMMAND_MASTER) && in_d0(pci);
}

bool pci_msi_masked(const struct pci_config *pci)
{
    return get(pci->bytes, CAP_MSI + PCI_MSI_MASK_64, 4) & 1;
}

void pci_msi_set_pending(struct pci_config *pci, bool pending)
{
    put(pci->bytes, MSI_PENDING_OFF, pending, 4);
}
