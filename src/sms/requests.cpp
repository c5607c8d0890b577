// Sends messages with libcurl, many at a time, and collects the answers.
#include "sms/requests.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "sms/curl.hpp"

namespace customer_identity::sms {
namespace {

constexpr std::size_t kMaximumAnswer = 65536;
constexpr int kConnectSeconds = 5;

// libcurl resolves names in threads of its own. A signal that one of them received would run the
// server's handlers beside the main thread: they start with every signal blocked.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked &) = delete;
  SignalsBlocked &operator=(const SignalsBlocked &) = delete;

 private:
  sigset_t before_;
};

// Numbers are read as long, whatever type their name has.
template <typename Value>
void set(CURL *easy, CURLoption option, Value value) {
  CURLcode error;
  if constexpr (std::is_pointer_v<Value>)
    error = curl().easy_setopt(easy, option, value);
  else
    error = curl().easy_setopt(easy, option, static_cast<long>(value));
  if (error != CURLE_OK) throw std::runtime_error(curl().easy_strerror(error));
}

void set_text(CURL *easy, CURLoption option, std::string_view text) {
  set(easy, option, std::string(text).c_str());
}

std::size_t receive(const char *data, std::size_t, std::size_t size, void *target) noexcept {
  auto &answer = *static_cast<std::string *>(target);
  if (answer.size() + size > kMaximumAnswer) return 0;
  try {
    answer.append(data, size);
  } catch (...) {
    return 0;
  }
  return size;
}

void allow_protocol(CURL *easy, bool secure) {
#if LIBCURL_VERSION_NUM >= 0x075500
  set(easy, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http");
#else
  set(easy, CURLOPT_PROTOCOLS, secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP);
#endif
}

void set_address(CURL *easy, const Account &account) {
  const std::string url = messages_url(account);
  set_text(easy, CURLOPT_URL, url);
  allow_protocol(easy, url.starts_with("https:"));
  // A proxy of the environment would be told the token of a request in clear.
  if (is_loopback(account.base_url)) set(easy, CURLOPT_NOPROXY, "*");
  set(easy, CURLOPT_FOLLOWLOCATION, 0);
  set(easy, CURLOPT_SSL_VERIFYPEER, 1);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2);
  set(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  set_text(easy, CURLOPT_USERNAME, account.sid);
  set_text(easy, CURLOPT_PASSWORD, account.token);
}

void set_limits(CURL *easy, int timeout_seconds) {
  set(easy, CURLOPT_NOSIGNAL, 1);
  set(easy, CURLOPT_TIMEOUT, timeout_seconds);
  set(easy, CURLOPT_CONNECTTIMEOUT, std::min(timeout_seconds, kConnectSeconds));
  // On a connection that was kept and died meanwhile libcurl sends a request a second time by
  // itself: a second message.
  set(easy, CURLOPT_FORBID_REUSE, 1);
  set(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075700
  // A name server that hangs holds up its own request, not the others.
  set(easy, CURLOPT_QUICK_EXIT, 1);
#endif
}

Outcome outcome_of_request(CURL *easy, CURLcode code, const std::string &answer) {
  long http_status = 0;
  curl().easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &http_status);
  if (http_status == kCreated) return outcome_of(kCreated, answer);
  if (code == CURLE_WRITE_ERROR) return unanswered("an answer that is too long");
  if (code != CURLE_OK) return unanswered(curl().easy_strerror(code));
  return outcome_of(static_cast<int>(http_status), answer);
}

}  // namespace

struct Requests::Request {
  Request() : easy(curl().easy_init()) {
    if (easy == nullptr) throw std::bad_alloc();
  }
  ~Request() { curl().easy_cleanup(easy); }
  Request(const Request &) = delete;
  Request &operator=(const Request &) = delete;

  CURL *easy;
  std::int64_t message_id = 0;
  MaskedPhone phone = {};
  std::string answer;
};

Requests::Requests() {
  const SignalsBlocked blocked;
  if (curl().global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
      (multi_ = curl().multi_init()) == nullptr)
    throw std::runtime_error("libcurl could not be initialized");
}

Requests::~Requests() {
  while (!requests_.empty()) remove(requests_.back().get());
  curl().multi_cleanup(multi_);
}

void Requests::start(const Account &account, const Message &message, int timeout_seconds) {
  auto request = std::make_unique<Request>();
  request->message_id = message.id;
  request->phone = masked(message.phone);
  set_address(request->easy, account);
  set_limits(request->easy, timeout_seconds);
  const std::string form = message_form(account, message.phone, message.text);
  set(request->easy, CURLOPT_POSTFIELDSIZE, form.size());
  set(request->easy, CURLOPT_COPYPOSTFIELDS, form.c_str());
  set(request->easy, CURLOPT_WRITEFUNCTION, &receive);
  set(request->easy, CURLOPT_WRITEDATA, &request->answer);

  const SignalsBlocked blocked;
  requests_.push_back(std::move(request));
  if (curl().multi_add_handle(multi_, requests_.back()->easy) == CURLM_OK) return;
  requests_.pop_back();
  throw std::runtime_error("libcurl took no request");
}

void Requests::advance(int milliseconds) {
  int running = 0;
  {
    const SignalsBlocked blocked;
    curl().multi_perform(multi_, &running);
  }
  if (running < static_cast<int>(requests_.size())) return;  // one has ended
  curl().multi_poll(multi_, nullptr, 0, milliseconds, nullptr);
}

bool Requests::take(Result &result) {
  int left;
  const CURLMsg *message;
  while ((message = curl().multi_info_read(multi_, &left)) != nullptr) {
    if (message->msg != CURLMSG_DONE) continue;
    Request *request = find(message->easy_handle);
    if (request == nullptr) continue;
    result.message_id = request->message_id;
    result.phone = request->phone;
    result.outcome = outcome_of_request(request->easy, message->data.result, request->answer);
    remove(request);
    return true;
  }
  return false;
}

Requests::Request *Requests::find(const void *handle) const {
  const auto found =
      std::ranges::find_if(requests_, [&](const auto &request) { return request->easy == handle; });
  return found == requests_.end() ? nullptr : found->get();
}

void Requests::remove(Request *request) {
  const SignalsBlocked blocked;
  curl().multi_remove_handle(multi_, request->easy);
  std::erase_if(requests_, [&](const auto &other) { return other.get() == request; });
}

}  // namespace customer_identity::sms
