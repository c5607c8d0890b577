// Builds requests to Twilio's Messages resource and classifies its answers.
#include "sms/twilio.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace customer_identity::sms {
namespace {

constexpr std::string_view kSecure = "https://";
constexpr std::string_view kPlain = "http://";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// The parts of scheme://host[:port][/path]; an empty host: it is not of that form.
struct Url {
  bool secure = false;
  std::string_view host;  // an IPv6 address keeps its brackets
};

// Nothing but a host, a port and a plain path: a name with a password before the host, a query or a
// character that readers disagree about could make it another host than it looks.
Url parse(std::string_view text) noexcept {
  Url url;
  url.secure = text.starts_with(kSecure);
  if (!url.secure && !text.starts_with(kPlain)) return {};
  text.remove_prefix((url.secure ? kSecure : kPlain).size());

  const std::string_view authority = text.substr(0, text.find('/'));
  const std::string_view path = text.substr(authority.size());
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return {};
  const std::size_t colon = authority.find(':', bracket);
  const std::string_view host = authority.substr(0, colon);
  const auto in_host = [&](char c) {
    return is_alphanumeric(c) || c == '.' || c == '-' ||
           (bracket > 0 && (c == ':' || c == '[' || c == ']'));
  };
  const auto in_path = [](char c) {
    return is_alphanumeric(c) || c == '/' || c == '.' || c == '-' || c == '_' || c == '~';
  };
  if (!std::ranges::all_of(host, in_host) || !std::ranges::all_of(path, in_path)) return {};
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, is_digit)) return {};
  }
  url.host = host;
  return url;
}

bool is_loopback_host(std::string_view host) noexcept {
  if (host == "localhost" || host == "[::1]") return true;
  char text[INET_ADDRSTRLEN] = {};
  if (host.size() >= sizeof(text)) return false;
  std::ranges::copy(host, text);
  in_addr address;
  return inet_pton(AF_INET, text, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

void append_encoded(std::string &form, std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      form += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      form += '%';
      form += kDigits[byte >> 4];
      form += kDigits[byte & 15];
    }
  }
}

void append_field(std::string &form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  form += name;
  form += '=';
  append_encoded(form, value);
}

// Cut to fit. What a provider says reaches a log and a column of any encoding: only printable ASCII
// is kept as it is.
template <std::size_t N>
void write_text(char (&target)[N], std::string_view text) noexcept {
  const std::size_t length = std::min(text.size(), N - 1);
  std::ranges::transform(text.substr(0, length), target,
                         [](char c) { return c >= ' ' && c <= '~' ? c : '?'; });
  target[length] = '\0';
}

Outcome outcome(Status status, int http_status) noexcept {
  Outcome outcome = {};
  outcome.status = status;
  outcome.http_status = http_status;
  return outcome;
}

std::string text_of(const nlohmann::json &answer, const char *name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : "";
}

int code_of(const nlohmann::json &answer) {
  const auto found = answer.find("code");
  if (found == answer.end() || !found->is_number_integer()) return 0;
  const auto code = found->get<std::int64_t>();
  return code > 0 && code < 1'000'000 ? static_cast<int>(code) : 0;
}

// 408 and 425 are the two of the 4xx by which a server asks for the same request again; a redirect
// is not followed, as it would carry the token along, and means a wrong base URL.
bool is_temporary(int http_status) {
  return http_status < 400 || http_status >= 500 || http_status == 408 || http_status == 425 ||
         http_status == 429;
}

// The credentials were refused: no message is at fault, and each of them can go out once the
// settings are right. Twilio's codes from 21000 on speak of the message (21408: its country is not
// enabled), whatever status they come with.
bool is_refused_account(int http_status, int code) {
  return (http_status == 401 || http_status == 403) && code < 21000;
}

bool is_redirect(int http_status) { return http_status >= 300 && http_status < 400; }

Outcome failure_of(int http_status, const nlohmann::json &answer) {
  const int code = answer.is_object() ? code_of(answer) : 0;
  const bool refused_account = is_refused_account(http_status, code);
  const bool retry = refused_account || is_temporary(http_status);
  Outcome failure = outcome(retry ? Status::kRetry : Status::kRefused, http_status);
  failure.account_at_fault = refused_account || is_redirect(http_status) || http_status == 404;
  failure.code = code;
  write_text(failure.error, code == 0 ? "HTTP " + std::to_string(http_status)
                                      : std::to_string(code) + ": " + text_of(answer, "message"));
  return failure;
}

}  // namespace

bool is_safe_base_url(std::string_view url) noexcept {
  const Url parts = parse(url);
  return !parts.host.empty() && (parts.secure || is_loopback_host(parts.host));
}

bool is_loopback(std::string_view url) noexcept { return is_loopback_host(parse(url).host); }

bool is_sid(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, is_alphanumeric);
}

std::string messages_url(const Account &account) {
  std::string url(account.base_url);
  while (url.ends_with('/')) url.pop_back();
  url += "/2010-04-01/Accounts/";
  url += account.sid;
  url += "/Messages.json";
  return url;
}

std::string message_form(const Account &account, std::string_view phone, std::string_view text) {
  std::string form;
  append_field(form, "To", phone);
  append_field(form, account.sender.starts_with("MG") ? "MessagingServiceSid" : "From",
               account.sender);
  append_field(form, "Body", text);
  return form;
}

Outcome outcome_of(int http_status, std::string_view answer) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (http_status < 200 || http_status >= 300) return failure_of(http_status, json);
  const std::string id = json.is_object() ? text_of(json, "sid") : "";
  if (!is_sid(id) && http_status != kCreated)
    return unanswered("an answer without the message's sid");
  Outcome sent = outcome(Status::kSent, http_status);
  if (is_sid(id)) write_text(sent.provider_id, id);
  return sent;
}

Outcome unanswered(std::string_view why) noexcept {
  Outcome nothing = outcome(Status::kRetry, 0);
  write_text(nothing.error, why);
  return nothing;
}

}  // namespace customer_identity::sms
