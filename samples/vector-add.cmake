# SPDX-License-Identifier: MIT
# Vector additions by plain OpenCL and Level Zero: they know nothing of this project.
find_library(ZE_LOADER_LIBRARY ze_loader)
find_program(OCLOC ocloc)

add_executable(opencl-vector-add opencl-vector-add.c)
target_link_libraries(opencl-vector-add PRIVATE OpenCL::OpenCL)

if(ZE_LOADER_LIBRARY AND OCLOC)
    set(spirv ${CMAKE_CURRENT_BINARY_DIR}/vector-add.spv)
    add_custom_command(
        OUTPUT ${spirv}.h
        COMMAND ${OCLOC} compile -q -spv_only -file ${CMAKE_CURRENT_SOURCE_DIR}/vector-add.cl
                -device dg1 -options "-cl-std=CL3.0" -output vector-add -output_no_suffix
                -out_dir ${CMAKE_CURRENT_BINARY_DIR}
        COMMAND ${CMAKE_COMMAND} -DIN=${spirv} -DOUT=${spirv}.h -DNAME=vector_add_spv
                -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS vector-add.cl ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        VERBATIM)
    add_executable(level-zero-vector-add level-zero-vector-add.c ${spirv}.h)
    target_include_directories(level-zero-vector-add PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
    target_link_libraries(level-zero-vector-add PRIVATE ${ZE_LOADER_LIBRARY})
endif()
