/* SPDX-License-Identifier: MIT */
/* A JSON reader that keeps only the capability this server heeds, and checks all the rest. */
#include "vfio_caps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define JSON_MAX_DEPTH 16 /* bounds the recursion; the protocol needs 3 */

struct json {
    const char *at;
    unsigned depth;
    uint64_t *max_msg_fds;
};

/* The object a member belongs to decides what its name means. */
enum place { PLACE_TOP, PLACE_CAPABILITIES, PLACE_OTHER };

static bool parse_value(struct json *j, enum place place, uint64_t *number);

static void skip_space(struct json *j)
{
    j->at += strspn(j->at, " \t\r\n");
}

static bool accept(struct json *j, char c)
{
    skip_space(j);
    if (*j->at != c)
        return false;
    j->at++;
    return true;
}

static bool is_hex_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool parse_escape(struct json *j)
{
    char c = *j->at++;

    if (c == 'u') {
        for (int i = 0; i < 4; i++) {
            if (!is_hex_digit(*j->at))
                return false;
            j->at++;
        }
        return true;
    }
    return c && strchr("\"\\/bfnrt", c);
}

/* The raw text between the quotes: no name this server knows needs an escape. */
static bool parse_string(struct json *j, const char **text, size_t *len)
{
    if (!accept(j, '"'))
        return false;
    *text = j->at;
    while (*j->at != '"') {
        if ((unsigned char)*j->at < 0x20) /* the NUL as well */
            return false;
        if (*j->at++ == '\\' && !parse_escape(j))
            return false;
    }
    *len = j->at - *text;
    j->at++;
    return true;
}

static bool skip_digits(struct json *j)
{
    size_t n = strspn(j->at, "0123456789");

    j->at += n;
    return n > 0;
}

/* *number: the value of a non-negative integer; UINT64_MAX for any other number. */
static bool parse_number(struct json *j, uint64_t *number)
{
    bool integer = *j->at != '-';
    const char *digits;

    j->at += !integer;
    digits = j->at;
    if (!skip_digits(j) || (*digits == '0' && j->at - digits > 1))
        return false;
    *number = 0;
    for (const char *p = digits; p < j->at; p++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*p - '0'), number))
            integer = false;
    if (*j->at == '.') {
        integer = false;
        j->at++;
        if (!skip_digits(j))
            return false;
    }
    if (*j->at == 'e' || *j->at == 'E') {
        integer = false;
        j->at++;
        j->at += *j->at == '+' || *j->at == '-';
        if (!skip_digits(j))
            return false;
    }
    if (!integer)
        *number = UINT64_MAX;
    return true;
}

static bool is_name(const char *text, size_t len, const char *name)
{
    return len == strlen(name) && !memcmp(text, name, len);
}

static bool parse_member(struct json *j, enum place place)
{
    enum place inner = PLACE_OTHER;
    uint64_t scratch, *number = &scratch;
    const char *text;
    size_t len;

    if (!parse_string(j, &text, &len) || !accept(j, ':'))
        return false;
    skip_space(j);
    if (place == PLACE_TOP && is_name(text, len, "capabilities")) {
        if (*j->at != '{')
            return false;
        inner = PLACE_CAPABILITIES;
    }
    if (place == PLACE_CAPABILITIES && is_name(text, len, "max_msg_fds")) {
        if (*j->at < '0' || *j->at > '9')
            return false;
        number = j->max_msg_fds;
    }
    return parse_value(j, inner, number);
}

static bool parse_object(struct json *j, enum place place)
{
    j->at++;
    if (accept(j, '}'))
        return true;
    do {
        if (!parse_member(j, place))
            return false;
    } while (accept(j, ','));
    return accept(j, '}');
}

static bool parse_array(struct json *j)
{
    uint64_t scratch;

    j->at++;
    if (accept(j, ']'))
        return true;
    do {
        if (!parse_value(j, PLACE_OTHER, &scratch))
            return false;
    } while (accept(j, ','));
    return accept(j, ']');
}

static bool parse_word(struct json *j)
{
    static const char *const words[] = {"true", "false", "null"};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);

        if (!strncmp(j->at, words[i], len)) {
            j->at += len;
            return true;
        }
    }
    return false;
}

static bool parse_value(struct json *j, enum place place, uint64_t *number)
{
    const char *text;
    size_t len;
    bool ok;

    skip_space(j);
    if (*j->at == '"')
        return parse_string(j, &text, &len);
    if (*j->at == '-' || (*j->at >= '0' && *j->at <= '9'))
        return parse_number(j, number);
    if (*j->at != '{' && *j->at != '[')
        return parse_word(j);
    if (++j->depth > JSON_MAX_DEPTH)
        return false;
    ok = *j->at == '{' ? parse_object(j, place) : parse_array(j);
    j->depth--;
    return ok;
}

int vfio_caps_parse(const char *json, uint64_t *max_msg_fds)
{
    struct json j = {.at = json, .max_msg_fds = max_msg_fds};
    uint64_t scratch;

    *max_msg_fds = VFIO_CAPS_DEFAULT_MSG_FDS;
    if (!accept(&j, '{'))
        return -EINVAL;
    j.at--;
    if (!parse_value(&j, PLACE_TOP, &scratch))
        return -EINVAL;
    skip_space(&j);
    return *j.at ? -EINVAL : 0;
}

/*
 * write_multiple is not offered: QEMU (11.1, hw/vfio-user/proxy.h) then also sets its "force
 * queued" flag, and every access pays for one more thread switch.
 */
size_t vfio_caps_format(unsigned max_msg_fds, unsigned max_data_xfer_size, char *buf, size_t size)
{
    int n = snprintf(buf, size,
                     "{\"capabilities\":{\"max_msg_fds\":%u,\"max_data_xfer_size\":%u,"
                     "\"pgsizes\":4096}}",
                     max_msg_fds, max_data_xfer_size);

    return n > 0 && (size_t)n < size ? (size_t)n + 1 : 0;
}
