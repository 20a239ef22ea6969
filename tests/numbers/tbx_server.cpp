// SPDX-License-Identifier: MIT
// Protocol and register numbers: NEO's shared/source/tbx/tbx_proto.h and
// shared/source/aub_mem_dump; commands: DG1 PRM vol 2a.
#include "tbx_server.h"
#include "streamer.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace
{
enum MessageType : uint32_t {
    MmioRequest = 0,
    MmioReply = 1,
    GttRequest = 2,
    WriteRequest = 4,
    ReadRequest = 5,
    ReadReply = 6,
    ControlRequest = 11,
};

constexpr uint64_t PageBytes = 4096, PageMask = PageBytes - 1;
constexpr uint64_t EntryAddress = 0x00003ffffffff000ull, EntryPresent = 1;

// Registers of RCS0's execution list port.
constexpr uint32_t ElsqLow = 0x2510, ElControl = 0x2550, ExeclistStatus = 0x2234;
constexpr uint32_t StatusIdle = 0x8000;

// Dword offsets of a context image's register state.
constexpr uint64_t ImageHead = 0x1014, ImageTail = 0x101c, ImageStart = 0x1024,
                   ImageControl = 0x102c;
constexpr uint64_t ImagePml4High = 0x10c4, ImagePml4Low = 0x10cc;

// NEO sends each message in two small writes and leaves Nagle's algorithm on: without immediate
// acknowledgements every message would cost 40 ms. The option wears off, hence here.
bool receiveAll(int fd, void *to, size_t n)
{
    auto *p = static_cast<uint8_t *>(to);
    int yes = 1;

    while (n) {
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof(yes));
        ssize_t got = recv(fd, p, n, 0);
        if (got <= 0)
            return false;
        p += got, n -= size_t(got);
    }
    return true;
}

void sendAll(int fd, const void *from, size_t n)
{
    auto *p = static_cast<const uint8_t *>(from);

    while (n) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        p += put, n -= size_t(put);
    }
}
} // namespace

TbxServer::TbxServer(unsigned workers) : machine(workers)
{
    sockaddr_in address = {};
    socklen_t length = sizeof(address);

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, reinterpret_cast<sockaddr *>(&address), length) ||
        listen(listener, 8) ||
        getsockname(listener, reinterpret_cast<sockaddr *>(&address), &length))
        throw std::runtime_error("cannot listen on the loopback interface");
    portNumber = ntohs(address.sin_port);
    acceptor = std::thread([this] { acceptLoop(); });
}

TbxServer::~TbxServer()
{
    shutdown(listener, SHUT_RDWR);
    acceptor.join();
    close(listener);
    for (int fd : clients)
        shutdown(fd, SHUT_RDWR);
    for (auto &t : threads)
        t.join();
    for (int fd : clients)
        close(fd);
}

void TbxServer::setEnvironment() const
{
    setenv("NEOReadDebugKeys", "1", 1);
    setenv("SetCommandStreamReceiver", "2", 1);
    setenv("ProductFamilyOverride", "dg1", 1);
    setenv("HardwareInfoOverride", "default", 1);
    // Local and system pages have numbers of their own, but reads do not say which they mean.
    setenv("EnableLocalMemory", "0", 1);
    setenv("TbxServer", "127.0.0.1", 1);
    setenv("TbxPort", std::to_string(portNumber).c_str(), 1);
}

void TbxServer::acceptLoop()
{
    for (;;) {
        int fd = accept(listener, nullptr, nullptr);
        if (fd < 0)
            return;
        int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        clients.push_back(fd);
        threads.emplace_back([this, fd] { serve(fd); });
    }
}

void TbxServer::serve(int fd)
{
    uint32_t header[3]; // type, transaction, body's size
    std::vector<uint8_t> body;

    while (receiveAll(fd, header, sizeof(header)) && header[2] <= 4096) {
        body.resize(header[2]);
        if (!receiveAll(fd, body.data(), body.size()))
            return;
        body.resize(32); // every known body fits
        handle(fd, header, body);
    }
}

void TbxServer::handle(int fd, const uint32_t header[3], std::vector<uint8_t> &body)
{
    uint32_t dw[8];
    std::vector<uint8_t> data;

    memcpy(dw, body.data(), sizeof(dw));
    if (header[0] == WriteRequest) { // its data follow outside the body
        data.resize(dw[2]);
        if (!receiveAll(fd, data.data(), data.size()))
            return;
    }
    std::lock_guard<std::mutex> hold(lock);
    switch (header[0]) {
    case MmioRequest:
        if (dw[0] & 1) {
            mmioWrite(dw[1], dw[2]);
        } else {
            uint32_t reply[4] = {MmioReply, header[1], 4, mmioRead(dw[1])};
            sendAll(fd, reply, sizeof(reply));
        }
        break;
    case GttRequest:
        ggtt[dw[1]] = dw[2] | uint64_t(dw[3]) << 32;
        break;
    case WriteRequest:
        copyPhysical(dw[1] | uint64_t(dw[0] >> 24) << 32, data.data(), data.size(), true);
        break;
    case ReadRequest: {
        uint32_t reply[6] = {ReadReply, header[1], 12, dw[0], dw[1], dw[2]};
        data.resize(dw[2]);
        copyPhysical(dw[1] | uint64_t(dw[0] >> 24) << 32, data.data(), data.size(), false);
        sendAll(fd, reply, sizeof(reply));
        sendAll(fd, data.data(), data.size());
        break;
    }
    default: // control and the rest need no answer
        break;
    }
}

uint64_t TbxServer::pageOf(uint64_t physical)
{
    auto [it, fresh] = pages.try_emplace(physical & ~PageMask, 0);

    if (fresh)
        it->second = machine.allocatePage();
    return it->second;
}

void TbxServer::copyPhysical(uint64_t physical, uint8_t *buffer, size_t n, bool write)
{
    while (n) {
        size_t part = std::min<size_t>(n, PageBytes - (physical & PageMask));
        uint8_t *host = machine.pageHost(pageOf(physical)) + (physical & PageMask);
        if (write)
            memcpy(host, buffer, part);
        else
            memcpy(buffer, host, part);
        physical += part, buffer += part, n -= part;
    }
}

uint64_t TbxServer::physicalOfGgtt(uint64_t address)
{
    return (ggtt[uint32_t(address >> 12)] & EntryAddress) | (address & PageMask);
}

uint32_t TbxServer::ggttDword(uint64_t address)
{
    uint32_t value;

    copyPhysical(physicalOfGgtt(address), reinterpret_cast<uint8_t *>(&value), 4, false);
    return value;
}

void TbxServer::mmioWrite(uint32_t offset, uint32_t value)
{
    machine.registers[offset] = value;
    if (offset == ElControl && (value & 1))
        submit(machine.registers[ElsqLow]);
}

uint32_t TbxServer::mmioRead(uint32_t offset)
{
    return offset == ExeclistStatus ? StatusIdle : machine.registers[offset];
}

// NEO's page tables, as they are now, become the machine's.
void TbxServer::mirror(uint64_t table, int level, uint64_t va)
{
    const uint64_t *entries = reinterpret_cast<uint64_t *>(machine.pageHost(pageOf(table)));

    for (uint64_t i = 0; i < 512; i++) {
        uint64_t entry = entries[i], at = va | i << (12 + 9 * level);
        if (!(entry & EntryPresent))
            continue;
        if (level == 0)
            machine.mapPage(at, pageOf(entry & EntryAddress));
        else
            mirror(entry & EntryAddress, level - 1, at);
    }
}

void TbxServer::submit(uint32_t descriptor)
{
    uint64_t context = descriptor & ~uint32_t(PageMask);

    mirror(ggttDword(context + ImagePml4Low) | uint64_t(ggttDword(context + ImagePml4High)) << 32,
           3, 0);
    machine.invalidate();
    runRing(context);
}

void TbxServer::runRing(uint64_t context)
{
    uint32_t start = ggttDword(context + ImageStart), tail = ggttDword(context + ImageTail);
    uint32_t size = (ggttDword(context + ImageControl) & 0x1ff000) + PageBytes;
    uint32_t head = heads[context];
    Streamer streamer(machine);

    while (head != tail) {
        uint32_t dw[3];
        for (unsigned i = 0; i < 3; i++)
            dw[i] = ggttDword(start + (head + 4 * i) % size);
        unsigned length = Streamer::length(dw[0]);
        if (Streamer::isBatchStart(dw[0]))
            streamer.run((dw[1] | uint64_t(dw[2]) << 32) & 0xffffffffffffull);
        head = (head + 4 * length) % size;
    }
    heads[context] = head;
}
