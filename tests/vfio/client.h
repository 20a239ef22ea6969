/* SPDX-License-Identifier: MIT */
/* A vfio-user client over a socket pair, with the server on a thread at the other end. */
#ifndef TESTS_VFIO_CLIENT_H
#define TESTS_VFIO_CLIENT_H

#include "fake_dg1.h"

extern "C" {
#include "vfio_user.h"
#include "vfio_user_proto.h"
}

#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

using Bytes = std::vector<uint8_t>;

template <typename T> Bytes bytes_of(const T &value)
{
    const auto *p = reinterpret_cast<const uint8_t *>(&value);

    return Bytes(p, p + sizeof(value));
}

void append(Bytes &bytes, const Bytes &more);

template <typename T> T value_of(const Bytes &bytes, size_t at = 0)
{
    T value{};

    EXPECT_LE(at + sizeof(value), bytes.size());
    if (at + sizeof(value) <= bytes.size())
        memcpy(&value, bytes.data() + at, sizeof(value));
    return value;
}

struct Reply {
    bool closed = false; // the server has ended the connection instead
    vfu_header header{};
    Bytes payload;
    std::vector<int> fds; // owned: see the destructor of Client

    int error() const
    {
        return header.flags & VFU_FLAGS_ERROR ? (int)header.error : 0;
    }
};

// The other end of a session: the test sends raw bytes, or messages.
class Client
{
  public:
    explicit Client(int sock) : sock_(sock) {}
    ~Client();

    void send_raw(const Bytes &data, const std::vector<int> &fds = {});
    // Returns the id. size_override: what the header claims instead of the truth.
    uint16_t send(uint16_t command, const Bytes &payload, const std::vector<int> &fds = {},
                  uint32_t flags = 0, int64_t size_override = -1);
    Reply receive();
    Reply call(uint16_t command, const Bytes &payload = {}, const std::vector<int> &fds = {});
    Reply negotiate(const std::string &json = R"({"capabilities":{"max_msg_fds":8}})",
                    uint16_t major = 0, uint16_t minor = 1);
    void hang_up();

    Bytes read(uint32_t region, uint64_t offset, uint32_t count);
    template <typename T> T read(uint32_t region, uint64_t offset)
    {
        return value_of<T>(read(region, offset, sizeof(T)));
    }
    // Returns the error, 0 if none.
    int write(uint32_t region, uint64_t offset, const Bytes &data);
    template <typename T> int write(uint32_t region, uint64_t offset, T value)
    {
        return write(region, offset, bytes_of(value));
    }

  private:
    int sock_;
    uint16_t next_id_ = 1;
    std::vector<int> received_;
};

// Device, server and one client that has not negotiated yet.
class Session : public ::testing::Test
{
  protected:
    static constexpr uint64_t lmem_size = 256ull << 20;

    void SetUp() override;
    void TearDown() override;
    void start();   // a new connection; the one before must have ended
    int finish();   // hang up and wait; what vfio_user_serve returned
    int wait_end(); // wait for the server to end the connection by itself

    FILE *log_ = nullptr;
    dg1 *dev_ = nullptr;
    vfio_user *server_ = nullptr;
    std::unique_ptr<Client> client_;
    int server_sock_ = -1;
    std::thread thread_;
    int result_ = 0;
};

class Negotiated : public Session
{
  protected:
    void SetUp() override
    {
        Session::SetUp();
        ASSERT_EQ(client_->negotiate().error(), 0);
    }
};

// A file of the given size, closed at the end of its scope.
class File
{
  public:
    explicit File(uint64_t size);
    ~File();
    int fd() const
    {
        return fd_;
    }

  private:
    int fd_;
};

#endif
