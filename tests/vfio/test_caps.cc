// SPDX-License-Identifier: MIT
#include <cerrno>
#include <gtest/gtest.h>
#include <string>

extern "C" {
#include "vfio_caps.h"
}

namespace
{
int parse(const std::string &json, uint64_t *fds)
{
    *fds = 12345;
    return vfio_caps_parse(json.c_str(), fds);
}

TEST(Caps, TakesMaxMsgFds)
{
    uint64_t fds;

    ASSERT_EQ(parse(R"({"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576}})", &fds), 0);
    EXPECT_EQ(fds, 8u);
}

TEST(Caps, DefaultsToOneFd)
{
    uint64_t fds;

    ASSERT_EQ(parse("{}", &fds), 0);
    EXPECT_EQ(fds, 1u);
    ASSERT_EQ(parse(R"({"capabilities":{}})", &fds), 0);
    EXPECT_EQ(fds, 1u);
}

TEST(Caps, IgnoresTheNameElsewhere)
{
    uint64_t fds;

    ASSERT_EQ(parse(R"({"max_msg_fds":3,"x":{"max_msg_fds":4},"capabilities":
                        {"twin_socket":{"max_msg_fds":5,"supported":true}}})",
                    &fds),
              0);
    EXPECT_EQ(fds, 1u);
}

TEST(Caps, AcceptsAllOfJson)
{
    uint64_t fds;

    EXPECT_EQ(parse("\t{ \"a\" : [ 1 , -2.5e+3 , null , false , \"\\u12aF\\n\\\"\" , [ ] , { } ] ,"
                    " \"capabilities\" : { \"max_msg_fds\" : 2 } }\r\n ",
                    &fds),
              0);
    EXPECT_EQ(fds, 2u);
}

class BadCaps : public ::testing::TestWithParam<const char *>
{
};

TEST_P(BadCaps, AreRefused)
{
    uint64_t fds;

    EXPECT_EQ(parse(GetParam(), &fds), -EINVAL) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(
    Caps, BadCaps,
    ::testing::Values("", " ", "8", "[]", "null", "{", "}", "{]", "{}}", "{} x", "{,}", "{\"a\"}",
                      "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}",
                      "{\"a\":1e}", "{\"a\":-}", "{\"a\":+1}", "{\"a\":tru}", "{\"a\":\"",
                      "{\"a\":[1,]}", "{\"a\":[1}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}",
                      "{\"a\":\"\n\"}", "{\"a\" 1}", "{\"capabilities\":1}",
                      "{\"capabilities\":[]}", "{\"capabilities\":{\"max_msg_fds\":\"8\"}}",
                      "{\"capabilities\":{\"max_msg_fds\":-1}}"));

TEST(Caps, BoundsNesting)
{
    uint64_t fds;
    std::string deep = "{\"a\":" + std::string(100000, '[');

    EXPECT_EQ(parse(deep, &fds), -EINVAL);
    EXPECT_EQ(parse("{\"a\":[[[[[[[[[[]]]]]]]]]]}", &fds), 0);
}

TEST(Caps, HugeNumberDoesNotWrap)
{
    uint64_t fds;

    // 2^64 + 0: a wrapping reader takes it for "cannot receive descriptors".
    ASSERT_EQ(parse(R"({"capabilities":{"max_msg_fds":18446744073709551616}})", &fds), 0);
    EXPECT_EQ(fds, UINT64_MAX);
}

TEST(Caps, FormatParsesBack)
{
    char buf[256];
    uint64_t fds;
    size_t len = vfio_caps_format(7, 65536, buf, sizeof(buf));

    ASSERT_GT(len, 0u);
    EXPECT_EQ(buf[len - 1], '\0');
    ASSERT_EQ(vfio_caps_parse(buf, &fds), 0);
    EXPECT_EQ(fds, 7u);
    EXPECT_NE(std::string(buf).find("\"max_data_xfer_size\":65536"), std::string::npos);
    EXPECT_EQ(vfio_caps_format(7, 65536, buf, len - 1), 0u);
}
} // namespace
