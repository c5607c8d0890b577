// What we ask of Twilio's Messages resource, and what we make of its answers.
#include "sms/twilio.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "sms/masked_phone.hpp"

namespace customer_identity::sms {
namespace {

constexpr Account kAccount = {"https://api.twilio.com", "AC0123", "secret", "+15005550006"};

static_assert(std::is_trivially_destructible_v<Outcome>);

TEST(twilio, request_names_the_account) {
  EXPECT_EQ(messages_url(kAccount),
            "https://api.twilio.com/2010-04-01/Accounts/AC0123/Messages.json");
  Account account = kAccount;
  account.base_url = "http://127.0.0.1:4010/";
  EXPECT_EQ(messages_url(account),
            "http://127.0.0.1:4010/2010-04-01/Accounts/AC0123/Messages.json");
}

TEST(twilio, form_encodes_every_field) {
  EXPECT_EQ(message_form(kAccount, "+4915112345678", "Code: 000123 & mehr für 100 %\n"),
            "To=%2B4915112345678&From=%2B15005550006"
            "&Body=Code%3A%20000123%20%26%20mehr%20f%C3%BCr%20100%20%25%0A");
}

TEST(twilio, messaging_service_takes_the_place_of_a_sender) {
  Account account = kAccount;
  account.sender = "MG0123";
  EXPECT_EQ(message_form(account, "+1", "a~b"), "To=%2B1&MessagingServiceSid=MG0123&Body=a~b");
  account.sender = "My Shop";
  EXPECT_EQ(message_form(account, "+1", ""), "To=%2B1&From=My%20Shop&Body=");
}

TEST(twilio, token_travels_encrypted_or_within_the_machine) {
  for (const char *url :
       {"https://api.twilio.com", "https://api.dublin.ie1.twilio.com/", "https://10.0.0.1:8443/x",
        "http://127.0.0.1", "http://127.0.0.1:4010/", "http://127.9.9.9", "http://localhost:80/a_b",
        "http://[::1]:4010", "https://[2001:db8::1]/"})
    EXPECT_TRUE(is_safe_base_url(url)) << url;
  for (const char *url : {"",
                          "https://",
                          "https:///",
                          "http://",
                          "http://api.twilio.com",
                          "ftp://127.0.0.1",
                          "file:///etc/passwd",
                          "127.0.0.1",
                          "//127.0.0.1",
                          "HTTP://127.0.0.1",
                          "http://127.0.0.1@example.com",
                          "http://localhost@example.com/",
                          "http://localhost.example.com",
                          "http://127.0.0.1.example.com",
                          "http://127.0.0.1.5",
                          "http://127.1",
                          "http://0.0.0.0",
                          "http://128.0.0.1",
                          "http://[::1",
                          "http://[::2]",
                          "http://[::1]x",
                          "http://[::1]@example.com",
                          "http://localhost:",
                          "http://localhost:80a",
                          "http://localhost:123456",
                          "https://user:word@api.twilio.com",
                          "https://a.example/?q",
                          "https://a.example/#f",
                          "https://a.example\\@b.example",
                          "https://a example",
                          "https://a.example/\r\nX: y",
                          "https://a.example/%2e",
                          "http://127.0.0.1:80:80",
                          "http://1270000000000000000000000000001"})
    EXPECT_FALSE(is_safe_base_url(url)) << url;
}

TEST(twilio, only_this_machine_is_loopback) {
  EXPECT_TRUE(is_loopback("http://127.0.0.1:4010"));
  EXPECT_TRUE(is_loopback("https://localhost"));
  EXPECT_FALSE(is_loopback("https://api.twilio.com"));
  EXPECT_FALSE(is_loopback("https://"));
}

TEST(twilio, sid_cannot_leave_its_place_in_the_path) {
  EXPECT_TRUE(is_sid("ACffffffffffffffffffffffffffffffff"));
  for (const char *sid : {"", "AC/../x", "AC?x", "AC 1", "AC%2f", "ACö"})
    EXPECT_FALSE(is_sid(sid)) << sid;
  EXPECT_FALSE(is_sid(std::string(65, 'a')));
}

TEST(twilio, created_message_is_sent) {
  for (const int status : {200, 201, 202}) {
    const Outcome sent =
        outcome_of(status, R"({"sid": "SM0123", "status": "queued", "code": null})");
    EXPECT_EQ(sent.status, Status::kSent);
    EXPECT_STREQ(sent.provider_id, "SM0123");
    EXPECT_STREQ(sent.error, "");
  }
}

TEST(twilio, created_message_is_sent_although_its_sid_is_lost) {
  for (const char *answer : {"", "{", R"({"sid": "SM01)", R"({"sid": 5})", "<html></html>"}) {
    const Outcome sent = outcome_of(kCreated, answer);
    EXPECT_EQ(sent.status, Status::kSent) << answer;
    EXPECT_STREQ(sent.provider_id, "");
  }
}

TEST(twilio, other_success_without_a_sid_is_asked_again) {
  for (const char *answer : {"", "{", R"({"sid": "SM01)", "{}", "[]", "null", "1", R"("SM0123")",
                             R"({"sid": 5})", R"({"sid": ""})", R"({"sid": "SM 1"})",
                             R"({"sid": "SM\u0000"})", "<html></html>", "{\"sid\": \"SM\xff\"}"}) {
    const Outcome nothing = outcome_of(200, answer);
    EXPECT_EQ(nothing.status, Status::kRetry) << answer;
    EXPECT_STREQ(nothing.provider_id, "");
    EXPECT_STRNE(nothing.error, "");
  }
}

TEST(twilio, refusal_is_final_and_keeps_its_code) {
  const Outcome refused =
      outcome_of(400, R"({"code": 21211, "message": "The 'To' number is not a valid phone number.",
               "more_info": "https://www.twilio.com/docs/errors/21211", "status": 400})");
  EXPECT_EQ(refused.status, Status::kRefused);
  EXPECT_FALSE(refused.account_at_fault);
  EXPECT_EQ(refused.http_status, 400);
  EXPECT_EQ(refused.code, 21211);
  EXPECT_STREQ(refused.error, "21211: The 'To' number is not a valid phone number.");
}

TEST(twilio, refusal_without_a_code_tells_its_status) {
  for (const char *answer : {"", "<html>", "{}", "[21211]", R"({"code": "21211"})",
                             R"({"code": 1e99})", R"({"code": -1})", R"({"code": 1000000})"}) {
    const Outcome refused = outcome_of(422, answer);
    EXPECT_EQ(refused.status, Status::kRefused) << answer;
    EXPECT_EQ(refused.code, 0) << answer;
    EXPECT_STREQ(refused.error, "HTTP 422") << answer;
  }
}

TEST(twilio, trouble_of_the_provider_passes) {
  for (const int status : {408, 425, 429, 500, 502, 503, 504, 599, 0, 100}) {
    EXPECT_EQ(outcome_of(status, "").status, Status::kRetry) << status;
    EXPECT_FALSE(outcome_of(status, "").account_at_fault) << status;
  }
  EXPECT_STREQ(outcome_of(429, R"({"code": 20429, "message": "Too Many Requests"})").error,
               "20429: Too Many Requests");
}

TEST(twilio, refused_credentials_are_not_the_message_s_fault) {
  for (const int status : {401, 403}) {
    const Outcome outcome = outcome_of(status, R"({"code": 20003, "message": "Authenticate"})");
    EXPECT_EQ(outcome.status, Status::kRetry);
    EXPECT_TRUE(outcome.account_at_fault);
    EXPECT_STREQ(outcome.error, "20003: Authenticate");
    EXPECT_TRUE(outcome_of(status, "").account_at_fault);
  }
  const Outcome country = outcome_of(403, R"({"code": 21408, "message": "Permission"})");
  EXPECT_EQ(country.status, Status::kRefused);
  EXPECT_FALSE(country.account_at_fault);
}

TEST(twilio, redirect_is_not_followed) {
  const Outcome redirect = outcome_of(302, "");
  EXPECT_EQ(redirect.status, Status::kRetry);
  EXPECT_TRUE(redirect.account_at_fault);
}

TEST(twilio, texts_of_a_provider_are_cut_and_made_printable) {
  const std::string message = R"({"code": 21610, "message": "a\n\u0000ü)" + std::string(999, 'x');
  const Outcome refused = outcome_of(400, message + "\"}");
  EXPECT_EQ(std::string_view(refused.error).size(), sizeof(refused.error) - 1);
  EXPECT_TRUE(std::string_view(refused.error).starts_with("21610: a????x")) << refused.error;
  EXPECT_EQ(outcome_of(200, R"({"sid": ")" + std::string(65, 'a') + "\"}").status, Status::kRetry);
  EXPECT_STREQ(outcome_of(201, R"({"sid": ")" + std::string(65, 'a') + "\"}").provider_id, "");
}

TEST(twilio, deep_answer_is_read_without_recursion) {
  EXPECT_EQ(outcome_of(200, std::string(60'000, '[')).status, Status::kRetry);
  EXPECT_EQ(outcome_of(400, std::string(30'000, '[') + std::string(30'000, ']')).status,
            Status::kRefused);
}

TEST(masked_phone, shows_the_country_and_the_end) {
  EXPECT_STREQ(masked("+4915112345678").text, "+49*********78");
  EXPECT_STREQ(masked("+123456789012345").text, "+12***********45");
}

TEST(masked_phone, shows_nothing_of_a_short_one) {
  EXPECT_STREQ(masked("+1234567").text, "********");
  EXPECT_STREQ(masked("").text, "");
  EXPECT_STREQ(masked(std::string(40, '1')).text, "");
}

}  // namespace
}  // namespace customer_identity::sms
