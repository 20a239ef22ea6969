// SPDX-License-Identifier: MIT
// dg1-sim as a program: command line, socket, signals.
#include "client.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace
{
class Program : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        char name[] = "/tmp/test-dg1-sim-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        dir_ = name;
        socket_ = dir_ + "/gpu.sock";
    }
    void TearDown() override
    {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        for (const char *name : {"/gpu.sock", "/out", "/log"})
            unlink((dir_ + name).c_str());
        rmdir(dir_.c_str());
    }

    void spawn(std::vector<std::string> args)
    {
        std::string out = dir_ + "/out";

        pid_ = fork();
        if (pid_)
            return;
        std::vector<char *> argv;
        args.insert(args.begin(), DG1_SIM);
        for (auto &arg : args)
            argv.push_back(arg.data());
        argv.push_back(nullptr);
        int fd = open(out.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execv(argv[0], argv.data());
        _exit(127);
    }
    int status() // of the program, which ends by itself
    {
        int s = 0;
        EXPECT_EQ(waitpid(pid_, &s, 0), pid_);
        pid_ = -1;
        return WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
    }
    int run(std::vector<std::string> args)
    {
        spawn(args);
        return status();
    }
    std::string text(const char *name = "/out")
    {
        std::ifstream file(dir_ + name);
        std::stringstream all;
        all << file.rdbuf();
        return all.str();
    }
    int try_connect()
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0)
            return fd;
        close(fd);
        return -1;
    }
    int connect_client()
    {
        for (int i = 0; i < 500; i++) { // 10 s
            int fd = try_connect();
            if (fd >= 0)
                return fd;
            usleep(20000);
        }
        ADD_FAILURE() << "nobody listens: " << text();
        return -1;
    }

    std::string dir_, socket_;
    pid_t pid_ = -1;
};

TEST_F(Program, HelpAndVersion)
{
    EXPECT_EQ(run({"--help"}), 0);
    EXPECT_NE(text().find("--socket PATH"), std::string::npos);
    EXPECT_EQ(run({"--version"}), 0);
    EXPECT_EQ(text().rfind("dg1-sim ", 0), 0u);
}

TEST_F(Program, BadOptionsExitWith2AndSayWhy)
{
    const struct {
        std::vector<std::string> args;
        const char *says;
    } bad[] = {
        {{}, "--socket is missing"},
        {{"--socket", ""}, "--socket"},
        {{"--socket", std::string(104, 'x')}, "103 characters"},
        {{"--socket", "s", "--lmem", "3G"}, "power of two"},
        {{"--socket", "s", "--lmem", "128M"}, "256M to 16G"},
        {{"--socket", "s", "--lmem", "32G"}, "256M to 16G"},
        {{"--socket", "s", "--lmem", "-1"}, "256M to 16G"},
        {{"--socket", "s", "--lmem", "1GB"}, "256M to 16G"},
        {{"--socket", "s", "--lmem", ""}, "256M to 16G"},
        {{"--socket", "s", "--lmem", "99999999999999999999G"}, "256M to 16G"},
        {{"--socket", "s", "--lmem-bar", "100M"}, "--lmem-bar '100M'"},
        {{"--socket", "s", "--lmem-bar", "16M"}, "32M to 16G"},
        {{"--socket", "s", "--lmem-bar", "4G"}, "larger than local memory"},
        {{"--socket", "s", "--lmem", "256M", "--lmem-bar", "512M"}, "larger than local memory"},
        {{"--socket", "s", "--trace", "mmio,foo"}, "'foo'"},
        {{"--socket", "s", "--trace", ""}, "unknown kind"},
        {{"--socket", "s", "--workers", "0"}, "1 to 256"},
        {{"--socket", "s", "--workers", "257"}, "1 to 256"},
        {{"--socket", "s", "--workers", "2x"}, "1 to 256"},
        {{"--socket", "s", "extra"}, "'extra'"},
        {{"--nonsense"}, "nonsense"},
        {{"--lmem"}, "requires an argument"},
    };

    for (const auto &b : bad) {
        EXPECT_EQ(run(b.args), 2) << b.says;
        EXPECT_NE(text().find(b.says), std::string::npos) << text();
    }
}

TEST_F(Program, OnceServesOneClientAndEnds)
{
    spawn({"--socket", socket_, "--once", "--lmem", "256M", "--log", dir_ + "/log"});
    {
        Client client(connect_client());
        EXPECT_EQ(client.negotiate().error(), 0);
        EXPECT_EQ(client.read<uint32_t>(VFIO_PCI_CONFIG_REGION_INDEX, 0), 0x49058086u);
    }
    EXPECT_EQ(status(), 0);
    EXPECT_NE(access(socket_.c_str(), F_OK), 0) << "the socket is left behind";
    EXPECT_NE(text("/log").find("256 MiB"), std::string::npos);
    EXPECT_NE(text("/log").find("fake report: 1 resets"), std::string::npos);
}

TEST_F(Program, ServesOneClientAfterTheOther)
{
    spawn({"--socket", socket_});
    for (int i = 0; i < 3; i++) {
        Client client(connect_client());
        EXPECT_EQ(client.negotiate().error(), 0) << i;
    }
    kill(pid_, SIGTERM);
    EXPECT_EQ(status(), 0);
}

TEST_F(Program, SignalEndsItWhileWaiting)
{
    for (int number : {SIGTERM, SIGINT}) {
        spawn({"--socket", socket_});
        close(connect_client());
        kill(pid_, number);
        EXPECT_EQ(status(), 0);
        EXPECT_NE(text().find("fake report"), std::string::npos);
        EXPECT_NE(access(socket_.c_str(), F_OK), 0);
    }
}

TEST_F(Program, SignalEndsItWhileServing)
{
    spawn({"--socket", socket_});
    Client client(connect_client());
    ASSERT_EQ(client.negotiate().error(), 0);
    kill(pid_, SIGTERM);
    EXPECT_EQ(status(), 0);
    EXPECT_NE(text().find("fake report"), std::string::npos);
}

TEST_F(Program, SignalEndsItWhileTheClientDoesNotRead)
{
    spawn({"--socket", socket_});
    int sock = connect_client();
    Client client(dup(sock));
    ASSERT_EQ(client.negotiate().error(), 0);
    Bytes message = bytes_of(vfu_header{1, VFU_REGION_READ, 32, 0, 0});
    Bytes at = bytes_of(vfu_region_access{0, VFIO_PCI_CONFIG_REGION_INDEX, 4096});
    append(message, at);
    for (int i = 0; i < 2000; i++) // replies of 8 MB: more than the socket holds
        if (send(sock, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    usleep(100000); // lets the server fill the socket and block; correct without, only weaker
    kill(pid_, SIGTERM);
    EXPECT_EQ(status(), 0);
    close(sock);
}

TEST_F(Program, StaleSocketIsReplaced)
{
    spawn({"--socket", socket_});
    close(connect_client());
    kill(pid_, SIGKILL);
    EXPECT_EQ(status(), 128 + SIGKILL);
    ASSERT_EQ(access(socket_.c_str(), F_OK), 0);
    spawn({"--socket", socket_});
    Client client(connect_client());
    EXPECT_EQ(client.negotiate().error(), 0);
}

TEST_F(Program, LivingServerIsLeftAlone)
{
    spawn({"--socket", socket_});
    pid_t first = pid_;
    close(connect_client());
    EXPECT_EQ(run({"--socket", socket_}), 1);
    EXPECT_NE(text().find("in use"), std::string::npos) << text();
    pid_ = first;
    Client client(connect_client());
    EXPECT_EQ(client.negotiate().error(), 0);
}

TEST_F(Program, OtherFilesAreNotRemoved)
{
    std::ofstream(socket_) << "precious";
    EXPECT_EQ(run({"--socket", socket_}), 1);
    EXPECT_EQ(text("/gpu.sock"), "precious");
}

TEST_F(Program, SocketIsTheOwnersOnly)
{
    struct stat st;

    spawn({"--socket", socket_});
    close(connect_client());
    ASSERT_EQ(stat(socket_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(Program, UnwritableLogIsAnError)
{
    EXPECT_EQ(run({"--socket", socket_, "--log", dir_ + "/no/such/log"}), 1);
    EXPECT_NE(text().find("no/such/log"), std::string::npos);
}
} // namespace
