// SPDX-License-Identifier: MIT
/* Runs the user's command and carries its input and output over the agent port. */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 65536
#define MAX_FRAME (1u << 20)

static int agent_fd = -1;

/* Input that the command has not taken yet; the port is not read while some is pending. */
static struct {
    char data[MAX_FRAME];
    size_t len, done;
    bool eof;
} input;

bool agent_is_open(void)
{
    return agent_fd >= 0;
}

static void write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(1);
        p += n;
        len -= n;
    }
}

/* False at the end of the connection: the host side is gone. */
static bool read_all(int fd, void *data, size_t len)
{
    char *p = data;

    while (len) {
        ssize_t n = read(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

void agent_send(enum frame_type type, const void *data, size_t len)
{
    uint8_t head[5] = {type, len & 0xff, len >> 8 & 0xff, len >> 16 & 0xff, len >> 24 & 0xff};

    write_all(agent_fd, head, sizeof(head));
    write_all(agent_fd, data, len);
}

static enum frame_type agent_recv(void *data, size_t max, size_t *len)
{
    uint8_t head[5];

    if (!read_all(agent_fd, head, sizeof(head)))
        die("the host closed the agent port");
    *len = head[1] | head[2] << 8 | head[3] << 16 | (size_t)head[4] << 24;
    if (*len > max || !read_all(agent_fd, data, *len))
        die("bad frame %u of %zu bytes", head[0], *len);
    return head[0];
}

void agent_open(void)
{
    agent_fd = port_open(AGENT_PORT, 5000);
    if (agent_fd < 0)
        die("no agent port");
    agent_send(FRAME_HELLO, "", 0);
}

static void append(char **list, char *value)
{
    for (int i = 0; i < MAX_ITEMS - 1; i++) {
        if (!list[i]) {
            list[i] = value;
            return;
        }
    }
    die("too many items in the configuration");
}

static void config_item(struct config *cfg, char *item)
{
    char *value = strchr(item, '=');

    if (!value)
        return;
    *value++ = '\0';
    if (!strcmp(item, "arg"))
        append(cfg->argv, value);
    else if (!strcmp(item, "env"))
        append(cfg->env, value);
    else if (!strcmp(item, "mount"))
        append(cfg->mounts, value);
    else if (!strcmp(item, "i915"))
        cfg->modopts = value;
    else if (!strcmp(item, "cwd"))
        cfg->cwd = value;
    else if (!strcmp(item, "gpu"))
        cfg->gpu = *value == '1';
    else if (!strcmp(item, "tty"))
        cfg->tty = *value == '1';
    else if (!strcmp(item, "rows"))
        cfg->rows = atoi(value);
    else if (!strcmp(item, "cols"))
        cfg->cols = atoi(value);
    else
        die("unknown configuration key %s", item);
}

void agent_config(struct config *cfg)
{
    static char text[MAX_FRAME + 1];
    size_t len;

    memset(cfg, 0, sizeof(*cfg));
    if (agent_recv(text, MAX_FRAME, &len) != FRAME_CONFIG)
        die("expected the configuration");
    for (size_t at = 0; at < len;) {
        size_t n = strlen(text + at);

        config_item(cfg, text + at);
        at += n + 1;
    }
    if (!cfg->argv[0])
        die("no command");
}

static _Noreturn void exec_command(const struct config *cfg)
{
    signal(SIGPIPE, SIG_DFL);
    if (cfg->cwd && chdir(cfg->cwd))
        fprintf(stderr, "svm: no directory %s in the guest\n", cfg->cwd);
    clearenv();
    for (int i = 0; cfg->env[i]; i++)
        putenv(cfg->env[i]);
    execvp(cfg->argv[0], cfg->argv);
    fprintf(stderr, "svm: cannot run %s: %s\n", cfg->argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static pid_t spawn_tty(const struct config *cfg, int *in, int *out)
{
    struct winsize ws = {.ws_row = cfg->rows, .ws_col = cfg->cols};
    pid_t pid = forkpty(in, NULL, NULL, &ws);

    if (pid < 0)
        die("forkpty: %s", strerror(errno));
    if (pid == 0)
        exec_command(cfg);
    *out = dup(*in);
    return pid;
}

static pid_t spawn_pipes(const struct config *cfg, int *in, int *out, int *err)
{
    int i[2], o[2], e[2];
    pid_t pid;

    if (pipe2(i, O_CLOEXEC) || pipe2(o, O_CLOEXEC) || pipe2(e, O_CLOEXEC))
        die("pipe: %s", strerror(errno));
    pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        setsid();
        dup2(i[0], 0);
        dup2(o[1], 1);
        dup2(e[1], 2);
        exec_command(cfg);
    }
    close(i[0]);
    close(o[1]);
    close(e[1]);
    *in = i[1];
    *out = o[0];
    *err = e[0];
    return pid;
}

/* Returns false at the end of the stream. */
static bool forward(int fd, enum frame_type type)
{
    static char buf[CHUNK];
    ssize_t n = read(fd, buf, sizeof(buf));

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0) /* a pty answers EIO when its last user is gone */
        return false;
    agent_send(type, buf, n);
    return true;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void take_frame(int *in, const struct config *cfg)
{
    enum frame_type type = agent_recv(input.data, sizeof(input.data), &input.len);

    input.done = 0;
    if (type == FRAME_WINSIZE && input.len == 4) {
        const uint8_t *b = (const uint8_t *)input.data;
        struct winsize ws = {.ws_row = b[0] | b[1] << 8, .ws_col = b[2] | b[3] << 8};

        if (cfg->tty && *in >= 0)
            ioctl(*in, TIOCSWINSZ, &ws);
        input.len = 0;
    } else if (type == FRAME_STDIN) {
        input.eof = input.len == 0;
        if (input.eof && !cfg->tty)
            close_fd(in);
    } else {
        die("unexpected frame %u", type);
    }
}

static void feed_command(int *in)
{
    ssize_t n = write(*in, input.data + input.done, input.len - input.done);

    if (n > 0)
        input.done += n;
    else if (n < 0 && errno != EINTR && errno != EAGAIN)
        close_fd(in); /* the command closed its input */
    if (*in < 0 || input.done == input.len)
        input.len = input.done = 0;
}

static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reap everything, as init must; tells whether the command itself has ended. */
static bool reap(pid_t command, int *status)
{
    bool ended = false;
    pid_t pid;
    int st;

    while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
        if (pid == command) {
            *status = shell_status(st);
            ended = true;
        }
    }
    return ended;
}

static void on_chld(int sig)
{
    (void)sig;
}

/* What the command left in its pipes when it ended; its own children may hold them open. */
static void drain(int fd, enum frame_type type)
{
    if (fd < 0)
        return;
    for (struct pollfd p = {fd, POLLIN, 0}; poll(&p, 1, 0) > 0 && forward(fd, type);)
        ;
}

int agent_run(const struct config *cfg)
{
    struct sigaction sa = {.sa_handler = on_chld}; /* interrupts ppoll() */
    int in = -1, out = -1, err = -1, status = 0;
    sigset_t chld, none;
    pid_t pid;

    sigemptyset(&none);
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigaction(SIGCHLD, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    pid = cfg->tty ? spawn_tty(cfg, &in, &out) : spawn_pipes(cfg, &in, &out, &err);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    fcntl(in, F_SETFL, O_NONBLOCK);

    while (!reap(pid, &status)) {
        struct pollfd p[] = {
            {input.len ? -1 : agent_fd, POLLIN, 0},
            {input.len ? in : -1, POLLOUT, 0},
            {out, POLLIN, 0},
            {err, POLLIN, 0},
        };

        if (ppoll(p, 4, NULL, &none) < 0)
            continue;
        if (p[0].revents)
            take_frame(&in, cfg);
        if (p[1].revents || (input.len && in < 0))
            feed_command(&in);
        if (p[2].revents && !forward(out, FRAME_STDOUT))
            close_fd(&out);
        if (p[3].revents && !forward(err, FRAME_STDERR))
            close_fd(&err);
    }
    drain(out, FRAME_STDOUT);
    drain(err, FRAME_STDERR);
    return status;
}
