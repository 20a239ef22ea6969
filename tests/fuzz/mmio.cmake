# SPDX-License-Identifier: MIT
svm_add_fuzzer(mmio SOURCES fuzz_mmio.c fuzz_device.c LIBRARIES dg1 MAX_LEN 1024)
