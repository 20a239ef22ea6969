# SPDX-License-Identifier: MIT
svm_add_fuzzer(batch SOURCES fuzz_batch.c fuzz_device.c LIBRARIES dg1 MAX_LEN 2048)
