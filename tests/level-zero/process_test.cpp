/* SPDX-License-Identifier: MIT */
/* Several processes: forked children, and device memory shared by its handle. */
#include "ze.hpp"

#include <cstring>
#include <sys/socket.h>

namespace
{
constexpr ze_result_t kSuccess = ZE_RESULT_SUCCESS;

/* 0 if all that a child may not do is refused. */
int try_everything(void *shared)
{
    void *mine = nullptr;
    const bool allocated = alloc_shared(4096, &mine) == ZE_RESULT_SUCCESS;
    const bool of_host = alloc_host(4096, &mine) == ZE_RESULT_SUCCESS;
    const bool freed = zeMemFree(ze().context, shared) == ZE_RESULT_SUCCESS;
    return (allocated ? 1 : 0) + (of_host ? 2 : 0) + (freed ? 4 : 0);
}

constexpr size_t kShared = 16384;

/* A message that carries one file, as a handle made by the driver is the number of one. */
class FileMessage
{
  public:
    FileMessage()
    {
        message_.msg_iov = &data_;
        message_.msg_iovlen = 1;
        message_.msg_control = control_;
        message_.msg_controllen = sizeof(control_);
    }
    bool send(int to, const ze_ipc_mem_handle_t &handle)
    {
        cmsghdr *header = CMSG_FIRSTHDR(&message_);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), handle.data, sizeof(int));
        return sendmsg(to, &message_, 0) == 1;
    }
    bool receive(int from, ze_ipc_mem_handle_t *handle)
    {
        if (recvmsg(from, &message_, 0) != 1 || !CMSG_FIRSTHDR(&message_))
            return false;
        memset(handle, 0, sizeof(*handle));
        memcpy(handle->data, CMSG_DATA(CMSG_FIRSTHDR(&message_)), sizeof(int));
        return true;
    }

  private:
    char byte_ = 0;
    alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))] = {};
    iovec data_{&byte_, 1};
    msghdr message_{};
};
} // namespace

#include "../common/fork_cases.hpp"

/* The other process, which has a driver of its own: reads through shared memory, and adds one. */
int receive_memory(int from)
{
    ze_ipc_mem_handle_t handle;
    void *device = nullptr;
    if (!FileMessage().receive(from, &handle) ||
        zeMemOpenIpcHandle(ze().context, ze().device, handle, 0, &device) != ZE_RESULT_SUCCESS)
        return 1;
    Memory shared = make(Kind::Shared, kShared), heap = make(Kind::Malloc, kShared);
    Kernel increment("increment");
    List list;
    ze_group_count_t all{kShared / 4, 1, 1};
    zeCommandListAppendMemoryCopy(list, shared.get(), device, kShared, nullptr, 0, nullptr);
    zeCommandListAppendBarrier(list, nullptr, 0, nullptr);
    if (increment.pointer(0, shared.get()) != ZE_RESULT_SUCCESS)
        return 2;
    zeCommandListAppendLaunchKernel(list, increment, &all, nullptr, 0, nullptr);
    zeCommandListAppendBarrier(list, nullptr, 0, nullptr);
    zeCommandListAppendMemoryCopy(list, device, shared.get(), kShared, nullptr, 0, nullptr);
    zeCommandListAppendMemoryCopy(list, heap.get(), device, kShared, nullptr, 0, nullptr);
    if (list.run() != ZE_RESULT_SUCCESS)
        return 3;
    for (uint32_t i = 0; i < kShared / 4; i++)
        if (static_cast<uint32_t *>(shared.get())[i] != i + 1)
            return 4;
    return zeMemCloseIpcHandle(ze().context, device) == ZE_RESULT_SUCCESS ? 0 : 5;
}

TEST_F(OnSvm, DeviceMemoryIsSharedWithAnotherProcess)
{
    int sockets[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    Memory heap = make(Kind::Malloc, kShared);
    auto *words = static_cast<uint32_t *>(heap.get());
    for (uint32_t i = 0; i < kShared / 4; i++)
        words[i] = i;
    void *device = nullptr;
    ASSERT_EQ(alloc_device(kShared, &device), ZE_RESULT_SUCCESS);
    List there, back;
    ASSERT_EQ(zeCommandListAppendMemoryCopy(there, device, words, kShared, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(there.run(), ZE_RESULT_SUCCESS);
    ze_ipc_mem_handle_t handle;
    ASSERT_EQ(zeMemGetIpcHandle(ze().context, device, &handle), ZE_RESULT_SUCCESS);
    ASSERT_TRUE(FileMessage().send(sockets[0], handle));
    const std::string number = std::to_string(sockets[1]);
    EXPECT_EQ(in_child([&] {
                  alarm(60);
                  return execl("/proc/self/exe", "receiver", kReceiver, number.c_str(), nullptr);
              }),
              0);
    ASSERT_EQ(zeCommandListAppendMemoryCopy(back, words, device, kShared, nullptr, 0, nullptr),
              ZE_RESULT_SUCCESS);
    ASSERT_EQ(back.run(), ZE_RESULT_SUCCESS);
    for (uint32_t i = 0; i < kShared / 4; i++)
        ASSERT_EQ(words[i], i + 1);
    EXPECT_EQ(zeMemFree(ze().context, device), ZE_RESULT_SUCCESS);
    close(sockets[0]);
    close(sockets[1]);
}

TEST_F(OnSvm, AForkedChildExecutesNothing)
{
    List list;
    ze_command_list_handle_t handle = list;
    ASSERT_EQ(zeCommandListClose(list), ZE_RESULT_SUCCESS);
    EXPECT_EQ(in_child([&] {
                  return zeCommandQueueExecuteCommandLists(ze().queue, 1, &handle, nullptr) ==
                                 ZE_RESULT_ERROR_UNINITIALIZED
                             ? 0
                             : 1;
              }),
              0);
}
