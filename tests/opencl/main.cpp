/* SPDX-License-Identifier: MIT */
#include "cl.hpp"

#include "../common/fixed_memory.hpp"
#include "../common/on_kernel.hpp"

#include <alloca.h>

static const char source[] = R"(
struct node { global struct node *next; uint value; };
kernel void increment(global uint *data) { data[get_global_id(0)] += 1; }
kernel void set(global uint *data, uint value) { data[get_global_id(0)] = value; }
kernel void copy(global uint *to, global const uint *from)
{
    to[get_global_id(0)] = from[get_global_id(0)];
}
kernel void walk(global struct node *node, global uint *out)
{
    uint count = 0;
    for (; node; node = node->next) {
        node->value += 1;
        count++;
    }
    *out = count;
}
kernel void follow(global ulong *pointers)
{
    global uint *to = (global uint *)pointers[get_global_id(0)];
    *to += 1;
}
struct place { global const uint *pointer; };
kernel void tell(global const uint *pointer, global struct place *out) { out->pointer = pointer; }
kernel void count_up(global volatile uint *counter) { atomic_inc(counter); }
)";

namespace
{
template <typename T> void get(const char *name, T &function)
{
    function = reinterpret_cast<T>(clGetExtensionFunctionAddressForPlatform(cl().platform, name));
    ASSERT_NE(function, nullptr) << name;
}

void open_queues(Cl &c)
{
    cl_int result;
    const cl_queue_properties any_order[] = {CL_QUEUE_PROPERTIES,
                                             CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, 0};
    c.in_order = clCreateCommandQueueWithProperties(c.context, c.device, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    c.out_of_order = clCreateCommandQueueWithProperties(c.context, c.device, any_order, &result);
    ASSERT_EQ(result, CL_SUCCESS);
}

void build(Cl &c)
{
    cl_int result;
    const char *text = source;
    c.program = clCreateProgramWithSource(c.context, 1, &text, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    ASSERT_EQ(clBuildProgram(c.program, 1, &c.device, "-cl-std=CL3.0", nullptr, nullptr),
              CL_SUCCESS);
}

void open(Cl &c)
{
    cl_int result;
    cl_uint platforms = 0;
    ASSERT_EQ(clGetPlatformIDs(1, &c.platform, &platforms), CL_SUCCESS);
    EXPECT_EQ(platforms, 1u);
    ASSERT_EQ(clGetDeviceIDs(c.platform, CL_DEVICE_TYPE_GPU, 1, &c.device, nullptr), CL_SUCCESS);
    ASSERT_EQ(clGetDeviceInfo(c.device, CL_DEVICE_SVM_CAPABILITIES, sizeof(c.svm), &c.svm, nullptr),
              CL_SUCCESS);
    c.context = clCreateContext(nullptr, 1, &c.device, nullptr, nullptr, &result);
    ASSERT_EQ(result, CL_SUCCESS);
    open_queues(c);
    build(c);
    get("clHostMemAllocINTEL", c.host_alloc);
    get("clDeviceMemAllocINTEL", c.device_alloc);
    get("clSharedMemAllocINTEL", c.shared_alloc);
    get("clMemFreeINTEL", c.mem_free);
    get("clMemBlockingFreeINTEL", c.blocking_free);
    get("clGetMemAllocInfoINTEL", c.alloc_info);
    get("clSetKernelArgMemPointerINTEL", c.set_arg);
    get("clEnqueueMemFillINTEL", c.fill);
    get("clEnqueueMemcpyINTEL", c.copy);
    get("clEnqueueMigrateMemINTEL", c.migrate);
    get("clEnqueueMemAdviseINTEL", c.advise);
}
} // namespace

Cl &cl()
{
    static Cl instance;
    static bool opened = false;
    if (!opened) {
        opened = true;
        instance.kernel_caps = kernel_capabilities();
        open(instance);
    }
    return instance;
}

void OnSvm::SetUp()
{
    if (!cl().mirrors())
        GTEST_SKIP() << "a kernel that mirrors no process";
}

void OnStock::SetUp()
{
    if (cl().mirrors())
        GTEST_SKIP() << "a kernel with SVM";
}

const char *name_of(Kind kind)
{
    static const char *const names[] = {"Coarse", "Fine",   "Malloc", "Stack",
                                        "Static", "Shared", "Host"};
    return names[static_cast<int>(kind)];
}

namespace
{
} // namespace

Memory make(Kind kind, size_t size)
{
    cl_int result = CL_SUCCESS;
    void *pointer = nullptr;
    std::function<void(void *)> drop = [](void *) {};
    switch (kind) {
    case Kind::Coarse:
    case Kind::Fine:
        pointer = clSVMAlloc(
            cl().context,
            CL_MEM_READ_WRITE | (kind == Kind::Fine ? CL_MEM_SVM_FINE_GRAIN_BUFFER : 0), size, 0);
        drop = [](void *p) { clSVMFree(cl().context, p); };
        break;
    case Kind::Malloc:
        pointer = malloc(size);
        drop = free;
        break;
    case Kind::Stack:
        pointer = size <= kFixed ? stack_memory : nullptr;
        break;
    case Kind::Static:
        pointer = size <= kFixed ? static_memory : nullptr;
        break;
    case Kind::Shared:
        pointer = cl().shared_alloc(cl().context, cl().device, nullptr, size, 0, &result);
        drop = [](void *p) { cl().mem_free(cl().context, p); };
        break;
    case Kind::Host:
        pointer = cl().host_alloc(cl().context, nullptr, size, 0, &result);
        drop = [](void *p) { cl().mem_free(cl().context, p); };
        break;
    }
    EXPECT_NE(pointer, nullptr) << name_of(kind);
    EXPECT_EQ(result, CL_SUCCESS);
    return Memory(pointer, drop);
}

Kernel::Kernel(const char *name)
{
    cl_int result;
    kernel_ = clCreateKernel(cl().program, name, &result);
    EXPECT_EQ(result, CL_SUCCESS) << name;
}

cl_int Kernel::run(size_t count, cl_command_queue queue)
{
    cl_int result =
        clEnqueueNDRangeKernel(queue, kernel_, 1, nullptr, &count, nullptr, 0, nullptr, nullptr);
    return result == CL_SUCCESS ? clFinish(queue) : result;
}

cl_command_type type_of(cl_event event)
{
    cl_command_type type = 0;
    EXPECT_EQ(clGetEventInfo(event, CL_EVENT_COMMAND_TYPE, sizeof(type), &type, nullptr),
              CL_SUCCESS);
    return type;
}

cl_int status_of(cl_event event)
{
    cl_int status = -1;
    EXPECT_EQ(
        clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, nullptr),
        CL_SUCCESS);
    return status;
}

int main(int argc, char **argv)
{
    setenv("OCL_ICD_VENDORS", I915SVM_ICD, 0);
    stack_memory = static_cast<unsigned char *>(alloca(kFixed));
    ::testing::InitGoogleTest(&argc, argv);
    choose_tests(argc, argv, "OnSvm.*:Memory/*", "OnStock.*");
    return RUN_ALL_TESTS();
}
