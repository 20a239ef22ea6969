# SPDX-License-Identifier: MIT
# libFuzzer targets, with AddressSanitizer and UndefinedBehaviorSanitizer: -DSVM_FUZZ=ON, clang only.
# tests/fuzz/README.md says how to add one.
include_guard(GLOBAL)
option(SVM_FUZZ "Build the libFuzzer targets in tests/fuzz (needs clang)" OFF)

if(SVM_FUZZ AND NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SVM_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14")
endif()

# svm_fuzz_instrument(TARGET): coverage and sanitizers in a library that fuzzers link. Whatever
# else links it gets the sanitizers' runtime too. Does nothing in an ordinary build.
function(svm_fuzz_instrument target)
    if(SVM_FUZZ)
        target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link,address,undefined
            -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
        target_link_options(${target} INTERFACE -fsanitize=address,undefined)
    endif()
endfunction()

# svm_add_fuzzer(NAME SOURCES file... LIBRARIES target... [MAX_LEN bytes])
# The program fuzz-NAME. Inputs to start from may lie in seeds/NAME beside the caller.
function(svm_add_fuzzer name)
    cmake_parse_arguments(arg "" "MAX_LEN" "SOURCES;LIBRARIES" ${ARGN})
    if(NOT arg_MAX_LEN)
        set(arg_MAX_LEN 4096)
    endif()
    add_executable(fuzz-${name} ${arg_SOURCES})
    target_compile_options(fuzz-${name} PRIVATE -fsanitize=fuzzer,address,undefined
        -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer,address,undefined)
    target_link_libraries(fuzz-${name} PRIVATE ${arg_LIBRARIES})
    # One line per fuzzer for tests/fuzz/run: name, program, seeds, longest input.
    set_property(GLOBAL APPEND_STRING PROPERTY SVM_FUZZERS
        "${name}\t$<TARGET_FILE:fuzz-${name}>\t${CMAKE_CURRENT_SOURCE_DIR}/seeds/${name}\t${arg_MAX_LEN}\n")
    add_dependencies(fuzzers fuzz-${name})
endfunction()
