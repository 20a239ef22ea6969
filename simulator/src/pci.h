/* SPDX-License-Identifier: MIT */
/* pci.h - the configuration space of a DG1: one function, no bus behind it. */
#ifndef SIM_PCI_H
#define SIM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_CONFIG_SIZE 4096u

struct pci_config {
    uint8_t bytes[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];  /* mask of bits that keep what is written */
    uint8_t clearable[PCI_CONFIG_SIZE]; /* mask of bits that a written 1 clears */
    uint64_t bar2_size;
};

/* What a configuration write asks the rest of the device to do. */
enum pci_event {
    PCI_EVENT_RESET = 1 << 0, /* function level reset */
    PCI_EVENT_MSI = 1 << 1,   /* the conditions for MSI may have changed */
};

/* bar2_size is a power of two. */
void pci_init(struct pci_config *pci, uint64_t bar2_size);
/* Back to power-on values, as by a function level reset. */
void pci_reset(struct pci_config *pci);

/* offset + count lies in the space. */
void pci_read(const struct pci_config *pci, uint32_t offset, void *data, uint32_t count);
/* Returns bits of enum pci_event. */
unsigned pci_write(struct pci_config *pci, uint32_t offset, const void *data, uint32_t count);

/* The memory BARs respond: decoding is on and the function is in D0. */
bool pci_memory_enabled(const struct pci_config *pci);
/* The function may send its MSI: enabled, bus master, in D0. */
bool pci_msi_enabled(const struct pci_config *pci);
bool pci_msi_masked(const struct pci_config *pci);
void pci_msi_set_pending(struct pci_config *pci, bool pending);
#endif
