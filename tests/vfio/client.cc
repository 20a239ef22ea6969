// SPDX-License-Identifier: MIT
#include "client.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace
{
// Longer than any reply takes, so that a server that forgets one fails the test.
constexpr timeval patience{10, 0};
constexpr size_t max_fds = 16;
} // namespace

void append(Bytes &bytes, const Bytes &more)
{
    bytes.insert(bytes.end(), more.begin(), more.end());
}

Client::~Client()
{
    hang_up();
    for (int fd : received_)
        close(fd);
}

void Client::hang_up()
{
    if (sock_ >= 0)
        close(sock_);
    sock_ = -1;
}

void Client::send_raw(const Bytes &data, const std::vector<int> &fds)
{
    alignas(cmsghdr) char control[CMSG_SPACE(max_fds * sizeof(int))];
    iovec iov{const_cast<uint8_t *>(data.data()), data.size()};
    msghdr msg{};

    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    if (!fds.empty()) {
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    // A server that has hung up already is what some tests are about.
    ssize_t done = sendmsg(sock_, &msg, MSG_NOSIGNAL);
    EXPECT_TRUE(done == (ssize_t)data.size() || errno == EPIPE || errno == ECONNRESET);
}

uint16_t Client::send(uint16_t command, const Bytes &payload, const std::vector<int> &fds,
                      uint32_t flags, int64_t size_override)
{
    vfu_header header{};

    header.id = next_id_++;
    header.command = command;
    header.size = size_override >= 0 ? size_override : sizeof(header) + payload.size();
    header.flags = flags;
    Bytes message = bytes_of(header);
    append(message, payload);
    send_raw(message, fds);
    return header.id;
}

Reply Client::receive()
{
    alignas(cmsghdr) char control[CMSG_SPACE(max_fds * sizeof(int))];
    Reply reply;
    iovec iov{&reply.header, sizeof(reply.header)};
    msghdr msg{};

    setsockopt(sock_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    msg.msg_iov = &iov;
    msg.msg_iovlen = 1;
    msg.msg_control = control;
    msg.msg_controllen = sizeof(control);
    ssize_t got = recvmsg(sock_, &msg, MSG_WAITALL);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
        reply.closed = true;
        return reply;
    }
    EXPECT_EQ(got, (ssize_t)sizeof(reply.header)) << strerror(errno);
    if (got != sizeof(reply.header))
        return reply;
    for (cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        reply.fds.resize((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(reply.fds.data(), CMSG_DATA(c), reply.fds.size() * sizeof(int));
    }
    received_.insert(received_.end(), reply.fds.begin(), reply.fds.end());
    reply.payload.resize(reply.header.size - sizeof(reply.header));
    if (!reply.payload.empty()) {
        got = recv(sock_, reply.payload.data(), reply.payload.size(), MSG_WAITALL);
        EXPECT_EQ(got, (ssize_t)reply.payload.size());
    }
    return reply;
}

Reply Client::call(uint16_t command, const Bytes &payload, const std::vector<int> &fds)
{
    uint16_t id = send(command, payload, fds);
    Reply reply = receive();

    if (!reply.closed) {
        EXPECT_EQ(reply.header.id, id);
        EXPECT_EQ(reply.header.command, command);
        EXPECT_EQ(reply.header.flags & VFU_FLAGS_TYPE, VFU_TYPE_REPLY);
    }
    return reply;
}

Reply Client::negotiate(const std::string &json, uint16_t major, uint16_t minor)
{
    Bytes payload = bytes_of(vfu_version{major, minor});

    payload.insert(payload.end(), json.begin(), json.end());
    payload.push_back(0);
    return call(VFU_VERSION, payload);
}

Bytes Client::read(uint32_t region, uint64_t offset, uint32_t count)
{
    Reply reply = call(VFU_REGION_READ, bytes_of(vfu_region_access{offset, region, count}));
    auto header = value_of<vfu_region_access>(reply.payload);

    EXPECT_EQ(reply.error(), 0);
    EXPECT_EQ(header.offset, offset);
    EXPECT_EQ(header.region, region);
    EXPECT_EQ(header.count, count);
    EXPECT_EQ(reply.payload.size(), sizeof(header) + count);
    return Bytes(reply.payload.begin() + sizeof(header), reply.payload.end());
}

int Client::write(uint32_t region, uint64_t offset, const Bytes &data)
{
    Bytes payload = bytes_of(vfu_region_access{offset, region, (uint32_t)data.size()});

    append(payload, data);
    return call(VFU_REGION_WRITE, payload).error();
}

void Session::SetUp()
{
    log_ = tmpfile();
    server_ = vfio_user_create(log_);
    ASSERT_NE(server_, nullptr);
    dg1_config config{};
    config.lmem_size = lmem_size;
    config.raise_msi = vfio_user_raise_msi;
    config.opaque = server_;
    dev_ = dg1_create(&config);
    vfio_user_attach(server_, dev_);
    start();
}

void Session::start()
{
    int pair[2];

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    client_ = std::make_unique<Client>(pair[0]);
    server_sock_ = pair[1];
    thread_ = std::thread([this] {
        result_ = vfio_user_serve(server_, server_sock_);
        close(server_sock_); // as main does
    });
}

int Session::finish()
{
    client_->hang_up();
    return wait_end();
}

int Session::wait_end()
{
    if (thread_.joinable())
        thread_.join();
    return result_;
}

void Session::TearDown()
{
    if (client_)
        finish();
    dg1_destroy(dev_);
    vfio_user_destroy(server_);
    if (log_)
        fclose(log_);
}

File::File(uint64_t size) : fd_(memfd_create("test", MFD_CLOEXEC))
{
    EXPECT_EQ(ftruncate(fd_, size), 0);
}

File::~File()
{
    close(fd_);
}
