# SPDX-License-Identifier: MIT
svm_add_fuzzer(kernel SOURCES fuzz_kernel.c machine.c LIBRARIES dg1 MAX_LEN 8192)
