# SPDX-License-Identifier: MIT
svm_add_fuzzer(hostile SOURCES fuzz_hostile.c machine.c LIBRARIES dg1 MAX_LEN 4096)
